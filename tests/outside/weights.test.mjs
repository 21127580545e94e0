// Buckets that classes share, over HTTP and in real time.

import { afterAll, beforeAll, expect, test } from "vitest";
import { call, server } from "./lib/server.mjs";

const TOKENS = JSON.stringify([{ token: "ann", name: "ann", role: "admin" }]);
const as = { token: "ann" };

let tollgate;
beforeAll(async () => {
  tollgate = await server({ tokens: TOKENS });
  await tollgate.start();
});
afterAll(() => tollgate?.remove());

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const send = (method, path, body) => call(tollgate.url, method, path, body, as);
const bucket = (capacity, rate) => ({
  name: "all",
  algorithm: "tokenBucket",
  capacity,
  refill: { amount: rate, interval: "1s" },
});

/** Asks again and again until it is stopped; counts what is admitted. */
function caller(body, pause) {
  const self = { admitted: 0, refused: 0, stopped: false };
  self.done = (async () => {
    while (!self.stopped) {
      const { json } = await send("POST", "/limit", body);
      if (json.success) self.admitted++;
      else self.refused++;
      if (!json.success || pause.always) await sleep(pause.ms);
    }
  })();
  self.stop = () => {
    self.stopped = true;
    return self.done;
  };
  return self;
}

test("two priorities that take all they can are served by their weights", { timeout: 60_000 }, async () => {
  // Each part lasts a second: a slow machine changes nothing.
  const policy = { limits: [bucket(40, 40)], weights: { high: 3, low: 1 } };
  expect((await send("PUT", "/policies/shared", policy)).status).toBe(201);
  const asking = (priority) => caller({ policy: "shared", identifier: "u1", priority }, { ms: 10 });
  const callers = ["low", "high"].map(asking);
  await sleep(3_000); // the first burst is over
  const before = callers.map(({ admitted }) => admitted);
  const began = Date.now();
  await sleep(11_000);
  const seconds = (Date.now() - began) / 1_000;
  const [low, high] = callers.map(({ admitted }, i) => admitted - before[i]);
  const seen = await send("GET", "/limit?identifier=u1");
  await Promise.all(callers.map(({ stop }) => stop()));
  expect(Math.abs(high / (30 * seconds) - 1)).toBeLessThan(0.05);
  expect(Math.abs(low / (10 * seconds) - 1)).toBeLessThan(0.05);
  expect(seen.json.limits[0]).toMatchObject({
    limit: 40,
    classes: [
      { name: "high", weight: 3, capacity: 30 },
      { name: "low", weight: 1, capacity: 10 },
    ],
  });
});

test("a child who asks without end leaves the others of its parent theirs", { timeout: 60_000 }, async () => {
  const parent = { limits: [bucket(60, 60)], weights: { nobody: 1 }, by: "child" };
  const child = {
    limits: [{ name: "own", algorithm: "fixedWindow", limit: 1_000_000, window: "52w" }],
    parent: { policy: "above" },
  };
  expect((await send("PUT", "/policies/above", parent)).status).toBe(201);
  expect((await send("PUT", "/policies/below", child)).status).toBe(201);
  await sleep(5_100);
  const asking = (identifier, pause) => caller({ policy: "below", identifier }, pause);
  const loud = [1, 2, 3].map(() => asking("loud", { ms: 5 }));
  const quiet = asking("quiet", { ms: 100, always: true });
  await sleep(3_000); // it has come, and has its part
  const before = [quiet.admitted, quiet.refused];
  await sleep(4_000);
  const admitted = quiet.admitted - before[0];
  expect(quiet.refused - before[1]).toBe(0);
  expect(admitted).toBeGreaterThan(10);
  const seen = await send("GET", "/limit?identifier=all&policy=above");
  await Promise.all([...loud, quiet].map(({ stop }) => stop()));
  const refused = loud.reduce((sum, it) => sum + it.refused, 0);
  expect(refused).toBeGreaterThan(0);
  expect(seen.json.limits[0].classes.map(({ name }) => name)).toEqual(["loud", "quiet"]);
});

test("what cannot be shared is refused by its field, and a priority needs no weights", async () => {
  const refused = async (field, rest, policy = {}) => {
    const body = { limits: [bucket(5, 1)], weights: { high: 3 }, ...policy };
    const answer = await send("POST", "/limit", { identifier: "u2", ...body, ...rest });
    expect([answer.status, answer.json.field]).toEqual([400, field]);
  };
  await refused("wait", { wait: "1s" });
  await refused("maxDelay", { maxDelay: "1s" });
  await refused("weights", {}, { limits: [{ algorithm: "fixedWindow", limit: 5, window: "1m" }] });
  await refused("weights.high", {}, { weights: { high: 0 } });
  const named = { policy: "shared", identifier: "u3", wait: "1s" };
  expect((await send("POST", "/limit", named)).json).toMatchObject({ status: 400, code: "invalidField" });
  const plain = { identifier: "u2", limit: 5, window: "1m", priority: "high" };
  expect((await send("POST", "/limit", plain)).json).toMatchObject({ success: true, remaining: 4 });
  const explained = await send("GET", "/policies/shared/explain");
  expect(explained.json.limits[0].classes).toEqual([
    { name: "high", weight: 3, capacity: 24, perHour: 86_400 },
    { name: "low", weight: 1, capacity: 8, perHour: 28_800 },
    { weight: 1, capacity: 8, perHour: 28_800 },
  ]);
});
