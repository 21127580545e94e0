export { ErrRateLimited, type Fluent, fluent, type Keyed, RateLimiterManager, type Reservation } from "./fluent.js";
export {
  type Common,
  type ConnectorRateLimiter,
  createLeakyBucket,
  createQuotaManager,
  createRateLimiter,
  createTokenBucket,
  createTokenBucketRateLimiter,
  type DistributedOptions,
  DistributedRateLimiter,
  type QuotaManager,
  type RateLimiter,
  type TokenBucket,
  type Tokens,
  type WindowOptions,
} from "./limiters.js";
export {
  CloudflareRateLimitStore,
  DORateLimitStore,
  KVRateLimitStore,
  LeasedRateLimitStore,
  type RateLimitStore,
} from "./stores.js";
