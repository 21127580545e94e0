// The newest JavaScript release of the SDK, unmodified, against Tollgate: only the URL and the
// token are its own.

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { countRequests, noModules, release } from "../upstash/sdk.mjs";
import { server } from "./lib/server.mjs";

const { Ratelimit, MultiRegionRatelimit, Analytics, IpDenyList, Redis } = noModules ? {} : release("2.2.0");

let tollgate;
const redis = (token = "test-admin", options = {}) => new Redis({ url: tollgate.url, token, ...options });

let prefixes = 0;
/** A limiter with a prefix of its own. */
function limiter(algorithm, options = {}) {
  const prefix = `test-${++prefixes}`;
  const ratelimit = new Ratelimit({ redis: redis(), limiter: algorithm, prefix, ephemeralCache: false, ...options });
  return Object.assign(ratelimit, { testPrefix: prefix });
}

const remaining = async (ratelimit, identifier, count, options) => {
  const seen = [];
  for (let i = 0; i < count; i++) {
    const { success, remaining } = await ratelimit.limit(identifier, options);
    seen.push(success ? remaining : "denied");
  }
  return seen;
};

describe.skipIf(noModules)("@upstash/ratelimit 2.2.0", () => {
  beforeAll(async () => {
    const third = { token: "test-third", role: "admin", namespace: "third" };
    const tokens = JSON.parse(readFileSync("tests/fixtures/tokens.json", "utf8"));
    tollgate = await (await server({ tokens: JSON.stringify([...tokens, third]) })).start();
  });
  afterAll(() => tollgate?.remove());

  for (const [name, algorithm] of Object.entries({
    fixedWindow: () => Ratelimit.fixedWindow(3, "1 d"),
    slidingWindow: () => Ratelimit.slidingWindow(3, "1 d"),
    tokenBucket: () => Ratelimit.tokenBucket(1, "1 d", 3),
  })) {
    describe(name, () => {
      it("counts down, denies, tells what remains, and starts anew after a reset", async () => {
        const ratelimit = limiter(algorithm());
        expect(await ratelimit.getRemaining("user")).toMatchObject({ remaining: 3, limit: 3 });
        expect(await remaining(ratelimit, "user", 4)).toEqual([2, 1, 0, "denied"]);
        expect(await ratelimit.getRemaining("user")).toMatchObject({ remaining: 0 });
        expect(await remaining(ratelimit, "another", 1)).toEqual([2]);
        const { reset, limit } = await ratelimit.limit("user");
        expect(limit).toBe(3);
        expect(reset).toBeGreaterThan(Date.now());
        expect(reset).toBeLessThanOrEqual(Date.now() + 86_400_000);
        await ratelimit.resetUsedTokens("user");
        expect(await ratelimit.getRemaining("user")).toMatchObject({ remaining: 3 });
        expect(await remaining(ratelimit, "user", 4)).toEqual([2, 1, 0, "denied"]);
      });

      it("takes rates, refunds, and identifiers of every kind", async () => {
        const ratelimit = limiter(algorithm());
        expect((await ratelimit.limit("user", { rate: 2 })).remaining).toBe(1);
        expect((await ratelimit.limit("user", { rate: -1 })).remaining).toBe(2);
        expect((await ratelimit.limit("user", { rate: 2 })).success).toBe(true);
        expect((await ratelimit.limit("user", { rate: 1 })).success).toBe(false);
        for (const identifier of ["42", "a:7", "ключ 🔑", "2001:db8::1", "*", "[x]", "a b/c?d&e", "x".repeat(2_000)]) {
          expect(await remaining(ratelimit, identifier, 4), identifier).toEqual([2, 1, 0, "denied"]);
          await ratelimit.resetUsedTokens(identifier);
          expect((await ratelimit.getRemaining(identifier)).remaining, identifier).toBe(3);
        }
        expect((await ratelimit.getRemaining("user")).remaining, "resetting others left it alone").toBe(0);
      });

      it("admits exactly as many of 200 parallel calls as the limit allows", async () => {
        const exact = { fixedWindow: "fixedWindow", slidingWindow: "slidingWindow" }[name];
        const ratelimit = limiter(exact ? Ratelimit[exact](50, "1 d") : Ratelimit.tokenBucket(1, "1 d", 50));
        const answers = await Promise.all(Array.from({ length: 200 }, () => ratelimit.limit("user")));
        expect(answers.filter(({ success }) => success)).toHaveLength(50);
      });

      it("obeys a dynamic limit as soon as it is set here, and the old one after it is removed", async () => {
        const ratelimit = limiter(algorithm(), { dynamicLimits: true });
        expect(await ratelimit.getDynamicLimit()).toEqual({ dynamicLimit: null });
        expect((await ratelimit.limit("before")).limit).toBe(3);
        await ratelimit.setDynamicLimit({ limit: 5 });
        expect(await ratelimit.getDynamicLimit()).toEqual({ dynamicLimit: 5 });
        expect(await remaining(ratelimit, "user", 6)).toEqual([4, 3, 2, 1, 0, "denied"]);
        expect(await ratelimit.getRemaining("user")).toMatchObject({ remaining: 0, limit: 5 });
        await ratelimit.setDynamicLimit({ limit: false });
        expect((await ratelimit.limit("after")).limit).toBe(3);
      });
    });
  }

  it("puts each limit() into one request, and a hundred at once into a few", async () => {
    const ratelimit = limiter(Ratelimit.slidingWindow(1_000, "1 d"));
    await ratelimit.limit("user");
    expect(await countRequests(tollgate.url, () => ratelimit.limit("user"))).toEqual(["/pipeline"]);
    const many = Array.from({ length: 100 }, (_, i) => `user-${i}`);
    const requests = await countRequests(tollgate.url, async () => {
      const answers = await Promise.all(many.map((user) => ratelimit.limit(user)));
      expect(new Set(answers.map(({ remaining }) => remaining))).toEqual(new Set([999]));
    });
    expect(requests.length).toBeLessThan(5);
  });

  it("serves cachedFixedWindow and the ephemeral cache", async () => {
    const cached = limiter(Ratelimit.cachedFixedWindow(3, "1 d"), { ephemeralCache: new Map() });
    const seen = [];
    for (let i = 0; i < 5; i++) {
      const { success, pending } = await cached.limit("user");
      await pending;
      seen.push(success);
    }
    expect(seen).toEqual([true, true, true, false, false]);
    expect((await cached.getRemaining("user")).remaining).toBeLessThanOrEqual(0);
    await cached.resetUsedTokens("user");
    expect((await cached.limit("user")).success).toBe(true);
    const blocking = limiter(Ratelimit.fixedWindow(1, "1 d"), { ephemeralCache: new Map() });
    await blocking.limit("user");
    await blocking.limit("user");
    const requests = await countRequests(tollgate.url, async () => {
      expect(await blocking.limit("user")).toMatchObject({ success: false, reason: "cacheBlock" });
    });
    expect(requests).toEqual([]);
  });

  it("blocks until ready, and says when it never was", async () => {
    const ratelimit = limiter(Ratelimit.fixedWindow(1, "1500 ms"));
    await ratelimit.limit("user");
    expect((await ratelimit.blockUntilReady("user", 5_000)).success).toBe(true);
    const slow = limiter(Ratelimit.fixedWindow(1, "1 d"));
    await slow.limit("user");
    expect((await slow.blockUntilReady("user", 300)).success).toBe(false);
  });

  it("denies what a deny list names", async () => {
    const ratelimit = limiter(Ratelimit.slidingWindow(10, "1 d"), { enableProtection: true });
    const lists = `${ratelimit.testPrefix}:denyList`;
    // No list of IP addresses, so that the client does not fetch one.
    await IpDenyList.disableIpDenyList(redis(), ratelimit.testPrefix);
    await redis().sadd(`${lists}:all`, "bad-user", "10.1.1.1", "curl");
    expect(await ratelimit.limit("bad-user")).toMatchObject({ success: false, reason: "denyList", remaining: 0 });
    const byIp = await ratelimit.limit("good-user", { ip: "10.1.1.1" });
    expect(byIp).toMatchObject({ success: false, deniedValue: "10.1.1.1" });
    expect(await ratelimit.limit("good-user", { ip: "10.1.1.2" })).toMatchObject({ success: true });
    await redis().srem(`${lists}:all`, "10.1.1.1");
    expect((await redis().smembers(`${lists}:all`)).sort()).toEqual(["bad-user", "curl"]);
  });

  it("keeps a deny list of thousands of IP addresses, refreshed by one client while the others go on", async () => {
    const addresses = Array.from({ length: 5_000 }, (_, i) => `10.${i >> 8}.${i & 255}.1`);
    const real = globalThis.fetch;
    let fetched = 0;
    globalThis.fetch = (input, init) => {
      if (String(input).startsWith(tollgate.url)) return real(input, init);
      fetched++;
      return Promise.resolve(new Response(addresses.join("\n")));
    };
    try {
      const ratelimit = limiter(Ratelimit.slidingWindow(10, "1 d"), { enableProtection: true });
      const status = `${ratelimit.testPrefix}:ipDenyListStatus`;
      await redis().sadd(`${ratelimit.testPrefix}:denyList:all`, "10.9.9.9");
      const [first, second] = await Promise.all([ratelimit.limit("a"), ratelimit.limit("b")]);
      await Promise.all([first.pending, second.pending]);
      expect(fetched, "the status says pending to all but one").toBe(1);
      expect(await redis().get(status)).toBe("valid");
      expect(await redis().pttl(status)).toBeGreaterThan(0);
      expect(await redis().scard(`${ratelimit.testPrefix}:denyList:all`)).toBe(5_001);
      const denied = await ratelimit.limit("c", { ip: addresses[4_321] });
      expect(denied).toMatchObject({ success: false, reason: "denyList", deniedValue: addresses[4_321] });
      addresses.length = 10;
      await IpDenyList.updateIpDenyList(redis(), ratelimit.testPrefix, 6);
      expect((await redis().smembers(`${ratelimit.testPrefix}:denyList:all`)).length).toBe(11);
      await IpDenyList.disableIpDenyList(redis(), ratelimit.testPrefix);
      expect(await redis().smembers(`${ratelimit.testPrefix}:denyList:all`)).toEqual(["10.9.9.9"]);
      expect(await redis().ttl(status)).toBe(-1);
    } finally {
      globalThis.fetch = real;
    }
  });

  it("writes analytics and reads them back", async () => {
    const ratelimit = limiter(Ratelimit.fixedWindow(2, "1 d"), { analytics: true });
    for (const [user, times] of [
      ["alice", 4],
      ["bob", 1],
    ]) {
      for (let i = 0; i < times; i++) await (await ratelimit.limit(user, { country: "DE" })).pending;
    }
    const analytics = new Analytics({ redis: redis(), prefix: ratelimit.testPrefix });
    expect(await analytics.getUsage(Date.now() - 3_600_000)).toEqual({
      alice: { success: 2, blocked: 2 },
      bob: { success: 1, blocked: 0 },
    });
    const top = await analytics.getMostAllowedBlocked(2, 5);
    expect(top.allowed).toEqual([
      { identifier: "alice", count: 2 },
      { identifier: "bob", count: 1 },
    ]);
    expect(top.ratelimited).toEqual([{ identifier: "alice", count: 2 }]);
    const series = await analytics.getUsageOverTime(2, "identifier");
    expect(series.some((hour) => hour.alice?.["4"] === undefined && JSON.stringify(hour).includes("alice"))).toBe(true);
    const [events] = await redis().keys(`${ratelimit.testPrefix}:events:*`);
    expect(await redis().ttl(events), "kept for 90 days, not for ever").toBeGreaterThan(89 * 86_400);
  });

  for (const algorithm of ["fixedWindow", "slidingWindow"]) {
    it(`limits over several regions, each with a token of its own: ${algorithm}`, async () => {
      const tokens = ["test-admin", "test-other-admin", "test-third"];
      const regions = tokens.map((token) => redis(token));
      const prefix = `regions-${algorithm}`;
      const limiter = MultiRegionRatelimit[algorithm](3, "1 d");
      const everywhere = new MultiRegionRatelimit({ redis: regions, limiter, prefix, ephemeralCache: false });
      const seen = [];
      for (let i = 0; i < 5; i++) {
        const { success, pending } = await everywhere.limit("user");
        await pending; // the copying between the regions
        seen.push(success);
      }
      expect(seen).toEqual([true, true, true, false, false]);
      expect((await everywhere.getRemaining("user")).remaining).toBeLessThanOrEqual(0);
      for (const region of regions) {
        const keys = await region.keys(`${prefix}:*`);
        expect(keys).toHaveLength(1);
        expect(
          Object.keys(await region.hgetall(keys[0])).length,
          "every region has every request",
        ).toBeGreaterThanOrEqual(3);
        expect(await region.pttl(keys[0])).toBeGreaterThan(0);
      }
      // The SDK's promise does not wait for its own requests to the regions: a reset may still be
      // under way when it is kept. What the regions hold tells when it is done.
      await everywhere.resetUsedTokens("user");
      const held = async () => (await Promise.all(regions.map((region) => region.keys(`${prefix}:*`)))).flat();
      await vi.waitFor(async () => expect(await held()).toEqual([]), { timeout: 10_000 });
      const { success, pending } = await everywhere.limit("user");
      await pending;
      expect(success).toBe(true);
    });
  }

  it("makes the client usable for limiters written by hand", async () => {
    const client = redis();
    const key = "by-hand:1.2.3.4";
    const now = Date.now();
    const log = client.multi();
    log.zremrangebyscore(key, 0, now - 60_000);
    log.zadd(key, { score: now, member: "a" }, { score: now + 0.5, member: "b" });
    log.zcard(key);
    log.expire(key, 60);
    expect(await log.exec()).toEqual([0, 2, 2, 1]);
    expect(await client.zrange(key, 0, -1, { withScores: true })).toEqual(["a", now, "b", now + 0.5]);
    expect(await client.zcount(key, now, "+inf")).toBe(2);
    expect(await client.set("lock", { owner: 1 }, { nx: true, px: 10_000 })).toBe("OK");
    expect(await client.set("lock", "2", { nx: true })).toBeNull();
    expect(await client.get("lock")).toEqual({ owner: 1 });
    expect(await client.incrby("hits", 5)).toBe(5);
    expect(await client.hset("user:7", { name: "Zoë", visits: 3 })).toBe(2);
    expect(await client.hincrby("user:7", "visits", 2)).toBe(5);
    expect(await client.hgetall("user:7")).toEqual({ name: "Zoë", visits: 5 });
    expect(await client.mget("hits", "nothing", "lock")).toEqual([5, null, { owner: 1 }]);
    expect(await client.del("hits", "lock", "nothing")).toBe(2);
    expect(await client.ping()).toBe("PONG");
    expect(await client.echo("OK")).toBe("OK");
    expect((await client.time())[0]).toBeCloseTo(now / 1000, -2);
    await expect(client.lpush("list", 1)).rejects.toThrow("unknown command 'lpush'");
    await expect(client.eval("return 1", [], [])).rejects.toThrow("unknown Lua script");
    await expect(client.incr("user:7")).rejects.toThrow("WRONGTYPE");
    const pipeline = client.pipeline();
    for (let i = 0; i < 1_000; i++) pipeline.incr(`many-${i % 200}`);
    expect(new Set(await pipeline.exec())).toEqual(new Set([1, 2, 3, 4, 5]));
  });

  it("scans, counts and flushes its own namespace and nothing else", async () => {
    const [mine, other] = [redis(), redis("test-other-admin")];
    await other.set("kept", "1");
    await tollgate.call("POST", "/limit", { identifier: "native", limit: 5, window: "1d" });
    const keys = Array.from({ length: 60 }, (_, i) => `scanned-${i}`);
    await Promise.all(keys.map((key) => mine.set(key, "x")));
    const found = [];
    let cursor = "0";
    do {
      const [next, page] = await mine.scan(cursor, { match: "scanned-*", count: 10 });
      found.push(...page);
      cursor = next;
    } while (cursor !== "0");
    expect(found.sort()).toEqual(keys.sort());
    expect(await mine.dbsize()).toBeGreaterThanOrEqual(60);
    expect(await mine.flushdb()).toBe("OK");
    expect(await mine.dbsize()).toBe(0);
    expect(await mine.keys("*")).toEqual([]);
    expect(await mine.get("kept")).toBeNull();
    expect(await other.get("kept")).toBe(1);
    const native = await tollgate.call("POST", "/limit", { identifier: "native", limit: 5, window: "1d" });
    expect(native.json.remaining, "the native API's state stays").toBe(3);
  });

  it("tells a token that may not do what it asks", async () => {
    const reader = redis("test-read");
    await expect(reader.set("a", 1)).rejects.toThrow("NOPERM");
    await expect(redis("test-check").flushdb()).rejects.toThrow("NOPERM");
    await expect(redis("nobody").get("a")).rejects.toThrow("WRONGPASS");
    expect(await redis("test-check").set("a", 1)).toBe("OK");
    expect(await reader.get("a")).toBe(1);
  });
});
