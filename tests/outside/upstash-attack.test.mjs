// One request of the Redis side cannot take the instance down or hold it. Each attack runs beside a
// victim of another namespace, whose thousand requests are all answered, rightly, by their objects
// and not by a failure mode; the process stays alive and small.

import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { call, server } from "./lib/server.mjs";

const VICTIM_REQUESTS = 1_000;
const VICTIM_CALLERS = 8;
// Attacks go on while the victim is at work, and are made at least once.
const MAX_ROUNDS = 3;
// By how much the process may grow during an attack: several times what a request may take, since
// its collector is in no hurry, and some hundred kilobytes for the database of each object that is
// awake. A fraction of what these attacks take without bounds.
const MAX_GROWTH = 700 << 20;

const FIXED_WINDOW = "b2efc02798c8e9b471a10f9b1d5745db89923ff3";
const SLIDING_WINDOW = "74740bb3d7792848093cdef586b6b6037c455fd6";
const REGION = "a8c14f3835aa87bd70e5e2116081b81664abcf5c";
const AGGREGATE = "9489a4bb59e12600757093ecde9e46dcfe14f046";

let tollgate;
beforeAll(async () => {
  tollgate = await server({ texts: { TOLLGATE_DEADLINE_MS: "3000" } });
  if (process.env.TOLLGATE_ATTACKED_BUILD) tollgate.serveBuild(process.env.TOLLGATE_ATTACKED_BUILD);
  await tollgate.start();
});
afterAll(() => tollgate?.remove());
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const post = (path, body, token = "test-check") => call(tollgate.url, "POST", path, body, { token });
const times = (count, make) => Array.from({ length: count }, (_, i) => make(i));

/** Runs commands that have to succeed, a pipeline at a time. */
async function fill(commands, token = "test-admin") {
  const { status, json, text } = await post("/pipeline", commands, token);
  expect([status, text.slice(0, 300)]).toEqual([200, expect.any(String)]);
  expect(json.filter(({ error }) => error)).toEqual([]);
}

/** Members of a collection, as many in a command as a body holds. */
async function fillMembers(count, command, perCommand = 20_000) {
  for (let from = 0; from < count; from += perCommand) {
    await fill([command(times(Math.min(perCommand, count - from), (i) => from + i))]);
  }
}

/** What a victim asks in turn, and what is right: all of it is answered by objects. */
function victim(caller) {
  const identifier = `victim-${caller}-${Math.random()}`;
  const token = "test-other-admin";
  let limited = 0;
  let counted = 0;
  let windows = 0;
  const limit = { identifier, algorithm: "fixedWindow", limit: 100_000, window: "52w" };
  return [
    async () => {
      const { status, json } = await post("/limit", limit, token);
      limited += 1;
      const right = status === 200 && json.source === "object" && json.remaining === 100_000 - limited;
      return right && !("degraded" in json) ? undefined : ["/limit", status, json];
    },
    async () => {
      const { status, json } = await post("/", ["INCR", identifier], token);
      counted += 1;
      return status === 200 && json.result === counted ? undefined : ["INCR", status, json];
    },
    async () => {
      const { status, json } = await post(
        "/pipeline",
        [["EVALSHA", FIXED_WINDOW, 2, `${identifier}:1`, "", 1000, 3_600_000, 1]],
        token,
      );
      windows += 1;
      return status === 200 && json[0].result?.[0] === windows ? undefined : ["EVALSHA", status, json];
    },
  ];
}

/** A thousand requests; those that were not answered rightly. */
async function victims() {
  const wrong = [];
  const caller = async (_, number) => {
    const asks = victim(number);
    for (let i = 0; i < VICTIM_REQUESTS / VICTIM_CALLERS; i++) {
      const found = await asks[i % asks.length]().catch((error) => ["broken", String(error.cause ?? error)]);
      if (found) wrong.push(found);
    }
  };
  await Promise.all(times(VICTIM_CALLERS, () => undefined).map(caller));
  return wrong;
}

/** So many members whose hash, by which they are put into pages, has the same lowest bits. */
function colliding(count) {
  const hash = (text) =>
    [...text].reduce((sum, letter) => Math.imul(sum ^ letter.charCodeAt(0), 0x01000193), 0x811c9dc5);
  const found = [];
  for (let i = 0; found.length < count; i++) if ((hash(i.toString(36)) & 0x7ff) === 0) found.push(i.toString(36));
  return found;
}

