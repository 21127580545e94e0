import { RateLimitedError } from "../errors.js";
import type { Limiter } from "../limiter.js";
import type { Subject } from "../questions.js";
import { now, sleep } from "../transport.js";

/** Whose limit an upstream's calls are under. */
export type Guard = Subject & {
  policy: string;
  /** Units of a call; 1 unless said. */
  cost?: number | ((url: string | URL, init: RequestInit) => number);
  /** Which limit of the policy the upstream's answers are about. */
  limit?: string;
  priority?: string;
};

/** How long a guarded call may take, and what is done where it may not be made. */
export interface GuardOptions {
  /** The whole call with all waits, in ms; 30,000 unless said. */
  timeout?: number;
  /** The longest that one wait may be, in ms; 30,000 unless said. A longer one is thrown at once. */
  waitUpTo?: number;
  /** How many times a call is sent at most; 4 unless said. */
  attempts?: number;
  /** Answers in place of the upstream where a wait is too long: another API, a cache. */
  backup?: (url: string | URL, init: RequestInit, refused: RateLimitedError) => Promise<Response>;
  /** What calls the upstream; the global `fetch` unless said. */
  fetch?: (url: string | URL, init: RequestInit) => Promise<Response>;
  /** Keeps a report going after the caller's answer: `ctx.waitUntil` of a Worker. */
  waitUntil?: (work: Promise<unknown>) => void;
}

/** What an unanswered call is reported as. */
const NO_ANSWER = 504;
/** These may be sent again without knowing what became of them. */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);
/** The first pause after a failure that named none, and the longest, in ms. */
const [FIRST, LONGEST] = [1_000, 30_000];

/**
 * A `fetch` that asks before each call whether it may be made, tells what the upstream answered, so
 * that a refusal stops every caller of that policy, and comes again when it may.
 *
 * Its calls throw `RateLimitedError` where the wait is longer than allowed, with its length, and
 * what `fetch` throws. A 429 that is left at the end is returned.
 */
export function guardedFetch(
  limiter: Limiter,
  guard: Guard,
  options: GuardOptions = {},
): (url: string | URL, init?: RequestInit) => Promise<Response> {
  const { timeout = 30_000, waitUpTo = 30_000, attempts = 4, backup, waitUntil } = options;
  const call = options.fetch ?? ((url, init) => fetch(url, init));
  const { cost = 1, limit, priority, ...subject } = guard;

  const report = (status: number, headers?: Headers): Promise<unknown> => {
    const about = { ...subject, status, ...(headers ? { headers } : {}), ...(limit === undefined ? {} : { limit }) };
    // Whoever calls has the upstream's answer, whatever becomes of what is told of it.
    return limiter.report(about).catch(() => undefined);
  };
  const later = (work: Promise<unknown>): void => (waitUntil === undefined ? undefined : waitUntil(work));

  return async (url, init = {}) => {
    const end = now() + timeout;
    const signal = AbortSignal.any([AbortSignal.timeout(timeout), ...(init.signal ? [init.signal] : [])]);
    const units = typeof cost === "number" ? cost : cost(url, init);
    const check = { ...subject, cost: units, ...(priority === undefined ? {} : { priority }) };
    const isRepeatable = !(init.body instanceof ReadableStream);
    for (let attempt = 1; ; attempt++) {
      const refused = await turn(limiter, check, Math.min(waitUpTo, end - now()), signal);
      if (refused !== undefined) {
        if (backup === undefined) throw refused;
        return backup(url, init, refused);
      }
      const isLast = attempt >= attempts || !isRepeatable;
      let failed: Response | undefined;
      try {
        const response = await call(url, { ...init, signal });
        const told = report(response.status, response.headers);
        const isRefusal = response.status === 429 || (response.status === 503 && response.headers.has("retry-after"));
        if (response.status < 400) later(told);
        else await told;
        const isAgain = isRefusal || (response.status >= 500 && isIdempotent(init));
        if (!isAgain || isLast) return response;
        await response.body?.cancel();
        // The gate that the report has closed says for how long to wait.
        if (isRefusal) continue;
        failed = response;
      } catch (error) {
        signal.throwIfAborted();
        await report(NO_ANSWER);
        if (isLast || !isIdempotent(init)) throw error;
      }
      const pause = Math.random() * Math.min(LONGEST, FIRST * 2 ** (attempt - 1));
      if (now() + pause >= end)
        return failed ?? Promise.reject(new DOMException("The call took too long.", "TimeoutError"));
      await sleep(pause, signal);
    }
  };
}

const isIdempotent = (init: RequestInit): boolean => IDEMPOTENT.has((init.method ?? "GET").toUpperCase());

/** Waits for one's turn, at most so long; why there is none within that time. */
async function turn(
  limiter: Limiter,
  check: Subject & { policy: string; cost: number },
  longest: number,
  signal: AbortSignal,
): Promise<RateLimitedError | undefined> {
  const decision = await limiter.limit(check, { signal });
  if (decision.success) return undefined;
  const { retryAfter } = decision;
  if (retryAfter === undefined || retryAfter > longest) return new RateLimitedError(decision);
  try {
    await limiter.waitForToken(check, { timeout: Math.ceil(longest), signal });
    return undefined;
  } catch (error) {
    if (error instanceof RateLimitedError) return error;
    throw error;
  }
}
