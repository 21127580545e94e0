// Counting through KV, with two isolates that share one KV and their objects: two Workers of one
// build.

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tollgate as describeTollgate } from "../../scripts/lib/workerd.mjs";
import { call, server } from "./lib/server.mjs";
import { switchedServer } from "./lib/switched.mjs";

const TOKENS = { name: "TOLLGATE_TOKENS", text: readFileSync("tests/fixtures/tokens.json", "utf8") };
// An isolate tells what it has counted and reads what others have within so long, plus a little for
// a busy machine.
const SYNC_MS = 15_000;

let made = 0;
const fresh = () => `eventual${made++}`;
const counted = (limit, rest = {}) => ({
  algorithm: "fixedWindow",
  limit,
  window: "52w",
  consistency: "eventual",
  ...rest,
});
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks until `accept` takes the answer; the answer. */
async function until(ask, accept, patience = SYNC_MS) {
  const end = Date.now() + patience;
  for (;;) {
    const answer = await ask();
    if (accept(answer)) return answer;
    if (Date.now() > end) throw new Error(`still ${JSON.stringify(answer)} after ${patience} ms`);
    await sleep(100);
  }
}

describe("two isolates", () => {
  let tollgate;
  let first;
  let second;
  beforeAll(async () => {
    const other = describeTollgate({ id: "S", texts: [TOKENS] });
    const objects = other.objects.map((object) => ({ ...object, of: "T" }));
    tollgate = await server({ variants: [{ ...other, objects }] });
    await tollgate.start();
    const isolate = (id) => (method, path, body) =>
      call(tollgate.urlOf(id), method, path, body).then(({ json }) => json);
    first = isolate("T");
    second = isolate("S");
  });
  afterAll(() => tollgate?.remove());

  const ask = (isolate, identifier, limit, rest) => isolate("POST", "/limit", { identifier, ...limit, ...rest });
  const many = async (isolate, identifier, limit, count) => {
    const answers = [];
    for (let i = 0; i < count; i++) answers.push(await ask(isolate, identifier, limit));
    return answers.filter(({ success }) => success).length;
  };

  test("share a limit, and GET /limit says how far it may be off", async () => {
    const [identifier, limit] = [fresh(), counted(100)];
    expect(await many(first, identifier, limit, 60)).toBe(60);
    expect(await ask(second, identifier, limit)).toMatchObject({ success: true, source: "kv", remaining: 99 });
    const known = ({ remaining }) => remaining < 45;
    await until(() => ask(second, identifier, limit, { peek: true }), known);
    // 61 are used; what the first did last is taken to go on for a while.
    const admitted = await many(second, identifier, limit, 60);
    expect(admitted).toBeLessThanOrEqual(39);
    await until(
      () => ask(first, identifier, limit, { peek: true }),
      ({ remaining }) => remaining <= 39 - admitted,
    );
    const { limits } = await first("GET", `/limit?identifier=${identifier}`);
    const { overAdmission, ...rest } = limits[0];
    expect(rest).toMatchObject({ consistency: "eventual", algorithm: "fixedWindow", limit: 100, isolates: 2 });
    expect(rest.used + rest.remaining).toBe(100);
    expect(overAdmission.hard).toBe(100);
    expect(overAdmission.expected).toBeLessThanOrEqual(100);
  });

  test("count by the numbers of the hour", async () => {
    const days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    const times = [{ days, limit: 3 }]; // whenever this runs
    const [identifier, limit] = [fresh(), counted(100, { times })];
    expect(await many(first, identifier, limit, 5)).toBe(3);
    expect(await ask(first, identifier, limit)).toMatchObject({ success: false, limit: 3, source: "kv" });
    await until(
      () => ask(second, identifier, limit, { peek: true }),
      ({ success }) => !success,
    );
    const { limits } = await second("GET", `/limit?identifier=${identifier}`);
    expect(limits).toMatchObject([{ limit: 3, remaining: 0, times, overAdmission: { hard: 0 } }]);
  });

  test("write and read KV once an interval, however often they are asked", async () => {
    const [identifier, limit] = [fresh(), counted(1_000_000_000)];
    await sleep(1_500); // the tests before have been told
    await tollgate.kv({});
    const begun = Date.now();
    let asked = 0;
    const caller = async () => {
      while (Date.now() - begun < 12_000) {
        await ask(first, identifier, limit);
        asked++;
      }
    };
    await Promise.all(Array.from({ length: 10 }, caller));
    const done = await tollgate.kv();
    expect(asked).toBeGreaterThan(1_000);
    // After a second, then every ten.
    for (const operations of [done.puts, done.lists]) {
      const own = operations.filter(({ key }) => key.includes(`:${identifier}/`));
      expect(own.length).toBeGreaterThanOrEqual(1);
      expect(own.length).toBeLessThanOrEqual(1 + Math.ceil((Date.now() - begun) / 10_000));
      for (const [i, { at }] of own.slice(1).entries()) expect(at - own[i].at).toBeGreaterThan(9_000);
    }
  });

  test("what was asked last is told without another request", async () => {
    const [identifier, limit] = [fresh(), counted(10)];
    expect(await many(first, identifier, limit, 4)).toBe(4);
    const shown = await until(
      () => second("GET", `/limit?identifier=${identifier}`),
      ({ limits }) => limits.length > 0,
    );
    expect(shown.limits[0]).toMatchObject({ limit: 10, used: 4, remaining: 6, isolates: 1 });
    expect(shown.limits[0].overAdmission).toEqual({ expected: 0, hard: 0 });
  });

  test("both forget what DELETE /limit resets, and both know a block", async () => {
    const [identifier, limit] = [fresh(), counted(2)];
    await many(first, identifier, limit, 3);
    await until(
      () => ask(second, identifier, limit),
      ({ success }) => !success,
    );
    expect(await first("DELETE", `/limit?identifier=${identifier}`)).toEqual({ success: true });
    expect(await ask(first, identifier, limit)).toMatchObject({ success: true });
    await until(
      () => ask(second, identifier, limit),
      ({ success }) => success,
    );
    const block = (duration) => first("POST", "/limit/block", { identifier, duration, reason: "fraud" });
    const blocked = ({ reason }) => reason === "blocked";
    expect(await block("1h")).toEqual({ success: true });
    expect(await ask(first, identifier, limit)).toMatchObject({ reason: "blocked" });
    await until(() => ask(second, identifier, limit), blocked);
    // KV takes one write of a key a second: the second of two waits for it.
    expect(await block("2h")).toEqual({ success: true });
    expect(await block(0)).toEqual({ success: true });
    expect((await ask(first, identifier, limit)).reason).not.toBe("blocked");
    await until(
      () => ask(second, identifier, limit),
      (answer) => !blocked(answer),
    );
  });

  test("a block holds at once where it was said, for a subject that was never asked", async () => {
    const [identifier, limit] = [fresh(), counted(5)];
    await first("POST", "/limit/block", { identifier, duration: "1h" });
    expect(await ask(first, identifier, limit)).toMatchObject({ success: false, reason: "blocked" });
  });

  test("the longest identifiers and namespaces of their own", async () => {
    const long = "ä".repeat(512);
    const [identifier, limit] = [long, counted(3)];
    expect(await many(first, identifier, limit, 5)).toBe(3);
    await until(
      () => ask(second, identifier, limit, { peek: true }),
      ({ success }) => !success,
    );
    const shop = await call(tollgate.url, "POST", "/limit", { identifier, ...limit }, { token: "test-other-admin" });
    expect(shop.json).toMatchObject({ success: true, remaining: 2 });
  });

  test("a KV that is slow or fails holds no answer up, and what was counted is told when it is back", async () => {
    const [identifier, limit] = [fresh(), counted(1_000)];
    for (const how of [{ fails: true }, { slow: 30_000 }]) {
      await tollgate.kv(how);
      const begun = performance.now();
      expect(await many(first, identifier, limit, 50)).toBe(50);
      expect(performance.now() - begun).toBeLessThan(20_000); // KV takes thirty, a time
      await sleep(1_200);
      const shown = await call(tollgate.url, "GET", `/limit?identifier=${identifier}`);
      expect([shown.status, shown.json.limits, shown.json.kv]).toEqual([200, [], "unavailable"]);
      const reset = await call(tollgate.url, "DELETE", `/limit?identifier=${fresh()}`);
      expect([reset.status, reset.json.code]).toEqual([503, "kvUnavailable"]);
    }
    await tollgate.kv({});
    const told = ({ limits }) => limits?.[0]?.used === 100;
    await until(() => second("GET", `/limit?identifier=${identifier}`), told, 40_000);
  });

  test("a list of KV that cannot be read is a failure of KV, and ends no other request", async () => {
    await tollgate.kv({ garbled: true });
    for (let i = 0; i < 3; i++) {
      const shown = await call(tollgate.url, "GET", `/limit?identifier=${fresh()}`);
      expect([shown.status, shown.json.kv]).toEqual([200, "unavailable"]);
    }
    await tollgate.kv({});
    expect(tollgate.log()).not.toContain("a fault ended the wasm instance");
  });
});

