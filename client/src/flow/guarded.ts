import type { Reported } from "../answers.js";
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
  if (!(attempts >= 1)) throw new RangeError("`attempts` has to be 1 or more.");
  const call = options.fetch ?? ((url, init) => fetch(url, init));
  const { cost = 1, limit, priority, ...subject } = guard;

  const report = (status: number, headers?: Headers): Promise<Reported | undefined> => {
    const about = { ...subject, status, ...(headers ? { headers } : {}), ...(limit === undefined ? {} : { limit }) };
    // Whoever calls has the upstream's answer, whatever becomes of what is told of it.
    return limiter.report(about).catch(() => undefined);
  };
  /** What a report did, or nothing at once where that may be `later`. */
  const heard = async (told: Promise<Reported | undefined>, later: boolean, signal: AbortSignal) => {
    if (!later) return within(told, signal);
    waitUntil?.(told);
    return undefined;
  };

  return async (url, init = {}) => {
    const end = now() + timeout;
    const signal = AbortSignal.any([AbortSignal.timeout(timeout), ...(init.signal ? [init.signal] : [])]);
    const units = typeof cost === "number" ? cost : cost(url, init);
    const check = { ...subject, cost: units, ...(priority === undefined ? {} : { priority }) };
    const isRepeatable = !isStream(init.body);
    for (let attempt = 1; ; attempt++) {
      const refused = await turn(limiter, check, Math.min(waitUpTo, end - now()), signal);
      if (refused !== undefined) {
        if (backup === undefined) throw refused;
        return backup(url, init, refused);
      }
      const isLast = attempt >= attempts || !isRepeatable;
      let response: Response | undefined;
      try {
        response = await within(call(url, { ...init, signal }), signal);
      } catch (error) {
        // Whoever leaves tells nothing of the upstream; one that is silent until the end does.
        init.signal?.throwIfAborted();
        await heard(report(NO_ANSWER), signal.aborted, signal);
        if (signal.aborted || isLast || !isIdempotent(init)) throw error;
      }
      if (response !== undefined) {
        const { status, headers } = response;
        const gate = await heard(report(status, headers), status < 400, signal);
        const isRefusal = status === 429 || (status === 503 && headers.has("retry-after"));
        const isAgain = isRefusal || (status >= 500 && isIdempotent(init));
        if (!isAgain || isLast) return response;
        // A gate that the report has closed says for how long to wait. Without one, as where nobody
        // has heard it, the pause is that after a failure.
        if (isRefusal && gate?.closedUntil !== undefined) {
          await drop(response);
          continue;
        }
      }
      const pause = Math.random() * Math.min(LONGEST, FIRST * 2 ** (attempt - 1));
      if (now() + pause >= end)
        return response ?? Promise.reject(new DOMException("The call took too long.", "TimeoutError"));
      await drop(response);
      await sleep(pause, signal);
    }
  };
}

/** Reads no more of an answer that nobody gets. */
const drop = (response: Response | undefined): Promise<void> | undefined => response?.body?.cancel().catch(() => {});

/** What comes of the work, unless the signal ends the wait before. */
function within<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const left = new Promise<never>((_, reject) => {
    const leave = () => reject(signal.reason);
    if (signal.aborted) leave();
    signal.addEventListener("abort", leave, { once: true });
  });
  return Promise.race([work, left]);
}

/** Whether a body can be read once only: a stream, or what Node takes as one. */
const isStream = (body: unknown): boolean =>
  body instanceof ReadableStream || (typeof body === "object" && body !== null && Symbol.asyncIterator in body);

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
