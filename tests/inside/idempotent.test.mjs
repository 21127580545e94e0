// What an object keeps of requests that may come again, seen from inside workerd on a clock that
// the test sets: rows that are looked up and not loaded, and nothing when nobody asks any more.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test, vi } from "vitest";
import { call } from "./lib/call.mjs";
import { startAt } from "./lib/time.mjs";

const START = Date.UTC(2027, 4, 10);
const MINUTE = 60_000;

startAt(START);

const objectOf = (identifier) => env.RATE_LIMIT.getByName(`rate-limit:default:${identifier}`);
const limit = (identifier, rest) =>
  call("POST", "/limit", { identifier, algorithm: "fixedWindow", limit: 1_000, window: "1d", writeAhead: 1, ...rest });
const used = async (identifier) => (await call("GET", `/limit?identifier=${identifier}`)).json.limits[0]?.used ?? 0;

/** Every row of the object's own tables, by table. */
const rows = (identifier) =>
  runInDurableObject(objectOf(identifier), (_object, { storage }) => {
    const tables = storage.sql.exec(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
    );
    return Object.fromEntries([...tables].map(({ name }) => [name, [...storage.sql.exec(`SELECT * FROM ${name}`)]]));
  });

/** What `run` reads and writes: rows of storage, but for what the directory is told. */
async function cost(run) {
  const cursors = [];
  const { prototype, original } = await runInDurableObject(objectOf("cost"), (_object, { storage }) => {
    const prototype = Object.getPrototypeOf(storage.sql);
    const original = prototype.exec;
    prototype.exec = function exec(statement, ...values) {
      const cursor = original.call(this, statement, ...values);
      if (/ (state|answers)\b/.test(statement) && !statement.includes("sqlite") && values[0] !== "listed") {
        cursors.push(cursor);
      }
      return cursor;
    };
    return { prototype, original };
  });
  try {
    await run();
  } finally {
    prototype.exec = original;
  }
  const sum = (what) => cursors.reduce((all, cursor) => all + cursor[what], 0);
  return { read: sum("rowsRead"), written: sum("rowsWritten") };
}

test("a key is known after a sleep, and looked up alone: the others are not read", { timeout: 60_000 }, async () => {
  for (let i = 0; i < 400; i++) await limit("many", { idempotencyKey: `k${i}`, idempotencyFor: "1h" });
  expect((await rows("many")).answers).toHaveLength(401);
  await evictDurableObject(objectOf("many"));
  // The row of the limit, that of the directory, and one about all keys.
  const waking = await cost(() => limit("many", { peek: true }));
  expect(waking.read).toBeLessThanOrEqual(6);
  const known = await cost(async () => {
    const { json } = await limit("many", { idempotencyKey: "k7", idempotencyFor: "1h" });
    expect(json).toMatchObject({ success: true, repeated: true, remaining: 992 });
  });
  expect(known.read).toBeLessThanOrEqual(2);
  expect(known.written).toBe(0);
  // In memory by now.
  const again = await cost(() => limit("many", { idempotencyKey: "k7", idempotencyFor: "1h" }));
  expect(again.read).toBe(0);
  expect(await used("many")).toBe(400);
});

test("a keyed admission writes its own row beside that of its limit; a denial and an operation write none", async () => {
  const first = { idempotencyKey: "first", limit: 50 };
  await limit("one", first);
  const keyed = await cost(() => limit("one", { idempotencyKey: "second", limit: 50 }));
  expect(keyed.written).toBe(2);
  const operation = await cost(() => limit("one", { operation: "third", limit: 50 }));
  expect(operation.written).toBe(1);
  for (const again of [first, { operation: "third", limit: 50 }]) {
    const repeated = await cost(async () => expect((await limit("one", again)).json.repeated).toBe(true));
    expect(repeated.written).toBe(0);
  }
  const refused = await cost(() => limit("one", { idempotencyKey: "fourth", limit: 50, cost: 50 }));
  expect(refused.written).toBe(0);
});

test("no row tells the key, nor the operation", async () => {
  await limit("secret", { idempotencyKey: "order-4711-of-ann", idempotencyFor: "1h" });
  await limit("secret", { operation: "order-4712-of-ann" });
  const stored = JSON.stringify(await rows("secret"));
  expect(stored).not.toContain("471");
  expect(stored).toContain(" question=");
});

test("a subject that nobody asks any more ends with empty storage", { timeout: 60_000 }, async () => {
  for (let i = 0; i < 150; i++) {
    await limit("idle", { window: "1m", idempotencyKey: `k${i}`, idempotencyFor: "30m" });
  }
  vi.setSystemTime(START + 5 * MINUTE);
  await runDurableObjectAlarm(objectOf("idle"));
  // Keys are known, and there is an alarm for them, while the limit is as new.
  const again = { window: "1m", idempotencyKey: "k3", idempotencyFor: "30m" };
  expect((await limit("idle", again)).json).toMatchObject({ repeated: true, remaining: 996 });
  for (let i = 0; i < 3 && Object.keys(await rows("idle")).length > 0; i++) {
    vi.setSystemTime(Date.now() + 45 * MINUTE);
    await runDurableObjectAlarm(objectOf("idle"));
  }
  expect(await rows("idle")).toEqual({});
  expect(await runDurableObjectAlarm(objectOf("idle"))).toBe(false);
  expect((await limit("idle", again)).json).toMatchObject({ success: true, remaining: 999 });
});

test("rows that nobody needs go while others come", { timeout: 60_000 }, async () => {
  const ask = (i) => limit("steady", { limit: 100_000, idempotencyKey: `k${i}`, idempotencyFor: "1s" });
  for (let i = 0; i < 1_200; i++) {
    vi.setSystemTime(START + i * 20);
    await ask(i);
  }
  // Fifty a second, each known for a second.
  expect((await rows("steady")).answers.length).toBeLessThanOrEqual(301);
});

test("a row that cannot be read leaves its key unanswered, and the others as they are", async () => {
  await limit("newer", { idempotencyKey: "a", idempotencyFor: "1h" });
  await runInDurableObject(objectOf("newer"), (_object, { storage }) => {
    storage.sql.exec("UPDATE answers SET row = '9' || substr(row, 2) WHERE id <> ''");
  });
  await evictDurableObject(objectOf("newer"));
  const closed = { failMode: "closed", idempotencyFor: "1h" };
  expect((await limit("newer", { ...closed, idempotencyKey: "a" })).status).toBe(503);
  expect((await limit("newer", { ...closed, idempotencyKey: "b" })).json).toMatchObject({ remaining: 998 });
  expect(await used("newer")).toBe(2);
});
