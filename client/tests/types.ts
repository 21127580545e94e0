// What the compiler has to refuse, and to take. It is compiled and never run.

import { DistributedRateLimiter, DORateLimitStore, LeasedRateLimitStore } from "../dist/compat/index.js";
import {
  type Check,
  type Decision,
  type Duration,
  Limiter,
  RateLimitedError,
  type TollgateBinding,
} from "../dist/index.js";
import { type ObjectNamespace, objectLimiter, type RateLimitObject } from "../dist/object.js";
import worker, { type RateLimitDO, type Tollgate } from "../dist/worker/index.js";

const limiter = new Limiter({ url: "http://127.0.0.1:8787", token: "…" });
// @ts-expect-error: a server is behind an address
new Limiter({ token: "…" });
// @ts-expect-error: and known by its token
new Limiter({ url: "…" });

const times: Duration[] = ["500ms", "10s", "15m", "1h", "1d", "1w", 500];
// @ts-expect-error: no such unit
const years: Duration = "2y";
// @ts-expect-error: no number
const none: Duration = "h";

const checks: Check[] = [
  { policy: "github.rest", identifier: "octocat" },
  { identifier: "u1", limit: 100, window: "15m", cost: 3 },
  { identifier: "u1", algorithm: "tokenBucket", capacity: 100, refill: { amount: 1.67, interval: "1s" } },
  { identifier: "u1", algorithm: "quota", limit: 5, period: "month", timeZone: "Europe/Berlin" },
  { identifier: "u1", algorithm: "concurrency", limit: 10, ttl: "30s" },
  { identifier: "u1", limits: [{ name: "hour", limit: 20, window: "1h" }], wait: "5s", priority: "high" },
];

// @ts-expect-error: nobody is named
limiter.limit({ policy: "github.rest" });
// @ts-expect-error: neither a policy nor a limit
limiter.limit({ identifier: "u1" });
// @ts-expect-error: a window has a length
limiter.limit({ identifier: "u1", limit: 5 });
// @ts-expect-error: a text is no number
limiter.limit({ identifier: "u1", limit: "5", window: "1h" });
// @ts-expect-error: no such algorithm
limiter.limit({ identifier: "u1", algorithm: "magic", limit: 5, window: "1h" });
// @ts-expect-error: unknown fields are errors there, and here
limiter.limit({ identifier: "u1", limit: 5, window: "1h", colour: "red" });
// @ts-expect-error: a bucket has a capacity
limiter.limit({ identifier: "u1", algorithm: "tokenBucket", limit: 5, refill: { amount: 1, interval: "1s" } });
// @ts-expect-error: what is held is held for some time
limiter.hold({ policy: "llm", identifier: "acme" });
// @ts-expect-error: an upstream answers with a status
limiter.report({ policy: "github.rest", identifier: "octocat", headers: {} });

export async function answers(): Promise<number> {
  const decision = await limiter.limit(checks[0] as Check);
  // @ts-expect-error: it may be absent
  const left: number = decision.remaining;
  // @ts-expect-error: it may be absent, too
  const wait: number = decision.retryAfter;
  await using permit = await limiter.hold({ policy: "llm", identifier: "acme", costs: { tokens: 900 }, hold: "1m" });
  const settled = await permit.settle({ costs: { tokens: 612 } });
  // @ts-expect-error: a settlement says what became of it
  await permit.settle({});
  // @ts-expect-error: real costs are numbers
  await permit.settle({ cost: "612" });
  try {
    await limiter.acquire(checks[1] as Check);
  } catch (error) {
    if (error instanceof RateLimitedError) return error.retryAfter ?? Number.POSITIVE_INFINITY;
    throw error;
  }
  return left + wait + (settled.cost ?? 0) + times.length + String(years).length + String(none).length;
}

export async function objects(binding: ObjectNamespace, object: RateLimitObject): Promise<number> {
  const limiter = objectLimiter(binding, { identifier: "u1" }, { namespace: "shop", failMode: "closed" });
  await limiter.limit({ identifier: "u1", limit: 5, window: "1h" });
  // @ts-expect-error: an object knows no policies but to decide by them
  await limiter.policies.list();
  // @ts-expect-error: nor other subjects
  await limiter.multi([]);
  await object.fixedWindow("u1", { limit: 5, window: "1h", cost: 2 });
  // @ts-expect-error: a window has a length
  await object.slidingWindow("u1", { limit: 5 });
  // @ts-expect-error: a bucket has a capacity
  await object.tokenBucket("u1", { limit: 5, refill: { amount: 1, interval: "1s" } });
  // @ts-expect-error: an object holds no answer back
  await object.limit({ identifier: "u1", limit: 5, window: "1h", wait: "5s" });
  const report = { policy: "github.rest", identifier: "u1", status: 429 };
  await object.report({ ...report, headers: { "retry-after": "1" } });
  // @ts-expect-error: what crosses over is JSON, in which a `Headers` is empty
  await object.report({ ...report, headers: new Headers() });
  return (await object.peek({ policy: "github.rest", identifier: "u1" })).remaining ?? 0;
}

const store = new DORateLimitStore(limiter);
new DistributedRateLimiter({ store, requests: 5, window: "1h" });
const lending = new LeasedRateLimitStore(limiter);
new DistributedRateLimiter({ store: lending, requests: 5, window: "1h", localBurst: 10, syncInterval: 1_000 });
// @ts-expect-error: nothing is counted by region yet
new DistributedRateLimiter({ store, requests: 5, window: "1h", regions: true });

export async function bound(binding: TollgateBinding): Promise<boolean> {
  const { permit = "" } = await binding.limit({ policy: "llm", identifier: "acme", cost: 900, hold: "1m" }, "token");
  await binding.settle({ permit, cost: 612 });
  // @ts-expect-error: a permit is named
  await binding.settle({ cost: 612 });
  // @ts-expect-error: nobody is named
  await binding.peek({ policy: "llm" });
  return (await binding.multi([{ policy: "llm", identifier: "acme" }])).success;
}

// The Worker's own classes, as callers name them.
export function asksTheWorker(bound: Tollgate, object: RateLimitDO): Promise<Decision>[] {
  // @ts-expect-error: a check has a limit or a policy
  bound.limit({ identifier: "inbox-7" });
  // @ts-expect-error: an object answers for one subject
  object.multi([]);
  const served: Promise<Response> = worker.fetch(new Request("https://tollgate/healthz"), {}, {});
  served.then(() => bound.multi([{ policy: "mail", identifier: "inbox-7" }], "token"));
  const counted = object.fixedWindow("inbox-7", { limit: 1, window: "1h" });
  return [bound.limit({ policy: "mail", identifier: "inbox-7" }, "token"), counted];
}
