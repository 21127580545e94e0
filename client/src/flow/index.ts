export { type BatcherOptions, batcher, inBatches } from "./batches.js";
export { type Guard, type GuardOptions, guardedFetch } from "./guarded.js";
export { createRetryWithBackoff, type RetryOptions, type RetryWithBackoff } from "./retry.js";
