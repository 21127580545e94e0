// What upstreams answered, reported to a real process: one gate for callers on many connections,
// through `kill -9`, whatever the headers say.

import { Agent, request } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { call, server } from "./lib/server.mjs";

const TOKENS = JSON.stringify([
  { token: "ann", name: "ann@x.org", role: "admin" },
  { token: "bob", name: "bob", role: "check" },
  { token: "eve", name: "eve", role: "check", inline: false },
  { token: "roy", name: "roy", role: "read" },
]);

let tollgate;
beforeAll(async () => {
  tollgate = await server({ tokens: TOKENS });
  await tollgate.start();
  const hourly = { algorithm: "fixedWindow", limit: 5_000, window: "1h" };
  for (const [name, policy] of Object.entries({
    api: { ...hourly, maxCoolDown: "20s" },
    other: hourly,
    kv: { ...hourly, askedBy: ["ann@x.org"] },
  })) {
    const { status } = await send("PUT", `/policies/${name}`, policy);
    expect(status).toBe(201);
  }
});
afterAll(() => tollgate?.remove());

const send = (method, path, body, token = "ann") => call(tollgate.url, method, path, body, { token });
const report = (body, token = "bob") => send("POST", "/limit/report", { headers: {}, ...body }, token);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks on a connection of its own. */
function ask(body, agent) {
  const { hostname, port } = new URL(tollgate.url);
  const options = { hostname, port, agent, method: "POST", path: "/limit", headers: { authorization: "Bearer bob" } };
  return new Promise((resolve, reject) => {
    const sent = request(options, async (answer) => {
      const chunks = [];
      for await (const chunk of answer) chunks.push(chunk);
      resolve({ ...JSON.parse(Buffer.concat(chunks)), at: Date.now() });
    });
    sent.on("error", reject).end(JSON.stringify(body));
  });
}

