// Objects of subjects that other Workers ask themselves, by their methods and by `fetch`, beside
// the Worker that asks the same objects.

import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { algorithms, call, server } from "./lib/server.mjs";

/** Longer than workerd keeps an idle object in memory. */
const ASLEEP = 11_500;

const caller = {
  id: "caller",
  modules: ["tests/outside/lib/objects.js", "tests/outside/lib/odd.js"],
  objects: [{ binding: "RATE_LIMIT", className: "RateLimitDO", of: "T" }],
};

async function serving(options) {
  const tollgate = await server({ variants: [caller], ...options });
  await tollgate.start();
  const send = (body) => fetch(tollgate.urlOf("caller"), { method: "POST", body: JSON.stringify(body) });
  const call = async (asked) => {
    const { value, error } = await (await send(asked)).json();
    if (error !== undefined) throw new Error(error);
    return value;
  };
  const ask = (name, method, ...args) => call({ name, method, args });
  const fetched = async (name, path, init) => {
    const answer = await send({ name, url: `https://object${path}`, init });
    return { status: answer.status, headers: answer.headers, json: JSON.parse(await answer.text()) };
  };
  return { ...tollgate, ask, askedAs: call, fetched };
}

let tollgate;
beforeAll(async () => {
  tollgate = await serving();
});
afterAll(() => tollgate?.remove());
const { ask, fetched, viaWorker } = {
  ask: (...asked) => tollgate.ask(...asked),
  fetched: (...asked) => tollgate.fetched(...asked),
  viaWorker: async (path, body, method = "POST") => {
    const answer = await tollgate.call(method, path, body);
    expect([200, 201, 429], answer.text).toContain(answer.status);
    return answer.json;
  },
};

let made = 0;
const fresh = () => `asked${made++}`;
const nameOf = (identifier) => `rate-limit:default:${identifier}`;
const window = (limit) => ({ limit, window: "52w" });
const post = (body) => ({ method: "POST", body: JSON.stringify(body) });

