import type { Decision, MultiDecision, Reported, Settled, Status, ToppedUp } from "./answers.js";
import { milliseconds } from "./durations.js";
import { RateLimitedError, TollgateError } from "./errors.js";
import { Permit } from "./permit.js";
import { Policies } from "./policies.js";
import type { Check, Duration, MultiCheck, Real, Report, Subject, Terms } from "./questions.js";
import {
  type Answer,
  type CallOptions,
  type Fetch,
  isPassing,
  now,
  type Request,
  sleep,
  Transport,
} from "./transport.js";

/** How to reach the server, and what to do without it. */
export interface LimiterOptions {
  /** Where it is; over a service binding any, such as `https://tollgate`. */
  url: string;
  /** A token of `TOLLGATE_TOKENS`. */
  token: string;
  /** What to fetch with; over a service binding `(url, init) => env.TOLLGATE.fetch(url, init)`. */
  fetch?: Fetch;
  /** The longest that a call takes, in ms, its second attempt included; 5,000 unless said. */
  timeout?: number;
  /**
   * What a check is answered while the server is out of reach: `open` (usual) admits, `closed`
   * refuses, both with the reason `degraded` and the source `client`; `throw` throws. What the
   * server itself does without a subject's object, the limit's own `failMode` says.
   */
  failMode?: "open" | "closed" | "throw";
}

/** The longest that the server holds an answer back, in ms. */
const MAX_WAIT = 30_000;

/** Asks a Tollgate server. */
export class Limiter {
  readonly #transport: Transport;
  readonly #failMode: "open" | "closed" | "throw";
  /** Policies of the server: read and changed. */
  readonly policies: Policies;

  constructor(options: LimiterOptions) {
    const { failMode = "open" } = options;
    if (!["open", "closed", "throw"].includes(failMode)) {
      throw new TypeError("`failMode` has to be open, closed or throw.");
    }
    this.#transport = new Transport(options);
    this.#failMode = failMode;
    this.policies = new Policies(this.#transport);
  }

  /**
   * Decides and charges: `success` says whether the request may go ahead. Where no answer comes it
   * is sent once more under the same operation, so that it is not charged twice.
   *
   * @throws TollgateError where the question is wrong or not allowed.
   */
  async limit(check: Check, options?: CallOptions): Promise<Decision> {
    return (await this.decide(check, options)).decision;
  }

  /**
   * The same with the headers for whoever is limited: `RateLimit`, `RateLimit-Policy`,
   * `X-RateLimit-*`, `Retry-After`; none where the server was out of reach.
   */
  async decide(check: Check, options?: CallOptions): Promise<{ decision: Decision; headers: Headers }> {
    return this.#degraded(
      async () => {
        const { body, headers } = await this.#ask("/limit", named(check), options);
        return { decision: body as Decision, headers: forCallers(headers) };
      },
      (decision) => ({ decision, headers: new Headers() }),
    );
  }

  /** Answers what `limit` would now, and changes nothing. */
  peek(check: Check, options?: CallOptions): Promise<Decision> {
    // Who looks waits for no turn, and has nothing that is kept for the next time.
    const { wait: _, idempotencyKey: __, operation: ___, ...question } = check;
    return this.limit({ ...question, peek: true } as Check, options);
  }

  /** Units left now; `undefined` where that is not known. */
  async remaining(check: Check, options?: CallOptions): Promise<number | undefined> {
    return (await this.peek({ ...check, cost: 0 }, options)).remaining;
  }

  /**
   * The same as `limit`, for whoever wants an exception.
   *
   * @throws RateLimitedError where a limit refuses.
   */
  async acquire(check: Check, options?: CallOptions): Promise<Decision> {
    const decision = await this.limit(check, options);
    if (!decision.success) throw new RateLimitedError(decision);
    return decision;
  }

