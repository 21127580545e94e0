// A request over several subjects that is always refused keeps nobody out for longer than it takes
// to be taken back.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { server } from "./lib/server.mjs";
import { serverBehind } from "./lib/switched.mjs";

let tollgate;
beforeAll(async () => {
  tollgate = await (await server()).start();
});
afterAll(() => tollgate?.remove());

// Twice the deadline: so long an object keeps what may yet be taken back.
const YOUNG_MS = 2_000;

const post = (path, body) => tollgate.call("POST", path, body);
const tenant = { identifier: "tenant", algorithm: "fixedWindow", limit: 40, window: "52w" };
const cluster = { identifier: "cluster", algorithm: "concurrency", limit: 1, ttl: "1h" };

test("who asks for what nobody uses is refused for a moment at most, and never from memory", async () => {
  expect((await post("/limit", cluster)).status).toBe(200);
  let refusing = true;
  const refuse = async () => {
    while (refusing) {
      const { status } = await post("/limit/multi", { limits: [{ ...tenant, cost: 40 }, cluster] });
      expect(status).toBe(429);
    }
  };
  const refused = Promise.all(Array.from({ length: 4 }, refuse));
  let admitted = 0;
  for (let i = 0; i < 300 && admitted < 20; i++) {
    const { status, json } = await post("/limit", tenant);
    if (status === 200) admitted++;
    else expect([json.source, json.retryAfter <= YOUNG_MS]).toEqual(["object", true]);
  }
  refusing = false;
  await refused;
  expect(admitted).toBe(20);
  const { json } = await tollgate.call("GET", "/limit?identifier=tenant");
  expect(json.limits[0].remaining).toBe(20);
});

test("of requests in parallel for the last unit of the same subjects at most one is admitted, and what the others charged is free again", async () => {
  const ROUNDS = 60;
  const CALLERS = 4;
  for (let round = 0; round < ROUNDS; round++) {
    const last = (name) => ({ ...tenant, identifier: `${name}-${round}`, limit: 1 });
    const limits = ["a", "b", "c"].map(last);
    // Each caller begins with another subject.
    const asked = Array.from({ length: CALLERS }, (_, i) => [...limits.slice(i % 3), ...limits.slice(0, i % 3)]);
    const answers = await Promise.all(asked.map((limits) => post("/limit/multi", { limits })));
    const admitted = answers.filter(({ status }) => status === 200).length;
    expect(admitted, `${round}`).toBeLessThanOrEqual(1);
    expect((await post("/limit/multi", { limits })).status, `${round}`).toBe(admitted === 0 ? 200 : 429);
    for (const { identifier } of limits) {
      const { json } = await tollgate.call("GET", `/limit?identifier=${identifier}`);
      expect(json.limits[0].remaining).toBe(0);
    }
  }
});