/**
 * Makes attacks in turn beside the victim; the answers to them. Fails when the victim notices, or
 * the process does not bear it.
 */
async function beside(...attacks) {
  tollgate.forgetPeak();
  const before = tollgate.peak() ?? 0;
  const start = performance.now();
  const victim = victims();
  let busy = true;
  victim.finally(() => {
    busy = false;
  });
  const answers = [];
  for (let round = 0; round === 0 || (busy && round < MAX_ROUNDS); round++) {
    for (const attack of attacks) answers.push(await attack(round));
  }
  const wrong = await victim;
  const grown = (tollgate.peak() ?? 0) - before;
  if (process.env.TOLLGATE_SHOW) {
    const text = ({ status, json, text }) => `${status} ${JSON.stringify(json?.[0] ?? json ?? text)?.slice(0, 120)}`;
    const samples = answers.slice(0, attacks.length).map(text).join("\n");
    console.log(
      `${answers.length} attacks, ${wrong.length} wrong, ${grown >> 20} MB more, ${Math.round(performance.now() - start)} ms\n${samples}`,
    );
  }
  expect(wrong.slice(0, 5)).toEqual([]);
  expect(grown).toBeLessThan(MAX_GROWTH);
  expect(tollgate.log()).not.toMatch(/panic|broke off/);
  return answers;
}

const BOUND = /^ERR .*\b(at most|most,)/;
// What is told to the other commands on an object where one passed a bound when it had begun to
// write.
const UNDONE = /^ERR another command of this request passed a bound/;

/** All that a request's commands came to: an error of each answer that is one, else its result. */
const outcomes = ({ json }) => [json].flat().map(({ error, result }) => error ?? result);

/** Every answer is of the protocol, tells of a bound, and of nothing else that is wrong. */
function expectBound(answers) {
  for (const answer of answers) {
    expect([200, 400]).toContain(answer.status);
    const errors = [answer.json].flat().flatMap(({ error }) => error ?? []);
    expect(errors.filter((error) => BOUND.test(error)).length).toBeGreaterThan(0);
    expect(errors.find((error) => !BOUND.test(error) && !UNDONE.test(error))).toBeUndefined();
  }
}

const attackOf = (path, body, token) => () =>
  call(tollgate.url, "POST", path, body, { token }).catch((error) => ({
    status: 0,
    text: String(error.cause ?? error),
  }));

