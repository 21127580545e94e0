import type { Decision } from "../answers.js";
import { RateLimitedError, TollgateError } from "../errors.js";
import type { Duration, InlineCheck, Limit, Mode, Subject } from "../questions.js";
import type { RateLimitStore } from "./stores.js";

/** What all of these take: where it is decided, and whose limit it is. */
export interface Common {
  store: RateLimitStore;
  provider?: string;
  scope?: string;
  /** Keeps a limit apart from others of the same key. */
  name?: string;
}

/** Checks of one limit, each for a key. */
export interface RateLimiter {
  /** Decides and charges. An object may bring its own numbers: `{identifier, limit, window, cost}`. */
  limit(key: string | { identifier: string; limit?: number; window?: Duration; cost?: number }): Promise<Decision>;
  /** Units left; nothing is charged. */
  remaining(key: string): Promise<number | undefined>;
  reset(key: string): Promise<void>;
}

type Strategy = "fixed-window" | "sliding-window" | "sliding-log";
const ALGORITHMS = {
  "fixed-window": "fixedWindow",
  "sliding-window": "slidingWindow",
  "sliding-log": "slidingLog",
} as const;

/** So many requests in a window, whose length is milliseconds or a text such as `1m`. */
export interface WindowOptions extends Common {
  requests: number;
  window: Duration;
  /** `sliding-window` unless said. */
  strategy?: Strategy;
  /** With a `LeasedRateLimitStore`: the most units that an isolate of the server has at once, and for how long. */
  lease?: Mode["lease"];
}

/** So many requests in a window for each key. */
export function createRateLimiter(options: WindowOptions): RateLimiter {
  const { requests, window, strategy = "sliding-window", lease } = options;
  if (!Object.hasOwn(ALGORITHMS, strategy)) {
    throw new TypeError(`\`strategy\` has to be one of ${Object.keys(ALGORITHMS).join(", ")}.`);
  }
  const check = (identifier: string, rest: Record<string, unknown>): InlineCheck => ({
    ...about(options, identifier),
    algorithm: ALGORITHMS[strategy],
    limit: requests,
    window,
    ...(lease === undefined ? {} : { lease }),
    ...rest,
  });
  return {
    limit: (key) => {
      const { identifier, ...rest } = typeof key === "string" ? { identifier: key } : key;
      return options.store.check(check(identifier, rest));
    },
    remaining: async (key) => (await options.store.check(check(key, { cost: 0, peek: true }))).remaining,
    reset: (key) => options.store.reset(about(options, key)),
  };
}

/**
 * What a limit of several regions and instances takes. All of them share the count of the store:
 * `DORateLimitStore` is exact; `LeasedRateLimitStore` is as strict, and the server's isolates spend
 * units that they were lent. A count for each region there is not yet; what names it is refused at
 * compile time, rather than passed over.
 */
export interface DistributedOptions extends Omit<WindowOptions, "lease"> {
  /** With a `LeasedRateLimitStore`: the most units that an isolate of the server spends by itself. */
  localBurst?: number;
  /** And for how long it may: 100 ms to 2 s. */
  syncInterval?: Duration;
  /** One count for each region. */
  regions?: never;
}

/** So many requests in a window for each key, over all instances that ask one server. */
export class DistributedRateLimiter implements RateLimiter {
  readonly #limiter: RateLimiter;

  constructor({ localBurst, syncInterval, ...options }: DistributedOptions) {
    const lease = {
      ...(localBurst === undefined ? {} : { max: localBurst }),
      ...(syncInterval === undefined ? {} : { life: syncInterval }),
    };
    this.#limiter = createRateLimiter(Object.keys(lease).length === 0 ? options : { ...options, lease });
  }

  limit(key: Parameters<RateLimiter["limit"]>[0]): Promise<Decision> {
    return this.#limiter.limit(key);
  }

  remaining(key: string): Promise<number | undefined> {
    return this.#limiter.remaining(key);
  }

  reset(key: string): Promise<void> {
    return this.#limiter.reset(key);
  }
}

/** How full a bucket is. */
export interface Tokens {
  /** The level, with its fraction as far as this machine's clock agrees with the server's. */
  tokens: number;
  capacity: number;
  /** Tokens per second. */
  refillRate: number;
  /** When that was. */
  at: Date;
  /** When it is full again, if nobody takes any. */
  fullAt: Date;
}

/** A bucket of tokens for each key. */
export interface TokenBucket {
  tryConsume(key: string, cost?: number): Promise<boolean>;
  /**
   * The level now.
   *
   * @throws TollgateError where nobody knows it (`noCount`), as while the server is out of reach.
   */
  getTokens(key: string): Promise<Tokens>;
  /** Waits for its turn, at most so long, in ms (30,000); whether it came. */
  waitForToken(key: string, cost?: number, maxWaitMs?: number): Promise<boolean>;
}

