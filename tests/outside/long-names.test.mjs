// Subjects and Redis keys whose objects have names that the runtime does not tell them, because
// they are longer than 1,024 bytes: callers tell it, and the objects keep it. They are listed like
// all others, after a sleep, at an alarm, and after a kill.

import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { server } from "./lib/server.mjs";

/** Longer than workerd keeps an idle object in memory. */
const ASLEEP = 11_500;
/** Within this time something is told that has changed, on a busy machine. */
const TOLD = { timeout: 25_000, interval: 200 };

let tollgate;
beforeAll(async () => {
  tollgate = await (await server()).start();
});
afterAll(() => tollgate?.remove());

const nameOf = ({ provider, scope, identifier }) =>
  ["rate-limit", provider, ...(scope ? [scope] : []), identifier]
    .map((part, i) => (i === 0 ? part : encodeURIComponent(part)))
    .join(":");
/** A subject whose object's name has so many bytes. */
const ofLength = (length) => {
  const bare = nameOf({ provider: "long", identifier: "" }).length;
  return { provider: "long", scope: "", identifier: String(length).padEnd(length - bare, "q") };
};
const SUBJECTS = [
  ...[100, 1_023, 1_024, 1_025, 1_035].map(ofLength),
  { provider: "long", scope: "", identifier: "€".repeat(341) },
  { provider: "\u0001".repeat(128), scope: "\u0001".repeat(128), identifier: "\u0001".repeat(1_024) },
];
const LIMIT = { limit: 2, window: "52w" };

const limit = (subject, more) => tollgate.call("POST", "/limit", { ...subject, ...LIMIT, ...more });
const subjects = async (query) => {
  const { status, text, json } = await tollgate.call("GET", `/subjects?${new URLSearchParams(query)}`);
  expect(status, text).toBe(200);
  return json;
};
const who = ({ subjects }) => subjects.map(({ provider, scope, identifier }) => ({ provider, scope, identifier }));
const sorted = (list) => [...list].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
const listed = (query, expected) => expect.poll(async () => who(await subjects(query)), TOLD).toEqual(sorted(expected));

test("all of them are listed, in order, in pages, by each filter, live, and after a kill", {
  timeout: 120_000,
}, async () => {
  expect(SUBJECTS.map((subject) => nameOf(subject).length)).toEqual([100, 1_023, 1_024, 1_025, 1_035, 3_085, 3_853]);
  for (const subject of SUBJECTS) expect((await limit(subject)).json.success).toBe(true);
  await listed({}, SUBJECTS);
  await tollgate.kill();
  await tollgate.start();
  await listed({}, SUBJECTS);
  const pages = [];
  let after;
  do {
    const page = await subjects({ limit: 1, ...(after && { after }) });
    pages.push(...who(page));
    after = page.next;
  } while (after);
  expect(pages).toEqual(sorted(SUBJECTS));
  for (const subject of SUBJECTS) {
    const { provider, scope, identifier } = subject;
    expect(who(await subjects({ provider, scope, prefix: identifier }))).toEqual([subject]);
    expect(who(await subjects({ provider, prefix: identifier.slice(0, 3), limit: 100 }))).toContainEqual(subject);
  }
  const { subjects: live } = await subjects({ live: "true" });
  expect(live.map(({ live }) => live.limits[0].used)).toEqual(SUBJECTS.map(() => 1));
});

test("what changes is told by an alarm that no caller wakes, also after a kill", { timeout: 120_000 }, async () => {
  const [slept, killed] = [400, 401].map((length) => ({
    provider: "later",
    scope: "",
    identifier: "é".repeat(length),
  }));
  for (const subject of [slept, killed]) await limit(subject);
  await listed({ provider: "later" }, [slept, killed]);
  // Not to be told within ten seconds of the last telling: the object tells it at its alarm.
  expect((await limit(slept)).json.remaining).toBe(0);
  await listed({ provider: "later", state: "exhausted" }, [slept]);
  await sleep(ASLEEP);
  await tollgate.call("POST", "/limit/block", { ...killed, duration: "1h" });
  await tollgate.kill();
  await tollgate.start();
  await listed({ provider: "later", state: "blocked" }, [killed]);
  // Awake again by a caller, and reset: nothing is exhausted any more.
  const query = new URLSearchParams(slept);
  expect((await tollgate.call("DELETE", `/limit?${query}`)).status).toBe(200);
  await listed({ provider: "later", state: "exhausted" }, []);
});

test("Redis keys with such names are found by KEYS and SCAN, and flushed, also after a kill", async () => {
  const redis = async (...command) => (await tollgate.call("POST", "/", command)).json.result;
  const keys = ["k".repeat(1_015), "k".repeat(1_016), "k".repeat(1_024), "é".repeat(170)];
  for (const key of keys) expect(await redis("SET", key, "1")).toBe("OK");
  expect((await redis("KEYS", "*")).sort()).toEqual([...keys].sort());
  await tollgate.kill();
  await tollgate.start();
  expect((await redis("KEYS", "*")).sort()).toEqual([...keys].sort());
  const found = [];
  let cursor = "0";
  do {
    const [next, page] = await redis("SCAN", cursor);
    found.push(...page);
    cursor = next;
  } while (cursor !== "0");
  expect(found.sort()).toEqual([...keys].sort());
  expect(await redis("FLUSHDB")).toBe("OK");
  expect(await redis("GET", keys[2])).toBe(null);
  expect(await redis("DBSIZE")).toBe(0);
});
