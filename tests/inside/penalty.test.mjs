// Penalties in an object that sleeps and wakes, on a clock that the test sets.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, expect, test, vi } from "vitest";
import { call } from "./lib/call.mjs";
import { startAt } from "./lib/time.mjs";

let start = Date.UTC(2027, 0, 4);
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const PENALTY = { after: 3, within: "1m", block: ["1m", "10m"] };
const HOURLY = { algorithm: "fixedWindow", limit: 1, window: "1h", penalty: PENALTY };

startAt(start);

// Each test on a day of its own: what the isolate knows of policies is that of the test before.
beforeEach(() => {
  start += 24 * 60 * MINUTE;
  vi.setSystemTime(start);
});

const objectOf = (identifier) => env.RATE_LIMIT.getByName(`rate-limit:default:${identifier}`);
const at = (ms) => vi.setSystemTime(start + ms);
const rows = (identifier) =>
  runInDurableObject(objectOf(identifier), (_object, { storage }) => [
    ...storage.sql.exec("SELECT key FROM state WHERE key LIKE 'penalty/%'"),
  ]);

test("who goes on being refused is shut out, longer each time, through every sleep", async () => {
  expect((await call("PUT", "/policies/login", HOURLY)).status).toBe(201);
  const body = { identifier: "u1", policy: "login" };
  const ask = async () => {
    const { json } = await call("POST", "/limit", body);
    await evictDurableObject(objectOf("u1"));
    return json;
  };
  expect(await ask()).toMatchObject({ success: true });
  for (const [step, block] of [MINUTE, 10 * MINUTE].entries()) {
    const begun = Date.now();
    for (const later of [11, 22]) {
      vi.setSystemTime(begun + later * SECOND);
      expect(await ask()).toMatchObject({ success: false, reason: "limit" });
    }
    vi.setSystemTime(begun + 33 * SECOND);
    expect(await ask()).toMatchObject({ success: false, reason: "blocked", retryAfter: block, policy: "login" });
    vi.setSystemTime(begun + 40 * SECOND);
    expect(await ask()).toMatchObject({ reason: "blocked", retryAfter: block - 7 * SECOND });
    const { json } = await call("GET", "/limit?identifier=u1");
    const until = begun + 33 * SECOND + block;
    expect(json.overrides).toEqual([{ kind: "block", policy: "login", by: "penalty", step: step + 1, until }]);
    vi.setSystemTime(until);
  }
  // The end of a block is one of a penalty, not of the limit.
  expect(await ask()).toMatchObject({ success: false, reason: "limit" });
});

test("duration 0 ends it and forgets its step; a reset does not", async () => {
  const body = { identifier: "u2", ...HOURLY };
  const ask = async (ms) => {
    at(ms);
    return (await call("POST", "/limit", body)).json;
  };
  await ask(0);
  // What the isolate remembers, for a second at most, does not count.
  for (const ms of [1_000, 2_500]) expect(await ask(ms)).toMatchObject({ reason: "limit", source: "object" });
  expect(await ask(4_000)).toMatchObject({ reason: "blocked", retryAfter: MINUTE });
  await call("DELETE", "/limit?identifier=u2");
  expect(await ask(6_000)).toMatchObject({ reason: "blocked", retryAfter: MINUTE - 2_000 });
  await call("POST", "/limit/block", { identifier: "u2", duration: 0 });
  expect(await ask(8_000)).toMatchObject({ success: true });
  for (const ms of [10_000, 12_000]) expect(await ask(ms)).toMatchObject({ reason: "limit" });
  expect(await ask(14_000)).toMatchObject({ reason: "blocked", retryAfter: MINUTE });
});

test("its row is gone when it is remembered no longer", async () => {
  const body = { identifier: "u3", ...HOURLY };
  for (const ms of [0, 1_000, 2_500, 4_000]) {
    at(ms);
    await call("POST", "/limit", body);
  }
  expect(await rows("u3")).toHaveLength(1);
  for (const ms of [2 * MINUTE, 2 * MINUTE + 4_000]) {
    at(ms);
    await runDurableObjectAlarm(objectOf("u3"));
  }
  expect(await rows("u3")).toEqual([]);
});

test.each(["eventual", "local"])(
  "where the object does not see the refusals (%s) it is an error",
  async (consistency) => {
    const window = consistency === "local" ? "1m" : "1h";
    const { status, json } = await call("POST", "/limit", { identifier: "u4", ...HOURLY, window, consistency });
    expect([status, json.code, json.field]).toEqual([400, "invalidField", "penalty"]);
  },
);

test("nobody is blocked who is called *", async () => {
  const { status, json } = await call("POST", "/limit/block", { identifier: "*", duration: "1h" });
  expect([status, json.code, json.field]).toEqual([400, "invalidField", "identifier"]);
  expect(json.detail).toContain("PUT /overrides/provider:<name>/pause");
  expect((await call("POST", "/limit/block", { identifier: "*", duration: 0 })).status).toBe(200);
});
