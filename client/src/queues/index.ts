export type { DelayedQueue, JobCheck, Limited } from "./jobs.js";
export { type PullOptions, pullWithin } from "./pull.js";
export { type QueueMessage, type Rescheduled, type RescheduleOptions, rescheduleLimited } from "./reschedule.js";
