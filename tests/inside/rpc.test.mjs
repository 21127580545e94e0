// What everything rests on: calls into Rust objects, which outlive evictions and new wasm
// instances, on the clock that the runtime shows. And the directory, which the objects tell.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { startAt } from "./lib/time.mjs";

const START = Date.UTC(2027, 0, 4);
const HOUR = 3_600_000;

startAt(START);

const objectOf = (identifier, namespace = "") =>
  env.RATE_LIMIT.getByName(`${namespace}rate-limit:default:${identifier}`);
const check = (identifier, rest = {}, token = "test-admin") =>
  exports.default
    .fetch("https://tollgate/limit", {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ identifier, algorithm: "fixedWindow", limit: 100, window: "1h", ...rest }),
    })
    .then((response) => response.json());

/** The lines of a message, without the first. */
const lines = (text) => text.split("\n").slice(1);
const ONE_OF_5 = "1 limit\nitem cost=1\nlimit algorithm=fixedWindow limit=5 window=3600000";

describe("a call into an object", () => {
  test("is one method with a text each way", async () => {
    const answer = await objectOf("rpc").call(ONE_OF_5);
    expect(answer).toBe(
      `1 decided\ndecision at=${START} success=1 deciding=0 cacheFor=0\nstanding limit=5 remaining=4 reset=${START + HOUR}`,
    );
    expect(lines(await objectOf("rpc").call(ONE_OF_5))[1]).toMatch(/ remaining=3 /);
  });

  test("that cannot be read changes nothing and says so", async () => {
    for (const text of [
      "",
      "1",
      "9 limit",
      "1 dance",
      "1 limit\nitem\nlimit",
      "1 cancel operation=x",
      `2${ONE_OF_5}`,
    ]) {
      expect(await objectOf("rpc").call(text), text).toMatch(/^1 refused code=unavailable detail=/);
    }
    expect(await objectOf("rpc").call(17)).toMatch(/^1 refused/);
    expect(await objectOf("rpc").call("1 status")).toBe("1 status");
  });

  test("may have fields that nobody knows, and is not taken for one of another version", async () => {
    expect(lines(await objectOf("fields").call(`${ONE_OF_5} colour=red`))[1]).toMatch(/ remaining=4 /);
    const next = `2${ONE_OF_5.slice(1)}`;
    expect(await objectOf("fields").call(next)).toBe("1 refused code=unavailable detail=otherVersion");
    expect(lines(await objectOf("fields").call(ONE_OF_5))[1]).toMatch(/ remaining=3 /);
  });

  test("reads the clock that the test sets", async () => {
    await check("clock", { cost: 100 });
    expect(await check("clock")).toMatchObject({ success: false, retryAfter: HOUR });
    vi.setSystemTime(START + HOUR - 1);
    expect(await check("clock")).toMatchObject({ success: false, retryAfter: 1 });
    vi.setSystemTime(START + HOUR);
    expect(await check("clock")).toMatchObject({ success: true, remaining: 99 });
  });

  // The first admission has most to do: it also begins a call to the directory, and a timer.
  test.each([
    ["a subject", () => objectOf("once").call(ONE_OF_5)],
    ["a shard of keys", () => env.KEYSPACE.getByName("keyspace:once").call("1 run\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n")],
  ])("reads the clock once: %s", async (_name, call) => {
    const real = Date.now;
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 100;
    let reads = 0;
    Date.now = () => {
      if (/wasm[\s\S]*\.call \(.*index\.js/.test(new Error().stack)) reads++;
      return real();
    };
    try {
      await call();
    } finally {
      Date.now = real;
      Error.stackTraceLimit = stackTraceLimit;
    }
    expect(reads).toBe(1);
  });

  test("finds its state again after an eviction", async () => {
    await check("evicted", { cost: 40 });
    await evictDurableObject(objectOf("evicted"));
    expect(await check("evicted")).toMatchObject({ remaining: 59 });
  });
});

/**
 * Has what the Worker calls next throw, once, where the stack has a line that fits: nothing in Rust
 * catches that.
 */
function throwOnce(object, name, line) {
  const real = object[name];
  object[name] = function (...values) {
    // Deep enough for the frame that it is called from.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 50;
    const { stack } = new Error();
    Error.stackTraceLimit = stackTraceLimit;
    if (!line.test(stack)) return real.apply(this, values);
    object[name] = real;
    throw new Error("a fault that the test has made");
  };
}

// What ends a wasm instance. An object has the same as the Worker around it here: both are of one
// isolate.
const FAULTS = {
  "an exception in the Worker": () => {
    throwOnce(Headers.prototype, "get", /wasm/);
    return check("fault");
  },
  "an exception in an object": () => {
    throwOnce(Date, "now", /wasm[\s\S]*\.call \(.*index\.js/);
    return objectOf("fault").call(ONE_OF_5);
  },
  "a panic in an object": () => {
    throwOnce(crypto, "getRandomValues", /wasm[\s\S]*\.call \(.*index\.js/);
    return objectOf("fault").call("1 limit\nitem cost=1\nlimit algorithm=concurrency limit=5 ttl=60000");
  },
};

describe("a fault before the first wait is answered as any other: that of", () => {
  const slot = { identifier: "at-once", algorithm: "concurrency", limit: 5, ttl: "1m" };
  const broken = () => throwOnce(crypto, "getRandomValues", /wasm[\s\S]*index\.js/);

  test("an object that is asked itself, and the next call is answered", async () => {
    const object = objectOf("at-once");
    await object.limit(slot);
    broken();
    const { message } = await object.limit(slot).catch((error) => error);
    expect(message).toBe("internal: a fault in the limiter ended the call");
    broken();
    const answer = await object.fetch("https://object/limit", { method: "POST", body: JSON.stringify(slot) });
    expect([answer.status, (await answer.json()).code]).toEqual([500, "internal"]);
    expect(await object.limit(slot)).toMatchObject({ success: true, remaining: 3 });
  });

  test("the Worker", async () => {
    throwOnce(Headers.prototype, "get", /wasm/);
    expect(await check("at-once")).toMatchObject({ code: "internal", requestId: expect.any(String) });
    expect(await check("at-once")).toMatchObject({ success: true });
  });
});

describe.for(Object.entries(FAULTS))("after %s", ([_, fault]) => {
  const { __worker_init_state: instance } = globalThis;

  /** Has the instance end; whoever caused it is told that it failed. */
  const end = async () => {
    const before = instance.instanceId;
    const answer = await fault().catch((error) => ({ error }));
    expect(answer.error ?? answer.code).toEqual(answer.error ? expect.any(Error) : "internal");
    // It has ended, unless an event in the background has made the new one by now.
    expect(instance.instanceId + Number(instance.criticalError)).toBe(before + 1);
  };

  test("one new instance comes, at the next event", async () => {
    await check("next");
    const before = instance.instanceId;
    await end();
    for (let i = 0; i < 3; i++) expect(await check("next")).toMatchObject({ success: true });
    expect(instance).toMatchObject({ criticalError: false, instanceId: before + 1 });
  });

  test("no object has lost an admission that was answered", async () => {
    for (const identifier of ["a", "b"]) await check(identifier, { cost: 60 });
    await end();
    for (const identifier of ["a", "b"]) expect(await check(identifier)).toMatchObject({ remaining: 39 });
    await end();
    expect(lines(await objectOf("a").call("1 status"))[0]).toMatch(/ remaining=39 /);
  });

  test("the requests that were under way fail, at once, and no others", async () => {
    const { readable, writable } = new TransformStream();
    const writer = writable.getWriter();
    const underWay = exports.default.fetch("https://tollgate/limit", {
      method: "POST",
      headers: { authorization: "Bearer test-admin" },
      body: readable,
    });
    await writer.write(new TextEncoder().encode('{"identifier":"c",'));
    await check("elsewhere"); // by when the first one waits for the rest of its body
    await end();
    expect(await check("c", { cost: 10 })).toMatchObject({ success: true, remaining: 90 });
    await writer.write(new TextEncoder().encode('"limit":100,"window":"1h","algorithm":"fixedWindow"}'));
    await writer.close();
    const response = await underWay;
    expect(response.status).toBe(500);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({
      code: "internal",
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(await check("c")).toMatchObject({ remaining: 89 });
  });

  test("objects are still cleaned", async () => {
    await check("d");
    await end();
    vi.setSystemTime(START + 2 * HOUR);
    expect(await runDurableObjectAlarm(objectOf("d"))).toBe(true);
    expect(await runDurableObjectAlarm(objectOf("d"))).toBe(false);
  });
});

describe("the directory", () => {
  const list = (rest = "", name = "directory") =>
    env.DIRECTORY.getByName(name)
      .call(`1 list${rest}`)
      .then((text) => lines(text).map((line) => decodeURIComponent(line.split("name=")[1])));
  const settled = (rest, name, wanted) =>
    vi.waitFor(async () => expect(await list(rest, name)).toEqual(wanted), { timeout: 20_000 });

  test("lists who is alive, each namespace its own, and forgets who is gone", async () => {
    await check("u 1");
    await check("u2");
    await check("u2", {}, "test-other-admin");
    await check("peeked", { peek: true });
    await settled("", "directory", ["rate-limit:default:u%201", "rate-limit:default:u2"]);
    await settled("", "other/directory", ["other/rate-limit:default:u2"]);
    vi.setSystemTime(START + 2 * HOUR);
    expect(await runDurableObjectAlarm(objectOf("u 1".replace(" ", "%20")))).toBe(true);
    await settled("", "directory", ["rate-limit:default:u2"]);
  });

  test("is emptied with the last one", async () => {
    await check("last");
    await settled("", "directory", ["rate-limit:default:last"]);
    vi.setSystemTime(START + 2 * HOUR);
    await runDurableObjectAlarm(objectOf("last"));
    await settled("", "directory", []);
    for (const stub of [objectOf("last"), env.DIRECTORY.getByName("directory")]) {
      const tables = await runInDurableObject(stub, (_object, { storage }) => [
        ...storage.sql.exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'"),
      ]);
      const ours = ({ name }) => name === "state" || name === "alive";
      expect(tables.filter(ours)).toEqual([]);
    }
  });

  test("lists in pages and by prefix", async () => {
    const directory = env.DIRECTORY.getByName("paged");
    for (const name of ["a:3", "a:1", "b:1", "a:2", "a:2"])
      await directory.call(`1 alive name=${encodeURIComponent(name)}`);
    expect(await list(" limit=2", "paged")).toEqual(["a:1", "a:2"]);
    expect(await list(" limit=2 after=a%3A2", "paged")).toEqual(["a:3", "b:1"]);
    expect(await list(" prefix=a%3A after=a%3A1", "paged")).toEqual(["a:2", "a:3"]);
    expect(await directory.call("1 gone name=nobody")).toBe("1 done");
  });

  // A call that its object gave up may arrive after the next one.
  test("is not misled by a call that comes late", async () => {
    const directory = env.DIRECTORY.getByName("late");
    await directory.call("1 alive name=x at=200");
    await directory.call("1 gone name=x at=100");
    await directory.call("1 alive name=x at=150");
    await directory.call("1 gone name=x at=199");
    expect(await list("", "late")).toEqual(["x"]);
    await directory.call("1 gone name=x at=200");
    expect(await list("", "late")).toEqual([]);
  });

  test("goes on with a table of an earlier build", async () => {
    const directory = env.DIRECTORY.getByName("earlier");
    await runInDurableObject(directory, (_object, { storage }) => {
      storage.sql.exec("CREATE TABLE alive (name TEXT PRIMARY KEY) WITHOUT ROWID");
      storage.sql.exec("INSERT INTO alive (name) VALUES ('a'), ('b')");
    });
    await directory.call("1 gone name=a at=5");
    await directory.call("1 alive name=b at=5");
    await directory.call("1 gone name=b at=4");
    expect(await list("", "earlier")).toEqual(["b"]);
    await directory.call("1 gone name=b at=5");
    expect(await list("", "earlier")).toEqual([]);
  });

  test("that cannot be reached is told later, and no answer waits for it", async () => {
    const id = env.DIRECTORY.getByName("directory");
    await id.call("1 alive name=x");
    await runInDurableObject(id, (_object, { storage }) => {
      storage.sql.exec("DROP TABLE alive");
      storage.sql.exec("CREATE VIEW alive AS SELECT 1 AS name"); // nothing can be put into it
    });
    expect(await check("unlisted")).toMatchObject({ success: true });
    await runInDurableObject(id, (_object, { storage }) => storage.sql.exec("DROP VIEW alive"));
    vi.setSystemTime(START + 61_000);
    await vi.waitFor(async () => expect(await runDurableObjectAlarm(objectOf("unlisted"))).toBe(true));
    await settled("", "directory", ["rate-limit:default:unlisted"]);
  });

  /** Has the directory refuse a kind of change, until the function that this returns is called. */
  async function refuse(change) {
    const id = env.DIRECTORY.getByName("directory");
    await id.call("1 alive name=x");
    const exec = (text) => runInDurableObject(id, (_object, { storage }) => void storage.sql.exec(text));
    await exec(`CREATE TRIGGER refuse BEFORE ${change} ON alive BEGIN SELECT RAISE(ABORT, 'no'); END`);
    return () => exec("DROP TRIGGER refuse");
  }
  const keysOf = (name) => env.KEYSPACE.getByName(`keyspace:${name}`);
  const words = (...all) => `1 run\n*${all.length}\r\n${all.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;
  const KINDS = [
    ["a subject", "rate-limit:default:doubt", () => objectOf("doubt"), () => objectOf("doubt").call(ONE_OF_5)],
    [
      "a shard of keys",
      "keyspace:doubt",
      () => keysOf("doubt"),
      () => keysOf("doubt").call(words("SET", "doubt", "1", "PX", "60000")),
    ],
  ];
  const LIVES = [
    ["in one life", () => {}],
    ["after an eviction", (stub) => evictDurableObject(stub)],
  ];
  const CASES = KINDS.flatMap(([kind, ...rest]) => LIVES.map(([life, between]) => [kind, life, ...rest, between]));

  // The directory may apply a call although its caller hears of a failure.
  test.each(CASES)("lists %s anew that it may have removed, %s", async (_k, _l, name, stub, store, between) => {
    const directory = env.DIRECTORY.getByName("directory");
    await store();
    await settled("", "directory", [name]);
    const allow = await refuse("DELETE");
    vi.setSystemTime(START + 3 * HOUR);
    expect(await runDurableObjectAlarm(stub())).toBe(true);
    await allow();
    await directory.call(`1 gone name=${encodeURIComponent(name)}`);
    await between(stub());
    await store();
    await settled("", "directory", [name, "x"].sort());
  });

  test.each(CASES)("removes %s that it may have listed, %s", async (_k, _l, name, stub, store, between) => {
    const directory = env.DIRECTORY.getByName("directory");
    const allow = await refuse("INSERT");
    await store();
    await vi.waitFor(() =>
      runInDurableObject(stub(), async (_object, { storage }) => expect(await storage.getAlarm()).not.toBeNull()),
    );
    await allow();
    await directory.call(`1 alive name=${encodeURIComponent(name)}`);
    await between(stub());
    vi.setSystemTime(START + 3 * HOUR);
    expect(await runDurableObjectAlarm(stub())).toBe(true);
    await settled("", "directory", ["x"]);
  });

  test("lists a subject anew whose rows came while it was removed", async () => {
    const name = "rate-limit:default:doubt";
    await objectOf("doubt").call(ONE_OF_5);
    await settled("", "directory", [name]);
    const allow = await refuse("INSERT");
    vi.setSystemTime(START + 3 * HOUR);
    await runInDurableObject(objectOf("doubt"), async (object) => {
      const rung = object.alarm();
      object.call(ONE_OF_5);
      await rung;
    });
    await settled("", "directory", ["x"]);
    await allow();
    await evictDurableObject(objectOf("doubt"));
    await objectOf("doubt").call(ONE_OF_5);
    await settled("", "directory", [name, "x"]);
  });

  test("an alarm fails whose wasm instance ends while it rings", async () => {
    await objectOf("cut").call(ONE_OF_5);
    await settled("", "directory", ["rate-limit:default:cut"]);
    vi.setSystemTime(START + 3 * HOUR);
    await runInDurableObject(objectOf("cut"), async (object) => {
      const rung = object.alarm();
      throwOnce(Date, "now", /wasm/);
      expect(() => object.call(ONE_OF_5)).toThrow();
      await expect(rung).rejects.toThrow("the wasm instance ended");
      await object.alarm();
    });
    await settled("", "directory", []);
  });

  test("a subject that wakes listed and without rows has an alarm", async () => {
    await objectOf("bare").call(ONE_OF_5);
    await settled("", "directory", ["rate-limit:default:bare"]);
    await runInDurableObject(objectOf("bare"), async (_object, { storage }) => {
      storage.sql.exec("DELETE FROM state WHERE key <> 'listed'");
      await storage.deleteAlarm();
    });
    await evictDurableObject(objectOf("bare"));
    await objectOf("bare").call("1 status");
    vi.setSystemTime(START + 3 * HOUR);
    expect(await runDurableObjectAlarm(objectOf("bare"))).toBe(true);
    await settled("", "directory", []);
  });
});
