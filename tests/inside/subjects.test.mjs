// `GET /subjects`: what the objects tell the directory, how often, and what is read of it.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { call } from "./lib/call.mjs";
import { startAt } from "./lib/time.mjs";

let start = Date.UTC(2027, 0, 4);
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const WINDOW = { algorithm: "fixedWindow", limit: 2, window: "1h" };

startAt(start);

// Each test on a day of its own: what the isolate knows of policies is that of the test before.
beforeEach(() => {
  start += 24 * 60 * MINUTE;
  vi.setSystemTime(start);
});

const directory = () => env.DIRECTORY.getByName("directory");
const objectOf = (name) => env.RATE_LIMIT.getByName(`rate-limit:${name}`);
const at = (ms) => vi.setSystemTime(start + ms);
const limit = (body) => call("POST", "/limit", body);

async function subjects(query = "") {
  const { status, json } = await call("GET", `/subjects${query}`);
  expect(status, JSON.stringify(json)).toBe(200);
  return json;
}

const identifiers = (json) => json.subjects.map(({ identifier }) => identifier);

/** Waits until something holds, without moving the tests' clock: objects tell in the background. */
async function until(holds) {
  for (let tries = 0; ; tries++) {
    try {
      return await holds();
    } catch (error) {
      if (tries === 150) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

const settled = (query, expected, of = identifiers) =>
  until(async () => expect(of(await subjects(query))).toEqual(expected));

/** Counts what the directory is told from now on. Meanwhile no Worker can ask it. */
async function countingTells() {
  const count = { told: 0, end: () => runInDurableObject(directory(), (object) => void delete object.call) };
  await runInDurableObject(directory(), (object) => {
    const { call: original } = object;
    object.call = function call(text) {
      if (/^1 (alive|gone)/.test(text)) count.told += 1;
      return original.call(this, text);
    };
  });
  return count;
}

describe("what is listed", () => {
  test("each subject with its policies and states, and what is not in the list", async () => {
    await call("PUT", "/policies/mail", { provider: "smtp", scope: "inbox", limit: 2, window: "1h" });
    await limit({ identifier: "a b", policy: "mail" });
    await limit({ provider: "github", identifier: "u1", ...WINDOW });
    await settled("", ["u1", "a b"]);
    const json = await subjects();
    expect(json).toEqual({
      subjects: [
        { provider: "github", scope: "", identifier: "u1", policies: [], states: [], asOf: start },
        { provider: "smtp", scope: "inbox", identifier: "a b", policies: ["mail"], states: [], asOf: start },
      ],
      asOf: start,
      notListed: ["eventual", "local"],
    });
  });

  test("by provider, scope, beginning of the identifier, and policy", async () => {
    await call("PUT", "/policies/p", { limit: 5, window: "1h" });
    for (const [provider, scope, identifier] of [
      ["a", "", "x1"],
      ["a", "s", "x2"],
      ["a", "s", "y1"],
      ["a:s", "", "x3"],
      ["b", "", "x4"],
    ]) {
      const named = identifier === "x2" || identifier === "x4";
      await limit({ provider, scope, identifier, ...(named ? { policy: "p" } : WINDOW) });
    }
    await settled("", ["x3", "x2", "y1", "x1", "x4"]);
    await settled("?provider=a", ["x2", "y1", "x1"]);
    await settled("?provider=a&scope=", ["x1"]);
    await settled("?provider=a&scope=s", ["x2", "y1"]);
    await settled("?provider=a&scope=s&prefix=x", ["x2"]);
    await settled("?prefix=x", ["x3", "x2", "x1", "x4"]);
    await settled("?policy=p", ["x2", "x4"]);
    await settled("?policy=p&provider=b", ["x4"]);
    await settled("?policy=nobody", []);
  });

  test("in pages, each subject once", async () => {
    for (let i = 0; i < 7; i++) await limit({ identifier: `u${i}`, ...WINDOW });
    const all = ["u0", "u1", "u2", "u3", "u4", "u5", "u6"];
    await settled("", all);
    const seen = [];
    let after = "";
    do {
      const json = await subjects(`?limit=3${after && `&after=${encodeURIComponent(after)}`}`);
      expect(json.subjects.length).toBeLessThanOrEqual(3);
      seen.push(...identifiers(json));
      after = json.next;
    } while (after !== undefined);
    expect(seen).toEqual(all);
  });

  test.each([
    ["state=tired", "state"],
    ["limit=0", "limit"],
    ["limit=101", "limit"],
    ["live=true&limit=41", "limit"],
    ["live=yes", "live"],
    ["policy=a%20b", "policy"],
    ["provider=", "provider"],
    ["prefix=", "prefix"],
    [`after=${"a".repeat(4_097)}`, "after"],
    ["identifier=u1", "identifier"],
  ])("%s is an error of its field", async (query, field) => {
    const { status, json } = await call("GET", `/subjects?${query}`);
    expect([status, json.code, json.field]).toEqual([400, "invalidField", field]);
  });

  test("of the own namespace alone", async () => {
    const { DIRECTORY } = env;
    await DIRECTORY.getByName("other/directory").call("1 alive name=other%2Frate-limit%3Adefault%3Aspy policies=");
    await DIRECTORY.getByName("directory").call("1 alive name=other%2Frate-limit%3Adefault%3Aspy policies=");
    await DIRECTORY.getByName("directory").call("1 alive name=keyspace%3Ap");
    await limit({ identifier: "own", ...WINDOW });
    await settled("", ["own"]);
    await settled("?after=..%2Fother", ["own"]);
    expect(identifiers(await subjects("?after=z"))).toEqual([]);
  });
});

describe("what is told", () => {
  const states = (json) => json.subjects.map((subject) => subject.states);

  test("exhausted until there is a unit again, told ten seconds after the first row, by the alarm", async () => {
    const body = { identifier: "u1", ...WINDOW };
    await limit(body);
    await settled("", ["u1"]);
    at(2 * SECOND);
    await limit(body);
    await limit(body);
    expect(states(await subjects())).toEqual([[]]);
    at(10 * SECOND);
    expect(await runDurableObjectAlarm(objectOf("default:u1"))).toBe(true);
    await settled("?state=exhausted", ["u1"]);
    expect(states(await subjects())).toEqual([[{ state: "exhausted", until: start + HOUR }]]);
    // It is not shown any more when it is over, though nothing has woken the object.
    at(HOUR);
    expect(identifiers(await subjects("?state=exhausted"))).toEqual([]);
    expect(states(await subjects())).toEqual([[]]);
  });

  test("blocked, by a block and by a penalty, and let in again", async () => {
    await call("POST", "/limit/block", { identifier: "u2", duration: "1h" });
    await settled("?state=blocked", ["u2"]);
    expect(states(await subjects())).toEqual([[{ state: "blocked", until: start + HOUR }]]);
    at(11 * SECOND);
    await call("POST", "/limit/block", { identifier: "u2", duration: "2h" });
    await settled("", [[{ state: "blocked", until: start + 11 * SECOND + 2 * HOUR }]], states);
    at(22 * SECOND);
    await call("POST", "/limit/block", { identifier: "u2", duration: 0 });
    await settled("?state=blocked", []);
  });

  test("at most once in ten seconds, and not at all while nothing changes", async () => {
    const body = { identifier: "u3", algorithm: "fixedWindow", limit: 90, window: "1h" };
    await limit(body);
    await settled("", ["u3"]);
    const count = await countingTells();
    for (let ms = 1_000; ms < 60_000; ms += 1_000) {
      at(ms);
      await limit(body);
    }
    expect(count.told).toBe(0);
    // It changes each second.
    for (let ms = 60_000; ms < 120_000; ms += 1_000) {
      at(ms);
      await call("POST", "/limit/block", { identifier: "u3", duration: ms });
    }
    await until(() => expect(count.told).toBeGreaterThanOrEqual(5));
    expect(count.told).toBeLessThanOrEqual(7);
  });

  test("an object that wakes does not tell again what it has told", async () => {
    const body = { identifier: "u4", ...WINDOW };
    await limit(body);
    await settled("", ["u4"]);
    const count = await countingTells();
    for (const ms of [11_000, 22_000, 33_000]) {
      at(ms);
      await evictDurableObject(objectOf("default:u4"));
      await limit({ ...body, peek: true });
    }
    await evictDurableObject(objectOf("default:u4"));
    expect(count.told).toBe(0);
  });

  test("a query wakes nobody, and live=true asks the objects", async () => {
    await limit({ identifier: "u5", ...WINDOW });
    await settled("", ["u5"]);
    await runInDurableObject(objectOf("default:u5"), (object) => {
      object.call = () => {
        throw new Error("woken");
      };
    });
    expect(identifiers(await subjects())).toEqual(["u5"]);
    const [unanswered] = (await subjects("?live=true")).subjects;
    expect(unanswered).toMatchObject({ identifier: "u5", live: null });
    await evictDurableObject(objectOf("default:u5"));
    await until(async () => {
      const [listed] = (await subjects("?live=true")).subjects;
      expect(listed.live).toMatchObject({ limits: [{ limit: 2, used: 1, remaining: 1 }], overrides: [] });
    });
  });

  test("an empty subject is not listed any more, nor by its policy", async () => {
    await call("PUT", "/policies/gone", { algorithm: "fixedWindow", limit: 5, window: "1m" });
    await limit({ identifier: "u6", policy: "gone" });
    await settled("?policy=gone", ["u6"]);
    at(HOUR);
    await runDurableObjectAlarm(objectOf("default:u6"));
    await settled("", []);
    const left = await runInDurableObject(directory(), (_object, { storage }) => [
      ...storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'limited'"),
    ]);
    expect(left).toEqual([]);
  });
});

describe("beside builds from before", () => {
  test("their tables get what they have not, and their objects are listed without states", async () => {
    await runInDurableObject(directory(), (_object, { storage }) => {
      storage.sql.exec("CREATE TABLE alive (name TEXT PRIMARY KEY) WITHOUT ROWID");
      storage.sql.exec("INSERT INTO alive (name) VALUES ('rate-limit:default:older')");
    });
    await evictDurableObject(directory());
    const [older] = (await subjects()).subjects;
    expect(older).toEqual({ provider: "default", scope: "", identifier: "older", policies: [], states: [], asOf: 0 });
    await limit({ identifier: "u1", ...WINDOW });
    await settled("", ["older", "u1"]);
  });

  test("a call of theirs takes nothing away that was told, and an older one nothing at all", async () => {
    const name = "name=rate-limit%3Adefault%3Au1";
    const blocked = start + HOUR;
    await directory().call(`1 alive ${name} at=100 policies=p blocked=${blocked}`);
    await directory().call(`1 alive ${name} at=200`);
    expect(identifiers(await subjects("?policy=p&state=blocked"))).toEqual(["u1"]);
    await directory().call(`1 alive ${name} at=150 policies=q`);
    expect(identifiers(await subjects("?policy=q"))).toEqual([]);
    await directory().call(`1 alive ${name} at=300 policies=q,r`);
    expect(identifiers(await subjects("?policy=p"))).toEqual([]);
    expect(identifiers(await subjects("?policy=r"))).toEqual(["u1"]);
    await directory().call(`1 gone ${name} at=299`);
    expect(identifiers(await subjects("?policy=r"))).toEqual(["u1"]);
  });

  test("an object whose row says only that it is listed tells once more", async () => {
    await limit({ identifier: "u1", ...WINDOW });
    await settled("", ["u1"]);
    await runInDurableObject(objectOf("default:u1"), (_object, { storage }) => {
      storage.sql.exec("UPDATE state SET row = '1 listed name=rate-limit%3Adefault%3Au1' WHERE key = 'listed'");
    });
    await evictDurableObject(objectOf("default:u1"));
    const count = await countingTells();
    at(SECOND);
    await limit({ identifier: "u1", ...WINDOW, peek: true });
    await until(() => expect(count.told).toBe(1));
    await count.end();
    await settled("", [start + SECOND], (json) => json.subjects.map(({ asOf }) => asOf));
  });
});

describe("a name that the runtime does not tell the object", () => {
  const identifier = "q".repeat(1_024);
  const body = { identifier, ...WINDOW };
  const object = () => objectOf(`default:${identifier}`);
  const row = () =>
    runInDurableObject(object(), (_object, { storage }) => {
      const [found] = storage.sql.exec("SELECT row FROM state WHERE key = 'listed'");
      return found?.row;
    });
  const evicted = async () => {
    await until(async () => expect(await evictDurableObject(object())).toBe(undefined));
  };
  /** Has the directory do this before it answers an object, until it is undone. */
  async function directoryDoes(before) {
    await runInDurableObject(directory(), (object) => {
      const { fetch: original } = Object.getPrototypeOf(object);
      object.fetch = async function fetch(request) {
        await before();
        return original.call(this, request);
      };
    });
    return () => runInDurableObject(directory(), (object) => void delete object.fetch);
  }
  const fails = () => Promise.reject(new Error("out of reach"));

  test("is told by callers: the object is listed, and not any more when it is empty", async () => {
    await limit(body);
    await settled("", [identifier]);
    expect(await row()).toMatch(/^1 listed name=rate-limit%3Adefault%3Aq+ /);
    await evicted();
    at(HOUR);
    await runDurableObjectAlarm(object());
    await settled("", []);
    const tables = await runInDurableObject(object(), (_object, { storage }) => [
      ...storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'state'"),
    ]);
    expect(tables).toEqual([]);
  });

  test("is kept until the directory is told, for an alarm that tells none", async () => {
    const undo = await directoryDoes(fails);
    await limit(body);
    // For a build from before: not listed.
    expect(await row()).toBe(`1 listed name= own=rate-limit%3Adefault%3A${identifier}`);
    await evicted();
    await undo();
    expect(identifiers(await subjects())).toEqual([]);
    at(MINUTE);
    await runDurableObjectAlarm(object());
    await settled("", [identifier]);
    expect(await row()).toMatch(/^1 listed name=rate-limit%3Adefault%3Aq+ /);
  });

  test("is kept where rows come while the directory removes the object", async () => {
    await limit(body);
    await settled("", [identifier]);
    at(HOUR);
    let goOn;
    const gate = new Promise((resolve) => {
      goOn = resolve;
    });
    const undo = await directoryDoes(() => gate);
    const rung = runDurableObjectAlarm(object());
    await new Promise((resolve) => setTimeout(resolve, 50));
    await limit(body);
    expect(await row()).toBe(`1 listed name= own=rate-limit%3Adefault%3A${identifier}`);
    goOn();
    await rung;
    await undo();
    await settled("", [identifier]);
    expect(await row()).toMatch(/^1 listed name=rate-limit%3Adefault%3Aq+ /);
  });

  test("a Worker of a build from before tells none: the next that does has it listed", async () => {
    const call = "1 limit\nitem cost=1\nlimit algorithm=fixedWindow limit=2 window=3600000";
    expect(await object().call(call)).toMatch(/^1 decided/);
    await evicted();
    at(SECOND);
    expect(await object().call(call)).toMatch(/^1 decided/);
    expect([await row(), identifiers(await subjects())]).toEqual([undefined, []]);
    const { json } = await tollgateStatus();
    expect(json.limits).toMatchObject([{ used: 2 }]);
    await settled("", [identifier]);
  });

  const tollgateStatus = () => call("GET", `/limit?identifier=${identifier}`);
});

test("a page looks at no more than a thousand rows", async () => {
  await runInDurableObject(directory(), (object) => {
    for (let i = 0; i < 1_500; i++) {
      const name = `rate-limit%3Adefault%3Au${String(i).padStart(4, "0")}`;
      object.call(`1 alive ${name && `name=${name}`} at=${i + 1} policies=p${i === 1_400 ? ",q" : ""} exhausted=5`);
    }
  });
  const first = await subjects("?prefix=u14&limit=100");
  expect([first.subjects.length, first.next]).toEqual([0, "default:u0999"]);
  const second = await subjects(`?prefix=u14&after=${encodeURIComponent(first.next)}`);
  expect(identifiers(second)).toHaveLength(100);
  // Found by an index.
  expect(identifiers(await subjects("?policy=q"))).toEqual(["u1400"]);
  // All of them were exhausted until an instant that has passed.
  expect(await subjects("?state=exhausted")).toMatchObject({ subjects: [], next: "default:u0999" });
});
