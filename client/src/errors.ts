import type { Decision } from "./answers.js";

/** The server has refused a request for another reason than a limit, or could not be reached. */
export class TollgateError extends Error {
  override name = "TollgateError";
  /** The HTTP status; 0 where there was no answer. */
  readonly status: number;
  /** One of the closed list of the API, or `unreachable`, `timeout`, `aborted`, `notTollgate`. */
  readonly code: string;
  /** The field that is wrong. */
  readonly field: string | undefined;
  /** By which logs find the request. */
  readonly requestId: string | undefined;

  constructor(
    message: string,
    about: { status?: number; code: string; field?: string; requestId?: string; cause?: unknown },
  ) {
    super(message, about.cause === undefined ? undefined : { cause: about.cause });
    this.status = about.status ?? 0;
    this.code = about.code;
    this.field = about.field;
    this.requestId = about.requestId;
  }
}

/** A limit has refused. */
export class RateLimitedError extends Error {
  override name = "RateLimitedError";
  /** The whole answer. */
  readonly decision: Decision;
  /**
   * How long until the same request, alone, succeeds, in ms; absent where waiting cannot help, or
   * nobody knows (`degraded`).
   */
  readonly retryAfter: number | undefined;

  constructor(decision: Decision) {
    const by = decision.limitedBy ?? decision.policy;
    const unknown = decision.reason === "degraded" ? "nobody knows for how long" : "waiting does not help";
    const wait = decision.retryAfter === undefined ? unknown : `try again in ${decision.retryAfter} ms`;
    super(`Refused${by === undefined ? "" : ` by ${by}`} (${decision.reason ?? "limit"}): ${wait}.`);
    this.decision = decision;
    this.retryAfter = decision.retryAfter;
  }
}
