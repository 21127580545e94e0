// Recorded use and previews, on a clock that the test sets: what the Worker decided is what a
// replay decides, a candidate is decided as the Worker would decide it, and what is kept names
// nobody.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { startAt } from "./lib/time.mjs";

const DAY = 86_400_000;
const RECORD = { share: 1, days: 2 };

// The isolate remembers what it has told and asked of objects that are new in each test: each
// begins so much later that all of it is old.
let start = Date.UTC(2027, 0, 4);
startAt(start);
beforeEach(() => {
  start += 10 * DAY;
  vi.setSystemTime(start);
});

async function call(method, path, body, token = "test-admin") {
  const response = await exports.default.fetch(`https://tollgate${path}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return { status: response.status, json: await response.json() };
}
const put = (name, policy, token) => call("PUT", `/policies/${name}`, policy, token);
const preview = async (name, policy) => {
  const { status, json } = await call("PUT", `/policies/${name}?dryRun=true`, policy);
  expect(status).toBe(200);
  return json.preview;
};
const limit = (policy, identifier, rest = {}, token) =>
  call("POST", "/limit", { policy, identifier, ...rest }, token).then(({ json }) => json);

const object = () => env.RECORDS.getByName("records:0");
const sql = (query) => runInDurableObject(object(), (_object, { storage }) => [...storage.sql.exec(query)]);
const kept = async () => {
  const tables = await sql("SELECT name FROM sqlite_master WHERE name = 'chunks'");
  return tables.length === 0 ? 0 : (await sql("SELECT coalesce(sum(events), 0) AS n FROM chunks"))[0].n;
};

/** Has the isolate send what it has recorded: 20 seconds later, when the next request comes. */
async function sent(events) {
  const now = Date.now();
  vi.setSystemTime(now + 20_000);
  await limit("quiet", "nobody", { peek: true });
  await vi.waitFor(async () => expect(await kept()).toBe(events), { timeout: 20_000, interval: 200 });
}

/** Where a name stands among all, from 0 to 1: whom every isolate records. */
function share(name) {
  const wide = (number) => BigInt.asUintN(64, number);
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(name)) hash = wide((hash ^ BigInt(byte)) * 0x100000001b3n);
  hash = wide((hash ^ (hash >> 33n)) * 0xff51afd7ed558ccdn);
  hash = wide((hash ^ (hash >> 33n)) * 0xc4ceb9fe1a85ec53n);
  return Number(hash ^ (hash >> 33n)) / 2 ** 64;
}

const window = (limit) => ({ name: "w", algorithm: "slidingWindow", limit, window: "10s" });
const POLICIES = {
  fixed: { algorithm: "fixedWindow", limit: 4, window: "10s" },
  sliding: { limits: [window(5)] },
  log: { algorithm: "slidingLog", limit: 3, window: "7s" },
  token: { algorithm: "tokenBucket", capacity: 4, refill: { amount: 1, interval: "2s" } },
  leaky: { algorithm: "leakyBucket", capacity: 3, leak: { amount: 1, interval: "3s" }, maxDelay: "5s" },
  two: { limits: [window(6), { name: "m", algorithm: "quota", limit: 9, period: "minute" }] },
};
const CANDIDATES = {
  fixed: { algorithm: "fixedWindow", limit: 2, window: "10s" },
  sliding: { limits: [window(8)] },
  log: { algorithm: "slidingLog", limit: 5, window: "7s" },
  token: { algorithm: "tokenBucket", capacity: 2, refill: { amount: 1, interval: "3s" } },
  leaky: { algorithm: "leakyBucket", capacity: 5, leak: { amount: 2, interval: "3s" }, maxDelay: "5s" },
  two: { limits: [window(3), { name: "m", algorithm: "quota", limit: 20, period: "minute" }] },
};
const settings = (policy) => ({ writeAhead: 1, record: RECORD, ...policy });

/** The same pseudo-random requests each time, over all policies: instant, policy, subject, cost. */
function trace(length) {
  let seed = 7;
  const random = (below) => {
    seed = (seed + 0x6d2b79f5) >>> 0;
    const mixed = Math.imul(seed ^ (seed >>> 15), seed | 1);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
  const names = Object.keys(POLICIES);
  let at = start;
  return Array.from({ length }, () => {
    at += [0, 1, 40, 300, 500, 900][random(6)];
    return { at, policy: names[random(names.length)], subject: `u${random(2)}`, cost: 1 + (random(5) === 0) };
  });
}

/** Puts the policies, and feeds the trace; how many of each policy were denied. */
async function fed(policies, requests, token) {
  await put("quiet", { limit: 1, window: "1h" }, token);
  for (const [name, policy] of Object.entries(policies)) {
    expect((await put(name, settings(policy), token)).status).toBe(201);
  }
  const denied = Object.fromEntries(Object.keys(policies).map((name) => [name, 0]));
  for (const { at, policy, subject, cost } of requests) {
    vi.setSystemTime(at);
    if (!(await limit(policy, subject, { cost }, token)).success) denied[policy]++;
  }
  return denied;
}

describe("a preview", () => {
  test("decides as the Worker did, and a candidate as the Worker would", { timeout: 120_000 }, async () => {
    const requests = trace(260);
    const denied = await fed(POLICIES, requests);
    await sent(requests.length);
    const of = (name) => requests.filter(({ policy }) => policy === name).length;
    for (const [name, count] of Object.entries(denied)) expect(count, name).toBeGreaterThan(0);
    const previews = {};
    for (const name of Object.keys(POLICIES)) {
      const same = await preview(name, settings(POLICIES[name]));
      const before = { admitted: of(name) - denied[name], denied: denied[name] };
      expect(same, name).toMatchObject({ recorded: of(name), before, after: before, newlyDenied: 0, newlyAdmitted: 0 });
      expect(same, name).toMatchObject({ skipped: 0, gaps: 0, subjectsChanged: 0, mostChanged: [] });
      // Everybody is recorded, so nothing is a guess.
      expect(same.all.deniedAfter, name).toEqual({ value: denied[name], low: denied[name], high: denied[name] });
      previews[name] = await preview(name, settings(CANDIDATES[name]));
      expect(previews[name].before, name).toEqual(before);
    }
    // The same requests, asked of the candidates in a namespace that has never seen the others.
    const wanted = await fed(CANDIDATES, requests, "test-other-admin");
    for (const name of Object.keys(CANDIDATES)) {
      expect(previews[name].after, name).toEqual({ admitted: of(name) - wanted[name], denied: wanted[name] });
      expect(previews[name].newlyDenied - previews[name].newlyAdmitted, name).toBe(wanted[name] - denied[name]);
    }
    // Nothing was changed by trying.
    expect((await call("GET", "/policies/fixed")).json).toMatchObject({ version: 1 });
  });

  test("of what nobody has recorded says so and gives no figures", async () => {
    await put("quiet", { limit: 1, window: "1h" });
    await limit("quiet", "u1");
    const nothing = await preview("quiet", { limit: 2, window: "1h" });
    expect(nothing).toEqual({ recorded: 0, why: expect.stringContaining("record") });
    const elsewhere = await preview("quiet", {
      algorithm: "fixedWindow",
      limit: 2,
      window: "1h",
      consistency: "eventual",
    });
    expect(elsewhere).toEqual({ recorded: 0, why: expect.stringContaining("consistency") });
    // A change that is no dry run, and one that is refused, have none.
    expect((await put("quiet", { limit: 3, window: "1h" })).json).not.toHaveProperty("preview");
    expect((await call("PUT", "/policies/quiet?dryRun=true", { limit: -1, window: "1h" })).json).toMatchObject({
      code: "invalidField",
    });
  });
});

describe("what is kept", { timeout: 60_000 }, () => {
  const hour = { algorithm: "fixedWindow", limit: 2, window: "1h", writeAhead: 1 };
  const begin = async () => {
    await put("quiet", { limit: 1, window: "1h" });
    await put("api", { ...hour, record: RECORD });
  };

  test("holds resets, blocks, refusals from memory and the state at its start, and no name", async () => {
    await begin();
    await put("api", hour);
    await limit("api", "ada@example.org"); // before the recording
    await put("api", { ...hour, record: RECORD });
    vi.setSystemTime(start + 6_000); // by when the isolate knows
    const ask = () => limit("api", "ada@example.org");
    expect(await ask()).toMatchObject({ success: true, remaining: 0 });
    expect(await ask()).toMatchObject({ success: false, source: "object" });
    expect(await ask()).toMatchObject({ success: false, source: "cache" });
    await call("DELETE", "/limit?identifier=ada%40example.org&policy=api");
    vi.setSystemTime(start + 8_000);
    expect(await ask()).toMatchObject({ success: true, remaining: 1 });
    await call("POST", "/limit/block", { identifier: "ada@example.org", duration: "5s", reason: "ada was rude" });
    expect(await ask()).toMatchObject({ success: false, reason: "blocked" });
    // After the reset the object is asked by the version alone, which it does not know any more.
    await sent(8);
    expect(await preview("api", hour)).toMatchObject({
      recorded: 5,
      subjects: 1,
      after: { admitted: 2, denied: 3 },
      newlyDenied: 0,
      newlyAdmitted: 0,
      skipped: 0,
    });
    // One more has room before the reset: what was used before the recording counts.
    expect(await preview("api", { ...hour, limit: 3 })).toMatchObject({ after: { admitted: 3, denied: 2 } });
    const all = JSON.stringify([await sql("SELECT * FROM chunks"), await sql("SELECT * FROM isolates")]);
    for (const name of ["ada", "rude", "example.org"]) expect(all).not.toContain(name);
    const { mostChanged } = await preview("api", { ...hour, limit: 3 });
    expect(mostChanged).toEqual([
      {
        subject: expect.stringMatching(/^[0-9a-f]{32}$/),
        requests: 5,
        newlyDenied: 0,
        newlyAdmitted: 1,
        first: start + 6_000,
      },
    ]);
  });

  test("counts a parcel once that comes twice, and outlives sleep", async () => {
    await begin();
    for (let i = 0; i < 3; i++) await limit("api", "u1");
    await sent(3);
    const [{ text }] = await sql("SELECT text FROM chunks");
    const parcel = (sequence) => `1 keep isolate=99 sequence=${sequence}\n1 sent lines=0 busiest=\n${text}`;
    for (let i = 0; i < 3; i++) expect(await object().call(parcel(5))).toMatch(/^1 kept busiest=/);
    expect(await kept()).toBe(6);
    await evictDurableObject(object());
    expect(await object().call(parcel(5))).toMatch(/^1 kept/);
    expect(await object().call(parcel(4))).toMatch(/^1 kept/);
    expect(await kept()).toBe(6);
    expect(await object().call(parcel(6))).toMatch(/^1 kept/);
    expect(await kept()).toBe(9);
    // What cannot be read is refused, and is not taken for received.
    expect(await object().call("1 keep isolate=98 sequence=1\n1 sent lines=0 busiest=\n1 chunk at=x")).toMatch(
      /^1 refused/,
    );
    expect(await sql("SELECT count(*) AS n FROM isolates WHERE id LIKE '%62'")).toEqual([{ n: 0 }]);
  });

  test("is dropped when its days are over, and then nothing is left", async () => {
    await begin();
    await limit("api", "u1");
    await sent(1);
    vi.setSystemTime(start + 2 * DAY - 60_000);
    expect(await runDurableObjectAlarm(object())).toBe(true);
    expect(await kept()).toBe(1);
    vi.setSystemTime(start + 2 * DAY + 60_000);
    expect(await preview("api", hour)).toMatchObject({ recorded: 0 }); // even before the alarm
    expect(await runDurableObjectAlarm(object())).toBe(true);
    expect(await sql("SELECT name FROM sqlite_master WHERE name IN ('chunks', 'isolates', 'about')")).toEqual([]);
    expect(await runDurableObjectAlarm(object())).toBe(false);
  });

  test("is the newest eight thousand chunks", async () => {
    await begin();
    await limit("api", "u1");
    await sent(1);
    const [{ text }] = await sql("SELECT text FROM chunks");
    await sql("UPDATE chunks SET id = 2");
    await sql("INSERT INTO chunks SELECT 3, until, events, text FROM chunks");
    await sql("INSERT INTO chunks SELECT 8193, until, events, text FROM chunks WHERE id = 3");
    await object().call(`1 keep isolate=99 sequence=1\n1 sent lines=0 busiest=\n${text}`);
    expect(await sql("SELECT id FROM chunks ORDER BY id")).toEqual([{ id: 3 }, { id: 8193 }, { id: 8194 }]);
  });

  test("is of a sample of subjects, whole or not at all", async () => {
    await put("quiet", { limit: 1, window: "1h" });
    await put("api", { ...hour, record: { share: 0.3, days: 1 } });
    for (let i = 0; i < 40; i++) for (let j = 0; j < 3; j++) await limit("api", `s${i}`);
    vi.setSystemTime(start + 20_000);
    await limit("quiet", "nobody");
    const subjects = Array.from({ length: 40 }, (_, i) => share(`rate-limit:default:s${i}`)).filter((it) => it < 0.3);
    expect(subjects.length).toBeGreaterThan(3);
    await vi.waitFor(async () => expect(await kept()).toBe(3 * subjects.length), { timeout: 20_000, interval: 200 });
    const found = await preview("api", { ...hour, limit: 1 });
    expect(found).toMatchObject({ recorded: 3 * subjects.length, subjects: subjects.length, skipped: 0, gaps: 0 });
    expect(found).toMatchObject({ before: { denied: found.subjects }, after: { denied: 2 * found.subjects } });
    const { value, low, high } = found.all.requests;
    expect(low).toBeLessThan(120);
    expect(high).toBeGreaterThan(120);
    expect(value).toBe(Math.round(found.recorded / 0.3));
  });
});
