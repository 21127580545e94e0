// A limit that was changed counts from the first request that names it, on every route: the wait
// that a refusal tells holds, also when that refusal was the first to name the new numbers.

import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { server } from "./lib/server.mjs";

let tollgate;
beforeAll(async () => {
  tollgate = await (await server()).start();
});
afterAll(() => tollgate?.remove());

const bucket = (amount, interval) => ({ algorithm: "tokenBucket", capacity: 1, refill: { amount, interval } });
const leaky = (amount, interval) => ({ algorithm: "leakyBucket", capacity: 1, leak: { amount, interval } });
const words = (refillRate, refillInterval) => ({ algorithm: "tokenBucket", maxTokens: 1, refillRate, refillInterval });
const hourly = (limit) => ({ limits: [{ name: "n", ...limit }] });
const wide = { name: "wide", algorithm: "fixedWindow", limit: 1000, window: "1h" };

/** The old and the new question, each with its route: the new one would have room within 0.2 s. */
const CHANGES = {
  "a token bucket": [bucket(1, "1h"), bucket(10, "1s")],
  "a leaky bucket": [leaky(1, "1h"), leaky(10, "1s")],
  "maxTokens and refillRate": [words(1, 3_600_000), words(10, 1_000)],
  "one of several limits": [{ limits: [bucket(1, "1h"), wide] }, { limits: [bucket(10, "1s"), wide] }],
  "another algorithm of a named limit": [
    hourly({ algorithm: "slidingLog", limit: 1, window: "1h" }),
    hourly(bucket(10, "1s")),
  ],
  "another window of a named limit": [
    hourly({ algorithm: "fixedWindow", limit: 1, window: "1h" }),
    hourly({ algorithm: "slidingLog", limit: 1, window: "200ms" }),
  ],
};

test.for(Object.entries(CHANGES))(
  "%s: the wait told under the new numbers is enough",
  async ([name, [old, changed]]) => {
    const ask = (limit) => tollgate.call("POST", "/limit", { identifier: name, ...limit });
    expect((await ask(old)).status).toBe(200);
    const { json } = await ask(changed);
    expect(json.success).toBe(false);
    expect(json.retryAfter).toBeLessThanOrEqual(200);
    await sleep(json.retryAfter + 5);
    expect((await ask(changed)).status).toBe(200);
  },
);

test("/limit/multi, denied by another entry, puts the new numbers in force", async () => {
  const entry = (limit) => ({ provider: "p", identifier: "multi", ...limit });
  const full = { provider: "p", identifier: "full", algorithm: "fixedWindow", limit: 0, window: "1h" };
  const ask = (...limits) => tollgate.call("POST", "/limit/multi", { limits });
  expect((await ask(entry(bucket(1, "1h")))).status).toBe(200);
  expect((await ask(entry(bucket(10, "1s")), full)).status).toBe(429);
  await sleep(150);
  expect((await ask(entry(bucket(10, "1s")))).status).toBe(200);
});

test("/acquire with another rate", async () => {
  const ask = (refillRate) => tollgate.call("POST", "/acquire", { identifier: "acquire", maxTokens: 1, refillRate });
  expect((await ask(0.0003)).json.allowed).toBe(true);
  const { json } = await ask(10);
  expect(json.allowed).toBe(false);
  await sleep(json.retryAfter * 1_000 + 5);
  expect((await ask(10)).json.allowed).toBe(true);
});

test("a peek with other numbers refills nothing", async () => {
  const ask = (limit, peek) => tollgate.call("POST", "/limit", { identifier: "peeked", ...limit, peek });
  expect((await ask(bucket(1, "1h"), false)).status).toBe(200);
  expect((await ask(bucket(1_000, "1s"), true)).json.retryAfter).toBeGreaterThan(3_000_000);
  await sleep(20);
  expect((await ask(bucket(1, "1h"), false)).status).toBe(429);
});
