// Overrides on a clock that the test sets: how they end by themselves, and what a subject's object
// keeps of a grant while it is idle, asleep and reset.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test, vi } from "vitest";
import { call } from "./lib/call.mjs";
import { startAt } from "./lib/time.mjs";

const MONDAY = Date.UTC(2027, 2, 1);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

startAt(MONDAY);

const ask = async (body) => (await call("POST", "/limit", body)).json;
const set = async (target, kind, body) => (await call("PUT", `/overrides/${target}/${kind}`, body)).json;

/** How many are admitted one after the other. */
async function admitted(body) {
  for (let count = 0; ; count++) if (!(await ask(body)).success) return count;
}

const object = (name) => env.RATE_LIMIT.getByName(name);
const keys = (name) =>
  runInDurableObject(object(name), (_object, { storage }) =>
    [...storage.sql.exec("SELECT key FROM state")].map(({ key }) => key).filter((key) => !key.startsWith("listed")),
  );

test("a grant is used once in a week of idle nights", async () => {
  const name = "rate-limit:crm:acme";
  const day = { limits: [{ name: "day", algorithm: "quota", limit: 10, period: "day" }], provider: "crm" };
  expect((await call("PUT", "/policies/calls", day)).status).toBe(201);
  const until = MONDAY + 6 * DAY;
  expect(await set("policy:calls", "grant", { units: 5, until, reason: "our fault" })).toMatchObject({ units: 5 });
  const calls = { policy: "calls", identifier: "acme" };
  vi.setSystemTime(MONDAY + 12 * HOUR);
  expect(await admitted(calls)).toBe(15);
  for (let night = 1; night < 6; night++) {
    await evictDurableObject(object(name));
    vi.setSystemTime(MONDAY + night * DAY + HOUR);
    await runDurableObjectAlarm(object(name));
    await evictDurableObject(object(name));
    expect(await keys(name)).toEqual(["granted"]);
    vi.setSystemTime(MONDAY + night * DAY + 12 * HOUR);
    expect(await admitted(calls)).toBe(10);
    expect((await call("DELETE", "/limit?policy=calls&identifier=acme")).status).toBe(200);
    vi.setSystemTime(MONDAY + night * DAY + 13 * HOUR);
    expect(await admitted(calls)).toBe(10);
  }
  const shown = await call("GET", "/limit?policy=calls&identifier=acme");
  expect(shown.json.overrides).toMatchObject([{ kind: "grant", units: 5, taken: 5, reason: "our fault" }]);
  // Another subject has it until it ends.
  expect(await admitted({ ...calls, identifier: "bolt" })).toBe(15);
  vi.setSystemTime(until);
  expect(await admitted({ ...calls, identifier: "cube" })).toBe(10);
  // What was taken is forgotten when the grant can last no longer.
  await evictDurableObject(object(name));
  vi.setSystemTime(until + 31 * DAY);
  await runDurableObjectAlarm(object(name));
  const tables = (_object, { storage }) => [...storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'state'")];
  expect(await runInDurableObject(object(name), tables)).toEqual([]);
});

test("a provider's pause ends by itself, for named and inline limits, strong and eventual", async () => {
  // Another generation of policies than the isolate remembers of the test before.
  const begin = MONDAY + 100 * DAY;
  vi.setSystemTime(begin);
  const hour = { algorithm: "fixedWindow", limit: 9, window: "1h" };
  expect((await call("PUT", "/policies/org", { limits: [hour], provider: "salesforce" })).status).toBe(201);
  const own = { provider: "salesforce", identifier: "a", ...hour };
  const bodies = [{ policy: "org", identifier: "a" }, own, { ...own, identifier: "e", consistency: "eventual" }];
  for (const body of bodies) expect((await ask(body)).success).toBe(true);
  await set("provider:salesforce", "pause", { until: "2h", reason: "banned" });
  await set("subject:salesforce//a", "scale", { factor: 10 });
  for (const at of [0, HOUR, 2 * HOUR - 1]) {
    vi.setSystemTime(begin + at);
    for (const body of bodies) {
      expect(await ask(body)).toMatchObject({ success: false, reason: "paused", retryAfter: 2 * HOUR - at });
    }
  }
  vi.setSystemTime(begin + 2 * HOUR);
  for (const body of bodies) expect((await ask(body)).success).toBe(true);
});

test("a wait ends with the override that makes it long", async () => {
  const begin = MONDAY + 200 * DAY;
  vi.setSystemTime(begin);
  const day = { limits: [{ name: "day", algorithm: "quota", limit: 10, period: "day" }], provider: "slow" };
  expect((await call("PUT", "/policies/slow", day)).status).toBe(201);
  await set("provider:slow", "scale", { factor: 0.1, until: "1h" });
  const slow = { policy: "slow", identifier: "a" };
  expect(await ask(slow)).toMatchObject({ success: true, limit: 1 });
  expect(await ask(slow)).toMatchObject({ success: false, retryAfter: HOUR });
  vi.setSystemTime(begin + HOUR);
  expect(await ask(slow)).toMatchObject({ success: true, limit: 10, remaining: 8 });
});
