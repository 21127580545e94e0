import type { Limiter } from "../limiter.js";
import { sleep } from "../transport.js";
import { admit, type JobCheck } from "./jobs.js";

/** Where jobs are pulled from, and how they are done. */
export interface PullOptions<Job> {
  limiter: Limiter;
  /** The budget: one unit a job. */
  check: JobCheck;
  /** Takes up to so many jobs from the queue; fewer, or none, where there are no more now. */
  pull: (most: number) => Promise<readonly Job[]>;
  work: (job: Job) => Promise<unknown>;
  /** Jobs pulled at once; 10 unless said. */
  size?: number;
  /** The pause where the queue has none, in ms; 1,000 unless said. */
  idle?: number;
  /** Ends it, after the jobs that are under way. */
  signal: AbortSignal;
}

/**
 * Pulls no more jobs than there is budget for, so that what cannot be done yet stays in the queue,
 * for others or for later. Units that found no job are given back.
 */
export async function pullWithin<Job>(options: PullOptions<Job>): Promise<{ done: number; failed: number }> {
  const { limiter, check, pull, work, size = 10, idle = 1000, signal } = options;
  if (!Number.isInteger(size) || size < 1) throw new RangeError("`size` has to be a whole number of 1 or more.");
  const counts = { done: 0, failed: 0 };
  while (!signal.aborted) {
    const { admitted, retryAfter } = await admit(limiter, check, size);
    if (admitted === 0) {
      await pause(retryAfter ?? idle, signal);
      continue;
    }
    let jobs: readonly Job[] = [];
    try {
      jobs = await pull(admitted);
    } finally {
      if (jobs.length < admitted) await limiter.limit({ ...check, cost: jobs.length - admitted });
    }
    const results = await Promise.allSettled(jobs.map(async (job) => work(job)));
    for (const { status } of results) counts[status === "fulfilled" ? "done" : "failed"]++;
    if (jobs.length === 0) await pause(idle, signal);
  }
  return counts;
}

/** A pause that the end of all cuts short. */
const pause = (ms: number, signal: AbortSignal): Promise<void> => sleep(ms, signal).catch(() => undefined);
