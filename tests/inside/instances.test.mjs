// An object that another instance has taken the place of, seen from inside workerd on a clock that
// the test sets: it learns of it by a write, so it writes while it is asked, and decides nothing
// once its writes fail.

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test, vi } from "vitest";
import { call } from "./lib/call.mjs";
import { startAt } from "./lib/time.mjs";

startAt(Date.UTC(2027, 0, 4));

const objectOf = (identifier) => env.RATE_LIMIT.getByName(`rate-limit:default:${identifier}`);
const limit = (body) => call("POST", "/limit", body);
const pass = (milliseconds) => vi.setSystemTime(Date.now() + milliseconds);

const HOUR_5 = { algorithm: "fixedWindow", limit: 5, window: "1h", failMode: "closed" };

/**
 * Has `write` run in place of each write of a subject's rows and of each setting of an alarm, until
 * the function is called that it resolves with. What is read is read.
 */
async function writing(identifier, write) {
  let restore;
  await runInDurableObject(objectOf(identifier), (_object, { storage }) => {
    const [storages, sqls] = [storage, storage.sql].map(Object.getPrototypeOf);
    const { setAlarm } = storages;
    const { exec } = sqls;
    sqls.exec = function replaced(statement, ...values) {
      // The prototype is that of all objects; the directory's statements name its table.
      const isOwn = !statement.startsWith("SELECT") && !statement.includes("alive");
      const run = () => exec.call(this, statement, ...values);
      return isOwn ? write(run, values[0]) : run();
    };
    storages.setAlarm = function replaced(...values) {
      return write(() => setAlarm.apply(this, values));
    };
    restore = () => {
      sqls.exec = exec;
      storages.setAlarm = setAlarm;
    };
  });
  return restore;
}

test("an object that goes on refusing writes a row when its last write is older than ten seconds", async () => {
  const body = { identifier: "refused", ...HOUR_5 };
  await limit({ ...body, cost: 5 });
  let writes = 0;
  const restore = await writing("refused", (write, key) => {
    // Beside it, what the directory was told is noted.
    if (key?.startsWith?.("limit/")) writes += 1;
    return write();
  });
  try {
    const written = [];
    for (let second = 1; second <= 33; second++) {
      // Longer than an isolate remembers a refusal.
      pass(1_001);
      const before = writes;
      expect((await limit(body)).status).toBe(429);
      if (writes > before) written.push(second);
    }
    expect(written).toEqual([10, 20, 30]);
  } finally {
    restore();
  }
});

test("an object whose writes fail decides nothing until one succeeds, whatever it reads", async () => {
  const body = { identifier: "replaced", ...HOUR_5 };
  await limit({ ...body, cost: 4 });
  const restore = await writing("replaced", () => {
    throw new Error("not the current instance");
  });
  try {
    expect(await limit(body)).toMatchObject({ status: 503, json: { code: "objectUnavailable" } });
    // It has dropped its memory and reads its rows anew: neither an admission nor a refusal leaves.
    for (const cost of [1, 2, 1, 5]) {
      pass(1_001);
      expect((await limit({ ...body, cost })).status).toBe(503);
    }
  } finally {
    restore();
  }
  await evictDurableObject(objectOf("replaced"));
  pass(60_000); // the isolate left the object alone for a while
  expect((await limit({ ...body, peek: true })).json).toMatchObject({ success: true, remaining: 1 });
  expect((await limit({ ...body, cost: 2 })).status).toBe(429);
  expect((await limit(body)).status).toBe(200);
});
