import type { Decision } from "../answers.js";
import { RateLimitedError } from "../errors.js";
import type { Limiter } from "../limiter.js";
import type { Subject } from "../questions.js";

/** Under which policy a job is done, and for whom. */
export type JobCheck = Subject & { policy: string };

/** A job that is on its way again because a limit had no room. */
export interface Limited<Job> {
  tollgate: {
    job: Job;
    state: "retrying";
    /** How often it was tried: being limited is no try. */
    attempts: number;
    /** When it was limited first, in Unix ms. */
    since: number;
    /** When it is to come back, in Unix ms. */
    next: number;
  };
}

/** A queue that takes messages with a delay; that of Cloudflare is one. */
export interface DelayedQueue<Body> {
  send(body: Body, options: { delaySeconds: number }): Promise<unknown>;
}

/** The longest delay that Cloudflare's queues take, in s. */
export const MAX_DELAY = 43_200;

/** What a message holds: a job, or one that was limited before. */
export function opened<Job>(body: Job | Limited<Job>): { job: Job; attempts: number; since: number | undefined } {
  return isLimited(body) ? body.tollgate : { job: body, attempts: 0, since: undefined };
}

/** A job may have a field of that name of its own. */
function isLimited<Job>(body: Job | Limited<Job>): body is Limited<Job> {
  const held = (body as Partial<Limited<Job>> | null | undefined)?.tollgate;
  return held?.state === "retrying" && "job" in held;
}

/**
 * How many of so many jobs have room now, charged, and how long it is until the next has, in ms;
 * `undefined` where nobody tells.
 */
export async function admit(
  limiter: Limiter,
  check: JobCheck,
  wanted: number,
): Promise<{ admitted: number; retryAfter: number | undefined }> {
  const decision = await limiter.limit({ ...check, cost: wanted, overage: "cap" });
  const admitted = unitsOf(decision, wanted);
  if (admitted === wanted) return { admitted, retryAfter: 0 };
  if (!decision.success && decision.reason === "costExceedsCapacity") throw new RateLimitedError(decision);
  // What was given is all there was: the wait is that of one more, which may have room by now.
  // Whatever becomes of that question, what was charged is done.
  const next = decision.success ? await limiter.peek(check).catch(() => undefined) : decision;
  return { admitted, retryAfter: next?.success ? 0 : next?.retryAfter };
}

function unitsOf({ success, granted }: Decision, wanted: number): number {
  return success ? (granted?.cost ?? wanted) : 0;
}
