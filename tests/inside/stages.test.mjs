// A subject's stages, seen from inside workerd on a clock that the test sets: what its object keeps
// of them while it is idle, asleep and reset, and what GET /limit and explain tell.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test, vi } from "vitest";
import { call } from "./lib/call.mjs";
import { startAt } from "./lib/time.mjs";

const START = Date.UTC(2027, 0, 4, 9);
const DAY = 86_400_000;

startAt(START);

const INBOX = {
  limits: [
    {
      name: "day",
      algorithm: "quota",
      period: "day",
      stages: [{ for: "7d", limit: 2 }, { for: "7d", limit: 4 }, { limit: 8 }],
    },
  ],
};
const object = () => env.RATE_LIMIT.getByName("rate-limit:default:box");
const ask = async (policy = "inbox") => (await call("POST", "/limit", { policy, identifier: "box" })).json;
const shown = async () => (await call("GET", "/limit?identifier=box")).json.limits;
const keys = () =>
  runInDurableObject(object(), (_object, { storage }) =>
    [...storage.sql.exec("SELECT key FROM state")].map(({ key }) => key).filter((key) => !key.startsWith("listed")),
  );

/** How many are admitted one after the other. */
async function admitted(policy) {
  for (let count = 0; ; count++) if (!(await ask(policy)).success) return count;
}

/** The object falls asleep, and its alarm comes when it is idle. */
async function idleUntil(instant) {
  await evictDurableObject(object());
  vi.setSystemTime(instant);
  await runDurableObjectAlarm(object());
  await evictDurableObject(object());
}

test("an inbox is warmed up although it sleeps, is idle, and is reset", async () => {
  expect((await call("PUT", "/policies/inbox", INBOX)).status).toBe(201);
  expect(await admitted()).toBe(2);
  const stage = { step: 1, start: START, next: Date.UTC(2027, 0, 12) };
  expect(await shown()).toMatchObject([{ policy: "inbox", name: "day", limit: 2, remaining: 0, stage }]);
  expect((await shown())[0].stages.map(({ limit }) => limit)).toEqual([2, 4, 8]);
  await idleUntil(START + 2 * DAY);
  expect(await keys()).toEqual(["stage"]);
  expect((await call("DELETE", "/limit?identifier=box")).status).toBe(200);
  expect(await keys()).toEqual(["stage"]);
  vi.setSystemTime(START + 8 * DAY);
  expect(await admitted()).toBe(4);
  expect((await shown())[0].stage.step).toBe(2);
  expect((await call("DELETE", "/limit?identifier=box")).status).toBe(200);
  vi.setSystemTime(START + 8 * DAY + 1_000); // a refusal that is remembered is over
  expect(await admitted()).toBe(4);
  await idleUntil(START + 200 * DAY);
  expect(await keys()).toEqual(["stage"]);
  expect(await admitted()).toBe(8);
});

test("a refusal knows the step that comes, and explain tells the largest", async () => {
  // Another generation of policies than the isolate remembers of the test before.
  const begin = START + 1;
  vi.setSystemTime(begin);
  const limit = { ...INBOX.limits[0], algorithm: "slidingLog", window: "1d", period: undefined };
  await call("PUT", "/policies/log", { limits: [limit] });
  await ask("log");
  vi.setSystemTime(begin + 7 * DAY - 60_000);
  expect(await admitted("log")).toBe(2);
  expect(await ask("log")).toMatchObject({ success: false, limit: 2, retryAfter: 60_000, reason: "limit" });
  const explained = (await call("GET", "/policies/log/explain?identifier=box")).json;
  expect(explained.limits[0].worstCase).toMatchObject({ units: 8 });
  expect(explained.limits[0].stages).toHaveLength(3);
  expect(explained.next.slice(0, 2)).toEqual([60_000, 60_000]);
  // What the refusal told.
  vi.setSystemTime(begin + 7 * DAY);
  expect(await admitted("log")).toBe(2);
});

test("a request brings hours along, and no stages", async () => {
  const times = [{ between: ["08:00", "10:00"], limit: 1 }];
  const body = { identifier: "hours", limit: 3, window: "1d", times };
  const refused = [(await call("POST", "/limit", body)).status, (await call("POST", "/limit", body)).json];
  // The sliding window has room for a second one when it is ten.
  expect(refused).toMatchObject([200, { success: false, limit: 1, retryAfter: 3_600_000 }]);
  const staged = await call("POST", "/limit", { identifier: "x", limit: 3, window: "1d", stages: [{ limit: 3 }] });
  expect(staged).toMatchObject({ status: 400, json: { code: "invalidField", field: "stages" } });
});
