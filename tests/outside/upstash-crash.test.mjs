// No acknowledged write of the Redis commands and scripts is lost: the process is killed under
// load, started again on the same disk, and every key then says at least what was last
// acknowledged.

import { afterAll, beforeAll, expect, test } from "vitest";
import { call, server } from "./lib/server.mjs";

const KILLS = 20;
const ACKNOWLEDGED = 500;
const WRITERS = 16;
/**
 * The script of a fixed window as the newest SDK sends it: KEYS key, dynamic limit; ARGV limit,
 * window, cost.
 */
const FIXED_WINDOW = "b2efc02798c8e9b471a10f9b1d5745db89923ff3";

let tollgate;
beforeAll(async () => {
  tollgate = await (await server()).start();
});
afterAll(() => tollgate?.remove());

const pipeline = async (commands) => {
  const { status, json } = await call(tollgate.url, "POST", "/pipeline", commands);
  expect(status).toBe(200);
  return json.map(({ result, error }) => {
    expect(error).toBeUndefined();
    return result;
  });
};

/**
 * What one writer writes: the n-th write of each kind, and how what is read back must compare with
 * n.
 */
const KINDS = [
  { write: (key, n) => ["SET", `${key}:string`, n], read: (key) => ["GET", `${key}:string`] },
  { write: (key) => ["INCR", `${key}:count`], read: (key) => ["GET", `${key}:count`] },
  { write: (key, n) => ["HSET", `${key}:hash`, "n", n], read: (key) => ["HGET", `${key}:hash`, "n"] },
  { write: (key, n) => ["ZADD", `${key}:sorted`, n, `m${n}`], read: (key) => ["ZCARD", `${key}:sorted`] },
  { write: (key, n) => ["SADD", `${key}:set`, n], read: (key) => ["SCARD", `${key}:set`] },
  {
    write: (key) => ["EVALSHA", FIXED_WINDOW, 2, `${key}:window:1`, "", 1_000_000, 86_400_000, 1],
    read: (key) => ["GET", `${key}:window:1`],
  },
];

/** Writes until the process is gone; `writer.acknowledged` is how often every kind has been. */
async function load(writer, progress) {
  for (let n = 1; ; n++) {
    try {
      await pipeline(KINDS.map(({ write }) => write(writer.key, n)));
    } catch (error) {
      if (error.name === "AssertionError") throw error;
      return; // the connection broke: whether these were written, nobody was told
    }
    writer.acknowledged = n;
    progress.count += KINDS.length;
    if (progress.count >= ACKNOWLEDGED) progress.enough();
  }
}

test(`no acknowledged write is lost by ${KILLS} kills`, { timeout: 240_000 }, async () => {
  for (let kill = 0; kill < KILLS; kill++) {
    const writers = Array.from({ length: WRITERS }, (_, i) => ({ key: `k${kill}-${i}`, acknowledged: 0 }));
    const progress = { count: 0 };
    const enough = new Promise((resolve) => {
      progress.enough = resolve;
    });
    const underWay = writers.map((writer) => load(writer, progress));
    await enough;
    await tollgate.kill();
    await Promise.all(underWay);
    await tollgate.start();
    for (const { key, acknowledged } of writers) {
      const found = await pipeline(KINDS.map(({ read }) => read(key)));
      for (const [i, value] of found.entries()) {
        const told = `${KINDS[i].write(key, 0).slice(0, 3).join(" ")}: ${value} after ${acknowledged} acknowledged writes`;
        expect(Number(value), told).toBeGreaterThanOrEqual(acknowledged);
        expect(Number(value), told).toBeLessThanOrEqual(acknowledged + 1);
      }
    }
  }
});
