// The verbs of the documents that this grew out of, each against the built Worker.

import { afterAll, beforeAll, expect, test } from "vitest";
import { server } from "../../tests/outside/lib/server.mjs";
import {
  createLeakyBucket,
  createQuotaManager,
  createRateLimiter,
  createTokenBucket,
  createTokenBucketRateLimiter,
  DistributedRateLimiter,
  DORateLimitStore,
  ErrRateLimited,
  fluent,
  KVRateLimitStore,
  LeasedRateLimitStore,
  RateLimiterManager,
} from "../dist/compat/index.js";
import { Limiter, RateLimitedError } from "../dist/index.js";

let tollgate: Awaited<ReturnType<typeof server>>;
let limiter: Limiter;
let store: DORateLimitStore;
beforeAll(async () => {
  tollgate = await server();
  await tollgate.start();
  limiter = new Limiter({ url: tollgate.url, token: "test-admin" });
  store = new DORateLimitStore(limiter);
});
afterAll(() => tollgate?.remove());

let made = 0;
const fresh = () => `user:${made++}`;

test("createRateLimiter: requests in a window, by key or by object", async () => {
  const requests = { requests: 3, window: 900_000, strategy: "sliding-window" } as const;
  const limited = createRateLimiter({ store, provider: "salesforce", ...requests });
  const key = fresh();
  for (let left = 2; left >= 0; left--) {
    expect(await limited.limit(key)).toMatchObject({ success: true, limit: 3, remaining: left, source: "object" });
  }
  const refused = await limited.limit(key);
  expect(refused).toMatchObject({ success: false, reason: "limit" });
  expect(refused.retryAfter).toBeGreaterThan(0);
  expect(await limited.remaining(key)).toBe(0);
  // Its own numbers, which are those of one and the same limit.
  expect(await limited.limit({ identifier: key, limit: 10, window: 900_000 })).toMatchObject({ remaining: 6 });
  await limited.reset(key);
  expect(await limited.remaining(key)).toBe(3);
});

test("the same over KV is counted in the isolate", async () => {
  const limited = createRateLimiter({ store: new KVRateLimitStore(limiter), requests: 2, window: "1h" });
  const key = fresh();
  expect(await limited.limit(key)).toMatchObject({ success: true, source: "kv" });
  await limited.limit(key);
  expect(await limited.limit(key)).toMatchObject({ success: false, source: "kv" });
});

test("DistributedRateLimiter: instances that share nothing but the server share the count", async () => {
  const options = { requests: 20, window: "1h" } as const;
  const own = () => new DORateLimitStore({ url: tollgate.url, token: "test-check" });
  const instances = Array.from({ length: 4 }, () => new DistributedRateLimiter({ store: own(), ...options }));
  const key = fresh();
  const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => instances[i % 4].limit(key)));
  expect(answers.filter(({ success }) => success)).toHaveLength(20);
  expect(await instances[0].remaining(key)).toBe(0);
  await new DistributedRateLimiter({ store, ...options }).reset(key);
  expect(await instances[3].remaining(key)).toBe(20);
});