describe("one object asked in several ways", () => {
  test("each method answers as the Worker does, on the same state", async () => {
    for (const [algorithm, limit] of Object.entries(algorithms(3))) {
      const check = { identifier: fresh(), ...limit };
      const name = nameOf(check.identifier);
      const [own, other] = [await ask(name, "peek", check), await viaWorker("/limit", { ...check, peek: true })];
      const about = { reset: expect.any(Number) };
      expect(own, algorithm).toEqual({ ...other, ...("reset" in other ? about : {}) });
      expect(await ask(name, "limit", check)).toMatchObject({ success: true, remaining: 2, source: "object" });
      expect(await viaWorker("/limit", check)).toMatchObject({ success: true, remaining: 1 });
      expect((await fetched(name, "/limit", post(check))).json).toMatchObject({ success: true, remaining: 0 });
      const refused = await ask(name, "limit", check);
      expect(refused, algorithm).toMatchObject({ success: false, reason: "limit" });
      expect(await viaWorker("/limit", check)).toMatchObject({ success: false });
      const status = await ask(name, "status", { identifier: check.identifier });
      const seen = await viaWorker(`/limit?identifier=${check.identifier}`, undefined, "GET");
      expect(Object.keys(status)).toEqual(Object.keys(seen));
      expect(status.limits).toMatchObject([{ remaining: 0 }]);
      expect(await ask(name, "reset", { identifier: check.identifier })).toEqual({ success: true });
      // Slots that are held stay so.
      const isFree = algorithm !== "concurrency";
      expect(await ask(name, "limit", check), algorithm).toMatchObject({ success: isFree });
    }
  });

  test("what the Worker does to a subject holds at once, and the other way around", async () => {
    const check = { identifier: fresh(), ...window(1) };
    const { identifier } = check;
    const name = nameOf(identifier);
    await ask(name, "limit", check);
    expect(await viaWorker("/limit", check)).toMatchObject({ success: false });
    expect(await ask(name, "limit", check)).toMatchObject({ success: false });
    await viaWorker(`/limit?identifier=${identifier}`, undefined, "DELETE");
    expect(await ask(name, "limit", check)).toMatchObject({ success: true });
    await viaWorker("/limit/block", { identifier, duration: "1h" });
    expect(await ask(name, "limit", check)).toMatchObject({ success: false, reason: "blocked" });
    const denied = { identifier: fresh(), ...window(1) };
    await viaWorker(`/overrides/subject:default//${denied.identifier}/deny`, {}, "PUT");
    expect(await ask(nameOf(denied.identifier), "limit", denied)).toMatchObject({ success: false, reason: "override" });
  });

  test("under parallel calls from both sides no more than the limit is admitted", async () => {
    const check = { identifier: fresh(), ...window(50) };
    const name = nameOf(check.identifier);
    const both = (i) => {
      if (i % 3 === 0) return viaWorker("/limit", check);
      return i % 3 === 1 ? ask(name, "limit", check) : fetched(name, "/limit", post(check)).then(({ json }) => json);
    };
    const answers = await Promise.all(Array.from({ length: 240 }, (_, i) => both(i)));
    expect(answers.filter(({ success }) => success)).toHaveLength(50);
  });

  test("permits are taken, topped up, renewed, settled, released and reported", async () => {
    const check = { identifier: fresh(), ...window(10), cost: 4, hold: "1m" };
    const name = nameOf(check.identifier);
    const { permit } = await ask(name, "limit", check);
    expect(await ask(name, "topup", { permit, cost: 6 })).toMatchObject({ success: true });
    expect(await ask(name, "renew", { permit, hold: "5m" })).toMatchObject({ success: true });
    expect(await ask(name, "settle", { permit, cost: 5 })).toMatchObject({ state: "settled" });
    const other = await ask(name, "limit", check);
    expect(await viaWorker("/limit/release", { permit: other.permit })).toEqual({ success: true });
    expect(await ask(name, "release", { permit: other.permit })).toEqual({ success: true });
    const told = { identifier: check.identifier, ...window(10), status: 429, headers: { "Retry-After": "60" } };
    expect(await ask(name, "report", told)).toMatchObject({ refused: true, closedBy: "told" });
    expect(await ask(name, "limit", check)).toMatchObject({ success: false, reason: "coolDown" });
  });

  test("a request that comes again is answered as before, and charges once", async () => {
    const check = { identifier: fresh(), ...window(10), operation: "0123456789abcdef0123456789abcdef" };
    const name = nameOf(check.identifier);
    expect(await ask(name, "limit", check)).toMatchObject({ remaining: 9 });
    expect(await viaWorker("/limit", check)).toMatchObject({ remaining: 9 });
    expect(await ask(name, "limit", check)).toMatchObject({ remaining: 9 });
  });

  test("the documents' verbs bring a limit along", async () => {
    const name = "rate-limit:github:eu%3A1:u%201";
    expect(await ask(name, "fixedWindow", "u 1", window(2))).toMatchObject({ success: true, limit: 2, remaining: 1 });
    expect(await ask(name, "slidingWindow", "u 1", window(3))).toMatchObject({ success: true, remaining: 2 });
    const bucket = { capacity: 4, refill: { amount: 1, interval: "1d" } };
    expect(await ask(name, "tokenBucket", "u 1", { ...bucket, cost: 3 })).toMatchObject({ remaining: 1 });
    const check = { provider: "github", scope: "eu:1", identifier: "u 1", algorithm: "fixedWindow", ...window(2) };
    expect(await viaWorker("/limit", check)).toMatchObject({ success: true, remaining: 0 });
    await expect(ask(name, "fixedWindow", "u 2", window(2))).rejects.toThrow(/^otherSubject: /);
    await expect(ask(name, "fixedWindow", "u 1", { limit: 2 })).rejects.toThrow(/^invalidField: `window` /);
    for (const config of [null, "x".repeat(100_000), [1]]) {
      await expect(ask(name, "fixedWindow", "u 1", config)).rejects.toThrow(/^(invalidField: `body`|bodyTooLarge:) /);
    }
    await expect(ask(name, "fixedWindow", "u 1")).rejects.toThrow(/^invalidField: /);
  });

  test("of the subject that its name says, also where the runtime does not tell the object its name", async () => {
    const subject = { provider: "long", scope: "€", identifier: "€".repeat(341) };
    const name = `rate-limit:${Object.values(subject).map(encodeURIComponent).join(":")}`;
    await expect(ask(name, "fixedWindow", subject.identifier, window(5))).rejects.toThrow(/^unnamedObject: /);
    const check = { ...subject, algorithm: "fixedWindow", ...window(5) };
    expect(await viaWorker("/limit", check)).toMatchObject({ remaining: 4 });
    expect(await ask(name, "fixedWindow", subject.identifier, window(5))).toMatchObject({ remaining: 3 });
  });

  test("what JSON cannot say is the caller's fault, and what is undefined is not said", async () => {
    const name = "rate-limit:github:org:odd";
    for (const odd of ["nothing", "bigInt", "circle", "function", "a toJSON of its own", "a long text"]) {
      for (const method of ["limit", "peek", "status"]) {
        const asked = tollgate.askedAs({ name, method, odd });
        await expect(asked, `${method} ${odd}`).rejects.toThrow(/^(invalidJson|bodyTooLarge): /);
      }
    }
    const own = { name, method: "fixedWindow", args: ["odd"], odd: "a limit of its own", at: 1 };
    expect(await tollgate.askedAs(own)).toMatchObject({ remaining: 4 });
    const status = tollgate.askedAs({ name, method: "status", odd: "what is not said" });
    await expect(status).rejects.toThrow(/^otherSubject: .*`rate-limit:default:<identifier>`/);
    expect(tollgate.log()).not.toContain("a fault ended the wasm instance");
  });
});

