export { type BatcherOptions, batcher, inBatches } from "./batches.js";
export { type Guard, type GuardOptions, guardedFetch } from "./guarded.js";
export { type ReadAfterWriteOptions, readAfterWrite } from "./read-after-write.js";
export { createRetryWithBackoff, type RetryOptions, type RetryWithBackoff } from "./retry.js";
