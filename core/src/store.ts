import type { Decision, Status } from "./answers.js";
import { type Clock, systemClock } from "./clock.js";
import { RateLimitedError } from "./errors.js";
import { Limiter, type LimiterOptions } from "./limiter.js";
import type { InlineCheck, LimitsCheck, Subject } from "./questions.js";

/** What a store in memory is made of. */
export interface InMemoryRateLimitStoreOptions extends Pick<LimiterOptions, "maxSubjects" | "seed"> {
  /** What tells the time; the time as it is unless said. */
  clock?: Clock;
}

/**
 * Decides in the memory of this process: a `RateLimitStore` as those of `tollgate/compat`, without
 * a server. Nobody else counts with it, and nothing is left when the process ends.
 */
export class InMemoryRateLimitStore {
  readonly #limiter: Limiter;
  readonly #clock: Clock;

  constructor({ clock = systemClock, ...options }: InMemoryRateLimitStoreOptions = {}) {
    this.#clock = clock;
    this.#limiter = new Limiter({ ...options, now: clock });
  }

  async check(check: InlineCheck | LimitsCheck): Promise<Decision> {
    return this.#limiter.limit(check);
  }

  /**
   * Waits until the check is admitted, in turn with all others who wait, at most so long, in ms.
   *
   * @throws RateLimitedError where that is not enough, at once where it is known.
   */
  async wait(check: InlineCheck, timeout: number): Promise<Decision> {
    const end = this.#clock.now() + timeout;
    for (;;) {
      const left = Math.max(0, Math.floor(end - this.#clock.now()));
      const decision = this.#limiter.limit({ ...check, maxDelay: left });
      if (decision.success) return this.#turn(decision);
      const { retryAfter = Number.POSITIVE_INFINITY, reason } = decision;
      // So much later a turn is within the wait; what a limit does not decide nobody waits out there.
      const longest = reason === "limit" ? retryAfter + left : retryAfter;
      if (longest > left) throw new RateLimitedError(decision);
      await this.#clock.sleep(retryAfter);
    }
  }

  async report(check: InlineCheck, { status, headers }: { status: number; headers: Headers }): Promise<void> {
    const { cost: _, ...limited } = check;
    this.#limiter.report({ ...limited, status, headers });
  }

  async status(subject: Subject): Promise<Status> {
    return this.#limiter.status(subject);
  }

  async reset(subject: Subject): Promise<void> {
    this.#limiter.reset(subject);
  }

  /** The decision when the turn has come that it promises. */
  async #turn({ delay, ...decision }: Decision): Promise<Decision> {
    if (delay === undefined) return decision;
    await this.#clock.sleep(delay);
    // There is nothing to give back any more.
    const { permit: _, fence: __, expires: ___, ...rest } = decision;
    return delay > 0 ? { ...rest, waited: delay } : rest;
  }
}
