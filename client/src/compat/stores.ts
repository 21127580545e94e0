import type { Decision, Status } from "../answers.js";
import { Limiter, type LimiterOptions } from "../limiter.js";
import type { InlineCheck, LimitsCheck, Mode, Subject } from "../questions.js";

/**
 * Where limits are decided, all of one form. There is one counter, the server's: a store says in
 * which of its modes.
 */
export interface RateLimitStore {
  check(check: InlineCheck | LimitsCheck): Promise<Decision>;
  /** Waits until the check is admitted, at most so long, in ms. */
  wait(check: InlineCheck, timeout: number): Promise<Decision>;
  report(check: InlineCheck, response: { status: number; headers: Headers }): Promise<void>;
  status(subject: Subject): Promise<Status>;
  reset(subject: Subject): Promise<void>;
}

class ServerStore implements RateLimitStore {
  readonly #limiter: Limiter;
  readonly #mode: Mode;

  constructor(server: Limiter | LimiterOptions, mode: Mode) {
    this.#limiter = server instanceof Limiter ? server : new Limiter(server);
    this.#mode = mode;
  }

  check(check: InlineCheck | LimitsCheck): Promise<Decision> {
    return this.#limiter.limit({ ...check, ...this.#mode });
  }

  wait(check: InlineCheck, timeout: number): Promise<Decision> {
    return this.#limiter.waitForToken({ ...check, ...this.#mode }, { timeout });
  }

  async report(check: InlineCheck, { status, headers }: { status: number; headers: Headers }): Promise<void> {
    const { cost: _, ...limited } = check;
    await this.#limiter.report({ ...limited, ...this.#mode, status, headers });
  }

  status(subject: Subject): Promise<Status> {
    return this.#limiter.status(subject);
  }

  reset(subject: Subject): Promise<void> {
    return this.#limiter.reset(subject);
  }
}

/** Decided by the subject's Durable Object: never above the limit. */
export class DORateLimitStore extends ServerStore {
  constructor(server: Limiter | LimiterOptions) {
    super(server, { consistency: "strong" });
  }
}

/**
 * Decided by the server's isolates, by units that the subject's Durable Object has lent to them:
 * never above the limit, for windows of 10 seconds and longer.
 */
export class LeasedRateLimitStore extends ServerStore {
  constructor(server: Limiter | LimiterOptions) {
    super(server, { consistency: "leased" });
  }
}

/** Counted in isolates and merged through KV: approximate, for windows of 10 minutes and longer. */
export class KVRateLimitStore extends ServerStore {
  constructor(server: Limiter | LimiterOptions) {
    super(server, { consistency: "eventual" });
  }
}

/** Counted by the platform's native binding: per location, best effort, for windows of 10 s and 1 min. */
export class CloudflareRateLimitStore extends ServerStore {
  constructor(server: Limiter | LimiterOptions) {
    super(server, { consistency: "local" });
  }
}