  /** Several checks, all admitted or none. */
  async multi(checks: readonly Check[] | MultiCheck, options?: CallOptions): Promise<MultiDecision> {
    const request = "limits" in checks ? checks : { limits: checks };
    return this.#degraded<MultiDecision>(
      async () => (await this.#ask("/limit/multi", named(request), options)).body as MultiDecision,
      (decision) => ({ success: decision.success, results: request.limits.map(() => decision) }),
    );
  }

  /**
   * Waits until the request is admitted, in turn with all others who wait.
   *
   * @param options.timeout the longest to wait, in ms; 30,000 unless said, and `Infinity` is for as
   * long as it takes.
   * @throws RateLimitedError where that is not enough, at once where it is known.
   */
  async waitForToken(check: Check, { timeout = MAX_WAIT, signal }: CallOptions = {}): Promise<Decision> {
    if (!(timeout >= 0)) throw new RangeError("`timeout` has to be a number of ms, 0 or more.");
    const end = now() + timeout;
    for (;;) {
      const left = Math.max(0, Math.floor(end - now()));
      const wait = Math.min(left, MAX_WAIT);
      const decision = await this.limit({ ...check, wait }, signal ? { signal } : {});
      if (decision.success) return decision;
      const { retryAfter = Number.POSITIVE_INFINITY, reason } = decision;
      // So much later a turn is within the wait; what a limit does not decide nobody waits out there.
      const longest = reason === "limit" || reason === "parent" ? retryAfter + wait : retryAfter;
      if (longest > left) throw new RateLimitedError(decision);
      await sleep(retryAfter, signal);
    }
  }

  /**
   * Takes a permit over everything that the check takes.
   *
   * @throws RateLimitedError where a limit refuses; TollgateError where there is no permit because
   * nothing decided (`noPermit`).
   */
  async hold(check: Check & { hold: Duration }, options?: CallOptions): Promise<Permit> {
    return this.#permit(await this.acquire(check, options));
  }

  /** The same over several checks, which are all admitted or none: one permit for all of them. */
  async holdAll(checks: MultiCheck & { hold: Duration }, options?: CallOptions): Promise<Permit> {
    const { results, ...about } = await this.multi(checks, options);
    const decision = results.find((result) => result.success === about.success) as Decision;
    if (!about.success) throw new RateLimitedError({ ...decision, ...about });
    const ends = results.flatMap(({ expires }) => expires ?? []);
    return this.#permit({ ...decision, ...about, ...(ends.length > 0 ? { expires: Math.min(...ends) } : {}) });
  }

