// What is answered. Instants are Unix milliseconds, lengths of time are milliseconds. What is not
// known is absent.

/** Why a request was refused, or how it was decided if not as usual. */
export type Reason =
  | "limit"
  | "costExceedsCapacity"
  | "blocked"
  | "override"
  | "paused"
  | "parent"
  | "coolDown"
  | "breaker"
  | "degraded"
  | "busy"
  | (string & {});

/** Where it was decided. `client`: here, because the server was out of reach. */
export type Source = "object" | "lease" | "cache" | "kv" | "binding" | "fallback" | "client" | (string & {});

/** How one limit stands after a decision. */
export interface Standing {
  name: string;
  algorithm: string;
  limit: number;
  remaining: number;
  reset: number;
  retryAfter?: number;
  reason?: Reason;
}

/** The answer to a check. */
export interface Decision {
  /** Admitted or not. */
  success: boolean;
  /** Of the limit that decided, or that has the least left. */
  limit?: number;
  /** Units left after this decision. */
  remaining?: number;
  /** When its window ends, its use is forgotten, or it is full. */
  reset?: number;
  /** How long until the same request, alone, succeeds; absent where waiting cannot help. */
  retryAfter?: number;
  /** How long to wait before going on, where a place was promised. */
  delay?: number;
  /** For how long the answer was held. */
  waited?: number;
  /** How full the tightest limit is, from 0 to 1. */
  pressure?: number;
  reason?: Reason;
  /** The limit that refused. */
  limitedBy?: string;
  policy?: string;
  version?: number;
  /** Of several levels the one that decided. */
  decidedBy?: string;
  fellBackFrom?: string[];
  /** Whether the same request was answered so before: nothing was charged now. */
  repeated?: boolean;
  idempotent?: boolean;
  idempotentSince?: number;
  /** `false` where it was refused while units were lent, which may come back before `retryAfter` is over. */
  exact?: false;
  source: Source;
  permit?: string;
  fence?: number;
  expires?: number;
  /** What was admitted of a cost for which there was no room. */
  granted?: { cost: number; costs?: Record<string, number> };
  /** Each limit, where there are several. */
  limits?: Standing[];
  shadow?: boolean;
  wouldDeny?: { policy?: string; reason?: Reason; retryAfter?: number; limitedBy?: string };
  wouldDelay?: number;
}

/** The answer to several checks that were decided all or nothing. */
export interface MultiDecision {
  success: boolean;
  /** How long until the entry that is refused longest succeeds, alone. */
  retryAfter?: number;
  permit?: string;
  repeated?: boolean;
  idempotent?: boolean;
  idempotentSince?: number;
  results: Decision[];
}

/** How one limit of a subject stands. */
export interface LimitStatus {
  policy?: string;
  version?: number;
  name: string;
  algorithm: string;
  limit: number;
  used: number;
  remaining: number;
  held?: number;
  /** Of those used, units that isolates have and may not have spent. */
  lent?: number;
  debt?: number;
  reset: number;
  [definition: string]: unknown;
}

/** A subject's full state. */
export interface Status {
  subject: { provider: string; scope: string; identifier: string };
  limits: LimitStatus[];
  overrides?: Record<string, unknown>[];
  outlooks?: Record<string, unknown>[];
  recentDenials?: Record<string, unknown>[];
  /** How long units may be spent that are lent, in ms: so late does a change hold. */
  inForceAfter?: number;
  kv?: string;
  [more: string]: unknown;
}

/** What was charged when a permit was settled; `debt` and `forgiven` where it was beyond a limit. */
export interface Settled {
  success: boolean;
  state: string;
  cost?: number;
  costs?: Record<string, number>;
  debt?: { cost?: number; costs?: Record<string, number> };
  forgiven?: { cost?: number; costs?: Record<string, number> };
}

/** What a permit holds after it was asked to hold another total. */
export interface ToppedUp {
  success: boolean;
  cost?: number;
  costs?: Record<string, number>;
  expires: number;
  retryAfter?: number;
}

/** What a report did. */
export interface Reported {
  refused: boolean;
  waitUntil?: number;
  closedUntil?: number;
  closedBy?: string;
  limits: Record<string, unknown>[];
  ignored: Record<string, unknown>[];
  notHeeded?: string;
  [more: string]: unknown;
}