describe("replies that would be larger than what is stored", () => {
  const big = "x".repeat(65_536);
  beforeAll(async () => {
    await fill([
      ["SET", "reply:big", big],
      ["HSET", "reply:hash", "f", big],
      ["SADD", "reply:set", "y".repeat(16_384)],
    ]);
    await fill([["SET", "reply:huge", "z".repeat(1_000_000)]]);
    await fill(
      times(10, (i) => ["HSET", "reply:fields", ...times(100, (j) => [`f${i}-${j}`, "v".repeat(450)]).flat()]),
    );
    await fillMembers(20_000, (range) => ["SADD", "reply:members", ...range.map((i) => `member-${i}`)]);
    await fillMembers(20_000, (range) => ["ZADD", "reply:scores", ...range.flatMap((i) => [i / 7, `member-${i}`])]);
    await fill([["EVALSHA", REGION, 1, "reply:window", "id-first", 3_600_000, 1]]);
    await fillMembers(10_000, (range) => ["HSET", "reply:window", ...range.flatMap((i) => [`id-${i}`, 1])]);
    await call(tollgate.url, "POST", "/upstash/set/reply:control", new Uint8Array(1_000_000).fill(1));
  });

  test.each([
    [
      "one thing many times",
      ["/", ["MGET", ...times(8_500, () => "reply:big")]],
      ["/", ["MGET", ...times(1_000, () => "reply:big")]],
      ["/", ["HMGET", "reply:hash", ...times(8_500, () => "f")]],
      ["/", ["SRANDMEMBER", "reply:set", "-65536"]],
    ],
    [
      "large strings",
      ["/pipeline", times(250, () => ["GET", "reply:huge"])],
      ["/multi-exec", times(250, () => ["GET", "reply:huge"])],
      ["/pipeline", times(100, () => ["GET", "reply:control"])],
    ],
    [
      "collections",
      ["/pipeline", times(1_000, (i) => [["HGETALL", "HVALS", "HKEYS"][i % 3], "reply:fields"])],
      ["/pipeline", times(1_000, () => ["SMEMBERS", "reply:members"])],
      ["/pipeline", times(1_000, () => ["ZRANGE", "reply:scores", 0, -1, "WITHSCORES"])],
    ],
  ])("are refused to who may only read: %s", async (_, ...attacks) => {
    expectBound(await beside(...attacks.map(([path, body]) => attackOf(path, body, "test-read"))));
  });

  test("are refused as a path, and in base64", async () => {
    const reader = { token: "test-read" };
    const path = () => call(tollgate.url, "GET", "/upstash/srandmember/reply:set/-65536", undefined, reader);
    const options = { ...reader, headers: { "upstash-encoding": "base64" } };
    const body = times(100, () => ["GET", "reply:control"]);
    expectBound(await beside(path, () => call(tollgate.url, "POST", "/pipeline", body, options)));
  });

  test("are refused to scripts, which then count nothing", async () => {
    const body = times(1_000, (i) => ["EVALSHA", REGION, 1, "reply:window", `new-${i}`, 3_600_000, 1]);
    expectBound(await beside(attackOf("/pipeline", body, "test-check")));
    const { json } = await post("/", ["HLEN", "reply:window"]);
    expect(json.result).toBe(10_001);
  });

  test("are refused to commands that read and delete or replace, which then do neither", async () => {
    const body = times(1_000, () => ["SET", "reply:huge", "z".repeat(900), "GET"]);
    const large = [
      ["GET", "reply:control"],
      ["GETDEL", "reply:control"],
    ];
    const attack = async () => {
      const answer = await attackOf("/pipeline", large, "test-check")();
      await attackOf("/pipeline", body, "test-check")();
      await fill([["SET", "reply:huge", "z".repeat(1_000_000)]]);
      return answer;
    };
    expectBound(await beside(attack));
    expect((await post("/", ["STRLEN", "reply:control"])).json.result).toBe(1_000_000);
  });

  test("over many objects stay within what a request may take", async () => {
    const keys = times(200, (i) => `spread:${i}:x`);
    for (let i = 0; i < 200; i += 10) await fill(keys.slice(i, i + 10).map((key) => ["SET", key, "x".repeat(100_000)]));
    expectBound(await beside(attackOf("/", ["MGET", ...keys], "test-read")));
    const { json } = await post("/", ["MGET", ...keys.slice(0, 50)]);
    expect(json.result.map((value) => value.length)).toEqual(times(50, () => 100_000));
  });

  test("do not keep what fits, nor what is small, from its answer", async () => {
    const { json } = await post("/pipeline", [
      ...times(5, () => ["GET", "reply:huge"]),
      ...times(5, () => ["GET", "reply:control"]),
      ["INCR", "reply:count"],
      ["STRLEN", "reply:huge"],
      ["GET", "reply:count"],
    ]);
    expect(json.slice(0, 5).map(({ result }) => result?.length)).toEqual(times(5, () => 1_000_000));
    expect(json.slice(-3)).toEqual([{ result: 1 }, { result: 1_000_000 }, { result: "1" }]);
  });
});

describe("dynamic limits", () => {
  test("that are long do not travel with every script", async () => {
    await fill([["SET", "long:dynamic:global", "9".repeat(1_000_000)]]);
    const script = (i) => ["EVALSHA", FIXED_WINDOW, 2, `long:${i}:1`, "long:dynamic:global", 10, 60_000, 1];
    expectBound(await beside(attackOf("/pipeline", times(1_000, script))));
  });

  test("are not kept by the hundred", async () => {
    const names = times(60, (i) => `kept-${i}:dynamic:global`);
    for (let i = 0; i < names.length; i += 15) {
      await fill(names.slice(i, i + 15).map((name) => ["SET", name, "9".repeat(65_000)]));
    }
    const script = (i) => ["EVALSHA", FIXED_WINDOW, 2, `kept-${i}:u:1`, names[i], 10, 60_000, 1];
    expectBound(await beside(attackOf("/pipeline", times(60, script))));
  });
});

