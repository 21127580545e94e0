import type { Decision } from "../answers.js";
import { RateLimitedError } from "../errors.js";
import type { Limiter } from "../limiter.js";
import type { Duration } from "../questions.js";

/** Named limits of one key. */
export interface Keyed {
  /** Decides and charges. */
  check(about: { name: string; cost?: number }): Promise<Decision>;
  /** Whether `check` would admit now; nothing is charged. */
  isAllowed(about: { name: string; cost?: number }): Promise<boolean>;
  /** Units left; nothing is charged. */
  remaining(about: { name: string }): Promise<number | undefined>;
}

/** `$.rateLimit("user:123").check({name: "api"})`, over policies of the server. */
export interface Fluent {
  rateLimit(key: string): Keyed;
  rateLimits: {
    /** Makes or changes the policy of this name: for every caller, and for good. */
    configure(name: string, limit: { limit: number; window: Duration }): Promise<void>;
  };
}

/** The token needs the role `admin` to configure, `check` for all else. */
export function fluent(limiter: Limiter): Fluent {
  return {
    rateLimit: (identifier) => ({
      check: ({ name, cost = 1 }) => limiter.limit({ policy: name, identifier, cost }),
      isAllowed: async ({ name, cost = 1 }) => (await limiter.peek({ policy: name, identifier, cost })).success,
      remaining: ({ name }) => limiter.remaining({ policy: name, identifier }),
    }),
    rateLimits: {
      configure: async (name, limit) => {
        await limiter.policies.put(name, { limits: [limit] });
      },
    },
  };
}

/** A place that is kept for whoever reserved it. */
export interface Reservation {
  /** Whether there is one. */
  ok: boolean;
  /** How long to wait before going on, in ms. */
  delay: number;
  /** Gives it back, once however often it is called. */
  cancel(): Promise<void>;
}

/** One policy for many subjects, in the verbs of Go's `rate`. */
export class RateLimiterManager {
  readonly #limiter: Limiter;
  readonly #policy: string;

  constructor(limiter: Limiter, policy: string) {
    this.#limiter = limiter;
    this.#policy = policy;
  }

  /** Whether it may go ahead now; charges if so. */
  async allow(id: string, cost = 1): Promise<boolean> {
    return (await this.#limiter.limit({ policy: this.#policy, identifier: id, cost })).success;
  }

  /**
   * Waits for its turn.
   *
   * @throws RateLimitedError where there is none within `timeout` ms (30,000).
   */
  async wait(id: string, { cost = 1, timeout = 30_000 }: { cost?: number; timeout?: number } = {}): Promise<void> {
    await this.#limiter.waitForToken({ policy: this.#policy, identifier: id, cost }, { timeout });
  }

  /** Takes a place within `maxDelay` (1 h) and says how long it is until then. */
  async reserve(
    id: string,
    { cost = 1, maxDelay = "1h" }: { cost?: number; maxDelay?: Duration } = {},
  ): Promise<Reservation> {
    const check = { policy: this.#policy, identifier: id, cost, maxDelay };
    const { success: ok, delay = 0, permit, reason } = await this.#limiter.limit(check);
    const giveBack = async () => {
      if (permit !== undefined) await this.#limiter.release(permit);
      // What nobody has decided nobody has charged.
      else if (ok && reason !== "degraded")
        await this.#limiter.limit({ policy: this.#policy, identifier: id, cost: -cost });
    };
    let given: Promise<void> | undefined;
    const cancel = () => {
      given ??= giveBack().catch((error) => {
        given = undefined;
        throw error;
      });
      return given;
    };
    return { ok, delay, cancel };
  }
}

export { RateLimitedError as ErrRateLimited };
