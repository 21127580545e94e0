// Never more than the limit, however many ask at once: real parallelism over HTTP.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { algorithms, server } from "./lib/server.mjs";

const ROUNDS = 20;
let tollgate;
beforeAll(async () => {
  tollgate = await (await server()).start();
});
afterAll(() => tollgate?.remove());

const check = (body) => tollgate.call("POST", "/limit", body, { token: "test-check" });
const admitted = (answers) => answers.filter(({ status }) => status === 200).length;

describe.each(Object.entries(algorithms(100)))("%s", (name, limit) => {
  test(`150 parallel checks at limit 100 admit exactly 100, ${ROUNDS} times`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const body = { identifier: `${name}-${round}`, ...limit };
      const answers = await Promise.all(Array.from({ length: 150 }, () => check(body)));
      expect(answers.every(({ status }) => status === 200 || status === 429)).toBe(true);
      expect(admitted(answers)).toBe(100);
      const left = answers.filter(({ status }) => status === 200).map(({ json }) => json.remaining);
      expect(left.sort((a, b) => b - a)).toEqual(Array.from({ length: 100 }, (_, i) => 99 - i));
    }
  });
});

test("parallel checks of several limits at once never pass any of them, and a denial charges none", async () => {
  const body = {
    identifier: "several",
    limits: [
      { algorithm: "fixedWindow", limit: 70, window: "52w" },
      { algorithm: "tokenBucket", capacity: 40, refill: { amount: 1, interval: "1d" } },
    ],
  };
  const answers = await Promise.all(Array.from({ length: 90 }, () => check(body)));
  expect(admitted(answers)).toBe(40);
  const { json } = await tollgate.call("GET", "/limit?identifier=several");
  expect(json.limits.map(({ used }) => used)).toEqual([40, 40]);
});

test("parallel checks over several subjects never pass the shared one, and the others are charged only for what was admitted", async () => {
  const shared = { identifier: "cluster", algorithm: "fixedWindow", limit: 30, window: "52w" };
  const own = (i) => ({ identifier: `tenant-${i}`, algorithm: "fixedWindow", limit: 20, window: "52w" });
  const ask = (i) => tollgate.call("POST", "/limit/multi", { limits: [own(i % 3), shared] }, { token: "test-check" });
  const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => ask(i)));
  expect(answers.every(({ status }) => status === 200 || status === 429)).toBe(true);
  const successes = answers.filter(({ json }) => json.success).length;
  expect(successes).toBeLessThanOrEqual(30);
  const used = async (identifier) =>
    (await tollgate.call("GET", `/limit?identifier=${identifier}`)).json.limits[0]?.used ?? 0;
  expect(await used("cluster")).toBe(successes);
  const tenants = await Promise.all([0, 1, 2].map((i) => used(`tenant-${i}`)));
  expect(tenants.reduce((sum, n) => sum + n)).toBe(successes);
  // Nobody was turned away for good: alone, the rest is still to be had.
  let more = 0;
  for (let i = 0; i < 31; i++) more += (await ask(i)).json.success ? 1 : 0;
  expect(successes + more).toBe(30);
});

describe("a webhook's bucket of 10, refilled at 100 a second", () => {
  const bucket = { algorithm: "tokenBucket", capacity: 10, refill: { amount: 100, interval: "1s" } };

  test("a burst of 10 passes at once", async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => check({ identifier: "burst", ...bucket })));
    expect(admitted(answers)).toBe(10);
  });

  test("a flood is admitted at 100 a second after the burst, and no faster", async () => {
    const began = Date.now();
    let passed = 0;
    const caller = async () => {
      while (Date.now() - began < 2_000) {
        const { status } = await check({ identifier: "flood", ...bucket });
        if (status === 200) passed++;
      }
    };
    await Promise.all(Array.from({ length: 8 }, caller));
    // The last answer may have come a little after the end; what it could have admitted is counted
    // in.
    expect(passed).toBeLessThanOrEqual(10 + Math.ceil((Date.now() - began) / 10));
    // Callers that a busy machine holds up leave some of the 210 unasked.
    expect(passed).toBeGreaterThan(100);
  });

  test("who waits as long as told is admitted", async () => {
    const body = { identifier: "patient", ...bucket, cost: 10 };
    await check(body);
    for (let i = 0; i < 5; i++) {
      const { json } = await check(body);
      if (json.success) continue;
      await new Promise((resolve) => setTimeout(resolve, json.retryAfter));
      expect((await check(body)).json.success).toBe(true);
    }
  });
});
