// The route of a subject's stage, on a clock that the test sets: its object sleeps and is idle
// between any two calls.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test, vi } from "vitest";
import { call } from "./lib/call.mjs";
import { startAt } from "./lib/time.mjs";

const START = Date.UTC(2027, 5, 7, 9);
const DAY = 86_400_000;

startAt(START);

const day = (limits, more = {}) => ({
  name: "day",
  algorithm: "quota",
  period: "day",
  stages: limits.map((limit, i) => (i < limits.length - 1 ? { for: "7d", limit } : { limit })),
  ...more,
});
const object = (name = "rate-limit:mail:inbox:box") => env.RATE_LIMIT.getByName(name);
const TARGET = "subject:mail/inbox/box";
const set = (body, target = TARGET) => call("PUT", `/overrides/${target}/stage`, body);
const shown = async (query = "provider=mail&scope=inbox&identifier=box") => (await call("GET", `/limit?${query}`)).json;
const audit = async () => (await call("GET", "/audit")).json.entries;

/** Another instant for each test: of the same one the isolate would take its policies for known. */
async function begin(offset) {
  vi.setSystemTime(START + offset);
  const policy = { provider: "mail", scope: "inbox", limits: [day([2, 4, 8])] };
  expect((await call("PUT", "/policies/inbox", policy)).status).toBe(201);
  return START + offset;
}

/** How many are admitted one after the other, a second later: remembered refusals are over. */
async function admitted(policy = "inbox", identifier = "box") {
  vi.setSystemTime(Date.now() + 1_001);
  for (let count = 0; ; count++) {
    if (!(await call("POST", "/limit", { policy, identifier })).json.success) return count;
  }
}

/** The object falls asleep, its alarm comes when it is idle, and it falls asleep again. */
async function idleUntil(instant) {
  await evictDurableObject(object());
  vi.setSystemTime(instant);
  await runDurableObjectAlarm(object());
  await evictDurableObject(object());
  expect(await keys()).toEqual(["stage"]);
}

