// Queues whose jobs are limited by the built Worker.

import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { server } from "../../tests/outside/lib/server.mjs";
import { Limiter } from "../dist/index.js";
import { type Limited, pullWithin, type QueueMessage, rescheduleLimited } from "../dist/queues/index.js";

type Job = { id: number; to: string };
type Body = Job | Limited<Job>;

let running: Awaited<ReturnType<typeof server>>;
let limiter: Limiter;
let calls = 0;
beforeAll(async () => {
  running = await server();
  await running.start();
  const counting = (url: string, init: RequestInit) => {
    calls += url.endsWith("/limit") ? 1 : 0;
    return fetch(url, init);
  };
  limiter = new Limiter({ url: running.url, token: "test-admin", fetch: counting });
});
afterAll(() => running?.remove());

let made = 0;
async function policyOf(limit: number, window = "1h") {
  const policy = `queue${made++}`;
  await limiter.policies.put(policy, { limits: [{ algorithm: "fixedWindow", limit, window }] });
  return policy;
}

/** A message, and what became of it. */
function message(body: Body, attempts = 1) {
  const self = {
    body,
    attempts,
    became: "nothing",
    ack() {
      self.became = "acked";
    },
    retry() {
      self.became = "retried";
    },
  };
  return self satisfies QueueMessage<Body>;
}

/** A queue that keeps what is sent to it. */
function kept() {
  const sent: { body: Limited<Job>; delaySeconds?: number }[] = [];
  const send = async (body: Limited<Job>, options?: { delaySeconds: number }) => sent.push({ body, ...options });
  return { sent, send };
}

const jobs = (n: number, to = "a") => Array.from({ length: n }, (_, id) => message({ id, to }));

test("what has room is done, the rest comes back at its instant with its attempts untouched", async () => {
  const policy = await policyOf(3);
  const [queue, deadLetter] = [kept(), kept()];
  const work = vi.fn(async (job: Job) => {
    if (job.id === 1) throw new Error("no luck");
  });
  const check = ({ to }: Job) => ({ policy, identifier: to });
  const messages = [...jobs(5), ...jobs(2, "b")];
  calls = 0;
  const counts = await rescheduleLimited(messages, { limiter, check, queue, deadLetter, work });
  expect(counts).toEqual({ done: 3, failed: 2, limited: 2, dead: 0 });
  expect(messages.map(({ became }) => became)).toEqual([
    "acked",
    "retried",
    "acked",
    "acked",
    "acked",
    "acked",
    "retried",
  ]);
  // One check of each subject, and one question when there is room again.
  expect(calls).toBe(3);
  const { retryAfter = 0 } = await limiter.peek({ policy, identifier: "a" });
  for (const { body, delaySeconds = 0 } of queue.sent) {
    expect(delaySeconds).toBeGreaterThanOrEqual(Math.floor(retryAfter / 1000));
    expect(delaySeconds).toBeLessThanOrEqual(Math.ceil(retryAfter / 1000) + 2);
    expect(body.tollgate).toMatchObject({ state: "retrying", attempts: 0, job: { to: "a" } });
    expect(body.tollgate.next - body.tollgate.since).toBe(delaySeconds * 1000);
  }
  expect(deadLetter.sent).toEqual([]);
});

test("a job that is limited for too long is dead, and counted; one that has waited is done", async () => {
  const policy = await policyOf(1);
  const check = ({ to }: Job) => ({ policy, identifier: to });
  const [queue, deadLetter] = [kept(), kept()];
  const attempts: number[] = [];
  const work = async (_: Job, about: { attempts: number }) => void attempts.push(about.attempts);
  const options = { limiter, check, queue, deadLetter, work };
  const held = (id: number, since: number): Limited<Job> => ({
    tollgate: { job: { id, to: "c" }, state: "retrying", attempts: 2, since, next: since },
  });
  const young = message(held(0, Date.now()));
  const old = message(held(1, Date.now() - 86_400_000));
  expect(await rescheduleLimited([young, old], options)).toEqual({ done: 1, failed: 0, limited: 0, dead: 1 });
  expect(attempts).toEqual([3]);
  expect([young.became, old.became]).toEqual(["acked", "acked"]);
  expect(deadLetter.sent[0]?.body.tollgate).toMatchObject({ job: { id: 1 }, attempts: 2 });
  // A limit that never has room is not asked again and again.
  const never = { ...options, check: () => ({ policy, identifier: "d" }) };
  await limiter.policies.put(policy, { limits: [{ algorithm: "fixedWindow", limit: 0, window: "1h" }] });
  await expect(rescheduleLimited([message({ id: 1, to: "d" })], never)).rejects.toThrow();
});