/** `refillRate` is tokens per second and may be a fraction. */
export function createTokenBucket(
  options: Common & { capacity: number; refillRate: number; initialTokens?: number },
): TokenBucket {
  const { store, capacity, refillRate, initialTokens } = options;
  const bucket = {
    algorithm: "tokenBucket",
    capacity,
    refill: { amount: refillRate, interval: "1s" },
    ...(initialTokens === undefined ? {} : { initial: initialTokens }),
  } as const;
  const check = (key: string, cost: number): InlineCheck => ({ ...about(options, key), ...bucket, cost });
  return {
    tryConsume: async (key, cost = 1) => (await store.check(check(key, cost))).success,
    getTokens: async (key) => {
      const { remaining, reset } = await store.check({ ...check(key, 0), peek: true });
      if (remaining === undefined) throw new TollgateError("Nobody knows the level now.", { code: "noCount" });
      const at = new Date();
      const fullAt = new Date(reset ?? at);
      const level = capacity - ((fullAt.getTime() - at.getTime()) * refillRate) / 1000;
      // The server knows the whole tokens.
      const tokens = remaining >= capacity ? capacity : Math.min(Math.max(level, remaining), remaining + 0.999);
      return { tokens, capacity, refillRate, at, fullAt };
    },
    waitForToken: (key, cost = 1, maxWaitMs = 30_000) => came(store.wait(check(key, cost), maxWaitMs)),
  };
}

/** A meter for each key: what leaks out makes room, `leakRate` units per second. */
export function createLeakyBucket(
  options: Common & { capacity: number; leakRate: number },
): Pick<TokenBucket, "tryConsume" | "waitForToken"> {
  const { store, capacity, leakRate } = options;
  const check = (key: string, cost: number): InlineCheck => ({
    ...about(options, key),
    algorithm: "leakyBucket",
    capacity,
    leak: { amount: leakRate, interval: "1s" },
    cost,
  });
  return {
    tryConsume: async (key, cost = 1) => (await store.check(check(key, cost))).success,
    waitForToken: (key, cost = 1, maxWaitMs = 30_000) => came(store.wait(check(key, cost), maxWaitMs)),
  };
}

/** Units per calendar period for each key, decided all or nothing. */
export interface QuotaManager {
  /** Charges before a call, or charges nothing and says why. */
  consume(key: string, cost?: number): Promise<Decision>;
  /** Units left of the period that has the least. */
  remaining(key: string): Promise<number | undefined>;
}

const PERIODS = { hourly: "hour", daily: "day", weekly: "week", monthly: "month" } as const;

export function createQuotaManager(
  options: Common & { [period in keyof typeof PERIODS]?: number } & { timeZone?: string },
): QuotaManager {
  const periods = Object.keys(PERIODS) as (keyof typeof PERIODS)[];
  const limits = periods.flatMap((period): Limit[] => {
    const limit = options[period];
    if (limit === undefined) return [];
    const zone = options.timeZone === undefined ? {} : { timeZone: options.timeZone };
    return [{ name: period, algorithm: "quota", limit, period: PERIODS[period], ...zone }];
  });
  const ask = (key: string, rest: { cost: number; peek?: boolean }) => {
    const { name: _, ...subject } = about(options, key);
    return options.store.check({ ...subject, limits, ...rest });
  };
  return {
    consume: (key, cost = 1) => ask(key, { cost }),
    remaining: async (key) => (await ask(key, { cost: 0, peek: true })).remaining,
  };
}

/** A connector's own limiter. */
export interface ConnectorRateLimiter {
  /** `retryAfter` is in milliseconds. */
  acquire(cost?: number): Promise<{ allowed: boolean; retryAfter?: number }>;
  getStatus(): Promise<{ remaining: number | undefined; resetAt: Date | undefined }>;
  /**
   * Waits for a token, at most so long, in ms (30,000).
   *
   * @throws RateLimitedError where that is not enough.
   */
  waitForToken(timeout?: number): Promise<void>;
  /** Tells what the API answered, for every caller with this key. */
  updateFromResponse(response: { status: number; headers: Headers }): Promise<void>;
}

/** `refillRate` tokens each `refillInterval` ms (1,000); 100 tokens and 10 a second unless said. */
export function createTokenBucketRateLimiter(
  options: Common & { key: string; maxTokens?: number; refillRate?: number; refillInterval?: number },
): ConnectorRateLimiter {
  const { store, key, maxTokens = 100, refillRate = 10, refillInterval = 1000 } = options;
  const limited: InlineCheck = {
    ...about(options, key),
    algorithm: "tokenBucket",
    capacity: maxTokens,
    refill: { amount: refillRate, interval: refillInterval },
  };
  return {
    acquire: async (cost = 1) => {
      const { success: allowed, retryAfter } = await store.check({ ...limited, cost });
      return retryAfter === undefined ? { allowed } : { allowed, retryAfter };
    },
    getStatus: async () => {
      const { remaining, reset } = await store.check({ ...limited, cost: 0, peek: true });
      return { remaining, resetAt: reset === undefined ? undefined : new Date(reset) };
    },
    waitForToken: async (timeout = 30_000) => {
      await store.wait(limited, timeout);
    },
    updateFromResponse: ({ status, headers }) => store.report(limited, { status, headers }),
  };
}

function about({ provider, scope, name }: Common, identifier: string): Subject & { name?: string } {
  return {
    identifier,
    ...(provider === undefined ? {} : { provider }),
    ...(scope === undefined ? {} : { scope }),
    ...(name === undefined ? {} : { name }),
  };
}

async function came(waiting: Promise<Decision>): Promise<boolean> {
  try {
    return (await waiting).success;
  } catch (error) {
    if (error instanceof RateLimitedError) return false;
    throw error;
  }
}