const keys = (name) =>
  runInDurableObject(object(name), (_object, { storage }) => {
    const tables = [...storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'state'")];
    if (tables.length === 0) return [];
    const rows = [...storage.sql.exec("SELECT key FROM state")];
    return rows.map(({ key }) => key).filter((key) => !key.startsWith("listed"));
  });

test("an inbox is paused in week two, goes on, and is moved back and forth, while it sleeps", async () => {
  const start = await begin(0);
  expect(await admitted()).toBe(2);
  const first = START + 1_001; // its first admission
  await idleUntil(start + 9 * DAY);
  expect(await admitted()).toBe(4);

  const paused = await set({ paused: true, reason: "complaints" });
  const since = Date.now();
  expect(paused).toEqual({
    status: 200,
    json: {
      target: TARGET,
      kind: "stage",
      version: expect.any(Number),
      before: { start: first },
      start: first,
      pausedSince: since,
      steps: [{ policy: "inbox", limit: "day", from: 2, to: 2 }],
      reason: "complaints",
    },
  });
  expect((await shown()).limits[0].stage).toEqual({ step: 2, start: first, pausedSince: since });
  await idleUntil(start + 40 * DAY);
  expect((await shown()).stage).toEqual({ start: first, pausedSince: since });
  expect(await admitted()).toBe(4);

  // It goes on: five days of week two are left, and a step begins with a day.
  await idleUntil(start + 50 * DAY);
  const resumed = await set({ paused: false, policy: "inbox" });
  const pausedFor = Date.now() - since;
  expect(resumed).toMatchObject({
    status: 200,
    json: {
      before: { start: first, pausedSince: since },
      start: first,
      pausedFor,
      steps: [{ policy: "inbox", limit: "day", from: 2, to: 2 }],
    },
  });
  expect(resumed.json.pausedSince).toBeUndefined();
  await idleUntil(start + 55 * DAY + 1_002 + 999);
  expect(await admitted()).toBe(4);
  await idleUntil(start + 56 * DAY);
  expect(await admitted()).toBe(8);

  // Later: the first step at once, and what is used above it stays used.
  await evictDurableObject(object());
  const later = await set({ start: Date.now() - DAY });
  expect(later.json.steps).toEqual([{ policy: "inbox", limit: "day", from: 3, to: 1 }]);
  expect(await admitted()).toBe(0);
  expect((await shown()).limits[0]).toMatchObject({ limit: 2, remaining: 0 });
  await idleUntil(start + 57 * DAY);
  expect(await admitted()).toBe(2);
  // Earlier: more at once. Ahead: the first step until then.
  const earlier = await set({ start: Date.now() - 8 * DAY - DAY });
  expect(earlier.json.steps).toEqual([{ policy: "inbox", limit: "day", from: 1, to: 2 }]);
  expect(await admitted()).toBe(2);
  await set({ start: start + 60 * DAY });
  await idleUntil(start + 66 * DAY);
  expect(await admitted()).toBe(2);
  await idleUntil(start + 68 * DAY);
  expect(await admitted()).toBe(4);
});

test("a subject that was warmed up elsewhere begins warm, and its first request starts nothing", async () => {
  const start = await begin(1);
  const asked = { start: start - 15 * DAY, policy: "inbox", reason: "moved here" };
  const made = await set(asked);
  expect(made).toMatchObject({ status: 201, json: { start: asked.start } });
  expect(made.json.before).toBeUndefined();
  expect(made.json.steps).toEqual([{ policy: "inbox", limit: "day", from: 1, to: 3 }]);
  expect(await keys()).toEqual(["stage"]);
  await evictDurableObject(object());
  expect(await admitted()).toBe(8);
  expect((await shown()).stage).toEqual({ start: asked.start });

  // The audit says what was about to be set, and what has come of it.
  const [staged, intended] = await audit();
  const common = { target: TARGET, kind: "stage", version: made.json.version, reason: "moved here" };
  expect(intended).toMatchObject({ ...common, action: "stage", after: { start: asked.start, policy: "inbox" } });
  expect(staged).toMatchObject({ ...common, action: "staged", after: { start: asked.start, steps: made.json.steps } });
  expect([intended.before, staged.before]).toEqual([undefined, undefined]);
});

test("a subject without stages is told so, and nothing is stored", async () => {
  await begin(2);
  await call("PUT", "/policies/plain", { provider: "mail", scope: "inbox", limit: 5, window: "1d" });
  const before = (await audit()).length;
  for (const [body, field] of [
    [{ paused: true }, "policy"],
    [{ paused: true, policy: "plain" }, "policy"],
  ]) {
    expect(await set(body)).toMatchObject({ status: 400, json: { code: "invalidField", field } });
  }
  expect(await set({ paused: true, policy: "nobody" })).toMatchObject({ status: 404, json: { code: "unknownPolicy" } });
  const other = await set({ paused: true, policy: "inbox" }, "subject:mail//box");
  expect(other).toMatchObject({ status: 400, json: { field: "target" } });
  expect(await keys()).toEqual([]);
  expect(await keys("rate-limit:mail:box")).toEqual([]);
  // Nor where it was asked by limits without any.
  expect(await admitted("plain")).toBe(5);
  expect(await set({ paused: true })).toMatchObject({ status: 400, json: { field: "policy" } });
  expect(await keys()).not.toContain("stage");
  expect((await audit()).length).toBe(before);
});

test("a subject is meant as its policy counts it", async () => {
  await begin(3);
  const limits = [day([1, 3])];
  await call("PUT", "/policies/net", { provider: "net", ipv6Prefix: 64, limits });
  const start = Date.now() - 8 * DAY;
  const address = encodeURIComponent("2001:DB8::7");
  const network = encodeURIComponent("2001:db8::/64");
  const made = await set({ start, policy: "net" }, `subject:net//${address}`);
  expect(made).toMatchObject({ status: 201, json: { target: `subject:net//${network}` } });
  expect(await admitted("net", "[2001:db8::1]")).toBe(3);
  expect((await shown(`provider=net&identifier=${network}`)).stage).toEqual({ start });
  // Signs that have a meaning in paths.
  const odd = encodeURIComponent("a/b?c#d e%+ü");
  await call("PUT", "/policies/odd", { limits });
  expect((await set({ start, policy: "odd" }, `subject:default//${odd}`)).status).toBe(201);
  expect(await admitted("odd", "a/b?c#d e%+ü")).toBe(3);
});

test("a subject whose parent refuses its first requests is not a day older by them", async () => {
  const start = await begin(4);
  await call("PUT", "/policies/all", { provider: "all", algorithm: "fixedWindow", limit: 1, window: "1d" });
  const parent = { policy: "all" };
  await call("PUT", "/policies/below", { provider: "below", parent, limits: [day([2, 4])] });
  const ask = async () => (await call("POST", "/limit", { policy: "below", identifier: "new" })).json;
  expect((await call("POST", "/limit", { policy: "all", identifier: "all" })).status).toBe(200);
  vi.setSystemTime(start + 3_000);
  expect(await ask()).toMatchObject({ success: false, decidedBy: "all" });
  const name = "rate-limit:below:new";
  await expect.poll(() => keys(name)).not.toContain("stage");
  vi.setSystemTime(start + 8 * DAY);
  expect((await ask()).success).toBe(true);
  expect((await shown("provider=below&identifier=new")).stage).toEqual({ start: start + 8 * DAY });
});

test("entries of one request start all clocks, or none", async () => {
  const start = await begin(5);
  await call("PUT", "/policies/log", {
    provider: "mail",
    scope: "inbox",
    limits: [{ ...day([1, 4]), algorithm: "slidingLog", window: "1d", period: undefined }],
  });
  const multi = async (cost) => {
    const entry = { identifier: "box" };
    const limits = [
      { ...entry, policy: "inbox" },
      { ...entry, policy: "log", cost },
    ];
    return (await call("POST", "/limit/multi", { limits })).json.success;
  };
  expect(await multi(2)).toBe(false);
  expect((await shown()).stage).toBeUndefined();
  vi.setSystemTime(start + DAY);
  expect(await multi(1)).toBe(true);
  expect((await shown()).stage).toEqual({ start: start + DAY });
});
