// Answers that are held until the caller's turn has come.

import net from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { call, server } from "./lib/server.mjs";

const TOKENS = JSON.stringify([{ token: "ann", name: "ann@x.org", role: "admin" }]);
const as = { token: "ann" };

let tollgate;
beforeAll(async () => {
  tollgate = await server({ tokens: TOKENS });
  await tollgate.start();
});
afterAll(() => tollgate?.remove());

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const send = (method, path, body) => call(tollgate.url, method, path, body, as);
const spaced = (identifier, rate, rest = {}) => ({
  identifier,
  algorithm: "tokenBucket",
  capacity: 1,
  refill: { amount: rate, interval: "1s" },
  ...rest,
});
const ask = (body) => send("POST", "/limit", body).then(({ json }) => json);

/** A caller who is gone after so long: his connection is reset, as by a crash. */
function gone(body, ms) {
  const { hostname, port } = new URL(tollgate.url);
  const text = JSON.stringify(body);
  const head = `POST /limit HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer ann\r\ncontent-length: ${text.length}\r\n\r\n`;
  const socket = net.connect(Number(port), hostname, () => socket.write(head + text));
  socket.on("error", () => {});
  return sleep(ms).then(() => socket.resetAndDestroy());
}

test("a hundred who wait are let go one after the other, each once and none early", { timeout: 60_000 }, async () => {
  const began = Date.now();
  const waiting = Array.from({ length: 100 }, async () => {
    const { status, json } = await send("POST", "/limit", spaced("many", 10, { wait: "20s" }));
    return { status, json, at: Date.now() - began };
  });
  const answers = (await Promise.all(waiting)).sort((one, other) => (one.json.waited ?? 0) - (other.json.waited ?? 0));
  answers.forEach(({ status, json, at }, place) => {
    expect([status, json.success]).toEqual([200, true]);
    expect(json).not.toHaveProperty("delay");
    // The first one had its turn at once; each place is 100 ms behind the one before.
    const waited = json.waited ?? 0;
    expect(Math.abs(waited - place * 100)).toBeLessThan(1_500);
    expect(at).toBeGreaterThanOrEqual(waited - 1);
  });
  const turns = answers.map(({ json, at }) => [json.waited ?? 0, at]);
  const steps = turns.slice(1).map(([waited], i) => waited - turns[i][0]);
  // By the object's clock: what it promised, seen from when each was promised it.
  expect(steps.reduce((sum, step) => sum + step, 0)).toBeGreaterThan(8_000);
});

test("who would wait too long is refused at once, and nothing is kept for him", { timeout: 30_000 }, async () => {
  expect(await ask(spaced("short", 1, { wait: "2s" }))).toMatchObject({ success: true });
  const began = Date.now();
  const refused = await ask(spaced("short", 1, { cost: 1, wait: 500 }));
  // The place before may yet be given back, so its refusal may be another's turn soon.
  expect(refused).toMatchObject({ success: false, reason: expect.stringMatching(/^(limit|busy)$/) });
  expect(Date.now() - began).toBeLessThan(400);
  const next = await ask(spaced("short", 1, { wait: "2s" }));
  expect(next.success).toBe(true);
  expect(next.waited).toBeLessThanOrEqual(1_000);
});

test("who goes away gives his place back, also one in the middle", { timeout: 30_000 }, async () => {
  expect(await ask(spaced("left", 1, { wait: "9s" }))).toMatchObject({ success: true });
  // Places at 1, 2 and 3 s; the first and the second of the three go away.
  const first = gone(spaced("left", 1, { wait: "9s" }), 250);
  await sleep(50);
  const second = gone(spaced("left", 1, { wait: "9s" }), 200);
  await sleep(50);
  const third = ask(spaced("left", 1, { wait: "9s" }));
  await Promise.all([first, second]);
  await sleep(150);
  // Their places are gaps: the next two callers have them.
  const next = await Promise.all([ask(spaced("left", 1, { wait: "9s" })), ask(spaced("left", 1, { wait: "9s" }))]);
  const waited = next.map((it) => it.waited).sort((one, other) => one - other);
  expect(waited[0]).toBeLessThan(900);
  expect(waited[1]).toBeLessThan(1_900);
  // A promise that was made did not move.
  expect((await third).waited).toBeGreaterThan(2_400);
});

test("who was shut out while he waited is refused, and his units come back", { timeout: 30_000 }, async () => {
  const body = spaced("shut", 0.5, { wait: "9s" });
  expect(await ask(body)).toMatchObject({ success: true });
  const waiting = ask(body);
  await sleep(300);
  await send("POST", "/limit/block", { identifier: "shut", duration: "1m", reason: "abuse" });
  expect(await waiting).toMatchObject({ success: false, reason: "blocked" });
  await send("POST", "/limit/block", { identifier: "shut", duration: 0 });
  await sleep(200);
  // The place that nobody used is not spent.
  expect(await ask(spaced("shut", 0.5, { peek: true, cost: 1 }))).toMatchObject({ success: true });
});

test("a policy with a parent waits for both, and `wait` that cannot be is told", { timeout: 30_000 }, async () => {
  const bucket = (rate) => ({ algorithm: "tokenBucket", capacity: 1, refill: { amount: rate, interval: "1s" } });
  await send("PUT", "/policies/org", { ...bucket(2), provider: "org" });
  await send("PUT", "/policies/team", { ...bucket(100), provider: "team", parent: { policy: "org", identifier: "o" } });
  await sleep(5_100);
  const of = (identifier) => ask({ policy: "team", identifier, wait: "5s" });
  expect(await of("a")).toMatchObject({ success: true });
  const waited = (await of("b")).waited;
  expect(waited).toBeGreaterThan(0);
  expect(waited).toBeLessThanOrEqual(500);
  // Who wants nothing, or gives back, has nothing to wait for.
  for (const cost of [0, -1]) {
    const answer = await ask({ policy: "team", identifier: "a", wait: "5s", cost });
    expect(answer.success).toBe(true);
    expect(answer).not.toHaveProperty("waited");
  }
  const wrong = async (body) => {
    const { status, json } = await send("POST", "/limit", { ...spaced("x", 1), ...body });
    return [status, json.field];
  };
  expect(await wrong({ wait: "31s" })).toEqual([400, "wait"]);
  expect(await wrong({ wait: "1s", maxDelay: "1s" })).toEqual([400, "wait"]);
  expect(await wrong({ wait: "1s", peek: true })).toEqual([400, "wait"]);
  expect(await wrong({ wait: "1s", consistency: "eventual", algorithm: "fixedWindow" })).toEqual([
    400,
    expect.anything(),
  ]);
  const slots = { identifier: "x", algorithm: "concurrency", limit: 1, ttl: "1m", wait: "1s" };
  expect((await send("POST", "/limit", slots)).json.field).toBe("wait");
});