describe("when requests meet", () => {
  // Long, so that no load of the machine makes an object too late to be asked once more.
  const TEXTS = { TOLLGATE_DEADLINE_MS: "10000" };
  let meeting;
  beforeAll(async () => {
    meeting = await serverBehind("meeting.js", TEXTS);
  });
  afterAll(() => meeting?.remove());

  const ask = (path, body) => meeting.call("POST", path, body);
  const multi = (...limits) => ask("/limit/multi", { limits });
  const remaining = async (identifier) =>
    (await meeting.call("GET", `/limit?identifier=${identifier}`)).json.limits[0].remaining;

  test("each of two has what the other wants, and one is admitted", async () => {
    const ROUNDS = 20;
    let admitted = 0;
    for (let round = 0; round < ROUNDS; round++) {
      await meeting.become("crossed");
      const [a, b] = ["a", "b"].map((name) => ({ ...tenant, identifier: `${name}${round}`, limit: 1 }));
      const answers = await Promise.all([multi(a, b), multi(b, a)]);
      const went = answers.filter(({ status }) => status === 200).length;
      expect(went, `${round}`).toBeLessThanOrEqual(1);
      admitted += went;
      expect([await remaining(a.identifier), await remaining(b.identifier)]).toEqual([1 - went, 1 - went]);
    }
    // Every time, but for messages that the machine's load holds up: none is admitted where nobody
    // is asked again.
    expect(admitted).toBeGreaterThan(ROUNDS / 2);
  });

  test("who asks while another is refused is admitted once that has been taken back", async () => {
    await meeting.become("well");
    const taken = { ...cluster, identifier: "last" };
    expect((await ask("/limit", taken)).status).toBe(200);
    await meeting.become("inside");
    const alone = { ...tenant, identifier: "alone" };
    const [refused, admitted] = await Promise.all([multi({ ...alone, cost: 40 }, taken), ask("/limit", alone)]);
    expect([refused.status, admitted.status]).toEqual([429, 200]);
    expect(refused.json.results.map(({ success }) => success)).toEqual([true, false]);
    expect(await remaining("alone")).toBe(39);
  });

  test("what is charged is taken back although the circuit of its object has opened since", async () => {
    const last = { ...tenant, identifier: "refuses-last", limit: 1 };
    const opened = { ...tenant, identifier: "opened" };
    await meeting.become("well");
    expect((await ask("/limit", last)).status).toBe(200);
    await meeting.become("opens");
    const refused = multi({ ...opened, cost: 40 }, last);
    for (let i = 0; i < 5; i++) await ask("/limit", opened);
    expect((await refused).status).toBe(429);
    await meeting.become("well");
    await expect.poll(() => remaining("opened").catch(() => "no answer"), { timeout: 20_000 }).toBe(40);
  });

  test.each(["open", "closed"])("a refusal stands where its object is not in reach any more: %s", async (failMode) => {
    await meeting.become("well");
    const used = ["stands1", "stands2"].map((name) => ({
      ...tenant,
      identifier: `${name}-${failMode}`,
      limit: 1,
      failMode,
    }));
    for (const limit of used) expect((await ask("/limit", limit)).status).toBe(200);
    await meeting.become("silent");
    // Both are asked once more; the first refuses for good, and the second does not say how it
    // stands.
    const { status, json } = await multi(...used);
    expect([status, json.results?.map(({ success, source }) => [success, source])]).toEqual([
      429,
      [
        [false, "object"],
        [false, "object"],
      ],
    ]);
  });

  test("who refused last is asked first and alone, so that what is always refused charges nobody", async () => {
    await meeting.become("well");
    const [other, full] = [
      { ...tenant, identifier: "other", cost: 40 },
      { ...cluster, identifier: "full" },
    ];
    const { json: held } = await ask("/limit", full);
    expect((await multi(other, full)).status).toBe(429);
    await meeting.become("well");
    for (let i = 0; i < 10; i++) {
      const { status, json } = await multi(other, full);
      expect([status, json.results.map(({ success }) => success)]).toEqual([429, [true, false]]);
    }
    const asked = Object.entries(JSON.parse(await meeting.control("/")));
    expect(asked.map(([name, times]) => [/[^:]*$/.exec(name)[0], times])).toEqual([["full", 10]]);
    // Once it admits, all are charged as before, and nobody is asked first.
    expect((await ask("/limit/release", { permit: held.permit })).status).toBe(200);
    expect((await multi(other, full)).status).toBe(200);
    expect(await remaining("other")).toBe(0);
  });
});

test("an object that had next to no time to answer is asked again", async () => {
  const hurried = await serverBehind("meeting.js", { TOLLGATE_DEADLINE_MS: "1000" });
  try {
    await hurried.become("late");
    const refund = { ...tenant, identifier: "refund", cost: -1 };
    const limits = [{ ...tenant, identifier: "last" }, refund];
    await Promise.all(Array.from({ length: 8 }, () => hurried.call("POST", "/limit/multi", { limits })));
    await hurried.become("well");
    const { json } = await hurried.call("POST", "/limit", { ...refund, cost: 1 });
    expect([json.success, json.source]).toEqual([true, "object"]);
  } finally {
    await hurried.remove();
  }
});