describe("commands that look at many members", () => {
  beforeAll(async () => {
    await fillMembers(100_000, (range) => ["ZADD", "time:z", ...range.flatMap((i) => [i % 977, `m${i}`])]);
    await fillMembers(50_000, (range) => ["SADD", "time:s", ...range.map((i) => `m${i}`)]);
  });

  test("hold nobody up where a few are asked for, wherever they stand", async () => {
    const asks = [
      [() => ["ZCOUNT", "time:z", 0, 1], 206],
      [() => ["ZRANK", "time:z", "m50000"], expect.any(Number)],
      [() => ["ZREVRANGE", "time:z", 0, 0], ["m99653"]],
      [() => ["ZRANGE", "time:z", 50_000, 50_001], [expect.any(String), expect.any(String)]],
      [(i) => (i % 2 ? ["ZCOUNT", "time:z", 900, 6_000] : ["ZADD", "time:z", -5, "more"]), expect.any(Number)],
    ];
    const answers = await beside(
      ...asks.map(([command]) => attackOf("/pipeline", times(1_000, command), "test-check")),
    );
    for (const [i, answer] of answers.entries()) {
      expect(answer.status).toBe(200);
      expect(outcomes(answer)).toEqual(times(1_000, () => asks[i % asks.length][1]));
    }
  });

  test("end with a bound where all are asked for", async () => {
    const asks = [
      ["ZRANGE", "time:z", 0, -1, "WITHSCORES"],
      ["SRANDMEMBER", "time:s"],
      ["SUNIONSTORE", "time:s", "time:s", "time:s"],
      ["SDIFFSTORE", "time:s", "time:s", "time:s:1"],
    ];
    expectBound(
      await beside(
        ...asks.map((ask) =>
          attackOf(
            "/pipeline",
            times(1_000, () => ask),
            "test-check",
          ),
        ),
      ),
    );
    expect((await post("/", ["SCARD", "time:s"])).json.result).toBe(50_000);
  });

  test("end with a bound where all members are in one page", async () => {
    const members = colliding(26_000);
    expectBound(await beside(attackOf("/", ["SADD", "time:page", ...members])));
    expect((await post("/", ["SCARD", "time:page"])).json.result, "nothing is half-written").toBe(0);
    await fill([["SADD", "time:page", ...members.slice(0, 12_000)]]);
    expectBound(await beside(attackOf("/", ["SMISMEMBER", "time:page", ...members], "test-read")));
  });

  test("of texts that are long numbers end soon", async () => {
    await fill([["SET", "time:1:7", "1".repeat(1_000_000)]]);
    await fill([["SET", "time:1:6", "0".repeat(900_000)]]);
    const script = () => ["EVALSHA", SLIDING_WINDOW, 3, "time:1:7", "time:1:6", "", 10, 420_001, 60_000, 1];
    for (const answer of await beside(attackOf("/pipeline", times(1_000, script)))) {
      for (const outcome of outcomes(answer)) expect(outcome).toMatch(/^ERR/);
    }
  });

  test("of numbers that take long to convert end with a bound or soon", async () => {
    const pairs = times(40_000, (i) => [`1e-30${i % 9}`, i]).flat();
    const attack = async (i) => {
      await attackOf("/", ["ZADD", `time:small${i % 3}`, ...pairs])();
      return attackOf(
        "/pipeline",
        times(200, () => ["ZRANGE", `time:small${i % 3}`, 0, -1, "WITHSCORES"]),
      )();
    };
    expectBound(await beside(attack));
  });

  test("of events end with a bound", async () => {
    await fillMembers(
      20_000,
      (range) => ["ZADD", "time:events:1795222800000", ...range.flatMap((i) => [1, JSON.stringify({ i })])],
      10_000,
    );
    const script = () => ["EVALSHA", AGGREGATE, 1, "time:events:1795222800000", "i"];
    expectBound(await beside(attackOf("/pipeline", times(1_000, script))));
  });
});

describe("many keys", () => {
  test("are refused to single commands", async () => {
    const named = (name, count) => [name, ...times(count, (i) => `keys-${name}-${i}`)];
    const attacks = [
      ["/", named("EXISTS", 1_001), "test-read"],
      ["/", named("MGET", 10_000), "test-read"],
      ["/", named("DEL", 10_000)],
      ["/", named("UNLINK", 50_000)],
      ["/", named("MSET", 2_002)],
      ["/", ["SUNIONSTORE", ...times(2_000, (i) => `{keys}${i}`)]],
      ["/", ["EVALSHA", FIXED_WINDOW, 5_000, ...times(5_000, (i) => `keys:s:${i}`), 1, 1, 1]],
    ];
    expectBound(await beside(...attacks.map((attack) => attackOf(...attack))));
  });

  test("are refused to several together", async () => {
    const pipeline = times(1_000, (i) => ["EXISTS", ...times(10, (j) => `keys:p${i}:${j}`)]);
    const transaction = times(1_000, () => ["EXISTS", ...times(10, () => "keys-t")]);
    expectBound(await beside(attackOf("/pipeline", pipeline), attackOf("/multi-exec", transaction)));
  });

  test("as many as may be hold nobody up, each in an object of its own", async () => {
    const attack = (i) => attackOf("/", ["EXISTS", ...times(1_000, (j) => `wide-${i % 3}-${j}`)], "test-read")();
    for (const { status, json } of await beside(attack)) expect([status, json]).toEqual([200, { result: 0 }]);
  });

  test("a full pipeline of checks fits", async () => {
    const script = (i) => ["EVALSHA", SLIDING_WINDOW, 3, `fit:${i}:7`, `fit:${i}:6`, "", 10, 420_001, 60_000, 1];
    const { json } = await post("/pipeline", times(1_000, script));
    expect(json.map(({ result }) => result)).toEqual(times(1_000, () => [9, 10]));
  });
});

