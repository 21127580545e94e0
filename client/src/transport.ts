import { TollgateError } from "./errors.js";

/** What stands in for the global `fetch`: that of a service binding, or one's own. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** For one call. */
export interface CallOptions {
  /** Ends the call, and whatever it waits for. */
  signal?: AbortSignal;
  /** The longest that the call takes, in ms, its second attempt included. */
  timeout?: number;
}

/** One request of the API. */
export interface Request {
  method: "GET" | "POST" | "PUT" | "DELETE";
  /** The path, and the query where there is one. */
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
  /** Whether it may be sent a second time without doing anything twice. */
  repeatable: boolean;
  /** For how much longer the server may hold the answer back, in ms. */
  held?: number;
}

/** An answer of the API: 2xx, or 429 with a decision. */
export interface Answer {
  status: number;
  body: unknown;
  headers: Headers;
}

/** The shortest time left for which a second attempt is worth it, in ms. */
const WORTH = 20;
/** Before a second attempt, so that callers of a server that is away do not come all at once, in ms. */
const PAUSE = 100;

/** The longest that a timer takes, in ms; one that is set for longer ends at once. */
const MAX_TIMER = 2 ** 31 - 1;

/** Sends requests to one server. */
export class Transport {
  readonly #base: string;
  readonly #headers: Record<string, string>;
  readonly #fetch: Fetch;
  readonly #timeout: number;

  constructor(options: { url: string; token: string; fetch?: Fetch; timeout?: number }) {
    const { url, timeout = 5000 } = options;
    const token = typeof options.token === "string" ? options.token.trim() : options.token;
    // What can never be sent would else look like a server that is out of reach, and be admitted.
    if (!/^https?:\/\/[^/@?#]+(\/[^?#]*)?$/i.test(url) || !URL.canParse(url)) {
      throw new TypeError("`url` has to be an address such as https://tollgate.example, without a query or a name.");
    }
    // The token is in no message.
    if (typeof token !== "string" || /[^\x20-\x7e]/.test(token)) {
      throw new TypeError("`token` has to be a text that a header can have.");
    }
    this.#base = url.replace(/\/+$/, "");
    this.#headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    this.#fetch = options.fetch ?? ((url, init) => fetch(url, init));
    this.#timeout = sound(timeout);
  }

  /**
   * Sends a request, and once more where there was no answer, or one that says to come again, and
   * nothing can happen twice by it.
   */
  async send(request: Request, { signal, timeout }: CallOptions = {}): Promise<Answer> {
    const end = now() + (timeout === undefined ? this.#timeout : sound(timeout)) + (request.held ?? 0);
    const first = this.#attempt(request, end, signal);
    if (!request.repeatable) return first;
    try {
      return await first;
    } catch (error) {
      if (!isPassing(error) || end - now() < PAUSE + WORTH) throw error;
      await sleep(PAUSE * Math.random(), signal);
      return this.#attempt(request, end, signal);
    }
  }

  async #attempt(request: Request, end: number, signal: AbortSignal | undefined): Promise<Answer> {
    signal?.throwIfAborted();
    const { method, path } = request;
    const body = request.body === undefined ? {} : { body: JSON.stringify(request.body) };
    const headers = { ...this.#headers, ...request.headers };
    const over = new AbortController();
    // Also of a `fetch` that does not heed its signal.
    const left = new Promise<never>((_, reject) => {
      over.signal.addEventListener("abort", () => reject(over.signal.reason));
    });
    const timer = setTimeout(() => over.abort(), Math.min(MAX_TIMER, Math.max(0, end - now())));
    const leave = () => over.abort();
    signal?.addEventListener("abort", leave, { once: true });
    const ask = async () => {
      const init = { method, headers, ...body, signal: over.signal, redirect: "manual" } as const;
      const response = await this.#fetch(this.#base + path, init);
      return read(response, await response.text());
    };
    try {
      return await Promise.race([ask(), left]);
    } catch (cause) {
      if (cause instanceof TollgateError) throw cause;
      signal?.throwIfAborted();
      const code = over.signal.aborted ? "timeout" : "unreachable";
      const why = code === "timeout" ? "did not answer in time" : "could not be reached";
      throw new TollgateError(`Tollgate at ${this.#base} ${why}.`, { code, cause });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", leave);
    }
  }
}

/** A time that a call may take. */
function sound(timeout: number): number {
  if (timeout > 0 && timeout <= MAX_TIMER) return timeout;
  throw new RangeError(`\`timeout\` has to be a number of ms above 0 and up to ${MAX_TIMER}.`);
}

/**
 * Whether the server was out of reach, so that another attempt may find it: no answer, or that of a
 * server or of a proxy in front of it which fails.
 */
export function isPassing(error: unknown): boolean {
  return error instanceof TollgateError && (error.status === 0 || error.status >= 500);
}

/**
 * Waits, at most until the signal says to stop, which is an error then; and at most as long as a
 * timer can, 24 days.
 */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const leave = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(
      () => {
        signal?.removeEventListener("abort", leave);
        resolve();
      },
      Math.min(ms, MAX_TIMER),
    );
    signal?.addEventListener("abort", leave, { once: true });
  });
}

/** Milliseconds of a clock that does not jump. */
export const now = (): number => performance.now();

function read(response: Response, text: string): Answer {
  const { status, headers } = response;
  // A browser does not tell the status. Followed, a POST would become a GET.
  if (response.type === "opaqueredirect" || (status >= 300 && status < 400)) {
    const to = headers.get("location");
    const where = to === null ? "" : ` to ${to}`;
    throw new TollgateError(`The address redirects${where}: give the one of Tollgate itself as \`url\`.`, {
      status: status || 302,
      code: "notTollgate",
    });
  }
  let body: unknown;
  try {
    body = text === "" ? undefined : JSON.parse(text);
  } catch (cause) {
    throw new TollgateError(`The answer (status ${status}) is not Tollgate's.`, { status, code: "notTollgate", cause });
  }
  const isDecision = typeof body === "object" && body !== null && "success" in body;
  if (response.ok || (status === 429 && isDecision)) return { status, body, headers };
  const problem = (body ?? {}) as Record<string, unknown>;
  const textOf = (key: string) => (typeof problem[key] === "string" ? problem[key] : undefined);
  const field = textOf("field");
  const requestId = textOf("requestId");
  throw new TollgateError(textOf("detail") ?? `The server answered with status ${status}.`, {
    status,
    code: textOf("code") ?? "notTollgate",
    ...(field === undefined ? {} : { field }),
    ...(requestId === undefined ? {} : { requestId }),
  });
}