test("DistributedRateLimiter: units are spent from leases, and none above the limit", { timeout: 30_000 }, async () => {
  const pattern = { requests: 1_000, window: 3_600_000, localBurst: 10, syncInterval: 1_000 } as const;
  const store = new LeasedRateLimitStore({ url: tollgate.url, token: "test-check" });
  const instances = Array.from({ length: 4 }, () => new DistributedRateLimiter({ store, ...pattern }));
  const key = fresh();
  const sources = new Set<string>();
  let admitted = 0;
  const caller = async (instance: DistributedRateLimiter) => {
    for (;;) {
      const { success, source, exact } = await instance.limit(key);
      if (!success && exact !== false) return;
      sources.add(source);
      if (success) admitted++;
      else await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  await Promise.all(instances.map(caller));
  expect(admitted).toBe(1_000);
  expect(sources).toContain("lease");
  expect(await instances[0].remaining(key)).toBe(0);
  const strong = new DistributedRateLimiter({ store: new DORateLimitStore(limiter), ...pattern });
  await expect(strong.limit(key)).rejects.toMatchObject({ code: "invalidField", field: "lease" });
});

test("createTokenBucket: fractions of a token a second, an initial level, and the level as it is", async () => {
  const bucket = createTokenBucket({ store, capacity: 100, refillRate: 100 / 900, initialTokens: 100 });
  const key = fresh();
  expect(await bucket.tryConsume(key, 99)).toBe(true);
  expect(await bucket.tryConsume(key, 2)).toBe(false);
  const level = await bucket.getTokens(key);
  expect(level).toMatchObject({ capacity: 100, refillRate: 100 / 900 });
  expect(level.tokens).toBeGreaterThanOrEqual(1);
  expect(level.tokens).toBeLessThan(2);
  expect(level.fullAt.getTime() - level.at.getTime()).toBeGreaterThan(880_000);
  const empty = createTokenBucket({ store, capacity: 5, refillRate: 10, initialTokens: 0, name: "empty" });
  expect(await empty.tryConsume(key)).toBe(false);
  const begun = performance.now();
  expect(await empty.waitForToken(key, 2)).toBe(true);
  expect(performance.now() - begun).toBeGreaterThan(100);
  expect(await bucket.waitForToken(key, 50, 100)).toBe(false);
});

test("createLeakyBucket: full is full", async () => {
  const bucket = createLeakyBucket({ store, capacity: 5, leakRate: 0.001 });
  const key = fresh();
  const all = await Promise.all(Array.from({ length: 8 }, () => bucket.tryConsume(key)));
  expect(all.filter((admitted) => admitted)).toHaveLength(5);
});

test("createQuotaManager: every period, all or nothing, at the caller's cost", async () => {
  const quota = createQuotaManager({ store, hourly: 5000, daily: 5004, timeZone: "Europe/Berlin" });
  const key = fresh();
  expect(await quota.consume(key, 4990)).toMatchObject({ success: true });
  expect(await quota.remaining(key)).toBe(10);
  expect(await quota.consume(key, 11)).toMatchObject({ success: false, limitedBy: "hourly" });
  expect(await quota.remaining(key)).toBe(10);
});

test("createTokenBucketRateLimiter: acquire, getStatus, waitForToken, updateFromResponse", async () => {
  const connector = createTokenBucketRateLimiter({
    store,
    key: fresh(),
    maxTokens: 2,
    refillRate: 10,
    refillInterval: 1000,
  });
  expect(await connector.acquire()).toEqual({ allowed: true });
  expect(await connector.acquire(1)).toEqual({ allowed: true });
  const refused = await connector.acquire(2);
  expect(refused.allowed).toBe(false);
  expect(refused.retryAfter).toBeGreaterThan(0);
  expect(refused.retryAfter).toBeLessThanOrEqual(200);
  await connector.waitForToken();
  const status = await connector.getStatus();
  expect(status.remaining).toBeLessThan(2);
  expect(status.resetAt).toBeInstanceOf(Date);
  const headers = new Headers({ "Retry-After": "1" });
  await connector.updateFromResponse({ status: 429, headers });
  expect((await connector.acquire()).allowed).toBe(false);
  await expect(connector.waitForToken(100)).rejects.toThrow(RateLimitedError);
});

test("$.rateLimit(key).check, isAllowed, remaining; $.rateLimits.configure", async () => {
  const $ = fluent(limiter);
  await $.rateLimits.configure("compat.api", { limit: 5, window: "1m" });
  const user = $.rateLimit(fresh());
  expect(await user.remaining({ name: "compat.api" })).toBe(5);
  expect(await user.check({ name: "compat.api", cost: 4 })).toMatchObject({ success: true, remaining: 1 });
  expect(await user.isAllowed({ name: "compat.api", cost: 2 })).toBe(false);
  expect(await user.isAllowed({ name: "compat.api" })).toBe(true);
  expect(await user.remaining({ name: "compat.api" })).toBe(1);
});

test("RateLimiterManager: allow, wait, reserve", async () => {
  const limits = [{ algorithm: "tokenBucket", capacity: 1, refill: { amount: 1, interval: "200ms" } }];
  await limiter.policies.put("compat.webhooks", { limits });
  const manager = new RateLimiterManager(limiter, "compat.webhooks");
  const id = fresh();
  expect(await manager.allow(id)).toBe(true);
  expect(await manager.allow(id)).toBe(false);
  const first = await manager.reserve(id);
  const second = await manager.reserve(id);
  expect([first.ok, second.ok]).toEqual([true, true]);
  expect(second.delay - first.delay).toBeGreaterThan(100);
  await second.cancel();
  const third = await manager.reserve(id);
  expect(third.delay).toBeLessThanOrEqual(second.delay);
  await third.cancel();
  await first.cancel();
  await manager.wait(id);
  await expect(manager.wait(id, { cost: 2 })).rejects.toThrow(ErrRateLimited);
});

test("a reservation is given back once, and not where nobody has charged it", async () => {
  const limits = [{ algorithm: "fixedWindow", limit: 9, window: "1h" }];
  await limiter.policies.put("compat.places", { limits });
  const check = { policy: "compat.places", identifier: fresh() };
  await limiter.limit({ ...check, cost: 5 });
  const place = await new RateLimiterManager(limiter, check.policy).reserve(check.identifier, { cost: 2 });
  await Promise.all([place.cancel(), place.cancel()]);
  await place.cancel();
  expect(await limiter.remaining(check)).toBe(4);
  let isAway = true;
  const fetcher = (url: string, init: RequestInit) =>
    isAway ? Promise.reject(new TypeError("fetch failed")) : fetch(url, init);
  const away = new Limiter({ url: tollgate.url, token: "test-admin", fetch: fetcher });
  const uncharged = await new RateLimiterManager(away, check.policy).reserve(check.identifier, { cost: 2 });
  expect(uncharged.ok).toBe(true);
  isAway = false;
  await uncharged.cancel();
  expect(await limiter.remaining(check)).toBe(4);
});

test("what is not known is not made up, and no strategy is taken for another", async () => {
  const away = new DORateLimitStore({ url: "http://127.0.0.1:9", token: "none", timeout: 100 });
  const bucket = createTokenBucket({ store: away, capacity: 5, refillRate: 1 });
  await expect(bucket.getTokens("x")).rejects.toMatchObject({ code: "noCount" });
  const options = { store, requests: 1, window: "1h", strategy: "token-bucket" };
  expect(() => createRateLimiter(options as never)).toThrow("`strategy`");
});
