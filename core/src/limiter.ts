import type { Decision, MultiDecision, Reported, Settled, Status, ToppedUp } from "./answers.js";
import { type Clock, instant, ManualClock, systemClock } from "./clock.js";
import { RateLimitedError, TollgateError } from "./errors.js";
import { Core } from "./glue.js";
import type { Check, Duration, MultiCheck, Real, Report, Subject } from "./questions.js";

/** A policy as it is written; `docs/policies.md` has its fields. */
export type Policy = Record<string, unknown>;

/** What a limiter is made of. */
export interface LimiterOptions {
  /**
   * An instant to begin at, on a clock that goes on by `advance` alone; or a clock of yours, read
   * once a call. The time as it is unless said.
   */
  now?: number | Date | Pick<Clock, "now">;
  /** Named policies, in any order. */
  policies?: Record<string, Policy>;
  /** Permits are made of it: the same seed gives the same ones. Whoever knows it knows them. */
  seed?: string;
  /**
   * The most subjects in use at a time, 1 to 1,000,000; 10,000 unless said. Idle ones are dropped;
   * where none is, one more is an error (`tooManySubjects`) and not forgotten use.
   */
  maxSubjects?: number;
}

const MOST_SUBJECTS = 1_000_000;
const LONGEST_SEED = 1_024;

/** Decides by itself as a Tollgate server would, and keeps all of it in memory. */
export class Limiter {
  readonly #core: Core;
  readonly #clock: Pick<Clock, "now">;

  constructor(options: LimiterOptions = {}) {
    const { now = systemClock, policies = {}, seed = "", maxSubjects = 10_000 } = options;
    this.#clock = typeof now === "number" || now instanceof Date ? new ManualClock(now) : now;
    if (!Number.isInteger(maxSubjects) || maxSubjects < 1 || maxSubjects > MOST_SUBJECTS) {
      throw invalid("maxSubjects", `has to be a whole number from 1 to ${MOST_SUBJECTS}.`);
    }
    if (typeof seed !== "string" || seed.length > LONGEST_SEED) {
      throw invalid("seed", `has to be a text of at most ${LONGEST_SEED} characters.`);
    }
    this.#core = new Core(maxSubjects, seed);
    this.#putAll(Object.entries(policies));
  }