describe("by `fetch`", () => {
  test("the paths about one subject answer with the same JSON and headers", async () => {
    const check = { identifier: fresh(), ...window(2) };
    const name = nameOf(check.identifier);
    const answer = await fetched(name, "/limit", post(check));
    expect(answer.status).toBe(200);
    expect(answer.headers.get("x-ratelimit-remaining")).toBe("1");
    expect(answer.headers.get("ratelimit-policy")).toBeTruthy();
    await fetched(name, "/limit", post(check));
    const refused = await fetched(name, "/limit", post(check));
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    const status = await fetched(name, `/limit?identifier=${check.identifier}`);
    expect(status.json.limits).toMatchObject([{ used: 2 }]);
    expect((await fetched(name, `/limit?identifier=${check.identifier}`, { method: "DELETE" })).status).toBe(200);
    const acquire = { connector: "default", key: check.identifier };
    const asked = await fetched(name, "/acquire", post(acquire));
    const viaWorker = await tollgate.call("POST", "/acquire", acquire);
    expect([asked.status, Object.keys(asked.json)]).toEqual([viaWorker.status, Object.keys(viaWorker.json)]);
  });

  test("all other paths are nobody's, and what is wrong is a problem", async () => {
    const identifier = fresh();
    const name = nameOf(identifier);
    for (const path of ["/", "/policies", "/limit/multi", "/audit", "/subjects", "/healthz", "/pipeline", "/nothing"]) {
      const method = path === "/limit/multi" || path === "/pipeline" ? post({}) : undefined;
      const answer = await fetched(name, path, method);
      expect([answer.status, answer.json.code], path).toEqual([404, "notFound"]);
    }
    const wrong = await fetched(name, "/limit", post({ identifier, limit: 1.5, window: "1h" }));
    expect([wrong.status, wrong.json.code, wrong.json.field]).toEqual([400, "invalidField", "limit"]);
    const noJson = await fetched(name, "/limit", { method: "POST", body: "{" });
    expect([noJson.status, noJson.json.code]).toEqual([400, "invalidJson"]);
    const large = await fetched(name, "/limit", { method: "POST", body: "x".repeat(70_000) });
    expect([large.status, large.json.code]).toEqual([413, "bodyTooLarge"]);
    const put = await fetched(name, "/limit", { method: "PUT", body: "{}" });
    expect([put.status, put.headers.get("allow")]).toEqual([405, "GET, POST, DELETE"]);
  });
});