  /** Charges the real cost of what a permit holds, and ends it. */
  async settle(permit: string, real: Real, options?: CallOptions): Promise<Settled> {
    return (await this.#end("settle", { permit, ...real }, options)).body as Settled;
  }

  /** Ends a permit and charges nothing; also gives back a promised place. */
  async release(permit: string, options?: CallOptions): Promise<void> {
    await this.#end("release", { permit }, options);
  }

  /** Moves a permit's deadline to `hold` from now, or to as long as it was taken for. */
  async renew(permit: string, hold?: Duration, options?: CallOptions): Promise<{ expires: number }> {
    const body = hold === undefined ? { permit } : { permit, hold };
    return (await this.#end("renew", body, options)).body as { expires: number };
  }

  /** Has a permit hold another total; `success` is false where there is no room for it. */
  async topup(
    permit: string,
    total: Real & { overage?: "deny" | "cap" | "debt" },
    options?: CallOptions,
  ): Promise<ToppedUp> {
    return (await this.#end("topup", { permit, ...total }, options)).body as ToppedUp;
  }

  /** Tells what an upstream answered, so that a refusal of one caller stops all. */
  async report(report: Report, options?: CallOptions): Promise<Reported> {
    const headers = isList(report.headers) ? listed(report.headers) : (report.headers ?? {});
    // Sent twice it might count twice.
    const request = { method: "POST", path: "/limit/report", repeatable: false } as const;
    const answer = await this.#transport.send({ ...request, body: { ...report, headers } }, options);
    return answer.body as Reported;
  }

  /** A subject's full state. */
  async status(subject: Subject & { policy?: string }, options?: CallOptions): Promise<Status> {
    const path = `/limit?${query(subject)}`;
    return (await this.#transport.send({ method: "GET", path, repeatable: true }, options)).body as Status;
  }

  /** Forgets what a subject has used, of one policy or all. */
  async reset(subject: Subject & { policy?: string }, options?: CallOptions): Promise<void> {
    await this.#transport.send({ method: "DELETE", path: `/limit?${query(subject)}`, repeatable: true }, options);
  }

  /** Blocks a subject for this time; 0 unblocks it. */
  async block(
    subject: Subject & { policy?: string },
    duration: Duration,
    reason?: string,
    options?: CallOptions,
  ): Promise<void> {
    const body = { ...subject, duration, ...(reason === undefined ? {} : { reason }) };
    await this.#transport.send({ method: "POST", path: "/limit/block", body, repeatable: true }, options);
  }

  #permit(decision: Decision): Permit {
    const { permit, expires } = decision;
    if (permit === undefined || expires === undefined) {
      throw new TollgateError("Admitted, but without a permit: nothing decided that gives any.", { code: "noPermit" });
    }
    return new Permit(this, { ...decision, permit, expires });
  }

  #ask(path: string, body: Terms, options: CallOptions | undefined): Promise<Answer> {
    const held = body.wait === undefined ? 0 : milliseconds(body.wait) || 0;
    return this.#outcome({ method: "POST", path, body, repeatable: true, held }, options);
  }

  #end(verb: string, body: unknown, options: CallOptions | undefined): Promise<Answer> {
    return this.#outcome({ method: "POST", path: `/limit/${verb}`, body, repeatable: true }, options);
  }

  /** The answer to what has an outcome; another server's may be JSON, too. */
  async #outcome(request: Request, options: CallOptions | undefined): Promise<Answer> {
    const answer = await this.#transport.send(request, options);
    const { status, body } = answer;
    if (typeof (body as Decision | null | undefined)?.success === "boolean") return answer;
    throw new TollgateError("The answer is not Tollgate's: it has no `success`.", { status, code: "notTollgate" });
  }

  /** The answer, or what stands for it while the server is out of reach. */
  async #degraded<T>(ask: () => Promise<T>, shape: (decision: Decision) => T): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (this.#failMode === "throw" || !isPassing(error)) throw error;
      return shape({ success: this.#failMode === "open", reason: "degraded", source: "client" });
    }
  }
}

/** The question under a name of its own, so that it is charged once however often it is sent. */
function named<T extends Terms>(question: T): T {
  const hasName = question.idempotencyKey !== undefined || question.operation !== undefined;
  return hasName || question.peek === true ? question : { ...question, operation: crypto.randomUUID() };
}

/** Those that a client of the caller understands. */
function forCallers(headers: Headers): Headers {
  const kept = new Headers();
  headers.forEach((text, name) => {
    if (/^(x-)?ratelimit|^retry-after$/.test(name)) kept.set(name, text);
  });
  return kept;
}

/** Whether these are a `Headers`, of whatever realm or library. */
const isList = (headers: Report["headers"]): headers is Headers => typeof headers?.forEach === "function";

/** All headers, each with its texts. */
function listed(headers: Headers): Record<string, string> {
  const all: Record<string, string> = {};
  headers.forEach((text, name) => {
    all[name] = text;
  });
  return all;
}

function query(subject: Subject & { policy?: string }): URLSearchParams {
  const { provider, scope, identifier, policy } = subject;
  const all = Object.entries({ provider, scope, identifier, policy });
  return new URLSearchParams(all.flatMap(([name, text]) => (text === undefined ? [] : [[name, text]])));
}
