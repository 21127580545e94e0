// What an object keeps, seen from inside workerd on a clock that the test sets: waking, cleaning,
// and what a decision costs in storage.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { call } from "./lib/call.mjs";
import { startAt } from "./lib/time.mjs";

const START = Date.UTC(2027, 0, 4);
const MINUTE = 60_000;
const DAY = 86_400_000;

startAt(START);

const objectOf = (identifier) => env.RATE_LIMIT.getByName(`rate-limit:default:${identifier}`);

const limit = (body) => call("POST", "/limit", body);

/** Every row of the object's own tables. */
const rows = (identifier) =>
  runInDurableObject(objectOf(identifier), (_object, { storage }) => {
    const tables = storage.sql.exec(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
    );
    return [...tables].flatMap(({ name }) => [...storage.sql.exec(`SELECT * FROM ${name}`)]);
  });

const HOUR_100 = { algorithm: "fixedWindow", limit: 100, window: "1h" };

describe("cleaning", () => {
  test.each([
    ["fixedWindow", { algorithm: "fixedWindow", limit: 5, window: "10m" }],
    ["slidingWindow", { algorithm: "slidingWindow", limit: 5, window: "10m" }],
    ["slidingLog", { algorithm: "slidingLog", limit: 5, window: "10m" }],
    ["tokenBucket", { algorithm: "tokenBucket", capacity: 5, refill: { amount: 1, interval: "2m" } }],
    ["leakyBucket", { algorithm: "leakyBucket", capacity: 5, leak: { amount: 1, interval: "2m" } }],
    ["quota", { algorithm: "quota", limit: 5, period: "hour" }],
    ["concurrency", { algorithm: "concurrency", limit: 5, ttl: "10m" }],
  ])("a subject limited by %s ends with no row, no alarm and a fresh start", async (identifier, definition) => {
    const body = { identifier, ...definition };
    for (let i = 0; i < 5; i++) expect((await limit(body)).status).toBe(200);
    expect((await limit(body)).status).toBe(429);
    expect((await rows(identifier)).length).toBeGreaterThan(0);
    // One alarm may still find it in use, and set the next.
    for (let i = 0; i < 3 && (await rows(identifier)).length > 0; i++) {
      vi.setSystemTime(Date.now() + 2 * 60 * MINUTE);
      await runDurableObjectAlarm(objectOf(identifier));
    }
    expect(await rows(identifier)).toEqual([]);
    expect(await runDurableObjectAlarm(objectOf(identifier))).toBe(false);
    expect((await limit(body)).json).toMatchObject({ success: true, remaining: 4 });
  });

  test("an alarm that comes while the subject is in use forgets nothing", async () => {
    const body = { identifier: "busy", ...HOUR_100 };
    await limit({ ...body, cost: 60 });
    vi.setSystemTime(START + 30 * MINUTE);
    await runDurableObjectAlarm(objectOf("busy"));
    expect((await limit({ ...body, cost: 41 })).status).toBe(429);
    expect((await limit({ ...body, cost: 40 })).status).toBe(200);
  });

  test("a block ends by itself and leaves nothing", async () => {
    await call("POST", "/limit/block", { identifier: "blocked", duration: "10m", reason: "abuse" });
    expect((await limit({ identifier: "blocked", ...HOUR_100 })).json).toMatchObject({
      reason: "blocked",
      retryAfter: 10 * MINUTE,
    });
    vi.setSystemTime(START + 10 * MINUTE);
    expect((await limit({ identifier: "blocked", ...HOUR_100, peek: true })).status).toBe(200);
    vi.setSystemTime(START + 20 * MINUTE);
    await runDurableObjectAlarm(objectOf("blocked"));
    expect(await rows("blocked")).toEqual([]);
  });
});

