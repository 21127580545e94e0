import { TollgateError } from "../errors.js";
import { type Counted, type Counting, Hits, PREFIX, type StoreOptions } from "./hits.js";

/** What is used of the options of the middleware. */
export interface HitOptions {
  /** The window's length, in ms. */
  windowMs: number;
  /** The most hits in it, or a function that says so of a request. */
  limit?: unknown;
}

/** How often a key was hit, and when it begins anew. */
export interface HitInfo {
  totalHits: number;
  resetTime: Date;
}

/**
 * A store of `express-rate-limit` and of `hono-rate-limiter`, whose stores have one form. The first
 * hit of a key opens its window, hits beyond the limit are counted too, and all instances with one
 * prefix share the counts. It throws where the server tells no count: see `passOnStoreError`.
 */
export class HitStore {
  /** Keys are the same in every instance. */
  readonly localKeys = false;
  readonly prefix: string;
  readonly #hits: Hits;
  #counting: Counting | undefined;

  constructor({ limiter, prefix = PREFIX }: StoreOptions) {
    this.prefix = prefix;
    this.#hits = new Hits(limiter, prefix);
  }

  /** Called by the library with its options. A number as the limit makes counting cheaper. */
  init({ windowMs, limit }: HitOptions): void {
    this.#counting = { window: windowMs, limit: typeof limit === "number" ? limit : undefined };
  }

  /** The hits of a key; `undefined` where there are none. */
  async get(key: string): Promise<HitInfo | undefined> {
    const seen = await this.#hits.look(key, this.#known());
    return seen.hits === 0 ? undefined : info(seen);
  }

  /** Counts a hit. */
  async increment(key: string): Promise<HitInfo> {
    return info(await this.#hits.add(key, this.#known()));
  }

  /** Takes one hit of the open window back, if there is one. */
  async decrement(key: string): Promise<void> {
    await this.#hits.take(key, this.#known(), 1);
  }

  /** Takes all hits of a key back. */
  async resetKey(key: string): Promise<void> {
    await this.#hits.forget(key, this.#known());
  }

  #known(): Counting {
    if (this.#counting === undefined) {
      throw new TollgateError("`init` was not called: the store does not know its window.", { code: "noWindow" });
    }
    return this.#counting;
  }
}

const info = ({ hits, reset }: Counted): HitInfo => ({ totalHits: hits, resetTime: new Date(reset) });
