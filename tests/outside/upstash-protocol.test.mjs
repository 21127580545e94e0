// The REST protocol of Upstash Redis as its clients see it: shapes, statuses, encodings, order,
// roles and namespaces, and Redis's own words for whatever is wrong.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { call, server } from "./lib/server.mjs";

let tollgate;
beforeAll(async () => {
  tollgate = await (await server()).start();
});
afterAll(() => tollgate?.remove());

const post = (path, body, options) => call(tollgate.url, "POST", path, body, options);
const run = async (...command) => {
  const { status, json } = await post("/", command);
  return status === 200 ? json.result : `${status} ${json.error}`;
};

describe("one command", () => {
  test("is a JSON array at the root, and answers with its result", async () => {
    const { status, json, headers } = await post("/", ["SET", "a", "1"]);
    expect([status, json]).toEqual([200, { result: "OK" }]);
    expect(headers.get("content-type")).toContain("application/json");
    expect(headers.get("upstash-sync-token")).toBeTruthy();
    expect(await run("get", "a")).toBe("1");
    expect(await run("GET", "nothing")).toBeNull();
  });

  test("may be a path below /upstash, with the token in the query", async () => {
    const get = (path, token = null) => call(tollgate.url, "GET", path, undefined, { token });
    expect((await get("/upstash/set/path%3Akey/a%20b?_token=test-admin")).json).toEqual({ result: "OK" });
    expect((await get("/upstash/get/path%3Akey", "test-admin")).json).toEqual({ result: "a b" });
    const value = await call(tollgate.url, "POST", "/upstash/set/path%3Abody?EX=100", "from the body");
    expect(value.json).toEqual({ result: "OK" });
    expect(await run("GET", "path:body")).toBe("from the body");
    expect(await run("TTL", "path:body")).toBe(100);
    expect((await get("/upstash/get/path%3Akey?_token=wrong")).status).toBe(401);
    expect((await call(tollgate.url, "DELETE", "/upstash/get/a")).status).toBe(405);
  });

  test("answers in base64 at any depth where it is asked to, but for OK", async () => {
    const headers = { "upstash-encoding": "base64" };
    const base64 = async (...command) => (await post("/", command, { headers })).json.result;
    const binary = "ключ \u0000 🔑";
    expect(await base64("SET", "b64", binary)).toBe("OK");
    expect(Buffer.from(await base64("GET", "b64"), "base64").toString()).toBe(binary);
    await run("HSET", "b64:hash", "field", "value");
    expect(await base64("HGETALL", "b64:hash")).toEqual(["ZmllbGQ=", "dmFsdWU="]);
    expect(await base64("INCR", "b64:count")).toBe(1);
    expect(await base64("MGET", "b64:none", "b64:count")).toEqual([null, "MQ=="]);
  });
});

describe("commands of limiters written by hand", () => {
  test("keep fractions, order members and take the first out", async () => {
    expect(await run("INCRBYFLOAT", "hand:spent", "0.1")).toBe("0.1");
    expect(await run("INCRBYFLOAT", "hand:spent", 0.2)).toBe("0.3");
    expect(await run("INCRBYFLOAT", "hand:spent", "nan")).toBe("400 ERR value is not a valid float");
    expect(await run("HINCRBYFLOAT", "hand:bucket", "tokens", -1.5)).toBe("-1.5");
    await run("ZADD", "hand:log", 3, "c", 1, "a", 2, "b");
    expect(await run("ZRANK", "hand:log", "b")).toBe(1);
    expect(await run("ZREVRANK", "hand:log", "c", "WITHSCORE")).toEqual([0, "3"]);
    expect(await run("ZMSCORE", "hand:log", "a", "none", "c")).toEqual(["1", null, "3"]);
    expect(await run("ZPOPMIN", "hand:log")).toEqual(["a", "1"]);
    expect(await run("ZPOPMAX", "hand:log", 5)).toEqual(["c", "3", "b", "2"]);
    expect(await run("APPEND", "hand:text", "ab")).toBe(2);
    expect(await run("APPEND", "hand:text", "cd")).toBe(4);
  });
});

