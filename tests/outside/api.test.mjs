// The HTTP contract: routes, roles, namespaces, headers, errors, bad input.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { algorithms, server } from "./lib/server.mjs";

let tollgate;
beforeAll(async () => {
  tollgate = await (await server()).start();
});
afterAll(() => tollgate?.remove());

let subjects = 0;
const fresh = () => `subject-${++subjects}`;
const post = (path, body, options) => tollgate.call("POST", path, body, options);
const window = (limit, rest = {}) => ({ algorithm: "fixedWindow", limit, window: "52w", ...rest });

describe("POST /limit", () => {
  test("a decision says what was decided, in the body and in the headers", async () => {
    const identifier = fresh();
    const ask = () => post("/limit", { identifier, algorithm: "fixedWindow", limit: 2, window: "52w" });
    const first = await ask();
    expect(first.status).toBe(200);
    expect(first.headers.get("content-type")).toBe("application/json");
    expect(first.json).toEqual({ success: true, limit: 2, remaining: 1, reset: expect.any(Number), source: "object" });
    await ask();
    const third = await ask();
    expect(third.status).toBe(429);
    expect(third.json).toMatchObject({ success: false, limit: 2, remaining: 0, reason: "limit", limitedBy: "2/52w" });
    const { headers, json } = third;
    const seconds = Math.ceil(json.retryAfter / 1000);
    expect(Number(headers.get("retry-after"))).toBe(seconds);
    expect(headers.get("ratelimit-policy")).toBe('"2/52w";q=2;w=31449600');
    expect(headers.get("ratelimit")).toBe(`"2/52w";r=0;t=${seconds}`);
    expect(headers.get("x-ratelimit-limit")).toBe("2");
    expect(headers.get("x-ratelimit-remaining")).toBe("0");
    expect(headers.get("x-ratelimit-reset")).toBe(String(Math.ceil(json.reset / 1000)));
    expect(first.headers.get("retry-after")).toBeNull();
  });

  test.each(Object.entries(algorithms(5)))("%s counts, peeks, and refuses what can never fit", async (_name, limit) => {
    const identifier = fresh();
    const ask = (rest) => post("/limit", { identifier, ...limit, ...rest });
    expect((await ask({ peek: true })).json).toMatchObject({ success: true, remaining: 5 });
    expect((await ask({ cost: 2 })).json).toMatchObject({ success: true, remaining: 3 });
    expect((await ask({ cost: 4, peek: true })).status).toBe(429);
    expect((await ask({ cost: 0 })).json).toMatchObject({ success: true, remaining: 3 });
    const never = await ask({ cost: 6 });
    expect(never.status).toBe(429);
    expect(never.json.reason).toBe("costExceedsCapacity");
    expect(never.json).not.toHaveProperty("retryAfter");
    expect(never.headers.get("retry-after")).toBeNull();
    expect((await ask({ cost: 3 })).json).toMatchObject({ success: true, remaining: 0 });
  });

  test("a negative cost gives back, and never above full", async () => {
    const identifier = fresh();
    const ask = (cost) => post("/limit", { identifier, ...window(10), cost });
    await ask(4);
    expect((await ask(-3)).json).toMatchObject({ success: true, remaining: 9 });
    expect((await ask(-100)).json).toMatchObject({ success: true, remaining: 10 });
  });

  test("several limits are listed, and the one that refuses longest is named", async () => {
    const identifier = fresh();
    const limits = [
      window(3),
      { name: "burst", algorithm: "tokenBucket", capacity: 2, refill: { amount: 1, interval: "1h" } },
    ];
    const ask = () => post("/limit", { identifier, limits });
    expect((await ask()).json.limits).toHaveLength(2);
    await ask();
    const { json, headers } = await ask();
    expect(json).toMatchObject({ success: false, limitedBy: "burst", remaining: 0 });
    expect(json.limits.map(({ name, remaining }) => [name, remaining])).toEqual([
      ["3/52w", 1],
      ["burst", 0],
    ]);
    expect(headers.get("ratelimit")).toMatch(/^"3\/52w";r=1;t=\d+, "burst";r=0;t=\d+$/);
  });

  test("a limit without an algorithm is a sliding window", async () => {
    const identifier = fresh();
    await post("/limit", { identifier, limit: 5, window: "15m" });
    const { json } = await tollgate.call("GET", `/limit?identifier=${identifier}`);
    expect(json.limits[0]).toMatchObject({ algorithm: "slidingWindow", name: "5/15m", used: 1 });
  });

  test("a shaper spaces its callers", async () => {
    const body = {
      identifier: fresh(),
      algorithm: "leakyBucket",
      capacity: 10,
      leak: { amount: 1, interval: "1h" },
      maxDelay: "1d",
    };
    const delays = [];
    for (let i = 0; i < 3; i++) delays.push((await post("/limit", body)).json.delay);
    expect(delays[0]).toBe(0);
    for (const [i, delay] of delays.slice(1).entries()) {
      expect(delay).toBeLessThanOrEqual((i + 1) * 3_600_000);
      expect(delay).toBeGreaterThan((i + 1) * 3_600_000 - 60_000);
    }
  });

  test("a named policy is understood, and there is none yet", async () => {
    const { status, json } = await post("/limit", { identifier: fresh(), policy: "github.rest" });
    expect(status).toBe(404);
    expect(json).toMatchObject({ code: "unknownPolicy", field: "policy" });
  });
});

