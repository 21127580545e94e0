// Older releases of the JavaScript SDK, each with a client of its time: one that only knows EVAL,
// one that loads its scripts, one that knows their hashes; and the first, the newest and those
// between of the Python SDK's forms. All unmodified.

import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { capture } from "../../scripts/lib/process.mjs";
import { noModules, noPython, pythonOf, release } from "../upstash/sdk.mjs";
import { server } from "./lib/server.mjs";

let tollgate;
beforeAll(async () => {
  tollgate = await (await server()).start();
});
afterAll(() => tollgate?.remove());

// What each client makes of a bucket of three and of four units over two regions: up to 0.4.4 a
// bucket's last unit, and up to 2.0.5 the last ones over several regions, are refused by the client
// itself, which asks for more than nothing to remain.
const RELEASES = [
  { version: "0.4.4", client: "1.20.6", asks: "by the text, before there were rates", bucket: 2, regions: 2 },
  { version: "1.0.1", client: "1.20.6", asks: "by the text", bucket: 3, regions: 2 },
  { version: "1.2.1", client: "1.31.6", asks: "by a hash that it loads first", bucket: 3, regions: 3 },
  { version: "2.0.5", client: "1.34.3", asks: "by a hash that it knows", bucket: 3, regions: 3 },
  {
    version: "2.0.8",
    client: "1.34.3",
    asks: "by a hash, with an empty key for a dynamic limit",
    bucket: 3,
    regions: 4,
  },
];

/** How many of five calls are admitted, which have to be the first ones. */
async function admitted(limiter) {
  const seen = [];
  for (let i = 0; i < 5; i++) {
    const { success, pending } = await limiter().limit("u");
    await pending;
    seen.push(success);
  }
  expect(seen).toEqual([...seen].sort((a, b) => b - a));
  return seen.filter((success) => success).length;
}

for (const { version, client, asks, bucket, regions } of RELEASES) {
  describe.skipIf(noModules)(`@upstash/ratelimit ${version} with @upstash/redis ${client}, which asks ${asks}`, () => {
    const { Ratelimit, MultiRegionRatelimit, Redis } = noModules ? {} : release(version, client);
    const redis = (token = "test-admin") => new Redis({ url: tollgate.url, token });
    const make = (limiter, prefix, options) =>
      new Ratelimit({ redis: redis(), limiter, prefix: `${version}-${prefix}`, ephemeralCache: false, ...options });

    it("counts down and denies with every algorithm, each call by another instance", async () => {
      expect(await admitted(() => make(Ratelimit.fixedWindow(3, "1 d"), "fixed"))).toBe(3);
      expect(await admitted(() => make(Ratelimit.slidingWindow(3, "1 d"), "sliding"))).toBe(3);
      expect(await admitted(() => make(Ratelimit.tokenBucket(1, "1 d", 3), "bucket"))).toBe(bucket);
      const cached = () => ({ ephemeralCache: new Map() });
      expect(await admitted(() => make(Ratelimit.cachedFixedWindow(3, "1 d"), "cached", cached()))).toBe(3);
    });

    it("limits over two regions", async () => {
      const ratelimit = new MultiRegionRatelimit({
        redis: [redis(), redis("test-other-admin")],
        limiter: MultiRegionRatelimit.fixedWindow(4, "1 d"),
        prefix: `${version}-regions`,
        ephemeralCache: false,
      });
      expect(await admitted(() => ratelimit)).toBe(regions);
    });

    it("writes analytics", async () => {
      const ratelimit = new Ratelimit({
        redis: redis(),
        limiter: Ratelimit.fixedWindow(1, "1 d"),
        prefix: `${version}-analytics`,
        analytics: true,
      });
      await (await ratelimit.limit("u")).pending;
      const [key] = await redis().keys(`${version}-analytics:events:*`);
      expect(await redis().ttl(key)).toBeGreaterThan(89 * 86_400);
    });
  });
}

// `limit` takes a rate since 1.1.0; before 1.0.0 the class had another name and its methods too.
const PYTHON = `
import json, sys
from upstash_redis import Redis
url, version = sys.argv[1:]
redis = Redis(url=url, token="test-admin")
if version < "1":
    from upstash_ratelimit import RateLimit
    old = RateLimit(redis, prefix="python-" + version)
    limiters = {"fixed": old.fixed_window(3, 1, "d"), "sliding": old.sliding_window(3, 1, "d"), "bucket": old.token_bucket(3, 1, 1, "d")}
else:
    from upstash_ratelimit import Ratelimit, FixedWindow, SlidingWindow, TokenBucket
    algorithms = {"fixed": FixedWindow(3, 1, "d"), "sliding": SlidingWindow(3, 1, "d"), "bucket": TokenBucket(3, 1, 1, "d")}
    limiters = {name: Ratelimit(redis, it, prefix=f"python-{version}-{name}") for name, it in algorithms.items()}
seen = {}
for name, limiter in limiters.items():
    told = [limiter.limit(f"{name}-42") for _ in range(4)]
    seen[name] = {"allowed": [it["is_allowed"] if version < "1" else it.allowed for it in told]}
    if version >= "1":
        seen[name]["remaining"] = [it.remaining for it in told]
        seen[name]["after"] = limiter.get_remaining(f"{name}-42")
        seen[name]["reset"] = limiter.get_reset(f"{name}-42") > 1.7e9
        seen[name]["blocked"] = not limiter.block_until_ready(f"{name}-42", timeout=0.2).allowed
    if version >= "1.1":
        limiter.limit("rates", rate=2)
        seen[name]["rates"] = limiter.get_remaining("rates")
print(json.dumps(seen))
`;

describe("upstash-ratelimit in Python", () => {
  for (const version of ["0.4.2", "1.0.0", "1.1.0", "1.2.0"]) {
    it.skipIf(noPython(version))(`${version} counts down and denies with every algorithm`, async () => {
      const folder = await mkdtemp(join(tmpdir(), "tollgate-python-"));
      writeFileSync(join(folder, "run.py"), PYTHON);
      const { status, text } = await capture(pythonOf(version), [join(folder, "run.py"), tollgate.url, version]);
      await rm(folder, { recursive: true });
      expect(status, text).toBe(0);
      for (const [name, told] of Object.entries(JSON.parse(text.trim().split("\n").at(-1)))) {
        expect(told, `${version} ${name}`).toEqual({
          allowed: [true, true, true, false],
          ...(version >= "1" && { remaining: [2, 1, 0, 0], after: 0, reset: true, blocked: true }),
          ...(version >= "1.1" && { rates: 1 }),
        });
      }
    });
  }
});
