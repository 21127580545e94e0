// What an object of Redis keys keeps, seen from inside workerd on a clock that the test sets:
// waking, expiry, and storage back to zero.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { expect, test, vi } from "vitest";
import { startAt } from "./lib/time.mjs";

const START = Date.UTC(2027, 0, 4);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/**
 * The script of a cached fixed window in the newest SDK, whose key it never gives a time to live.
 */
const CACHED_WINDOW = "1861a700bafe96c833a483af6b1c28a8897cfdb0";

startAt(START);

const objectOf = (shard) => env.KEYSPACE.getByName(`keyspace:${shard}`);

async function run(...command) {
  const request = new Request("https://tollgate/", {
    method: "POST",
    headers: { authorization: "Bearer test-admin" },
    body: JSON.stringify(command),
  });
  const response = await exports.default.fetch(request);
  const { result, error } = await response.json();
  expect(error).toBeUndefined();
  return result;
}

/** How many rows there are in the object's own tables. */
const rows = (shard) =>
  runInDurableObject(objectOf(shard), (_object, { storage }) => {
    const tables = storage.sql.exec(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
    );
    return [...tables].reduce(
      (sum, { name }) => sum + storage.sql.exec(`SELECT count(*) AS n FROM ${name}`).one().n,
      0,
    );
  });

/** Lets alarms ring, each an hour after the other, until none is set; at most so many. */
async function ring(shard, most = 10) {
  for (let i = 0; i < most; i++) {
    vi.setSystemTime(Date.now() + HOUR);
    if (!(await runDurableObjectAlarm(objectOf(shard)))) return;
  }
  throw new Error("the alarm rings for ever");
}

test("an evicted object reads its keys again, of every type, with their times to live", async () => {
  await run("SET", "e", "text", "EX", "100");
  await run("DEL", "e");
  await run("HSET", "e", "field", "value");
  await run("PEXPIRE", "e", "60000");
  await evictDurableObject(objectOf("e"));
  vi.setSystemTime(START + 10_000);
  expect(await run("HGETALL", "e")).toEqual(["field", "value"]);
  expect(await run("PTTL", "e")).toBe(50_000);
  await run("ZADD", "z", "1.5", "member");
  await run("SADD", "s", "a", "b");
  await run("SET", "t", "\u0000ключ");
  for (const shard of ["z", "s", "t"]) await evictDurableObject(objectOf(shard));
  expect(await run("ZRANGE", "z", "0", "-1", "WITHSCORES")).toEqual(["member", "1.5"]);
  expect((await run("SMEMBERS", "s")).sort()).toEqual(["a", "b"]);
  expect(await run("GET", "t")).toBe("\u0000ключ");
});

test("what has expired is gone at once, and its rows and its object's name soon", async () => {
  await run("SET", "short", "1", "PX", "5000");
  expect(await rows("short")).toBeGreaterThan(0);
  vi.setSystemTime(START + 4_999);
  expect(await run("GET", "short")).toBe("1");
  vi.setSystemTime(START + 5_000);
  expect(await run("GET", "short")).toBeNull();
  await ring("short");
  expect(await rows("short")).toBe(0);
  expect(await run("KEYS", "*")).toEqual([]);
  expect(await run("DBSIZE")).toBe(0);
});

test("many keys are swept in time although their object wakes in between and knows few of them", async () => {
  const MANY = "%7Bmany%7D";
  const many = Array.from({ length: 200 }, (_, i) => [`{many}${i}`, "1"]).flat();
  await run("MSET", ...many);
  await run("SET", "{many}first", "1", "PX", "60000");
  await evictDurableObject(objectOf(MANY));
  await run("SET", "{many}second", "1", "PX", String(100 * HOUR));
  const due = await runInDurableObject(objectOf(MANY), (_object, { storage }) => storage.getAlarm());
  expect(due).toBeLessThanOrEqual(START + 2 * HOUR);
  vi.setSystemTime(due);
  await runDurableObjectAlarm(objectOf(MANY));
  expect(await rows(MANY)).toBe(202); // with the row that says where it is listed
});

test("a deleted key leaves nothing behind", async () => {
  await run("SET", "deleted", "1");
  await run("DEL", "deleted");
  await ring("deleted");
  expect(await rows("deleted")).toBe(0);
});

test("a key without a time to live stays", async () => {
  await run("SET", "kept", "1");
  vi.setSystemTime(START + 400 * DAY);
  await runDurableObjectAlarm(objectOf("kept"));
  expect(await run("GET", "kept")).toBe("1");
  expect(await run("TTL", "kept")).toBe(-1);
});

test("the windows that the SDKs never let expire do, after their window", async () => {
  // The cost as the SDK's cached window sends it: the script compares it with a number and sets no
  // expiry.
  await run("EVALSHA", CACHED_WINDOW, "1", "leaked:1", "60000", "1");
  expect(await run("GET", "leaked:1")).toBe("1");
  const ttl = await run("PTTL", "leaked:1");
  expect(ttl).toBeGreaterThan(0);
  vi.setSystemTime(START + ttl + 1);
  expect(await run("GET", "leaked:1")).toBeNull();
  await ring("leaked");
  expect(await rows("leaked")).toBe(0);
});

test("analytics are kept for ninety days", async () => {
  await run("ZINCRBY", `p:events:${START}`, "1", '{"identifier":"u","success":true}');
  const ttl = await run("TTL", `p:events:${START}`);
  expect(ttl).toBeGreaterThan((89 * DAY) / 1000);
  expect(ttl).toBeLessThanOrEqual((91 * DAY) / 1000);
  vi.setSystemTime(START + 92 * DAY);
  await ring("p:events");
  expect(await rows("p:events")).toBe(0);
});

test("a name that the runtime does not tell the object is kept until the directory knows it, and goes with the keys", async () => {
  const key = "k".repeat(1_020);
  const directory = env.DIRECTORY.getByName("directory");
  const failing = (object) => {
    object.fetch = () => Promise.reject(new Error("out of reach"));
  };
  await runInDurableObject(directory, failing);
  await run("SET", key, "1", "EX", "100");
  // The key, and the name.
  expect(await rows(key)).toBe(2);
  expect(await run("KEYS", "*")).toEqual([]);
  await evictDurableObject(objectOf(key));
  await runInDurableObject(directory, (object) => void delete object.fetch);
  await objectOf(key).call("1 run\n"); // a Worker of a build from before tells no name
  expect(await run("KEYS", "*")).toEqual([key]);
  await ring(key);
  expect(await rows(key)).toBe(0);
  expect(await run("KEYS", "*")).toEqual([]);
});