describe("subjects", () => {
  test("subjects, policies of limits, and namespaces share nothing", async () => {
    const identifier = "shared name";
    const one = { identifier, ...window(1) };
    expect((await post("/limit", one)).status).toBe(200);
    expect((await post("/limit", one)).status).toBe(429);
    for (const other of [
      { ...one, identifier: "shared%20name" },
      { ...one, provider: "github" },
      { ...one, scope: "org" },
      { ...one, window: "51w" },
      { ...one, algorithm: "slidingWindow" },
    ]) {
      expect((await post("/limit", other)).status, JSON.stringify(other)).toBe(200);
    }
    expect((await post("/limit", one, { token: "test-other-admin" })).status).toBe(200);
  });

  test.each(["ä€𝄞", "a:b/c?d#e", "\u0000\n", "'; DROP TABLE rows; --", "x".repeat(1024)])(
    "an identifier may be %j",
    async (identifier) => {
      const ask = () => post("/limit", { identifier, ...window(1, { name: "any" }) });
      expect((await ask()).status).toBe(200);
      expect((await ask()).status).toBe(429);
      const { json } = await tollgate.call("GET", `/limit?identifier=${encodeURIComponent(identifier)}`);
      expect(json.subject.identifier).toBe(identifier);
      expect(json.limits[0].used).toBe(1);
    },
  );
});

