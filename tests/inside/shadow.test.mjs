// Policies that are decided and not enforced.

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { startAt } from "./lib/time.mjs";

// The isolate remembers policies of earlier tests, so each test begins so much later.
let start = Date.UTC(2027, 5, 7);
startAt(start);
beforeEach(() => {
  start += 86_400_000;
  vi.setSystemTime(start);
});

async function call(method, path, body) {
  const response = await exports.default.fetch(`https://tollgate${path}`, {
    method,
    headers: { authorization: "Bearer test-admin" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, json: await response.json() };
}
const put = async (name, policy) => expect((await call("PUT", `/policies/${name}`, policy)).status).toBe(201);
const ask = (policy, identifier, rest = {}) => call("POST", "/limit", { policy, identifier, ...rest });
const used = async (policy, identifier) => {
  const { json } = await call("GET", `/limit?policy=${policy}&identifier=${identifier}`);
  return json.limits[0]?.used ?? 0;
};

const minute = (limit, rest = {}) => ({ algorithm: "fixedWindow", limit, window: "1m", ...rest });

describe("a policy in shadow", () => {
  test("refuses nobody, charges what it admits, and tells what it would refuse", async () => {
    await put("new", minute(2, { shadow: true }));
    for (let i = 1; i <= 2; i++) {
      const { status, json } = await ask("new", "u1");
      expect([status, json]).toEqual([200, expect.objectContaining({ success: true, remaining: 2 - i, shadow: true })]);
      expect(json).not.toHaveProperty("wouldDeny");
    }
    for (const source of ["object", "cache"]) {
      const { status, headers, json } = await ask("new", "u1");
      expect(status).toBe(200);
      expect(json).toMatchObject({
        success: true,
        remaining: 0,
        source,
        shadow: true,
        wouldDeny: { policy: "new", reason: "limit", retryAfter: 60_000, limitedBy: "2/1m" },
      });
      for (const field of ["reason", "retryAfter", "limitedBy"]) expect(json).not.toHaveProperty(field);
      expect(headers.get("retry-after")).toBe(null);
    }
    expect(await used("new", "u1")).toBe(2);
  });

  test("does not enforce a block either", async () => {
    await put("new", minute(2, { shadow: true }));
    await call("POST", "/limit/block", { identifier: "u1", policy: "new", duration: "1m" });
    const { status, json } = await ask("new", "u1");
    expect([status, json.wouldDeny]).toEqual([200, { policy: "new", reason: "blocked", retryAfter: 60_000 }]);
  });

  test("gives no permit where it would refuse, and has nobody wait", async () => {
    await put("slots", { algorithm: "concurrency", limit: 1, ttl: "1m", shadow: true });
    expect((await ask("slots", "u1")).json.permit).toMatch(/^p1\./);
    const second = (await ask("slots", "u1")).json;
    expect(second).toMatchObject({ success: true, wouldDeny: { reason: "limit" } });
    expect(second).not.toHaveProperty("permit");
    const leak = { amount: 1, interval: "1s" };
    await put("spaced", { algorithm: "leakyBucket", capacity: 5, leak, maxDelay: "5s", shadow: true });
    vi.setSystemTime(start + 6_000);
    await ask("spaced", "u1");
    const later = (await ask("spaced", "u1")).json;
    expect(later).toMatchObject({ success: true, shadow: true, wouldDelay: 1_000 });
    expect(later).not.toHaveProperty("delay");
  });

  test("admits while its object is out of reach, whatever its failure mode", async () => {
    await put("new", minute(2, { shadow: true, failMode: "closed" }));
    await put("old", minute(2, { failMode: "closed" }));
    await ask("new", "u1");
    const object = env.RATE_LIMIT.getByName("rate-limit:default:u1");
    await runInDurableObject(object, (_object, { storage }) => void storage.sql.exec("UPDATE state SET row = 'x'"));
    await evictDurableObject(object);
    expect((await ask("old", "u1")).status).toBe(503);
    expect(await ask("new", "u1")).toMatchObject({ status: 200, json: { success: true, reason: "degraded" } });
  });
});

describe("a level in shadow", () => {
  test("never refuses for the others, and a refused request is not charged to it", async () => {
    await put("tenant", { provider: "t", ...minute(2, { shadow: true }) });
    await put("queue", { ...minute(4), parent: { policy: "tenant" } });
    for (let i = 0; i < 2; i++) expect((await ask("queue", "u1")).json).not.toHaveProperty("wouldDeny");
    for (let i = 0; i < 2; i++) {
      const { status, json } = await ask("queue", "u1");
      expect(status).toBe(200);
      expect(json).toMatchObject({ success: true, policy: "queue", shadow: true, wouldDeny: { policy: "tenant" } });
    }
    const refused = await ask("queue", "u1");
    expect(refused.status).toBe(429);
    expect(refused.json).toMatchObject({ success: false, policy: "queue", reason: "limit" });
    expect(await used("queue", "u1")).toBe(4);
    expect(await used("tenant", "all")).toBe(2);
  });

  test("is refused what an operator stops", async () => {
    await put("tenant", { provider: "t", ...minute(2, { shadow: true }) });
    await put("queue", { ...minute(4), parent: { policy: "tenant" } });
    expect((await call("PUT", "/overrides/policy:tenant/deny", {})).status).toBe(201);
    expect(await ask("queue", "u1")).toMatchObject({ status: 429, json: { success: false, decidedBy: "tenant" } });
    expect(await ask("tenant", "u2")).toMatchObject({ status: 429, json: { reason: "override" } });
  });

  test("that is the one asked leaves the refusal to those above it", async () => {
    await put("tenant", { provider: "t", ...minute(2) });
    await put("queue", { ...minute(1, { shadow: true }), parent: { policy: "tenant" } });
    expect((await ask("queue", "u1")).json).toMatchObject({ success: true, policy: "queue", decidedBy: "tenant" });
    expect((await ask("queue", "u1")).json).toMatchObject({
      success: true,
      policy: "queue",
      remaining: 0,
      wouldDeny: { policy: "queue", limitedBy: "1/1m" },
    });
    expect(await ask("queue", "u1")).toMatchObject({
      status: 429,
      json: { policy: "queue", decidedBy: "tenant", reason: "parent" },
    });
    expect(await used("queue", "u1")).toBe(1);
    expect(await used("tenant", "all")).toBe(2);
  });

  test("among several checks refuses none of them", async () => {
    await put("real", minute(2));
    await put("new", minute(1, { shadow: true }));
    const both = () =>
      call("POST", "/limit/multi", {
        limits: [
          { policy: "new", identifier: "u1" },
          { policy: "real", identifier: "u1" },
        ],
      });
    expect((await both()).json).toMatchObject({
      success: true,
      results: [{ remaining: 0, shadow: true }, { remaining: 1 }],
    });
    const second = (await both()).json;
    expect(second).toMatchObject({ success: true, results: [{ success: true, wouldDeny: { policy: "new" } }, {}] });
    vi.setSystemTime(start + 60_000); // another minute: room for one more of the new one
    await ask("real", "u1", { cost: 2 });
    const refused = await both();
    expect(refused.status).toBe(429);
    expect(refused.json.results).toMatchObject([{ success: true, remaining: 1, shadow: true }, { success: false }]);
    expect(await used("new", "u1")).toBe(0);
  });
});
