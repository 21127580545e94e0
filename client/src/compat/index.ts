export { ErrRateLimited, type Fluent, fluent, type Keyed, RateLimiterManager, type Reservation } from "./fluent.js";
export {
  type Common,
  type ConnectorRateLimiter,
  createLeakyBucket,
  createQuotaManager,
  createRateLimiter,
  createTokenBucket,
  createTokenBucketRateLimiter,
  type QuotaManager,
  type RateLimiter,
  type TokenBucket,
  type Tokens,
} from "./limiters.js";
export { CloudflareRateLimitStore, DORateLimitStore, KVRateLimitStore, type RateLimitStore } from "./stores.js";
