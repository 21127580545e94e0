// How long callers wait, as the log tells it: what was promised, and for how long answers were
// held.

import { afterAll, beforeAll, expect, test } from "vitest";
import { server } from "./lib/server.mjs";

let tollgate;
beforeAll(async () => {
  tollgate = await (await server({ keepsEvents: true })).start();
});
afterAll(() => tollgate?.remove());

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

test("delays and waits are counted in steps, of each policy by itself", { timeout: 30_000 }, async () => {
  const body = { identifier: "u1", algorithm: "tokenBucket", capacity: 1, refill: { amount: 1, interval: "1s" } };
  const ask = (rest) => tollgate.call("POST", "/limit", { ...body, ...rest }).then(({ json }) => json);
  expect((await ask()).success).toBe(true); // neither
  const delay = (await ask({ maxDelay: "1m" })).delay;
  expect(delay).toBeGreaterThan(250);
  const waited = (await ask({ identifier: "u2", wait: "1s" })).waited ?? 0;
  const held = (await ask({ identifier: "u2", wait: "5s" })).waited;
  expect([waited, held > 250]).toEqual([0, true]);
  // A denial is logged, and the counters with the first event.
  expect((await ask({ cost: 2 })).success).toBe(false);
  await sleep(1_000);
  const counters = tollgate.events().find(({ event }) => event === "rate_limit_counters");
  const { bounds, checks } = counters;
  const admitted = checks.find(({ outcome }) => outcome === "allowed");
  const step = (ms) => bounds.findIndex((bound) => ms <= bound);
  const counts = (...all) => {
    const steps = Array(bounds.length + 1).fill(0);
    for (const ms of all) steps[step(ms)] += 1;
    return { counts: steps, sum: all.reduce((sum, ms) => sum + ms, 0) };
  };
  expect(admitted).toMatchObject({ count: 4, delays: counts(delay), waits: counts(waited, held) });
  expect(checks.find(({ outcome }) => outcome !== "allowed")).not.toHaveProperty("delays");
});
