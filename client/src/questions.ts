// What is asked: subjects, limits, and the question itself, as the JSON of the API.

/** A length of time: `500ms`, `10s`, `15m`, `1h`, `1d`, `1w`, or whole milliseconds. */
export type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d" | "w"}`;

/** Who is limited. Each part is text of any characters; the three together are one subject. */
export interface Subject {
  /** Whose limit it is, such as the name of an API; `default` unless said. */
  provider?: string;
  /** A part of the provider; empty unless said. */
  scope?: string;
  /** 1 to 1,024 bytes. */
  identifier: string;
}

/** So many units per time: a whole or decimal number above 0. */
export interface Rate {
  amount: number;
  interval: Duration;
}

/** The name that answers call a limit by, and that keeps it apart from others of its algorithm. */
interface Named {
  name?: string;
}

/** Of a window; `slidingWindow` is what a limit is without `algorithm`. */
export interface WindowLimit extends Named {
  algorithm?: "fixedWindow" | "slidingWindow" | "slidingLog";
  limit: number;
  window: Duration;
  /**
   * What windows of `fixedWindow` begin with: the Unix epoch, so that all turn at one instant
   * (usual), or each subject's first use after the end of the one before.
   */
  start?: "epoch" | "firstUse";
}

/** A bucket of tokens that fills while it is not used. */
export interface TokenBucketLimit extends Named {
  algorithm: "tokenBucket";
  capacity: number;
  refill: Rate;
  /** Tokens at the start; full unless said. */
  initial?: number;
  /** Whether tokens come in whole intervals. */
  stepped?: boolean;
  burstCredits?: { cap: number; expiry: Duration };
}

/** A meter that is denied when full, and with `maxDelay` a shaper that spaces its callers. */
export interface LeakyBucketLimit extends Named {
  algorithm: "leakyBucket";
  capacity: number;
  leak: Rate;
}

/** Units per calendar period in a time zone. */
export interface QuotaLimit extends Named {
  algorithm: "quota";
  limit: number;
  period: "minute" | "hour" | "day" | "week" | "month" | "quarter" | "year";
  /** A name of IANA's database; UTC unless said. */
  timeZone?: string;
  anchor?: { time?: string; weekday?: string; day?: number; month?: number };
}

/** So many at once; each slot is free again after `ttl` at the latest. */
export interface ConcurrencyLimit extends Named {
  algorithm: "concurrency";
  limit: number;
  ttl: Duration;
}

/** One limit in numbers. */
export type Limit = WindowLimit | TokenBucketLimit | LeakyBucketLimit | QuotaLimit | ConcurrencyLimit;

/** How a limit that the request brings along is decided. */
export interface Mode {
  consistency?: "strong" | "leased" | "eventual" | "local";
  /** With `leased`: the most units that one isolate has at once, and for how long (100 ms to 2 s). */
  lease?: { max?: number; life?: Duration };
  failMode?: "open" | "closed" | "share" | "eventual";
  shed?: { limit: number; window: Duration };
  writeAhead?: number;
  refunds?: boolean;
  cacheFor?: Duration;
  idempotencyFor?: Duration;
  onExpiry?: "keep" | "giveBack";
}

/** What is asked beside the limit. */
export interface Terms {
  /** Units; 1 unless said, 0 asks for nothing, below 0 gives back. */
  cost?: number;
  /** Units of single limits, by their names; `cost` is that of the others. */
  costs?: Record<string, number>;
  /** Answers and changes nothing. */
  peek?: boolean;
  /** Admit what can go ahead within this time: `delay` says how long to wait first. */
  maxDelay?: Duration;
  /** The answer comes when it is this caller's turn, at most so much later (30 s). */
  wait?: Duration;
  /** Take a permit for so long. */
  hold?: Duration;
  /** The class that asks, where a policy has weights. */
  priority?: string;
  /** Say how full the tightest limit is. */
  pressure?: boolean;
  /** A name for this request: sent again under it, it is charged once. Costs a row. */
  idempotencyKey?: string;
  /** The same for a minute and in memory. The client gives one by itself. */
  operation?: string;
  /** What is done with what there is no room for. */
  overage?: "deny" | "cap" | "debt";
  /** Charge what has happened already. */
  record?: boolean;
}

/** A question about a policy that the server knows. */
export type PolicyCheck = Subject & Terms & { policy: string };
/** A question that brings its limit along. */
export type InlineCheck = Subject & Terms & Mode & Limit;
/** A question that brings several limits along, decided all or nothing. */
export type LimitsCheck = Subject & Terms & Mode & { limits: readonly Limit[] };

/** A question for `POST /limit`. */
export type Check = PolicyCheck | InlineCheck | LimitsCheck;

/** Several questions, decided all or nothing; the fields beside `limits` are defaults for each. */
export interface MultiCheck extends Partial<Subject>, Terms {
  limits: readonly (Check | Record<string, unknown>)[];
}

/**
 * What became of the units that a permit holds: `cost` for all limits, `costs` for single ones; one
 * of them at least.
 */
export type Real = { cost: number; costs?: Record<string, number> } | { cost?: number; costs: Record<string, number> };

/** What an upstream answered to a call that was admitted. */
export type Report = Partial<Subject> & {
  /** Its HTTP status. */
  status: number;
  /** Its headers: a `Headers`, or an object. All of them, those that say nothing are passed over. */
  headers?: Headers | Record<string, string | readonly string[]>;
  /** How long ago it answered. */
  age?: Duration;
} & (
    | {
        policy: string;
        /** Which limit of the policy the answer is about. */
        limit?: string;
      }
    | (Mode & Limit)
  );