describe("patterns", () => {
  test("and keys that are long are refused", async () => {
    const key = `pattern:${"a".repeat(100_000)}`;
    expectBound([await post("/", ["SET", key, "1"])]);
    expectBound(await beside(attackOf("/", ["KEYS", "a*".repeat(25_000)], "test-admin")));
    expectBound([await post("/", ["SCAN", "0", "MATCH", "[".repeat(2_000)], "test-admin")]);
  });

  test("that take many steps hold nobody up", async () => {
    const keys = times(100, (i) => `steps:${"a".repeat(8_000)}${i}:1`);
    await fill(keys.map((key) => ["SET", key, "1"]));
    const pattern = `*${"a".repeat(900)}b`;
    const attack = attackOf(
      "/pipeline",
      times(50, (i) => (i % 2 ? ["KEYS", pattern] : ["SCAN", "0", "MATCH", pattern])),
      "test-admin",
    );
    expectBound(await beside(attack));
  });

  test("over many keys of one object are bounded, and all of them can be deleted", async () => {
    for (let from = 0; from < 40_000; from += 1_000) {
      await fill(times(1_000, (i) => ["SET", `crowd:${from + i}`, "1"]));
    }
    expectBound(
      await beside(
        attackOf(
          "/pipeline",
          times(1_000, () => ["KEYS", "*"]),
          "test-admin",
        ),
      ),
    );
    const flush = async () => (await post("/", ["FLUSHDB"], "test-admin")).json.result;
    expect(await flush()).toBe("OK");
    expect((await post("/", ["KEYS", "crowd*"], "test-admin")).json.result).toEqual([]);
  });
});

describe("memory", () => {
  test("of a request's own arguments is bounded", async () => {
    const body = `["SADD","arguments"${",1".repeat(500_000)}]`;
    expectBound(await beside(attackOf("/", body)));
    expectBound(await beside(attackOf("/pipeline", `[${body}]`)));
  });

  test("of members is counted at what they take", async () => {
    const name = (i) => i.toString(36).padStart(4, "0");
    const attack = (round) => {
      const from = (round * 80_000) % 1_600_000;
      return attackOf(
        "/pipeline",
        times(4, (i) => ["SADD", "small", ...times(20_000, (j) => name(from + i * 20_000 + j))]),
      )();
    };
    const answers = await beside(async (round) => {
      let last;
      for (let i = 0; i < 5; i++) last = await attack(round * 5 + i);
      return last;
    });
    expectBound(answers.slice(-1));
    const { json } = await post("/", ["SCARD", "small"]);
    expect(json.result, "as many as fit at 64 bytes and their own, of 16 MiB").toBeLessThanOrEqual((16 << 20) / 68);
    expect((await post("/", ["DEL", "small"])).json.result).toBe(1);
  });

  test("that is kept between calls is bounded for all objects together", async () => {
    const attack = async (round) => {
      const key = (i) => `kept:${round}-${i}:x`;
      const commands = times(20, (i) => ["SADD", key(i), ...times(2_000, (j) => `member-${j}`)]);
      return attackOf("/pipeline", commands)();
    };
    for (const answer of await beside(attack)) expect(answer.status).toBe(200);
  });
});

describe("waves", () => {
  test("of a request share what it may take", async () => {
    const heavy = ["ZRANGE", "waves", 0, -1];
    await fillMembers(60_000, (range) => ["ZADD", "waves", ...range.flatMap((i) => [i, `m${i}`])]);
    const body = times(999, (i) => (i % 2 ? ["DBSIZE"] : heavy));
    expectBound(await beside(attackOf("/pipeline", body, "test-admin")));
  });
});