describe("a question that is not this object's", () => {
  test("is refused with 409 whatever is asked, and charges nobody", async () => {
    const [own, other] = [fresh(), fresh()];
    const name = nameOf(own);
    const check = { identifier: other, ...window(2), hold: "1m" };
    const { permit } = await viaWorker("/limit", check);
    const asked = {
      limit: check,
      peek: check,
      status: { identifier: other },
      reset: { identifier: other },
      block: { identifier: other, duration: "1h" },
      report: { identifier: other, ...window(2), status: 200, headers: {} },
      settle: { permit, cost: 1 },
      topup: { permit, cost: 2 },
      renew: { permit },
      release: { permit },
    };
    for (const [method, question] of Object.entries(asked)) {
      const error = await ask(name, method, question).catch((error) => error);
      expect(error.message, method).toMatch(/^otherSubject: .*`rate-limit:default:<identifier>`/);
      expect(error.message).not.toContain(other);
    }
    const answer = await fetched(name, "/limit", post(check));
    expect([answer.status, answer.json.code]).toEqual([409, "otherSubject"]);
    expect((await fetched(name, "/limit", post({ ...check, provider: "x", identifier: own }))).status).toBe(409);
    expect(await viaWorker("/limit", { ...check, cost: 0, hold: undefined })).toMatchObject({ remaining: 1 });
  });

  test("is refused with 400 where the object has no subject's name", async () => {
    const check = { identifier: "u1", ...window(1) };
    const names = [
      undefined,
      "u1",
      "rate-limit:",
      "rate-limit:default",
      "default/rate-limit:default:u1",
      "rate-limit:%zz:u1",
      "rate-limit:%64efault:u1",
      "x".repeat(2_000),
    ];
    for (const name of names) {
      await expect(ask(name, "limit", check), name).rejects.toThrow(/^unnamedObject: .*getByName/);
      await expect(ask(name, "fixedWindow", "u1", window(1)), name).rejects.toThrow(/^unnamedObject: /);
      const answer = await fetched(name, "/limit", post(check));
      expect([answer.status, answer.json.code], name).toEqual([400, "unnamedObject"]);
    }
  });

  test("only what is meant to be asked can be", async () => {
    const name = nameOf(fresh());
    for (const method of ["asked", "half", "closed", "constructor", "multi", "ctx", "env"]) {
      await expect(ask(name, method, {}), method).rejects.toThrow();
    }
  });
});

