import type { Decision, Settled, ToppedUp } from "./answers.js";
import { TollgateError } from "./errors.js";
import type { Duration, Real } from "./questions.js";
import { type CallOptions, isPassing } from "./transport.js";

/** What a permit asks of the limiter that gave it. */
export interface Holder {
  settle(permit: string, real: Real, options?: CallOptions): Promise<Settled>;
  release(permit: string, options?: CallOptions): Promise<void>;
  renew(permit: string, hold?: Duration, options?: CallOptions): Promise<{ expires: number }>;
  topup(permit: string, total: Real & { overage?: "deny" | "cap" | "debt" }, options?: CallOptions): Promise<ToppedUp>;
}

/**
 * What one decision holds: slots, or units whose real cost is told later. With `await using` it is
 * released when its block is left, unless it was settled or released before. That neither replaces
 * what the block has thrown nor fails what it has done: a permit that has ended by itself is well,
 * and one whose server is out of reach ends with its deadline.
 */
export class Permit implements AsyncDisposable {
  readonly #holder: Holder;
  #isOver = false;
  /** The permit, opaque, for another process that ends it. */
  readonly id: string;
  /** The answer by which it was given. */
  readonly decision: Decision;
  /** Until when it holds, in Unix ms. */
  expires: number;

  constructor(holder: Holder, decision: Decision & { permit: string; expires: number }) {
    this.#holder = holder;
    this.id = decision.permit;
    this.decision = decision;
    this.expires = decision.expires;
  }

  /** A number that only rises among the permits of a subject; for storage that refuses older ones. */
  get fence(): number | undefined {
    return this.decision.fence;
  }

  /** Charges the real cost, which may be more or less than what is held, and ends the permit. */
  async settle(real: Real, options?: CallOptions): Promise<Settled> {
    // What comes of it without an answer is not known: released, it would have cost nothing.
    this.#isOver = true;
    try {
      return await this.#holder.settle(this.id, real, options);
    } catch (error) {
      if (error instanceof TollgateError && !isPassing(error)) this.#isOver = false;
      throw error;
    }
  }

  /** Ends the permit and charges nothing. */
  async release(options?: CallOptions): Promise<void> {
    await this.#holder.release(this.id, options);
    this.#isOver = true;
  }

  /** Moves the deadline to `hold` from now, never to an earlier instant. */
  async renew(hold?: Duration, options?: CallOptions): Promise<void> {
    this.expires = (await this.#holder.renew(this.id, hold, options)).expires;
  }

  /** Holds another total from now on; `success` is false where there is no room for it. */
  topup(total: Real & { overage?: "deny" | "cap" | "debt" }, options?: CallOptions): Promise<ToppedUp> {
    return this.#holder.topup(this.id, total, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOver) return;
    try {
      await this.release();
    } catch (error) {
      const hasEnded = error instanceof TollgateError && ["permitEnded", "unknownPermit"].includes(error.code);
      if (!hasEnded && !isPassing(error)) throw error;
    }
  }
}