test("without a KV namespace the error says what to bind", async () => {
  const tollgate = await server({ change: (main) => ({ ...main, kv: [] }) });
  try {
    await tollgate.start();
    const { status, json } = await tollgate.call("POST", "/limit", { identifier: "u1", ...counted(5) });
    expect([status, json.code]).toEqual([503, "notConfigured"]);
    expect(json.detail).toContain("TOLLGATE_KV");
    const strong = counted(5, { consistency: "strong" });
    const degraded = { identifier: "u1", ...strong, failMode: "eventual" };
    for (const asked of [
      await tollgate.call("POST", "/limit", degraded),
      await tollgate.call("POST", "/limit/multi", { limits: [{ identifier: "u2", ...strong }, degraded] }),
    ]) {
      expect([asked.status, asked.json.code]).toEqual([503, "notConfigured"]);
    }
    expect((await tollgate.call("POST", "/limit", { identifier: "u1", ...strong })).status).toBe(200);
    expect((await tollgate.call("DELETE", "/limit?identifier=u1")).status).toBe(200);
    expect((await tollgate.call("GET", "/limit?identifier=u1")).json.limits).toEqual([]);
  } finally {
    await tollgate.remove();
  }
});

describe("failMode eventual", () => {
  let tollgate;
  beforeAll(async () => {
    tollgate = await switchedServer({ TOLLGATE_DEADLINE_MS: "200" });
  });
  afterAll(() => tollgate?.remove());

  test("counts once what the object was charged, when the object is away again", async () => {
    const identifier = fresh();
    const limit = { algorithm: "fixedWindow", limit: 100, window: "52w", failMode: "eventual" };
    let admitted = 0;
    const ask = async () => {
      const answer = await tollgate.call("POST", "/limit", { identifier, ...limit });
      if (answer.json.success) admitted++;
      return answer;
    };
    const used = async () => {
      const { json } = await tollgate.call("GET", `/limit?identifier=${identifier}`);
      return json.limits?.find(({ consistency }) => !consistency)?.used;
    };
    const isFromObject = ({ json }) => json.source === "object";
    await tollgate.become("broken");
    for (let i = 0; i < 40; i++) expect((await ask()).json).toMatchObject({ success: true, source: "kv" });
    await tollgate.become("well");
    await until(ask, isFromObject);
    await until(used, (units) => units === admitted);
    await until(ask, isFromObject); // tells the isolate what the object has by now
    await tollgate.become("broken");
    while ((await ask()).json.success) expect(admitted).toBeLessThanOrEqual(100);
    expect(admitted).toBe(100);
  });

  for (const how of ["broken", "silent", "overloaded"]) {
    test(`goes on where the object stopped when it is ${how}, and the object is charged when it is back`, async () => {
      const identifier = fresh();
      const limit = { algorithm: "fixedWindow", limit: 100, window: "52w", failMode: "eventual" };
      const ask = () => tollgate.call("POST", "/limit", { identifier, ...limit });
      await tollgate.become("well");
      for (let i = 0; i < 60; i++) expect((await ask()).json).toMatchObject({ success: true, source: "object" });
      await tollgate.become(how);
      const answers = [];
      const caller = async () => {
        while (answers.length < 60) {
          const place = answers.push(undefined) - 1;
          const begun = performance.now();
          const { json } = await ask();
          answers[place] = { ...json, took: performance.now() - begun };
        }
      };
      await Promise.all(Array.from({ length: 10 }, caller));
      for (const { source, reason, took } of answers) {
        expect([source, reason]).toEqual(["kv", "degraded"]);
        expect(took).toBeLessThan(20_000); // a silent object takes a minute
      }
      expect(answers.filter(({ success }) => success)).toHaveLength(40);
      await tollgate.become("well");
      // The circuit lets a try through after a while. A call that timed out may have been counted,
      // and is not charged.
      const back = await until(ask, ({ json }) => json.source === "object");
      expect(back.json.success || back.json.reason === "limit").toBe(true);
      const least = how === "silent" ? 60 : 100;
      await until(
        () => tollgate.call("GET", `/limit?identifier=${identifier}`),
        ({ json }) => (json.limits?.find(({ consistency }) => !consistency)?.used ?? 0) >= least,
      );
    });
  }
});