describe("policies", () => {
  const policy = (name, body) => viaWorker(`/policies/${name}`, body, "PUT");

  test("are decided as their Worker decides them, of their provider and scope", async () => {
    await policy("asked.github", { ...window(2), provider: "github", scope: "rest" });
    const check = { policy: "asked.github", identifier: "u1" };
    const name = "rate-limit:github:rest:u1";
    expect(await ask(name, "limit", check)).toMatchObject({ success: true, remaining: 1, policy: "asked.github" });
    expect(await viaWorker("/limit", check)).toMatchObject({ success: true, remaining: 0 });
    expect(await ask(name, "limit", check)).toMatchObject({ success: false });
    await expect(ask(nameOf("u1"), "limit", check)).rejects.toThrow(/^otherSubject: .*`rate-limit:github:rest:<id/);
    expect(await ask(name, "status", check)).toMatchObject({ limits: [{ remaining: 0 }] });
    await expect(ask(name, "limit", { policy: "asked.none", identifier: "u1" })).rejects.toThrow(/^unknownPolicy: /);
  });

  test("that change are decided as they are now, at the latest five seconds after", async () => {
    const identifier = fresh();
    const check = { policy: "asked.changes", identifier };
    await policy("asked.changes", window(5));
    expect(await ask(nameOf(identifier), "limit", check)).toMatchObject({ limit: 5 });
    await sleep(5_500);
    await policy("asked.changes", window(7));
    await sleep(5_500);
    expect(await ask(nameOf(identifier), "limit", check)).toMatchObject({ limit: 7, remaining: 5, version: 2 });
  });

  test("with a parent charge both objects, or none", async () => {
    await policy("asked.parent", window(3));
    const parent = { policy: "asked.parent", identifier: fresh() };
    await policy("asked.child", { ...window(2), parent });
    const [one, two] = [fresh(), fresh()];
    const check = (identifier) => ask(nameOf(identifier), "limit", { policy: "asked.child", identifier });
    expect((await check(one)).success).toBe(true);
    expect((await check(one)).success).toBe(true);
    expect(await check(one)).toMatchObject({ success: false });
    expect((await check(two)).success).toBe(true);
    await sleep(2_100); // until then charges may yet be taken back
    expect(await check(two)).toMatchObject({ success: false, reason: "parent" });
    const left = await viaWorker("/limit", { policy: "asked.child", identifier: two, peek: true });
    expect(left).toMatchObject({ success: false, reason: "parent" });
    expect(await ask(nameOf(two), "status", { identifier: two })).toMatchObject({ limits: [{ used: 1 }] });
  });

  test("`askedBy` and `shed` do not hold; what isolates decide, and `wait`, is refused", async () => {
    await policy("asked.by", { ...window(5), askedBy: ["nobody"] });
    const identifier = fresh();
    const name = nameOf(identifier);
    expect((await tollgate.call("POST", "/limit", { policy: "asked.by", identifier })).status).toBe(403);
    expect(await ask(name, "limit", { policy: "asked.by", identifier })).toMatchObject({ success: true });
    // No binding is there that could be asked.
    const shed = { identifier, ...window(5), shed: { limit: 5, window: "10s" } };
    expect((await tollgate.call("POST", "/limit", shed)).json).toMatchObject({ code: "invalidField", field: "shed" });
    expect(await ask(name, "limit", shed)).toMatchObject({ success: true, source: "object" });
    const eventual = { identifier, limit: 5, window: "1h", algorithm: "fixedWindow", consistency: "eventual" };
    await expect(ask(name, "limit", eventual)).rejects.toThrow(/^invalidField: `consistency` .*Ask the Worker/);
    const { identifier: _, ...limit } = eventual;
    await policy("asked.eventual", limit);
    const named = { policy: "asked.eventual", identifier };
    await expect(ask(name, "limit", named)).rejects.toThrow(/^invalidField: `policy` .*Ask the Worker/);
    const report = { ...named, status: 429, headers: { "Retry-After": "60" } };
    await expect(ask(name, "report", report)).rejects.toThrow(/^invalidField: `policy` .*Ask the Worker/);
    const bucket = { identifier, algorithm: "tokenBucket", capacity: 1, refill: { amount: 1, interval: "1h" } };
    await expect(ask(name, "limit", { ...bucket, wait: "1s" })).rejects.toThrow(/^invalidField: `wait` /);
    await ask(name, "limit", bucket);
    expect(await ask(name, "limit", { ...bucket, maxDelay: "2h" })).toMatchObject({ success: true });
  });

  test("hear of every answer of an upstream at once", async () => {
    await policy("asked.breaks", {
      ...window(50),
      breaker: { statuses: ["5xx"], threshold: 15, window: "1m", open: "1m" },
    });
    const named = { policy: "asked.breaks", identifier: fresh() };
    const name = nameOf(named.identifier);
    for (let i = 0; i < 19; i++) await ask(name, "limit", named);
    // More than ten a second, and what a Worker would sum up.
    const statuses = [200, 200, 404, 404, ...Array(15).fill(503)];
    const reports = await Promise.all(statuses.map((status) => ask(name, "report", { ...named, status, headers: {} })));
    expect(reports.filter(({ notHeeded }) => notHeeded !== undefined)).toEqual([]);
    expect(await ask(name, "limit", named)).toMatchObject({ success: false, reason: "breaker" });
  });

  test("whose use is recorded record what the object was asked itself", async () => {
    const recorded = { ...window(5), record: { share: 1, days: 1 } };
    await policy("asked.recorded", recorded);
    const check = { policy: "asked.recorded", identifier: fresh() };
    const checks = [{}, { operation: "fedcba98-7654-3210-fedc-ba9876543210" }, {}];
    for (const more of checks) {
      expect(await ask(nameOf(check.identifier), "limit", { ...check, ...more })).toMatchObject({ success: true });
    }
    const events = async () => {
      await viaWorker("/limit", { ...check, peek: true }); // what is recorded goes along with requests
      const { preview } = await viaWorker("/policies/asked.recorded?dryRun=true", recorded, "PUT");
      return preview.recorded;
    };
    await expect.poll(events, { timeout: 20_000, interval: 500 }).toBe(3);
  });

  test("of another namespace are those of the object's name", async () => {
    const other = { token: "test-other-admin" };
    expect((await tollgate.call("PUT", "/policies/asked.other", window(2), other)).status).toBe(201);
    const check = { policy: "asked.other", identifier: fresh() };
    const name = nameOf(check.identifier);
    expect(await ask(`other/${name}`, "limit", check)).toMatchObject({ success: true, remaining: 1 });
    expect((await tollgate.call("POST", "/limit", check, other)).json).toMatchObject({ remaining: 0 });
    await expect(ask(name, "limit", check)).rejects.toThrow(/^unknownPolicy: /);
  });
});

test("nothing that was admitted is forgotten when the process ends, nor in a sleep", { timeout: 60_000 }, async () => {
  const check = { identifier: fresh(), ...window(20), writeAhead: 1 };
  const name = nameOf(check.identifier);
  for (let i = 0; i < 7; i++) await ask(name, "limit", check);
  await tollgate.kill();
  await tollgate.start();
  expect(await ask(name, "limit", check)).toMatchObject({ remaining: 12 });
  await sleep(ASLEEP);
  expect(await ask(name, "limit", check)).toMatchObject({ remaining: 11 });
});

test("an object that was asked itself keeps nothing pending", { timeout: 60_000 }, async () => {
  const identifier = fresh();
  const parent = { policy: "asked.sleeps.parent", identifier: fresh() };
  await tollgate.call("PUT", "/policies/asked.sleeps.parent", window(50));
  await tollgate.call("PUT", "/policies/asked.sleeps", { ...window(20), parent });
  await sleep(ASLEEP);
  for (const check of [
    { policy: "asked.sleeps", identifier },
    { identifier, ...window(300) },
  ]) {
    for (let i = 0; i < 3; i++) await ask(nameOf(identifier), "limit", check);
  }
  expect(tollgate.liveObjects().RateLimitDO).toBeGreaterThan(0);
  await sleep(ASLEEP);
  expect(tollgate.liveObjects().RateLimitDO ?? 0).toBe(0);
});

test("without tokens the Worker answers nobody, and its objects do", async () => {
  const tollgate = await serving({ tokens: null });
  try {
    const check = { identifier: "u1", ...window(1) };
    expect((await call(tollgate.url, "POST", "/limit", check)).status).toBe(503);
    expect(await tollgate.ask(nameOf("u1"), "limit", check)).toMatchObject({ success: true });
    expect(await tollgate.ask(nameOf("u1"), "limit", check)).toMatchObject({ success: false });
  } finally {
    await tollgate.remove();
  }
});