describe("several commands", () => {
  test("of one pipeline keep their order on each key, over any number of objects", async () => {
    const commands = Array.from({ length: 1_000 }, (_, i) => ["SET", `ordered-${i % 37}`, i, "GET"]);
    const { status, json } = await post("/pipeline", commands);
    expect(status).toBe(200);
    expect(json.map(({ result }) => result)).toEqual(commands.map((_, i) => (i < 37 ? null : String(i - 37))));
    expect(await run("GET", "ordered-3")).toBe("965");
  });

  test("fail one by one, and more than 1,000 as a whole", async () => {
    const { status, json } = await post("/pipeline", [["SET", "p", "x"], ["INCR", "p"], ["NOPE"], ["GET", "p"], []]);
    expect(status).toBe(200);
    expect(json).toEqual([
      { result: "OK" },
      { error: "ERR value is not an integer or out of range" },
      { error: expect.stringMatching(/^ERR unknown command 'nope'/) },
      { result: "x" },
      { error: expect.stringMatching(/^ERR/) },
    ]);
    const long = await post(
      "/pipeline",
      Array.from({ length: 1_001 }, () => ["PING"]),
    );
    expect([long.status, long.json.error]).toEqual([400, expect.stringMatching(/^ERR/)]);
  });

  test("of a transaction see each other and nobody between them", async () => {
    const key = "transaction:1";
    const add = () =>
      post("/multi-exec", [
        ["INCR", key],
        ["INCR", key],
        ["GET", key],
      ]);
    for (const { status, json } of await Promise.all(Array.from({ length: 50 }, add))) {
      expect(status).toBe(200);
      const [first, second, seen] = json.map(({ result }) => Number(result));
      expect([second, seen]).toEqual([first + 1, first + 1]);
    }
    const refused = await post("/multi-exec", [["SET", key, "x"], ["NOPE"]]);
    expect([refused.status, refused.json.error]).toEqual([400, expect.stringMatching(/^EXECABORT|^ERR/)]);
    expect(await run("GET", key), "nothing half-written").toBe("100");
  });

  test("of a transaction may have several keys, where a hash tag keeps them together", async () => {
    const hit = (user) => [
      ["INCR", `{${user}}:minute`],
      ["EXPIRE", `{${user}}:minute`, 60, "NX"],
      ["INCR", `{${user}}:hour`],
      ["MGET", `{${user}}:minute`, `{${user}}:hour`],
    ];
    for (const { status, json } of await Promise.all(
      Array.from({ length: 50 }, () => post("/multi-exec", hit("u1"))),
    )) {
      expect(status).toBe(200);
      const [minute, , hour, seen] = json.map(({ result }) => result);
      expect([hour, seen]).toEqual([minute, [String(minute), String(minute)]]);
    }
    expect(await run("MGET", "{u1}:minute", "{u1}:hour")).toEqual(["50", "50"]);
    expect(await run("TTL", "{u1}:minute")).toBeGreaterThan(50);
    const apart = await post("/multi-exec", [...hit("u2"), ...hit("u3")]);
    expect([apart.status, apart.json.error]).toEqual([400, expect.stringMatching(/^CROSSSLOT/)]);
    expect(await run("EXISTS", "{u2}:minute", "{u3}:hour")).toBe(0);
    expect(await run("DEL", "{u1}:minute", "{u1}:hour")).toBe(2);
  });
});

describe("scripts", () => {
  const hash = "b2efc02798c8e9b471a10f9b1d5745db89923ff3";
  test("are known by their hash before anybody loads them", async () => {
    expect(await run("EVALSHA", hash, 2, "known:1", "", 10, 60_000, 1)).toEqual([1, 10]);
    expect(await run("SCRIPT", "EXISTS", hash, "0".repeat(40))).toEqual([1, 0]);
  });

  test("that are not known are named, with what is", async () => {
    const evaluated = await run("EVAL", "return redis.call('GET', KEYS[1])", 1, "a");
    expect(evaluated).toMatch(/^400 ERR unknown Lua script [0-9a-f]{40}/);
    expect(await run("SCRIPT", "LOAD", "return 1")).toMatch(
      /^400 ERR unknown Lua script e0e1f9fabfc9d4800c877a703b823ac0578ff8db/,
    );
    expect(await run("EVALSHA", "0".repeat(40), 0)).toMatch(/^400 NOSCRIPT/);
  });
});