test("callers on many connections see the gate at once, and none before it opens", { timeout: 60_000 }, async () => {
  const agents = Array.from({ length: 20 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  const body = { policy: "api", identifier: "many" };
  const all = (count) => Promise.all(Array.from({ length: count }, (_, i) => ask(body, agents[i % agents.length])));
  expect((await all(20)).every(({ success }) => success)).toBe(true);
  const began = Date.now();
  const { json } = await report({ ...body, status: 429, headers: { "Retry-After": "3" } });
  expect(json).toMatchObject({ closedBy: "told", reportedBy: "bob", refused: true });
  const opens = json.closedUntil;
  expect(opens - began).toBeGreaterThanOrEqual(3_000);
  const shut = await all(200);
  expect(shut.every(({ success, reason }) => !success && reason === "coolDown")).toBe(true);
  for (const { retryAfter, at } of shut) expect(at + retryAfter).toBeGreaterThanOrEqual(opens);
  await sleep(opens - Date.now() + 20);
  expect((await all(20)).every(({ success }) => success)).toBe(true);
  for (const agent of agents) agent.destroy();
});

test("kill -9 keeps a closed gate, and what was pulled down", { timeout: 60_000 }, async () => {
  const body = { policy: "other", identifier: "killed" };
  const headers = { "x-ratelimit-limit": "5000", "x-ratelimit-remaining": "12", "retry-after": "600" };
  const { json: told } = await report({ ...body, status: 429, headers });
  await tollgate.kill();
  await tollgate.start();
  expect(await ask(body)).toMatchObject({ success: false, reason: "coolDown" });
  const { json } = await send("GET", "/limit?identifier=killed");
  expect(json.outlooks).toEqual([
    { policy: "other", closedUntil: told.closedUntil, closedBy: "told", reportedBy: "bob" },
  ]);
  expect(json.limits).toMatchObject([{ policy: "other", remaining: 12 }]);
});

test("a spoofed wait is cut, and a reset ends it", async () => {
  const body = { policy: "api", identifier: "spoofed" };
  for (const wait of ["31536000", "9007199254740992", "Fri, 31 Dec 2100 23:59:59 GMT"]) {
    const { json } = await report({ ...body, status: 429, headers: { "Retry-After": wait } }, "eve");
    expect(json.cut, wait).toBe(true);
    expect(json.closedUntil - Date.now()).toBeLessThanOrEqual(20_000);
    expect(json.reportedBy).toBe("eve");
  }
  await send("DELETE", "/limit?identifier=spoofed");
  await sleep(1_100);
  expect(await ask(body)).toMatchObject({ success: true });
});

test("garbage in headers is ignored, and said to be", async () => {
  const body = { policy: "other", identifier: "garbage", status: 429 };
  const headers = {
    "Retry-After": "\u{1F680} soon",
    "X-RateLimit-Limit": "-1",
    "X-RateLimit-Remaining": "NaN",
    "X-RateLimit-Reset": "99999999999999999999",
    RateLimit: '"default";r=;;t=',
    "RateLimit-Policy": ["", "\u0000", '"a";q=1e9'],
    "": "nobody",
    "bad name": "1",
    [`x-ratelimit-remaining-${"a".repeat(300)}`]: "5",
    "set-cookie": "secret=hidden",
  };
  const { status, json, text } = await report({ ...body, headers });
  expect(status).toBe(200);
  expect(json).toMatchObject({ refused: true, closedBy: "backOff" });
  expect(json.limits.every(({ ignored }) => ignored !== undefined)).toBe(true);
  expect(json.ignored.map(({ header }) => header)).toEqual(
    expect.arrayContaining(["retry-after", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"]),
  );
  expect(JSON.stringify([json, text])).not.toContain("hidden");
  const { json: state } = await send("GET", "/limit?identifier=garbage");
  expect(state.limits).toEqual([]);
});

test("a field that is wrong is named, and nothing is heeded", async () => {
  const good = { policy: "other", identifier: "fields", status: 429, headers: { "retry-after": "60" } };
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`x-${i}`, "1"]));
  for (const [field, change, status = 400] of [
    ["status", { status: undefined }],
    ["status", { status: 99 }],
    ["status", { status: 600 }],
    ["status", { status: "429" }],
    ["headers", { headers: undefined }],
    ["headers", { headers: null }],
    ["headers", { headers: ["retry-after"] }],
    ["headers", { headers: many }],
    ["headers.retry-after", { headers: { "retry-after": 60 } }],
    ["headers.retry-after[1]", { headers: { "retry-after": ["60", 60] } }],
    ["headers.x", { headers: { x: "y".repeat(8_193) } }],
    ["age", { age: "61m" }],
    ["age", { age: -1 }],
    ["limit", { limit: 5 }],
    ["limit", { limit: "minute" }],
    ["identifier", { identifier: undefined }],
    ["identifier", { identifier: "" }],
    ["provider", { provider: "." }],
    ["policy", { policy: "unknown" }, 404],
    ["policy", { policy: "kv" }, 403],
    ["cost", { cost: 1 }],
    ["peek", { peek: true }],
    ["policy", { window: "1m" }],
    ["policy", { policy: undefined }],
  ]) {
    const answer = await report({ ...good, ...change });
    expect([answer.status, answer.json.field], JSON.stringify(change)).toEqual([status, field]);
  }
  const inline = { identifier: "fields", limit: 5, window: "1m", status: 429, headers: { "retry-after": "60" } };
  expect((await report(inline, "eve")).status).toBe(403);
  expect((await report(good, "roy")).status).toBe(403);
  const counted = { ...inline, algorithm: "fixedWindow", window: "1m", consistency: "local" };
  expect((await report(counted)).json.field).toBe("policy");
  expect(await ask({ policy: "other", identifier: "fields" })).toMatchObject({ success: true });
});

test("who waited more than a second is answered by the closed gate, and his place is free", {
  timeout: 30_000,
}, async () => {
  const limit = { algorithm: "tokenBucket", capacity: 1, refill: { amount: 1, interval: "2s" }, maxCoolDown: "10s" };
  await send("PUT", "/policies/slow", limit);
  const body = { policy: "slow", identifier: "waiting" };
  expect(await ask(body)).toMatchObject({ success: true });
  const waiting = ask({ ...body, wait: "5s" });
  await sleep(300);
  const { json } = await report({ ...body, status: 429, headers: { "retry-after": "6" } });
  const answer = await waiting;
  expect(answer).toMatchObject({ success: false, reason: "coolDown" });
  expect(answer.at + answer.retryAfter).toBeGreaterThanOrEqual(json.closedUntil - 5);
});

test("who waits for less is stopped, too, by a gate that this isolate saw close", { timeout: 30_000 }, async () => {
  const limit = { algorithm: "tokenBucket", capacity: 1, refill: { amount: 10, interval: "8s" }, maxCoolDown: "10s" };
  await send("PUT", "/policies/brisk", limit);
  const body = { policy: "brisk", identifier: "brisk" };
  expect(await ask(body)).toMatchObject({ success: true });
  const waiting = ask({ ...body, wait: "5s" });
  await sleep(100);
  const { json } = await report({ ...body, status: 429, headers: { "retry-after": "6" } });
  const answer = await waiting;
  expect(answer).toMatchObject({ success: false, reason: "coolDown" });
  expect(answer.at).toBeLessThan(json.closedUntil - 3_000);
});

test("successes are summed up and told once a second, and what nothing heeds is not told", {
  timeout: 30_000,
}, async () => {
  const limit = { algorithm: "fixedWindow", limit: 1_000, window: "1h", adapt: { increase: 1 } };
  await send("PUT", "/policies/adapting", limit);
  const body = { policy: "adapting", identifier: "summed" };
  const calls = await Promise.all(Array.from({ length: 101 }, () => ask(body)));
  expect(calls.every(({ success }) => success)).toBe(true);
  expect((await report({ ...body, status: 429, headers: { "retry-after": "1" } })).json.adapted.to).toBe(500);
  const told = await Promise.all(Array.from({ length: 100 }, () => report({ ...body, status: 200 })));
  const later = told.filter(({ json }) => json.notHeeded === "later");
  expect(later.length).toBeGreaterThanOrEqual(95);
  await sleep(2_500);
  const { json } = await send("GET", "/limit?identifier=summed");
  expect(json.outlooks).toEqual([{ policy: "adapting", adaptedTo: 600 }]);
  const needless = await report({ policy: "other", identifier: "fine", status: 200 });
  expect([needless.status, needless.json.notHeeded]).toEqual([200, "needless"]);
  const other = { policy: "other", identifier: "failing" };
  const all = (status) => Promise.all(Array.from({ length: 50 }, () => report({ ...other, status })));
  expect((await all(500)).every(({ json }) => json.notHeeded === "needless")).toBe(true);
  const dropped = (await all(429)).filter(({ json }) => json.notHeeded === "tooMany");
  expect(dropped.length).toBeGreaterThanOrEqual(30);
});

test("a breaker stops callers on all connections, and lets one through at a time", { timeout: 30_000 }, async () => {
  const breaker = { threshold: 5, window: "10s", open: "2s", probes: 1 };
  await send("PUT", "/policies/breaking", { algorithm: "fixedWindow", limit: 5_000, window: "1h", breaker });
  const body = { policy: "breaking", identifier: "broken" };
  const agents = Array.from({ length: 10 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  const all = () => Promise.all(agents.map((agent) => ask(body, agent)));
  expect((await all()).every(({ success }) => success)).toBe(true);
  const told = await Promise.all(Array.from({ length: 5 }, () => report({ ...body, status: 502 })));
  const open = told.map(({ json }) => json.breaker).find(({ state }) => state === "open");
  expect((await all()).every(({ success, reason }) => !success && reason === "breaker")).toBe(true);
  await tollgate.kill();
  await tollgate.start();
  await sleep(Math.max(0, open.openUntil - Date.now()) + 20);
  const half = await all();
  expect(half.filter(({ success }) => success)).toHaveLength(1);
  await report({ ...body, status: 200 });
  expect((await all()).every(({ success }) => success)).toBe(true);
  for (const agent of agents) agent.destroy();
});