describe("GET and DELETE /limit, POST /limit/block", () => {
  test("a subject shows its state, and a reset forgets one policy or all", async () => {
    const identifier = fresh();
    await post("/limit", { identifier, ...window(5), cost: 3 });
    const show = async () =>
      (await tollgate.call("GET", `/limit?identifier=${identifier}`, undefined, { token: "test-read" })).json;
    expect((await show()).limits).toMatchObject([{ name: "5/52w", limit: 5, used: 3, remaining: 2 }]);
    expect((await tollgate.call("DELETE", `/limit?identifier=${identifier}`)).status).toBe(200);
    expect((await show()).limits).toEqual([]);
    expect((await post("/limit", { identifier, ...window(5) })).json.remaining).toBe(4);
  });

  test("what is shown of a limit can be sent as a request for the same limit", async () => {
    const identifier = fresh();
    const show = async () => (await tollgate.call("GET", `/limit?identifier=${identifier}`)).json.limits;
    const refill = { amount: 1.666666666, interval: 3_600_000 };
    const asked = [
      { algorithm: "slidingWindow", limit: 5, window: 31_449_600_000 },
      { algorithm: "tokenBucket", capacity: 9, refill, initial: 5, burstCredits: { cap: 2, expiry: 60_000 } },
      { algorithm: "leakyBucket", capacity: 9, leak: { amount: 1, interval: 3_600_000 }, maxDelay: 86_400_000 },
      {
        algorithm: "quota",
        limit: 9,
        period: "year",
        timeZone: "Asia/Kolkata",
        anchor: { time: "06:30:00", day: 6, month: 4 },
      },
      { algorithm: "concurrency", limit: 9, ttl: 86_400_000 },
    ];
    for (const definition of asked) await post("/limit", { identifier, ...definition });
    const shown = await show();
    expect(shown).toMatchObject(asked);
    for (const { name, used, remaining, reset, ...definition } of shown) {
      if (definition.capacity !== undefined) delete definition.limit;
      expect((await post("/limit", { identifier, ...definition })).status).toBe(200);
    }
    const twice = (await show()).map(({ algorithm, used }) => [algorithm, used]);
    expect(twice).toEqual(asked.map(({ algorithm }) => [algorithm, algorithm === "tokenBucket" ? 6 : 2]));
  });

  test("a subject with too many limits is told whether names or windows are too many", async () => {
    const fill = async (of) => {
      const identifier = fresh();
      for (let i = 0; i < 64; i += 8) {
        await post("/limit", { identifier, limits: Array.from({ length: 8 }, (_, j) => of(i + j)) });
      }
      return await post("/limit", { identifier, ...of(64) });
    };
    const names = await fill((i) => window(5, { name: `user-${i}` }));
    expect([names.status, names.json.code]).toEqual([422, "tooManyLimits"]);
    expect(names.json.detail).toMatch(/64 different names.*fewer `name`s/);
    const windows = await fill((i) => ({ ...window(5), window: 1e9 + i }));
    expect([windows.status, windows.json.code]).toEqual([422, "tooManyLimits"]);
    expect(windows.json.detail).toMatch(/Each window/);
    expect(windows.json.detail).not.toMatch(/name/);
    const oneName = await fill((i) => ({ ...window(5, { name: "n" }), window: 1e9 + i }));
    expect([oneName.status, oneName.json.code, oneName.json.field]).toEqual([422, "tooManyLimits", "name"]);
    expect(oneName.json.detail).toMatch(/`n` has 16 definitions in use/);
  });

  test("a blocked subject is refused until it is unblocked", async () => {
    const identifier = fresh();
    const ask = (rest) => post("/limit", { identifier, ...window(5), ...rest });
    expect((await post("/limit/block", { identifier, duration: "1h", reason: "abuse" })).status).toBe(200);
    const { status, json, headers } = await ask();
    expect(status).toBe(429);
    expect(json).toMatchObject({ success: false, reason: "blocked" });
    expect(json.retryAfter).toBeLessThanOrEqual(3_600_000);
    expect(json).not.toHaveProperty("remaining");
    expect(Number(headers.get("retry-after"))).toBeGreaterThan(3_500);
    expect((await ask({ cost: 0 })).status).toBe(429);
    const shown = (await tollgate.call("GET", `/limit?identifier=${identifier}`)).json;
    expect(shown.overrides).toMatchObject([{ kind: "block", reason: "abuse" }]);
    expect(shown.recentDenials.at(-1)).toMatchObject({ reason: "blocked" });
    await post("/limit/block", { identifier, duration: 0 });
    // The isolate may remember the refusal for up to a second.
    await expect.poll(async () => (await ask()).status, { timeout: 10_000 }).toBe(200);
  });
});

describe("POST /limit/multi", () => {
  test("all are charged or none", async () => {
    const [a, b] = [fresh(), fresh()];
    const ask = () =>
      post("/limit/multi", {
        limits: [
          { identifier: a, ...window(5) },
          { identifier: b, ...window(2) },
        ],
      });
    for (const success of [true, true, false, false]) {
      const { status, json, headers } = await ask();
      expect([status, json.success]).toEqual([success ? 200 : 429, success]);
      expect(json.results).toHaveLength(2);
      // At the top as in the header: the wait of the entry that is refused longest.
      expect(json.retryAfter).toBe(success ? undefined : json.results[1].retryAfter);
      expect(headers.get("retry-after")).toBe(success ? null : `${Math.ceil(json.retryAfter / 1000)}`);
    }
    const never = await post("/limit/multi", { limits: [{ identifier: a, ...window(5), cost: 6 }] });
    expect(never.json).toMatchObject({ success: false, results: [{ reason: "costExceedsCapacity" }] });
    expect(never.json).not.toHaveProperty("retryAfter");
    const used = async (identifier) =>
      (await tollgate.call("GET", `/limit?identifier=${identifier}`)).json.limits[0].used;
    expect([await used(a), await used(b)]).toEqual([2, 2]);
  });

  test("entries of one subject go together, and the fields beside them are their defaults", async () => {
    const identifier = fresh();
    const { json } = await post("/limit/multi", {
      identifier,
      cost: 2,
      limits: [window(5), { ...window(9, { window: "51w" }), cost: 3 }],
    });
    expect(json.results.map(({ remaining }) => remaining)).toEqual([3, 6]);
  });
});