describe("waking", () => {
  test("an evicted object remembers what it admitted", async () => {
    const body = { identifier: "evicted", ...HOUR_100 };
    await limit({ ...body, cost: 98 });
    await evictDurableObject(objectOf("evicted"));
    expect((await limit(body)).json.remaining).toBe(1);
    await evictDurableObject(objectOf("evicted"));
    expect((await limit({ ...body, cost: 2 })).status).toBe(429);
  });

  test("at a large limit an eviction within a second of a burst costs at most one percent, and never gives any", {
    timeout: 60_000,
  }, async () => {
    const body = { identifier: "large", algorithm: "fixedWindow", limit: 10_000, window: "1h" };
    for (let i = 0; i < 50; i++) await limit(body);
    await evictDurableObject(objectOf("large"));
    const { json } = await limit({ ...body, peek: true });
    expect(json.remaining).toBeLessThanOrEqual(9_950);
    expect(json.remaining).toBeGreaterThanOrEqual(9_950 - 99);
  });

  test("rows without an alarm get one", async () => {
    await limit({ identifier: "orphan", ...HOUR_100 });
    await runInDurableObject(objectOf("orphan"), (_object, { storage }) => storage.deleteAlarm());
    await evictDurableObject(objectOf("orphan"));
    await limit({ identifier: "orphan", ...HOUR_100, peek: true });
    vi.setSystemTime(START + DAY);
    expect(await runDurableObjectAlarm(objectOf("orphan"))).toBe(true);
  });

  test("rows of a version too new are neither read as empty nor overwritten", async () => {
    const body = { identifier: "newer", ...HOUR_100 };
    await limit(body);
    const [before] = await rows("newer");
    await runInDurableObject(objectOf("newer"), (_object, { storage }) => {
      storage.sql.exec("UPDATE state SET row = '9' || substr(row, 2) WHERE key LIKE 'limit/%'");
    });
    await evictDurableObject(objectOf("newer"));
    expect((await limit({ ...body, failMode: "closed" })).status).toBe(503);
    expect((await limit(body)).json).toEqual({ success: true, reason: "degraded", source: "fallback" });
    expect((await call("DELETE", "/limit?identifier=newer")).status).toBe(503);
    const after = (await rows("newer")).find(({ key }) => key.startsWith("limit/"));
    expect(after.row.slice(1)).toBe(before.row.slice(1));
  });
});

describe("what a decision costs in storage", () => {
  /** Counts statements by their first word, from now on. */
  async function counting(identifier) {
    const counts = {};
    await runInDurableObject(objectOf(identifier), (_object, { storage }) => {
      const { sql } = storage;
      const prototype = Object.getPrototypeOf(sql);
      const original = prototype.exec;
      prototype.exec = function exec(statement, ...values) {
        const word = statement.trim().split(" ")[0];
        // The prototype is that of all objects, and the directory hears of the subject in the
        // background.
        if (!statement.includes("alive")) counts[word] = (counts[word] ?? 0) + 1;
        return original.call(this, statement, ...values);
      };
      counts.restore = () => {
        prototype.exec = original;
      };
    });
    return counts;
  }

  test("a live object reads nothing, writes one row per hundred admissions at limit 10,000, and none per denial", {
    timeout: 60_000,
  }, async () => {
    const body = {
      identifier: "counted",
      algorithm: "tokenBucket",
      capacity: 10_000,
      refill: { amount: 1, interval: "1d" },
    };
    await limit(body);
    const counts = await counting("counted");
    try {
      for (let i = 0; i < 400; i++) await limit(body);
      expect(counts.SELECT ?? 0).toBe(0);
      expect(counts.INSERT).toBeGreaterThan(0);
      // One in a hundred, and six more in the beginning, when rows run ahead by 1, 3, … 63 units.
      expect(counts.INSERT).toBeLessThanOrEqual(11);
      const written = counts.INSERT;
      for (let i = 0; i < 50; i++) expect((await limit({ ...body, cost: 9_999 })).status).toBe(429);
      expect([counts.INSERT, counts.DELETE ?? 0, counts.SELECT ?? 0]).toEqual([written, 0, 0]);
    } finally {
      counts.restore();
    }
  });
});

test("a quota follows the calendar of its zone", async () => {
  const berlin = { identifier: "berlin", algorithm: "quota", limit: 2, period: "day", timeZone: "Europe/Berlin" };
  vi.setSystemTime(Date.UTC(2027, 2, 27, 22, 59, 59)); // the last second of the day before clocks go forward
  await limit({ ...berlin, cost: 2 });
  expect((await limit(berlin)).json).toMatchObject({ success: false, retryAfter: 1_000 });
  vi.setSystemTime(Date.UTC(2027, 2, 27, 23));
  const { json } = await limit({ ...berlin, cost: 2 });
  expect(json).toMatchObject({ success: true, reset: Date.UTC(2027, 2, 28, 22) }); // a day of 23 hours
});
