// Hits counted at a Tollgate server, for libraries that decide by themselves.

import type { Decision } from "../answers.js";
import { TollgateError } from "../errors.js";
import type { Limiter } from "../limiter.js";
import type { InlineCheck } from "../questions.js";

/** Where hits are counted. */
export interface StoreOptions {
  limiter: Limiter;
  /**
   * The scope of the subjects that are counted; `hits:` unless said. Two limits over the same keys
   * need two of them, all instances of one limit the same.
   */
  prefix?: string;
}

/** What is counted, and over which time. */
export interface Counting {
  /** The window's length, in ms. */
  window: number;
  /** The number that the library decides by; `undefined` where it differs by request. */
  limit: number | undefined;
}

/** How often a key was hit in its window, and the end of that. */
export interface Counted {
  hits: number;
  /** Unix milliseconds. */
  reset: number;
}

/** The prefix of stores that are given none. */
export const PREFIX = "hits:";

/**
 * What hits are counted against: a number that nobody reaches, not the limit of the library. A count
 * past a limit, as debt, ends at twice that limit, and each hit that a library takes back from there
 * would make room that there is not.
 */
const NEVER = 2 ** 53;

/** The counts of keys below one prefix. */
export class Hits {
  readonly #limiter: Limiter;
  readonly #scope: string;

  constructor(limiter: Limiter, scope: string) {
    this.#limiter = limiter;
    this.#scope = scope;
  }

  /** Counts one hit, which opens a window where none is open. */
  add(key: string, counting: Counting): Promise<Counted> {
    return this.#ask(key, counting, { cost: 1 });
  }

  /** The count as it stands. */
  look(key: string, counting: Counting): Promise<Counted> {
    return this.#ask(key, counting, { cost: 0, peek: true });
  }

  /** Takes back so many hits of the open window, at most all. */
  async take(key: string, counting: Counting, hits: number): Promise<void> {
    await this.#ask(key, counting, { cost: -hits });
  }

  /** Takes back all hits of the open window, and so closes it. */
  forget(key: string, counting: Counting): Promise<void> {
    return this.take(key, counting, NEVER);
  }

  async #ask(key: string, { window, limit }: Counting, terms: { cost: number; peek?: boolean }): Promise<Counted> {
    const check: InlineCheck = {
      ...(this.#scope === "" ? {} : { scope: this.#scope }),
      identifier: key,
      // By its name it goes on when the window's length changes.
      name: "hits",
      algorithm: "fixedWindow",
      start: "firstUse",
      limit: NEVER,
      window,
      // As it is of a limit that the server knows.
      writeAhead: Math.max(1, Math.floor(Math.min(limit || 0, NEVER) / 100)),
      ...terms,
    };
    const decision = await this.#limiter.limit(check).catch((cause) => {
      // Its `status` is between this server and Tollgate's: frameworks would answer it to visitors.
      throw new TollgateError("There is no count: the question was refused.", { code: "noCount", cause });
    });
    return counted(decision, window);
  }
}

/**
 * The count that an answer tells; of a key that the server stops, whatever is asked, more than any
 * limit.
 *
 * @throws TollgateError where it tells none: whether a request goes on without a count, the library
 * decides.
 */
function counted({ success, remaining, reset, reason, retryAfter }: Decision, window: number): Counted {
  if (success && remaining !== undefined && reset !== undefined) return { hits: NEVER - remaining, reset };
  if (!success && reason !== "degraded") return { hits: NEVER, reset: Date.now() + (retryAfter ?? window) };
  throw new TollgateError("There is no count: the server is out of reach.", { code: "noCount" });
}
