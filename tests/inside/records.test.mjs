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
  const text = await response.text();
  return { status: response.status, json: text === "" ? undefined : JSON.parse(text) };
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
const strict = (limit, after) => ({
  algorithm: "fixedWindow",
  limit,
  window: "4s",
  penalty: { after, within: "20s", block: ["3s", "6s"] },
});
const POLICIES = {
  fixed: { algorithm: "fixedWindow", limit: 4, window: "10s" },
  sliding: { limits: [window(5)] },
  log: { algorithm: "slidingLog", limit: 3, window: "7s" },
  token: { algorithm: "tokenBucket", capacity: 4, refill: { amount: 1, interval: "2s" } },
  leaky: { algorithm: "leakyBucket", capacity: 3, leak: { amount: 1, interval: "3s" }, maxDelay: "5s" },
  two: { limits: [window(6), { name: "m", algorithm: "quota", limit: 9, period: "minute" }] },
  slots: { algorithm: "concurrency", limit: 2, ttl: "8s" },
  strict: strict(3, 3),
};
const CANDIDATES = {
  fixed: { algorithm: "fixedWindow", limit: 2, window: "10s" },
  sliding: { limits: [window(8)] },
  log: { algorithm: "slidingLog", limit: 5, window: "7s" },
  token: { algorithm: "tokenBucket", capacity: 2, refill: { amount: 1, interval: "3s" } },
  leaky: { algorithm: "leakyBucket", capacity: 5, leak: { amount: 2, interval: "3s" }, maxDelay: "5s" },
  two: { limits: [window(3), { name: "m", algorithm: "quota", limit: 20, period: "minute" }] },
  slots: { algorithm: "concurrency", limit: 1, ttl: "5s" },
  strict: strict(2, 2),
};
const settings = (policy) => ({ writeAhead: 1, record: RECORD, ...policy });
const OVERRIDES = {
  pause: {},
  deny: {},
  bypass: {},
  scale: { factor: 1.7, until: "20s" },
  grant: { units: 3, until: "8s" },
  replace: { limits: [{ name: "instead", algorithm: "fixedWindow", limit: 3, window: "5s" }] },
};

