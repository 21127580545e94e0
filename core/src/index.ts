export type * from "./answers.js";
export { type Clock, ManualClock, systemClock } from "./clock.js";
export { RateLimitedError, TollgateError } from "./errors.js";
export { createLimiter, Limiter, type LimiterOptions, type Policy } from "./limiter.js";
export type * from "./questions.js";
export { InMemoryRateLimitStore, type InMemoryRateLimitStoreOptions } from "./store.js";
