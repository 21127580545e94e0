import { CircuitState, ConsecutiveBreaker, ConstantBackoff, circuitBreaker, handleWhen, retry } from "cockatiel";
import { RateLimitedError } from "../errors.js";
import { sleep } from "../transport.js";

/** How often something is tried, and when it is not tried any more. */
export interface RetryOptions {
  /** Tries after the first; 3 unless said. */
  maxRetries?: number;
  /** The longest first pause, in ms; 1,000 unless said. It doubles, and each is by chance up to it. */
  initialDelayMs?: number;
  /** The longest pause, in ms; 30,000 unless said. A limit's own wait is never cut: it is thrown. */
  maxDelayMs?: number;
  /** So many failures in a row open the breaker; 5 unless said. */
  failureThreshold?: number;
  /** For so long it is open, in ms; 30,000 unless said. */
  resetTimeoutMs?: number;
  /** Which errors are worth another try; all unless said. */
  isRetryable?: (error: unknown) => boolean;
}

/** What work has thrown that its caller had left: no failure of what is called. */
class Left {
  constructor(readonly error: unknown) {}
}

/** Tries something again and again, behind a breaker. */
export interface RetryWithBackoff {
  /** The result of the first try that succeeds, or what the last one threw. */
  execute<T>(work: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Whether the breaker lets through. */
  readonly state: "closed" | "open" | "halfOpen";
}

/**
 * Exponential backoff with full jitter and a circuit breaker. Where a limit has refused it waits
 * exactly as long as the limit says, and a refusal is no failure for the breaker: rate-limited is
 * not broken.
 */
export function createRetryWithBackoff(options: RetryOptions = {}): RetryWithBackoff {
  const { maxRetries = 3, initialDelayMs = 1_000, maxDelayMs = 30_000 } = options;
  const { failureThreshold = 5, resetTimeoutMs = 30_000, isRetryable = () => true } = options;
  const breaker = circuitBreaker(
    handleWhen((error) => !(error instanceof RateLimitedError || (error as unknown) instanceof Left)),
    { halfOpenAfter: resetTimeoutMs, breaker: new ConsecutiveBreaker(failureThreshold) },
  );
  const isWorthIt = (error: unknown) => {
    if (!(error instanceof RateLimitedError)) return breaker.state !== CircuitState.Open && isRetryable(error);
    return error.retryAfter !== undefined && error.retryAfter <= maxDelayMs;
  };
  const pauseAfter = (error: unknown, attempt: number) => {
    if (error instanceof RateLimitedError && error.retryAfter !== undefined) return error.retryAfter;
    return Math.random() * Math.min(maxDelayMs, initialDelayMs * 2 ** attempt);
  };
  return {
    execute(work, signal) {
      const again = retry(
        handleWhen((error) => signal?.aborted !== true && isWorthIt(error)),
        { maxAttempts: maxRetries, backoff: new ConstantBackoff(0) },
      );
      let pause = 0;
      return again.execute(async ({ attempt, signal: own }) => {
        // Here, because whoever leaves does not wait for the end of a pause.
        if (attempt > 0) await sleep(pause, own);
        own.throwIfAborted();
        try {
          return await breaker.execute(({ signal: within }) => leaving(work(within), own), own);
        } catch (error) {
          if (error instanceof Left) throw error.error;
          pause = pauseAfter(error, attempt);
          throw error;
        }
      }, signal);
    },
    get state() {
      if (breaker.state === CircuitState.Open) return "open";
      return breaker.state === CircuitState.HalfOpen ? "halfOpen" : "closed";
    },
  };
}

async function leaving<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw signal.aborted ? new Left(error) : error;
  }
}
