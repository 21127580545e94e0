export type * from "./answers.js";
export type { TollgateBinding } from "./binding.js";
export { RateLimitedError, TollgateError } from "./errors.js";
export { Limiter, type LimiterOptions } from "./limiter.js";
export { Permit } from "./permit.js";
export type { KnownPolicy, Policies, Policy } from "./policies.js";
export type * from "./questions.js";
export type { CallOptions, Fetch } from "./transport.js";