describe("permits", () => {
  const slots = (identifier) => ({ identifier, algorithm: "concurrency", limit: 1, ttl: "1h" });

  test("a slot is held until it is released, and releasing twice is one release", async () => {
    const identifier = fresh();
    const first = (await post("/limit", slots(identifier))).json;
    expect(first).toMatchObject({ success: true, permit: expect.any(String), fence: expect.any(Number) });
    expect((await post("/limit", slots(identifier))).status).toBe(429);
    const renewed = await post("/limit/renew", { permit: first.permit, hold: "30m" });
    expect(renewed.json).toMatchObject({ permit: first.permit, fence: first.fence });
    for (let i = 0; i < 2; i++) expect((await post("/limit/release", { permit: first.permit })).status).toBe(200);
    const second = (await post("/limit", slots(identifier))).json;
    expect(second.fence).toBeGreaterThan(first.fence);
    expect((await post("/limit/renew", { permit: first.permit })).json.code).toBe("unknownPermit");
    // A reset forgets what is spent, and frees no slot.
    await tollgate.call("DELETE", `/limit?identifier=${identifier}`);
    expect((await post("/limit", slots(identifier))).status).toBe(429);
    await post("/limit/release", { permit: second.permit });
    await tollgate.call("DELETE", `/limit?identifier=${identifier}`);
    expect((await post("/limit", slots(identifier))).json.fence).toBeGreaterThan(second.fence);
  });

  test("a permit of another namespace, or one made up, is not known", async () => {
    const { permit } = (await post("/limit", slots(fresh()))).json;
    const made = permit.replace(/^p1\.[0-9a-f]{32}/, `p1.${"1".repeat(32)}`);
    for (const [text, token] of [
      [permit, "test-other-admin"],
      [made, "test-admin"],
      ["nonsense", "test-admin"],
    ]) {
      const { status, json } = await post("/limit/release", { permit: text }, { token });
      expect([status, json.code]).toEqual([404, "unknownPermit"]);
    }
  });
});

describe("words and types that programs send", () => {
  test.each([
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=UTF-8",
    "text/plain",
    "text/plain;charset=UTF-8",
    "application/json; charset=utf-8",
    "application/vnd.api+json",
  ])("a body of type %s is read as JSON", async (type) => {
    const identifier = fresh();
    for (const path of ["/limit", "/limit/multi"]) {
      const body = path === "/limit" ? { identifier, ...window(9) } : { limits: [{ identifier, ...window(9) }] };
      const { status, text } = await post(path, JSON.stringify(body), { headers: { "content-type": type } });
      expect(status, text).toBe(200);
    }
    const { json } = await tollgate.call("GET", `/limit?identifier=${identifier}`);
    expect(json.limits[0].used).toBe(2);
  });

  test("the words of other limiters name the same limit", async () => {
    const identifier = fresh();
    const used = async () => (await tollgate.call("GET", `/limit?identifier=${identifier}`)).json.limits;
    await post("/limit", { identifier, limit: 1000, window: "1h" });
    await post("/limit", { identifier, strategy: "sliding-window", requests: 1000, window: 3_600_000 });
    expect((await used()).map(({ name, used }) => [name, used])).toEqual([["1000/1h", 2]]);
  });

  test.each([
    [100 / 60, "1.666666666/1s"],
    [100 / 900, "0.111111111/1s"],
    [1e-7, "0.0000001/1s"],
    [0.1 + 0.2, "0.3/1s"],
  ])("a rate of %d is taken, and never above it", async (refillRate, name) => {
    const identifier = fresh();
    const body = { identifier, strategy: "token-bucket", capacity: 100, initialTokens: 50, refillRate };
    expect((await post("/limit", body)).json).toMatchObject({ success: true, limit: 100, remaining: 49 });
    const { json } = await tollgate.call("GET", `/limit?identifier=${identifier}`);
    expect(json.limits[0].name).toBe(name);
  });

  test("a leak may be a rate and an interval, and a rate that rounds to nothing is refused", async () => {
    const body = { identifier: fresh(), strategy: "leaky-bucket", capacity: 2, leakRate: 1, leakInterval: "1h" };
    expect((await post("/limit", body)).json).toMatchObject({ success: true, limit: 2, remaining: 1 });
    const none = await post("/limit", { ...body, leakRate: 1e-10 });
    expect([none.status, none.json.field]).toEqual([400, "leakRate"]);
    const both = await post("/limit", { ...body, leak: { amount: 1, interval: "1h" } });
    expect([both.status, both.json.field]).toEqual([400, "leakRate"]);
  });
});