/** Pseudo-random numbers below `below`, the same each time. */
function randoms(seed) {
  return (below) => {
    seed = (seed + 0x6d2b79f5) >>> 0;
    const mixed = Math.imul(seed ^ (seed >>> 15), seed | 1);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/**
 * What happens to two subjects under all policies: requests, refunds, permits that are renewed and
 * released, resets, blocks, and overrides that come and go.
 */
function trace(seed, length) {
  const random = randoms(seed);
  const one = (of) => of[random(of.length)];
  const set = new Set();
  let [at, subject, policy] = [start];
  return Array.from({ length }, () => {
    at += one([0, 1, 40, 150, 300, 900]);
    // Several in a row are about the same.
    if (subject === undefined || random(8) === 0) subject = one(["u0", "u1"]);
    if (policy === undefined || random(5) === 0) policy = one(Object.keys(POLICIES));
    const some = { at, subject, policy };
    if (policy === "slots" && random(3) === 0) return { at, what: one(["renew", "release"]), back: 1 + random(4) };
    switch (random(24)) {
      case 0:
        return { ...some, what: "refund", policy: one(["fixed", "sliding", "log", "token"]) };
      case 1:
        return { ...some, what: "reset", policy: one([policy, undefined]) };
      case 2:
        return { ...some, what: "block", policy: one([policy, undefined]), duration: one([0, 500, 2_000]) };
      case 3: {
        const kind = one(Object.keys(OVERRIDES));
        const whose = `policy:${policy}`;
        // What is granted to a subject, one policy takes from the other: all candidates at once are
        // not one after the other.
        const target = kind === "grant" ? whose : one([`subject:default//${subject}`, whose]);
        if (kind === "grant" && policy === "slots") return { ...some, what: "ask", cost: 1 }; // it takes none
        const override = `${target}/${kind}`;
        const what = set.delete(override) ? "lift" : "set";
        if (what === "set") set.add(override);
        return { at, what, override };
      }
      case 4:
        // Nothing is stopped for ever.
        for (const override of set) {
          set.delete(override);
          return { at, what: "lift", override };
        }
        return { ...some, what: "ask", cost: 1 };
      default:
        return { ...some, what: "ask", cost: 1 + (random(5) === 0) };
    }
  });
}

/**
 * Puts the policies, and has all of it happen: of each policy how many requests were denied and how
 * many stopped, and who was given which permit. `held`: whose permits are renewed and released, if
 * not those of all.
 */
async function fed(policies, events, { token, held } = {}) {
  await put("quiet", { limit: 1, window: "1h" }, token);
  for (const [name, policy] of Object.entries(policies)) {
    expect((await put(name, settings(policy), token)).status).toBe(201);
  }
  const none = () => Object.fromEntries(Object.keys(policies).map((name) => [name, 0]));
  const seen = { denied: none(), stopped: none(), permits: new Map(), done: {} };
  const make = async (...args) => {
    const { status } = await call(...args, token);
    expect([200, 201, 204, 404]).toContain(status);
    return status < 300;
  };
  const happen = {
    async ask({ policy, subject, cost }, i) {
      const { success, reason, permit } = await limit(policy, subject, { cost }, token);
      if (permit) seen.permits.set(i, permit);
      if (["paused", "override"].includes(reason) && !success) seen.stopped[policy]++;
      else if (!success) seen.denied[policy]++;
      return true;
    },
    refund: ({ policy, subject }) => make("POST", "/limit", { policy, identifier: subject, cost: -1 }),
    reset: ({ policy, subject }) =>
      make("DELETE", `/limit?identifier=${subject}${policy ? `&policy=${policy}` : ""}`, undefined),
    block: ({ policy, subject, duration }) =>
      make("POST", "/limit/block", { identifier: subject, policy, duration, reason: "test" }),
    set: ({ override }) => make("PUT", `/overrides/${override}`, OVERRIDES[override.split("/").at(-1)]),
    lift: ({ override }) => make("DELETE", `/overrides/${override}`, undefined),
    async permit({ what, back }, i) {
      const permit = (held ?? seen.permits).has(i - back) && seen.permits.get(i - back);
      return permit ? make("POST", `/limit/${what}`, { permit }) : false;
    },
  };
  for (const [i, event] of events.entries()) {
    vi.setSystemTime(event.at);
    const isPermit = ["renew", "release"].includes(event.what);
    const isDone = await happen[isPermit ? "permit" : event.what](event, i);
    seen.done[event.what] = (seen.done[event.what] ?? 0) + isDone;
  }
  return seen;
}

/** Has the isolate send all that it has recorded: so many requests of each policy. */
async function allSent(counts) {
  await vi.waitFor(
    async () => {
      vi.setSystemTime(Date.now() + 11_000);
      await limit("quiet", "nobody", { peek: true });
      for (const [name, count] of Object.entries(counts)) {
        const { recorded, stopped } = await preview(name, settings(POLICIES[name]));
        expect(recorded + stopped, name).toBe(count);
      }
    },
    { timeout: 60_000, interval: 1_100 },
  );
}

describe("a preview", () => {
  test.each([43, 46, 50])(
    "decides as the Worker did, and a candidate as the Worker would (%i)",
    {
      timeout: 240_000,
    },
    async (seed) => {
      const events = trace(seed, 600);
      const { denied, stopped, permits, done } = await fed(POLICIES, events);
      const asked = (name) => events.filter(({ what, policy }) => what === "ask" && policy === name).length;
      const of = (name) => asked(name) - stopped[name];
      await allSent(Object.fromEntries(Object.keys(POLICIES).map((name) => [name, asked(name)])));
      // Nothing is shown by what has not happened.
      for (const [name, count] of Object.entries(denied)) expect(count, name).toBeGreaterThan(0);
      expect(Object.values(stopped).reduce((sum, count) => sum + count)).toBeGreaterThan(10);
      const all = ["ask", "refund", "reset", "block", "set", "lift", "renew", "release"];
      for (const what of all) expect(done[what], what).toBeGreaterThan(0);
      const previews = {};
      for (const name of Object.keys(POLICIES)) {
        const same = await preview(name, settings(POLICIES[name]));
        const before = { admitted: of(name) - denied[name], denied: denied[name] };
        expect(same, name).toMatchObject({
          recorded: of(name),
          before,
          after: before,
          newlyDenied: 0,
          newlyAdmitted: 0,
        });
        expect(same, name).toMatchObject({ skipped: 0, gaps: 0, subjectsChanged: 0, mostChanged: [] });
        expect(same, name).toMatchObject({ stopped: stopped[name], elsewhere: 0, dropped: 0, lost: 0 });
        // Everybody is recorded, so nothing is a guess.
        expect(same.all.deniedAfter, name).toEqual({ value: denied[name], low: denied[name], high: denied[name] });
        previews[name] = await preview(name, settings(CANDIDATES[name]));
        expect(previews[name].before, name).toEqual(before);
      }
      // The same, asked of the candidates in a namespace that has never seen the others. What only
      // a candidate gives, nobody has given back.
      const wanted = await fed(CANDIDATES, events, { token: "test-other-admin", held: permits });
      expect(wanted.stopped).toEqual(stopped);
      for (const name of Object.keys(CANDIDATES)) {
        const after = { admitted: of(name) - wanted.denied[name], denied: wanted.denied[name] };
        expect(previews[name].after, name).toEqual(after);
        expect(previews[name].newlyDenied - previews[name].newlyAdmitted, name).toBe(
          wanted.denied[name] - denied[name],
        );
      }
      // Nothing was changed by trying.
      expect((await call("GET", "/policies/fixed")).json).toMatchObject({ version: 1 });
    },
  );

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
    // What was recorded may have come in several parcels, the first before the others.
    const [{ text, events }] = await sql("SELECT text, events FROM chunks");
    const parcel = (sequence) => `1 keep isolate=99 sequence=${sequence}\n1 sent lines=0 busiest=\n${text}`;
    for (let i = 0; i < 3; i++) expect(await object().call(parcel(5))).toMatch(/^1 kept busiest=/);
    expect(await kept()).toBe(3 + events);
    await evictDurableObject(object());
    expect(await object().call(parcel(5))).toMatch(/^1 kept/);
    expect(await object().call(parcel(4))).toMatch(/^1 kept/);
    expect(await kept()).toBe(3 + events);
    expect(await object().call(parcel(6))).toMatch(/^1 kept/);
    expect(await kept()).toBe(3 + 2 * events);
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

  test("is read as far as there is memory for it, however few events that are", async () => {
    await begin();
    await limit("api", "u1");
    await sent(1);
    const [{ id, until, text }] = await sql("SELECT * FROM chunks");
    const long = `${text}${"\ncall text=1%20reset".repeat(50_000)}`; // a megabyte
    expect(await preview("api", hour)).not.toHaveProperty("cut");
    await runInDurableObject(object(), (_object, { storage }) => {
      storage.sql.exec("DELETE FROM chunks");
      for (let i = 0; i < 14; i++) {
        storage.sql.exec("INSERT INTO chunks (id, until, events, text) VALUES (?, ?, 1, ?)", id + i, until, long);
      }
    });
    expect(await preview("api", hour)).toMatchObject({ cut: true, subjects: 1 });
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
