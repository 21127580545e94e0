import { createRetryWithBackoff } from "./retry.js";

/** How long to look for what was just written. */
export interface ReadAfterWriteOptions {
  /** Looks after the first; 5 unless said. */
  maxRetries?: number;
  /** The longest first pause, in ms; 100 unless said. It doubles, and each is by chance up to it. */
  initialDelayMs?: number;
  /** The longest pause, in ms; 5,000 unless said. */
  maxDelayMs?: number;
  /** Whether an answer says "not yet"; of a `Response` 404 does unless said. */
  isMissing?: (answer: unknown) => boolean;
  signal?: AbortSignal;
}

class NotYet extends Error {
  constructor(readonly answer: unknown) {
    super("What was written is not there yet.");
  }
}

/**
 * Reads what was just written from an API that shows it a little later: again, after pauses that
 * grow, until it is there. The last answer where it is not there at the end; what `read` throws is
 * thrown at once, but for a limit's refusal, whose wait is waited out.
 */
export async function readAfterWrite<T>(read: () => Promise<T>, options: ReadAfterWriteOptions = {}): Promise<T> {
  const { maxRetries = 5, initialDelayMs = 100, maxDelayMs = 5_000, signal } = options;
  const isMissing = options.isMissing ?? ((answer) => answer instanceof Response && answer.status === 404);
  const again = createRetryWithBackoff({
    maxRetries,
    initialDelayMs,
    maxDelayMs,
    failureThreshold: maxRetries + 2, // not yet is no failure of the API
    isRetryable: (error) => error instanceof NotYet,
  });
  const look = async () => {
    const answer = await read();
    if (isMissing(answer)) throw new NotYet(answer);
    return answer;
  };
  try {
    return await again.execute(look, signal);
  } catch (error) {
    if (error instanceof NotYet) return error.answer as T;
    throw error;
  }
}