describe("what is wrong", () => {
  const words = (body, options) => post("/", body, options).then(({ status, json }) => `${status} ${json?.error}`);
  test.each([
    ["no JSON", "{", /^400 ERR/],
    ["not an array", '"GET"', /^400 ERR/],
    ["an empty array", "[]", /^400 ERR/],
    ["nested arguments", '["SET", "a", {"b": 1}]', /^400 ERR/],
    ["an unknown command", '["LPUSH", "a", "b"]', /^400 ERR unknown command 'lpush'/],
    ["too few arguments", '["GET"]', /^400 ERR wrong number of arguments for 'get' command/],
    ["an option that there is not", '["SET", "a", "b", "XX", "NX"]', /^400 ERR syntax error/],
    ["no number", '["EXPIRE", "a", "soon"]', /^400 ERR value is not an integer or out of range/],
    ["no number of keys", '["EVALSHA", "b2efc02798c8e9b471a10f9b1d5745db89923ff3", "x"]', /^400 ERR/],
    ["a body that is no UTF-8", new Uint8Array([0x5b, 0x22, 0xff, 0x22, 0x5d]), /^400 ERR/],
  ])("%s has Redis's words", async (_, body, expected) => {
    expect(await words(body)).toMatch(expected);
  });

  test("another type is WRONGTYPE, and nothing is written", async () => {
    await run("HSET", "typed", "field", "1");
    for (const command of [
      ["INCR", "typed"],
      ["SADD", "typed", "x"],
      ["ZADD", "typed", 1, "x"],
      ["GET", "typed"],
    ]) {
      expect(await run(...command)).toBe("400 WRONGTYPE Operation against a key holding the wrong kind of value");
    }
    expect(await run("HGETALL", "typed")).toEqual(["field", "1"]);
  });

  test("huge bodies and arguments are refused whole", async () => {
    expect(await words(["SET", "huge", "x".repeat(1 << 20)])).toMatch(/^413 ERR/);
    expect(await run("GET", "huge")).toBeNull();
    expect(await run("SET", "large", "x".repeat(500_000))).toBe("OK");
    expect(await run("STRLEN", "large")).toBe(500_000);
    expect(await run("DEL", "large")).toBe(1);
  });

  test("keys may be any bytes and any length", async () => {
    for (const key of ["", " ", "\u0000\u0001", "🔑".repeat(600), "a/b?c&d%20", "x".repeat(5_000)]) {
      expect(await run("SET", key, key)).toBe("OK");
      expect(await run("GET", key)).toBe(key);
    }
  });

  test("is never HTML, whatever method and path", async () => {
    for (const [method, path] of [
      ["GET", "/pipeline"],
      ["PUT", "/multi-exec"],
      ["GET", "/upstash"],
      ["GET", "/upstash/nope/a"],
      ["PATCH", "/upstash/get/a"],
      ["POST", "/upstash/pipeline"],
    ]) {
      const { status, headers, json } = await call(tollgate.url, method, path, undefined);
      expect(headers.get("content-type"), `${method} ${path}`).toContain("application/json");
      expect(json.error, `${method} ${path}`).toMatch(/^ERR/);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
    }
  });
});

describe("tokens", () => {
  const as =
    (token) =>
    (...command) =>
      post("/", command, { token }).then(({ status, json }) =>
        status === 200 ? json.result : `${status} ${json.error}`,
      );
  test("may do what their role allows", async () => {
    const [reader, checker, admin] = ["test-read", "test-check", "test-admin"].map(as);
    expect(await reader("SET", "role", "1")).toMatch(/^4\d\d NOPERM/);
    expect(await checker("SET", "role", "1")).toBe("OK");
    expect(await reader("GET", "role")).toBe("1");
    expect(await checker("FLUSHDB")).toMatch(/^4\d\d NOPERM/);
    expect(await admin("DEL", "role")).toBe(1);
    expect(await as("wrong")("GET", "role")).toMatch(/^401 WRONGPASS/);
    const nobody = await post("/", ["PING"], { token: null });
    expect([nobody.status, nobody.json.error]).toEqual([401, expect.stringMatching(/^WRONGPASS/)]);
  });

  test("see the keys of their own namespace only", async () => {
    const [mine, theirs] = ["test-admin", "test-other-admin"].map(as);
    await mine("SET", "apart", "mine");
    expect(await theirs("GET", "apart")).toBeNull();
    expect(await theirs("KEYS", "*")).toEqual([]);
    expect(await theirs("FLUSHDB")).toBe("OK");
    expect(await mine("GET", "apart")).toBe("mine");
  });
});
