import type { Limiter } from "../limiter.js";
import { admit, type DelayedQueue, type JobCheck, type Limited, MAX_DELAY, opened } from "./jobs.js";

/** A message of a batch, as Cloudflare's queues give it. */
export interface QueueMessage<Body> {
  readonly body: Body;
  readonly attempts: number;
  ack(): void;
  retry(): void;
}

/** How the jobs of a batch are done. */
export interface RescheduleOptions<Job> {
  limiter: Limiter;
  /** Under which policy a job is done, and for whom. Jobs of one subject are one check. */
  check: (job: Job) => JobCheck;
  /** Where limited jobs go to come back: usually the queue that they came from. */
  queue: DelayedQueue<Limited<Job>>;
  /** Where those go that were limited for longer than `maxAge`. */
  deadLetter: { send(body: Limited<Job>): Promise<unknown> };
  /** The longest that a job is limited, in ms; 24 h unless said. */
  maxAge?: number;
  /** Does a job. What throws is tried again by the queue, as its own settings say. */
  work: (job: Job, about: { attempts: number }) => Promise<unknown>;
  /** The clock, in Unix ms. */
  now?: () => number;
}

/** What became of a batch. */
export interface Rescheduled {
  done: number;
  failed: number;
  /** Sent again for the instant at which there is room. */
  limited: number;
  /** Limited for too long. */
  dead: number;
}

const DAY = 86_400_000;
/** The pause of a job where nobody tells when there is room, in ms: it may be soon. */
const UNKNOWN = 60_000;

/**
 * Does the jobs of a batch that have room, and sends the others again for when there is. To be
 * limited is no failure: neither an attempt is counted nor a retry of the queue used up. Each
 * subject of the batch is checked once.
 *
 * @throws what a limiter or a queue has thrown, once all that could be done is done: the messages
 * that are neither acknowledged nor retried then come again.
 */
export async function rescheduleLimited<Job>(
  messages: readonly QueueMessage<Job | Limited<Job>>[],
  options: RescheduleOptions<Job>,
): Promise<Rescheduled> {
  const { limiter, check, work } = options;
  const counts: Rescheduled = { done: 0, failed: 0, limited: 0, dead: 0 };
  const groups = new Map<string, { about: JobCheck; all: QueueMessage<Job | Limited<Job>>[] }>();
  for (const message of messages) {
    let about: JobCheck;
    try {
      about = check(opened(message.body).job);
    } catch {
      // As a job that fails: one that nobody can name a subject of does not stop the others.
      message.retry();
      counts.failed++;
      continue;
    }
    const key = JSON.stringify([about.policy, about.provider, about.scope, about.identifier]);
    const group = groups.get(key) ?? { about, all: [] };
    group.all.push(message);
    groups.set(key, group);
  }
  await all(
    [...groups.values()].map(async ({ about, all: jobs }) => {
      const { admitted, retryAfter } = await admit(limiter, about, jobs.length);
      await all([
        ...jobs.slice(0, admitted).map((message) => does(message, work, counts)),
        ...jobs.slice(admitted).map((message) => postpone(message, retryAfter, options, counts)),
      ]);
    }),
  );
  return counts;
}

/**
 * Waits for all, and throws the first error only then: who heard it earlier would have the queue
 * deliver again what is still being done.
 */
async function all(works: Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(works)).find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
}

async function does<Job>(
  message: QueueMessage<Job | Limited<Job>>,
  work: RescheduleOptions<Job>["work"],
  counts: Rescheduled,
): Promise<void> {
  const { job, attempts } = opened(message.body);
  try {
    await work(job, { attempts: attempts + message.attempts });
    message.ack();
    counts.done++;
  } catch {
    message.retry();
    counts.failed++;
  }
}

async function postpone<Job>(
  message: QueueMessage<Job | Limited<Job>>,
  retryAfter: number | undefined,
  { queue, deadLetter, maxAge = DAY, now = Date.now }: RescheduleOptions<Job>,
  counts: Rescheduled,
): Promise<void> {
  const at = now();
  const { job, attempts, since = at } = opened(message.body);
  // The first delivery of a message is no try yet.
  const tried = attempts + message.attempts - 1;
  const delaySeconds = Math.min(Math.ceil((retryAfter ?? UNKNOWN) / 1000), MAX_DELAY);
  const next = at + delaySeconds * 1000;
  const body: Limited<Job> = { tollgate: { job, state: "retrying", attempts: tried, since, next } };
  const isOver = next - since > maxAge;
  // Sent before it is acknowledged: a crash in between doubles a job, and loses none.
  await (isOver ? deadLetter.send(body) : queue.send(body, { delaySeconds }));
  message.ack();
  counts[isOver ? "dead" : "limited"]++;
}