describe("POST /acquire", () => {
  test("is per second whatever the refill interval", async () => {
    const body = { identifier: fresh(), maxTokens: 1, refillRate: 0.01 };
    expect((await post("/acquire", body)).json.allowed).toBe(true);
    const { json } = await post("/acquire", { ...body, refillInterval: 600 });
    expect(json.allowed).toBe(false);
    // On `/limit` the same numbers would be back within a minute.
    expect(json.retryAfter).toBeGreaterThan(60);
    const wrong = await post("/acquire", { ...body, refillInterval: -1 });
    expect([wrong.status, wrong.json.field]).toEqual([400, "refillInterval"]);
  });

  test("answers 200 either way, in seconds", async () => {
    const body = { identifier: fresh(), maxTokens: 2, refillRate: 0.5 };
    expect((await post("/acquire", body)).json).toEqual({ allowed: true, remaining: 1 });
    await post("/acquire", body);
    const { status, json } = await post("/acquire", body);
    expect(status).toBe(200);
    expect(json).toEqual({ allowed: false, remaining: 0, retryAfter: 2 });
  });
});

describe("who may do what", () => {
  const identifier = "roles";
  const routes = [
    ["POST", "/limit", { identifier, ...window(1000) }, ["admin", "check"]],
    ["POST", "/limit/multi", { limits: [{ identifier, ...window(1000) }] }, ["admin", "check"]],
    ["POST", "/acquire", { identifier, maxTokens: 100, refillRate: 1 }, ["admin", "check"]],
    ["GET", "/limit?identifier=roles", undefined, ["admin", "check", "read"]],
    ["DELETE", "/limit?identifier=roles", undefined, ["admin"]],
    ["POST", "/limit/block", { identifier, duration: 0 }, ["admin"]],
  ];
  test.each(routes)("%s %s", async (method, path, body, allowed) => {
    for (const role of ["admin", "check", "read"]) {
      const { status, json } = await tollgate.call(method, path, body, { token: `test-${role}` });
      expect([role, status]).toEqual([role, allowed.includes(role) ? 200 : 403]);
      if (status === 403) expect(json.code).toBe("forbidden");
    }
    for (const token of [null, "wrong", ""]) {
      const { status, json, headers } = await tollgate.call(method, path, body, { token });
      expect([status, json.code]).toEqual([401, "unauthorized"]);
      expect(headers.get("www-authenticate")).toMatch(/^Bearer/);
    }
  });

  test("/healthz needs no token", async () => {
    const { status, json } = await tollgate.call("GET", "/healthz", undefined, { token: null });
    expect(status).toBe(200);
    expect(json).toHaveProperty("version");
  });

  test.each([
    ["a role", { tokens: '[{"token":"hunter2","role":"root"}]' }, /TOLLGATE_TOKENS\[0\]\.role/],
    [
      "a token twice",
      { tokens: '[{"token":"a","role":"read"},{"token":"a","role":"admin"}]' },
      /TOLLGATE_TOKENS\[1\]` have the same token/,
    ],
    ["an origin", { texts: { TOLLGATE_CORS_ORIGINS: "https://a.example,*" } }, /TOLLGATE_CORS_ORIGINS/],
  ])("of %s that is wrong only the log tells", async (_name, settings, said) => {
    const wrong = await (await server(settings)).start();
    try {
      for (const path of ["/limit", "/acquire", "/pipeline", "/"]) {
        const { status, text } = await wrong.call("POST", path, { identifier: "x", ...window(1) }, { token: null });
        expect(status).toBe(503);
        expect(text).toContain("has a setting that cannot be used");
        expect(text).not.toMatch(/TOLLGATE|role|entr|origin/);
      }
      expect(wrong.log()).toMatch(said);
      // Not once for each request, of which anybody can send many.
      expect(wrong.log().match(/tollgate: The Worker's/g).length).toBeLessThan(4);
      expect(wrong.log()).not.toContain("hunter2");
      expect((await wrong.call("GET", "/healthz")).status).toBe(200);
    } finally {
      await wrong.remove();
    }
  });

  test("a token that may ask named policies only brings no limits of its own", async () => {
    const bound = '[{"token":"bound","role":"check","name":"app","inline":false}]';
    const mixed = await (await server({ texts: { TOLLGATE_TOKENS_3: bound } })).start();
    try {
      const inline = { identifier: "x", ...window(5) };
      const acquire = { identifier: "x", maxTokens: 5, refillRate: 1 };
      for (const [path, body] of [
        ["/limit", inline],
        ["/limit", { ...inline, peek: true }],
        ["/limit/multi", { limits: [inline, { identifier: "y", policy: "none" }] }],
        ["/acquire", acquire],
      ]) {
        const { status, json } = await mixed.call("POST", path, body, { token: "bound" });
        expect([status, json.code, path]).toEqual([403, "inlineForbidden", path]);
      }
      for (const [path, body] of [
        ["/", ["INCR", "x"]],
        ["/pipeline", [["INCR", "x"]]],
      ]) {
        const { status, json } = await mixed.call("POST", path, body, { token: "bound" });
        expect([status, json.error]).toEqual([403, expect.stringMatching(/^NOPERM /)]);
      }
      const named = await mixed.call("POST", "/limit", { identifier: "x", policy: "none" }, { token: "bound" });
      expect([named.status, named.json.code]).toEqual([404, "unknownPolicy"]);
      // Nothing was charged, and the other secret's tokens may go on.
      const { json } = await mixed.call("POST", "/limit", inline);
      expect(json.remaining).toBe(4);
    } finally {
      await mixed.remove();
    }
  });

  test("without tokens nothing is open, and the answer says what to set", async () => {
    const bare = await (await server({ tokens: null })).start();
    try {
      const { status, json } = await bare.call("POST", "/limit", { identifier: "x", ...window(1) });
      expect([status, json.code]).toEqual([503, "notConfigured"]);
      expect(json.detail).toMatch(/TOLLGATE_TOKENS/);
      expect((await bare.call("GET", "/healthz")).status).toBe(200);
    } finally {
      await bare.remove();
    }
  });
});

describe("bad input is refused, names the field, and consumes nothing", () => {
  const identifier = "bad";
  const cases = [
    ["{", 400, "invalidJson"],
    ["", 400, "invalidJson"],
    ["[]", 400, undefined],
    ["null", 400, undefined],
    [{ ...window(1) }, 400, "invalidField", "identifier"],
    [{ identifier: "", ...window(1) }, 400, "invalidField", "identifier"],
    [{ identifier: "x".repeat(1025), ...window(1) }, 400, "invalidField", "identifier"],
    [{ identifier, limit: "5", window: "1m" }, 400, "invalidField", "limit"],
    [{ identifier, limit: null, window: "1m" }, 400, "invalidField", "limit"],
    [{ identifier, limit: 1.5, window: "1m" }, 400, "invalidField", "limit"],
    [{ identifier, limit: -1, window: "1m" }, 400, "invalidField", "limit"],
    [`{"identifier":"bad","limit":9007199254740993,"window":"1m"}`, 400, "invalidField", "limit"],
    [{ identifier, limit: 5, window: "0s" }, 400, "invalidField", "window"],
    [{ identifier, limit: 5, window: "soon" }, 400, "invalidField", "window"],
    [{ identifier, limit: 5, window: "367d" }, 400, "invalidField", "window"],
    [{ identifier, limit: 5, window: "1m", surprise: 1 }, 400, "invalidField", "surprise"],
    [{ identifier, limit: 5, window: "1m", policy: "p" }, 400, "invalidField"],
    [{ identifier }, 400, "invalidField"],
    [{ identifier, ...window(5), cost: 1.5 }, 400, "invalidField", "cost"],
    [{ identifier, algorithm: "slidingLog", limit: 1001, window: "1m" }, 400, "invalidField", "limit"],
    [{ identifier, algorithm: "concurrency", limit: 5, ttl: "1m", cost: -1 }, 400, "invalidField", "cost"],
    [
      { identifier, algorithm: "quota", limit: 5, period: "day", timeZone: "Mars/Olympus" },
      400,
      "unknownTimeZone",
      "timeZone",
    ],
    [{ identifier, limits: [window(1), window(2)] }, 400, "invalidField"],
    [{ identifier, limit: 5, window: "9m", consistency: "eventual" }, 400, "invalidField", "consistency"],
    [{ identifier, ...window(5), window: "9s", consistency: "leased" }, 400, "invalidField", "consistency"],
    [{ identifier, limit: 5, window: "1m", consistency: "local" }, 400, "invalidField", "consistency"],
    [{ identifier, limit: 5, window: "1h", consistency: "local" }, 400, "invalidField", "consistency"],
    [{ identifier, limit: 5, window: "9m", failMode: "eventual" }, 400, "invalidField", "failMode"],
    [{ identifier, ...window(5), shed: { limit: 5, window: "10s" } }, 400, "invalidField", "shed"],
    [{ identifier, ...window(5), shed: { limit: 5, window: "11s" } }, 400, "invalidField", "shed.window"],
    [
      { identifier, algorithm: "quota", limit: 5, period: "day", timeZone: "Mars/Olympus", consistency: "eventual" },
      400,
      "unknownTimeZone",
      "timeZone",
    ],
    [{ identifier, limits: [{ ...window(1), window: 0 }] }, 400, "invalidField", "limits[0].window"],
  ];
  test.each(cases)("%j", async (body, status, code, field) => {
    const answer = await post("/limit", body);
    expect(answer.status, answer.text).toBe(status);
    expect(answer.headers.get("content-type")).toMatch("application/problem+json");
    expect(answer.json.requestId).toBeTruthy();
    expect(answer.json.detail.length).toBeGreaterThan(10);
    if (code !== undefined) expect(answer.json.code).toBe(code);
    if (field !== undefined) expect(answer.json.field).toBe(field);
  });

  test("nothing was consumed", async () => {
    expect((await tollgate.call("GET", `/limit?identifier=${identifier}`)).json.limits).toEqual([]);
  });

  test("a body may be 64 KiB, of a type that is JSON, in UTF-8", async () => {
    const body = (size) => `{"identifier":"bad","limit":5,"window":"1m"${" ".repeat(size - 44)}}`;
    expect((await post("/limit", body(65_536), { headers: { "content-type": "application/json" } })).status).toBe(200);
    expect((await post("/limit", body(65_537))).json.code).toBe("bodyTooLarge");
    const xml = await post("/limit", body(100), { headers: { "content-type": "text/xml" } });
    expect([xml.status, xml.json.code]).toEqual([415, "unsupportedMediaType"]);
    const form = await post("/limit", "a=b", { headers: { "content-type": "application/x-www-form-urlencoded" } });
    expect([form.status, form.json.code]).toEqual([400, "invalidJson"]);
    const broken = new Uint8Array([
      ...new TextEncoder().encode('{"identifier":"'),
      0xff,
      ...new TextEncoder().encode('","limit":5,"window":"1m"}'),
    ]);
    expect((await post("/limit", broken)).status).toBe(400);
  });

  test("other paths are 404 and other methods 405 with Allow", async () => {
    expect((await tollgate.call("GET", "/nowhere")).json.code).toBe("notFound");
    const { status, headers } = await tollgate.call("PUT", "/limit", {});
    expect(status).toBe(405);
    expect(headers.get("allow")).toBe("GET, POST, DELETE");
  });
});