test("a job comes back also where there is room again by now, and where nobody tells when there is", async () => {
  const policy = `queue${made++}`;
  const bucket = { algorithm: "tokenBucket", capacity: 3, refill: { amount: 3, interval: "1ms" } };
  await limiter.policies.put(policy, { limits: [bucket] });
  const [queue, deadLetter] = [kept(), kept()];
  const options = { limiter, check: () => ({ policy, identifier: "f" }), queue, deadLetter, work: async () => {} };
  expect(await rescheduleLimited(jobs(5), options)).toEqual({ done: 3, failed: 0, limited: 2, dead: 0 });
  expect(queue.sent.map(({ delaySeconds }) => delaySeconds)).toEqual([0, 0]);
  const away = new Limiter({ url: "http://127.0.0.1:9", token: "none", timeout: 100, failMode: "closed" });
  const closed = { ...options, limiter: away };
  expect(await rescheduleLimited(jobs(2), closed)).toEqual({ done: 0, failed: 0, limited: 2, dead: 0 });
  expect(queue.sent.slice(2).map(({ delaySeconds }) => delaySeconds)).toEqual([60, 60]);
  expect(deadLetter.sent).toEqual([]);
  // It is dead in the end.
  const since = Date.now() - 86_400_000;
  const old: Limited<Job> = {
    tollgate: { job: { id: 1, to: "f" }, state: "retrying", attempts: 0, since, next: since },
  };
  expect(await rescheduleLimited([message(old)], closed)).toEqual({ done: 0, failed: 0, limited: 0, dead: 1 });
});

test("what was charged is done, also where the wait of the rest cannot be told", async () => {
  const policy = await policyOf(1);
  let asked = 0;
  const once = (url: string, init: RequestInit) =>
    asked++ === 0 ? fetch(url, init) : Promise.reject(new TypeError("fetch failed"));
  const options = { url: running.url, token: "test-admin", fetch: once, failMode: "throw" } as const;
  const [queue, deadLetter] = [kept(), kept()];
  const check = () => ({ policy, identifier: "i" });
  const rest = { limiter: new Limiter(options), check, queue, deadLetter, work: async () => {} };
  expect(await rescheduleLimited(jobs(2), rest)).toEqual({ done: 1, failed: 0, limited: 1, dead: 0 });
});

test("what goes wrong with one job or subject leaves the others be, and is thrown when all are done", async () => {
  const policy = await policyOf(9);
  const [queue, deadLetter] = [kept(), kept()];
  const check = ({ to }: Job) => {
    if (to === "nobody") throw new Error("a job without a subject");
    return { policy: to === "missing" ? "no.such.policy" : policy, identifier: to };
  };
  const ended = vi.fn();
  const work = async () => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    ended();
  };
  const messages = [...jobs(1, "nobody"), ...jobs(1, "missing"), ...jobs(1, "g")];
  const all = rescheduleLimited(messages, { limiter, check, queue, deadLetter, work });
  await expect(all).rejects.toMatchObject({ code: "unknownPolicy" });
  expect(ended).toHaveBeenCalledTimes(1);
  expect(messages.map(({ became }) => became)).toEqual(["retried", "nothing", "acked"]);
});

test("a job may have a field `tollgate` of its own", async () => {
  const policy = await policyOf(9);
  const done: unknown[] = [];
  const own = [{ tollgate: null }, { tollgate: "x" }, { tollgate: { job: 1 } }, null, "text"];
  const counts = await rescheduleLimited(own.map((body) => message(body as never)) as never, {
    limiter,
    check: () => ({ policy, identifier: "h" }),
    queue: kept(),
    deadLetter: kept(),
    work: async (job) => void done.push(job),
  });
  expect([counts.done, done]).toEqual([5, own]);
});

test("a message is not acknowledged before it is sent again", async () => {
  const policy = await policyOf(1);
  const send = async () => Promise.reject(new Error("the queue is full"));
  const options = {
    limiter,
    check: () => ({ policy, identifier: "e" }),
    queue: { send },
    deadLetter: { send },
    work: async () => undefined,
  };
  const messages = jobs(2);
  await expect(rescheduleLimited(messages, options)).rejects.toThrow("full");
  expect(messages[1]?.became).toBe("nothing");
});

test("a worker pulls no more than there is budget for, and gives back what found no job", async () => {
  const policy = await policyOf(5);
  const check = { policy, identifier: "worker" };
  const waiting = [1, 2, 3];
  const asked: number[] = [];
  const end = new AbortController();
  const pull = async (most: number) => {
    asked.push(most);
    return waiting.splice(0, most);
  };
  const done: number[] = [];
  const options = { limiter, check, pull, work: async (job: number) => done.push(job), size: 4, idle: 20 };
  const pulling = pullWithin({ ...options, signal: end.signal });
  await vi.waitFor(() => expect(done).toEqual([1, 2, 3]));
  await vi.waitFor(() => expect(asked.length).toBeGreaterThan(2));
  waiting.push(4, 5, 6, 7, 8);
  await vi.waitFor(() => expect(done).toHaveLength(5));
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(waiting).toEqual([6, 7, 8]);
  end.abort();
  expect(await pulling).toEqual({ done: 5, failed: 0 });
  expect(await limiter.remaining(check)).toBe(0);
  for (const size of [0, Number.NaN]) {
    await expect(pullWithin({ ...options, size, signal: end.signal })).rejects.toThrow("`size`");
  }
});