  /** The time of its clock. */
  get now(): number {
    return instant(this.#clock.now());
  }

  /** How many subjects are in use. */
  get subjects(): number {
    return this.#core.pass(this.now);
  }

  /** Has its clock go on, where that began at an instant; a clock of yours goes on by itself. */
  advance(time: Duration): void {
    if (!(this.#clock instanceof ManualClock)) {
      throw invalid("now", "was no instant: this limiter follows a clock that goes on by itself.");
    }
    this.#clock.advance(time);
  }

  /** Makes or changes a policy; its version, which rises with each change. What was used stays. */
  setPolicy(name: string, policy: Policy): number {
    return attempt(() => this.#core.putPolicy(named(name), json(policy), this.now));
  }

  /** Deletes a policy that no other one needs. */
  deletePolicy(name: string): void {
    attempt(() => this.#core.deletePolicy(named(name), this.now));
  }

  /**
   * Decides and charges.
   *
   * @throws TollgateError where the question is wrong, or asks what one subject alone cannot
   * decide; with the `code` and the `field` of the HTTP API.
   */
  limit(check: Check): Decision {
    return answered(() => this.#core.limit(json(check), this.now));
  }

  /** Answers what `limit` would, and changes nothing. */
  peek(check: Check): Decision {
    return this.limit({ ...check, peek: true });
  }

  /**
   * The same as `limit`, for whoever wants an exception.
   *
   * @throws RateLimitedError where a limit refuses.
   */
  acquire(check: Check): Decision {
    const decision = this.limit(check);
    if (!decision.success) throw new RateLimitedError(decision);
    return decision;
  }

  /** Several checks, all admitted or none. */
  multi(checks: readonly Check[] | MultiCheck): MultiDecision {
    const request = "limits" in checks ? checks : { limits: checks };
    return answered(() => this.#core.multi(json(request), this.now));
  }

  /** A subject's full state, of one policy or all. */
  status(subject: Subject & { policy?: string }): Status {
    return answered(() => this.#core.status(json(subject), this.now));
  }

  /** Forgets what a subject has used, of one policy or all. */
  reset(subject: Subject & { policy?: string }): void {
    attempt(() => this.#core.reset(json(subject), this.now));
  }

  /** Blocks a subject for this time; 0 unblocks it. */
  block(subject: Subject & { policy?: string }, duration: Duration, reason?: string): void {
    attempt(() => this.#core.block(json({ ...subject, duration, reason }), this.now));
  }

  /** Tells what an upstream answered. Every report is heeded at once. */
  report(report: Report): Reported {
    const { headers } = report;
    const listed = headers instanceof Headers ? Object.fromEntries(headers) : (headers ?? {});
    return answered(() => this.#core.report(json({ ...report, headers: listed }), this.now));
  }

  /** Charges the real cost of what a permit holds, and ends it. */
  settle(permit: string, real: Real): Settled {
    return answered(() => this.#core.settle(json({ permit, ...real }), this.now));
  }

  /** Ends a permit and charges nothing; also gives back a promised place. */
  release(permit: string): void {
    attempt(() => this.#core.release(json({ permit }), this.now));
  }

  /** Moves a permit's deadline to `hold` from now, or to as long as it was taken for. */
  renew(permit: string, hold?: Duration): { success: boolean; permit: string; fence: number; expires: number } {
    return answered(() => this.#core.renew(json({ permit, hold }), this.now));
  }

  /** Has a permit hold another total; `success` is false where there is no room for it. */
  topup(permit: string, total: Real & { overage?: "deny" | "cap" | "debt" }): ToppedUp {
    return answered(() => this.#core.topup(json({ permit, ...total }), this.now));
  }

  /** Makes policies that may stand on each other: whichever can be made comes first. */
  #putAll(policies: [string, Policy][]): void {
    let left = policies;
    while (left.length > 0) {
      const refused: [string, Policy][] = [];
      let why: unknown;
      for (const [name, policy] of left) {
        try {
          this.setPolicy(name, policy);
        } catch (error) {
          refused.push([name, policy]);
          why ??= error;
        }
      }
      if (refused.length === left.length) throw of(refused[0]?.[0] ?? "", why);
      left = refused;
    }
  }
}

/** A limiter that decides by itself. */
export function createLimiter(options?: LimiterOptions): Limiter {
  return new Limiter(options);
}

/** The same error, which names the policy too. */
function of(name: string, error: unknown): unknown {
  if (!(error instanceof TollgateError)) return error;
  const { code, field } = error;
  const within = `policies.${name}${field === undefined ? "" : `.${field}`}`;
  return new TollgateError(`Policy \`${name}\`: ${error.message}`, { code, field: within });
}

function invalid(field: string, what: string): TollgateError {
  return new TollgateError(`\`${field}\` ${what}`, { code: "invalidField", field });
}

/** The name of a policy. What is no text would be read beyond its end. */
function named(name: string): string {
  if (typeof name !== "string") throw invalid("name", "has to be a text.");
  return name;
}

/** The JSON of a question; what has none is no question. */
function json(question: unknown): string {
  const text = JSON.stringify(question);
  if (text === undefined) throw invalid("body", "has to be an object.");
  return text;
}

function answered<T>(ask: () => string): T {
  return JSON.parse(attempt(ask)) as T;
}

/** What the core throws is the JSON of an error. */
function attempt<T>(ask: () => T): T {
  try {
    return ask();
  } catch (error) {
    if (typeof error !== "string") throw error;
    const { detail, ...about } = JSON.parse(error) as { code: string; detail: string; field?: string };
    throw new TollgateError(detail, about);
  }
}
