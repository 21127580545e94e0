// What upstreams answered, heeded by an object that sleeps and wakes, on a clock that the test
// sets.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, expect, test, vi } from "vitest";
import { call } from "./lib/call.mjs";
import { startAt } from "./lib/time.mjs";

let start = Date.UTC(2027, 3, 5);
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const HOURLY = { algorithm: "fixedWindow", limit: 5_000, window: "1h" };

startAt(start);

// Each test on a day of its own: what the isolate knows of policies is that of the test before.
beforeEach(() => {
  start += 24 * HOUR;
  vi.setSystemTime(start);
});

const objectOf = (identifier) => env.RATE_LIMIT.getByName(`rate-limit:default:${identifier}`);
const at = (ms) => vi.setSystemTime(start + ms);
const report = async (body) => {
  const { status, json } = await call("POST", "/limit/report", { headers: {}, ...body });
  expect(status, JSON.stringify(json)).toBe(200);
  return json;
};
const ask = async (body) => (await call("POST", "/limit", body)).json;
const rows = (identifier) =>
  runInDurableObject(objectOf(identifier), (_object, { storage }) =>
    [...storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'state'")].length === 0
      ? []
      : [...storage.sql.exec("SELECT key FROM state")].map(({ key }) => key),
  );

test("a refusal closes the gate through sleep, and an idle subject ends with nothing", async () => {
  await call("PUT", "/policies/api", HOURLY);
  const body = { policy: "api", identifier: "u1" };
  expect(await ask(body)).toMatchObject({ success: true });
  const told = await report({ ...body, status: 429, headers: { "Retry-After": "60", "X-Powered-By": "them" } });
  expect(told).toEqual({
    subject: { provider: "default", scope: "", identifier: "u1" },
    policy: "api",
    refused: true,
    waitUntil: start + MINUTE,
    closedUntil: start + MINUTE,
    closedBy: "told",
    limits: [],
    ignored: [],
  });
  await evictDurableObject(objectOf("u1"));
  at(10 * SECOND);
  expect(await ask(body)).toMatchObject({ success: false, reason: "coolDown", retryAfter: 50 * SECOND, policy: "api" });
  expect(await ask({ ...body, peek: true })).toMatchObject({ success: false, reason: "coolDown" });
  const { json } = await call("GET", "/limit?identifier=u1");
  expect(json.outlooks).toEqual([{ policy: "api", closedUntil: start + MINUTE, closedBy: "told" }]);
  expect(json.recentDenials).toMatchObject([{ policy: "api", reason: "coolDown" }]);
  expect(json.overrides).toEqual([]);
  // Other limits of the subject are another upstream's.
  expect(await ask({ identifier: "u1", limit: 5, window: "1m" })).toMatchObject({ success: true });
  at(MINUTE);
  expect(await ask(body)).toMatchObject({ success: true });
  at(3 * HOUR);
  await runDurableObjectAlarm(objectOf("u1"));
  at(6 * HOUR);
  await runDurableObjectAlarm(objectOf("u1"));
  expect(await rows("u1")).toEqual([]);
});

test("a reset opens it, of its policy alone", async () => {
  await call("PUT", "/policies/api", HOURLY);
  const body = { policy: "api", identifier: "u2" };
  await report({ ...body, status: 429, headers: { "retry-after": "600" } });
  await call("DELETE", "/limit?identifier=u2&policy=other");
  at(2 * SECOND);
  expect(await ask(body)).toMatchObject({ reason: "coolDown" });
  await call("DELETE", "/limit?identifier=u2&policy=api");
  at(4 * SECOND);
  expect(await ask(body)).toMatchObject({ success: true });
  expect(await rows("u2")).not.toContain("outlook/api");
});

test("what remains pulls a limit down and never up, and says which header was not understood", async () => {
  const body = { identifier: "u3", limits: [{ name: "hour", ...HOURLY }] };
  await ask({ ...body, cost: 10 });
  const headers = (remaining) => ({
    "X-RateLimit-Limit": "5000",
    "X-RateLimit-Remaining": `${remaining}`,
    "X-RateLimit-Reset": `${(start + 30 * MINUTE) / SECOND}`,
  });
  const low = await report({ ...body, status: 200, headers: headers(7) });
  const told = { limit: 5_000, remaining: 7, reset: start + 30 * MINUTE, moves: "hour" };
  expect(low.limits).toEqual([{ ...told, from: 4_990, to: 7 }]);
  await evictDurableObject(objectOf("u3"));
  at(2 * SECOND); // within a second successes are summed up
  const high = await report({ ...body, status: 200, headers: headers(4_000) });
  expect(high.limits).toEqual([{ ...told, remaining: 4_000, from: 7, to: 7 }]);
  expect(await ask(body)).toMatchObject({ success: true, remaining: 6 });
  // k1: another limit, named like none of ours.
  const other = { "X-RateLimit-Limit": "30", "X-RateLimit-Remaining": "0", "Retry-After": "soon" };
  const ignored = await report({ ...body, status: 429, headers: other });
  expect(ignored.limits).toEqual([{ limit: 30, remaining: 0, ignored: "anotherLimit" }]);
  expect(ignored.ignored).toEqual([{ header: "retry-after", why: "malformed" }]);
  expect(ignored).toMatchObject({ refused: true, closedUntil: start + 3 * SECOND, closedBy: "backOff" });
});

test("a bucket is empty when the gate opens", async () => {
  const body = { identifier: "u4", algorithm: "tokenBucket", capacity: 100, refill: { amount: 10, interval: "1s" } };
  const told = await report({ ...body, status: 503, headers: { "Retry-After": "5" } });
  expect(told).toMatchObject({ refused: false, closedUntil: start + 5 * SECOND });
  expect(await ask(body)).toMatchObject({ reason: "coolDown", retryAfter: 5_100 });
  at(5 * SECOND);
  expect(await ask(body)).toMatchObject({ success: false, reason: "limit", retryAfter: 100 });
  at(5 * SECOND + 100);
  expect(await ask(body)).toMatchObject({ success: true, remaining: 0 });
});

test("without an identifier the gate is that of the one subject above", async () => {
  await call("PUT", "/policies/account", { ...HOURLY, provider: "github", scope: "account" });
  const below = { limit: 100, window: "1m", parent: { policy: "account", identifier: "acme" } };
  await call("PUT", "/policies/repository", below);
  const told = await report({ policy: "repository", status: 429, headers: { "retry-after": ["30", "60"] } });
  expect(told).toMatchObject({
    subject: { provider: "github", scope: "account", identifier: "acme" },
    policy: "account",
    closedUntil: start + MINUTE,
  });
  for (const identifier of ["one", "two"]) {
    const answer = await ask({ policy: "repository", identifier });
    expect(answer).toMatchObject({ success: false, reason: "coolDown", decidedBy: "account", retryAfter: MINUTE });
  }
  await call("PUT", "/policies/repository", { ...below, parent: { policy: "account", identifier: "{prefix}" } });
  vi.setSystemTime(start + 10 * SECOND);
  const { status, json } = await call("POST", "/limit/report", { policy: "repository", status: 429, headers: {} });
  expect([status, json.field]).toEqual([400, "identifier"]);
});

test("a place that was promised before is kept, and none is promised while the gate is closed", async () => {
  const leak = { amount: 1, interval: "1s" };
  const body = { identifier: "u5", algorithm: "leakyBucket", capacity: 10, leak, maxDelay: "20s" };
  for (const delay of [0, 1_000, 2_000]) expect(await ask(body)).toMatchObject({ success: true, delay });
  await report({ ...body, status: 429, headers: { "retry-after": "8" } });
  expect(await ask(body)).toMatchObject({ success: false, reason: "coolDown", retryAfter: 8_000 });
  at(8 * SECOND);
  expect(await ask(body)).toMatchObject({ success: true, delay: 0 });
  expect(await ask(body)).toMatchObject({ success: true, delay: 1_000 });
});

test("a breaker opens for everybody, and a success of a probe closes it, through sleep", async () => {
  const breaker = { threshold: 3, window: "10s", open: "20s", probes: 1 };
  await call("PUT", "/policies/breaking", { ...HOURLY, breaker });
  const body = { policy: "breaking", identifier: "u6" };
  const fail = () => report({ ...body, status: 503 });
  for (const failures of [1, 2]) {
    expect(await ask(body)).toMatchObject({ success: true });
    expect((await fail()).breaker).toEqual({ state: "closed", failures });
  }
  // Nobody reports more failures than there were calls.
  expect((await fail()).breaker).toEqual({ state: "closed", failures: 2 });
  expect(await ask(body)).toMatchObject({ success: true });
  expect((await fail()).breaker).toEqual({ state: "open", openUntil: start + 20 * SECOND });
  await evictDurableObject(objectOf("u6"));
  at(5 * SECOND);
  expect(await ask(body)).toMatchObject({ success: false, reason: "breaker", retryAfter: 15 * SECOND });
  const { json } = await call("GET", "/limit?identifier=u6");
  expect(json.outlooks).toEqual([{ policy: "breaking", breaker: { state: "open", openUntil: start + 20 * SECOND } }]);
  at(20 * SECOND);
  expect(await ask(body)).toMatchObject({ success: true });
  expect(await ask(body)).toMatchObject({ success: false, reason: "breaker" });
  expect((await report({ ...body, status: 200 })).breaker).toBeUndefined();
  for (let i = 0; i < 3; i++) expect(await ask(body)).toMatchObject({ success: true });
  at(3 * HOUR);
  await runDurableObjectAlarm(objectOf("u6"));
  expect(await rows("u6")).not.toContain("outlook/breaking");
});

test("a limit falls once a cool-down and rises with successes, and everybody sees its number", async () => {
  const adapt = { floor: 10, increase: 20 };
  await call("PUT", "/policies/adapting", { algorithm: "fixedWindow", limit: 100, window: "1h", adapt });
  const body = { policy: "adapting", identifier: "u7" };
  expect(await ask({ ...body, cost: 5 })).toMatchObject({ success: true, limit: 100 });
  const headers = { "retry-after": "2" };
  const told = await report({ ...body, status: 429, headers });
  expect(told.adapted).toEqual({ limit: "100/1h", from: 100, to: 50 });
  for (let i = 0; i < 3; i++) expect((await report({ ...body, status: 429, headers })).adapted).toBeUndefined();
  at(2 * SECOND);
  expect(await ask(body)).toMatchObject({ success: true, limit: 50, remaining: 44 });
  expect((await call("GET", "/limit?identifier=u7")).json.outlooks).toEqual([{ policy: "adapting", adaptedTo: 50 }]);
  expect((await report({ ...body, status: 200 })).adapted).toEqual({ limit: "100/1h", from: 50, to: 70 });
});

test("what remains is spread over the time until it comes back", async () => {
  await call("PUT", "/policies/paced", { ...HOURLY, pace: true });
  const body = { policy: "paced", identifier: "u8" };
  await ask(body);
  const reset = `${(start + MINUTE) / SECOND}`;
  const headers = { "x-ratelimit-limit": "5000", "x-ratelimit-remaining": "10", "x-ratelimit-reset": reset };
  await report({ ...body, status: 200, headers });
  expect(await ask(body)).toMatchObject({ success: true });
  expect(await ask(body)).toMatchObject({ success: false, reason: "coolDown", retryAfter: 6 * SECOND });
  at(6 * SECOND);
  expect(await ask(body)).toMatchObject({ success: true });
  const { json } = await call("GET", "/limit?identifier=u8");
  expect(json.outlooks).toEqual([{ policy: "paced", pacedUntil: start + MINUTE }]);
});
