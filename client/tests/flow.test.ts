// Guarded calls, batches and retries: the built Worker, and an upstream that is a real server.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { server } from "../../tests/outside/lib/server.mjs";
import { batcher, createRetryWithBackoff, guardedFetch, inBatches, readAfterWrite } from "../dist/flow/index.js";
import { Limiter, RateLimitedError } from "../dist/index.js";

let tollgate: Awaited<ReturnType<typeof server>>;
let limiter: Limiter;
/** What the upstream answers next, and what it was asked. */
let answers: { status: number; headers?: Record<string, string> }[] = [];
let asked: number[] = [];
let upstream: Server;
let url: string;
beforeAll(async () => {
  tollgate = await server();
  await tollgate.start();
  limiter = new Limiter({ url: tollgate.url, token: "test-admin" });
  upstream = createServer((_, response) => {
    asked.push(Date.now());
    const { status, headers } = answers.shift() ?? { status: 200 };
    response.writeHead(status, headers).end("body");
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/`;
});
afterAll(async () => {
  upstream?.close();
  await tollgate?.remove();
});
beforeEach(() => {
  answers = [];
  asked = [];
});

let made = 0;
/** A guard of a policy of its own. */
async function guard(rest: Record<string, unknown> = {}, limit = 1000) {
  const policy = `flow${made++}`;
  const limits = [{ name: "hour", algorithm: "fixedWindow", limit, window: "1h" }];
  await limiter.policies.put(policy, { limits, ...rest });
  return { policy, identifier: "octocat" };
}

describe("a guarded call", () => {
  test("is charged, made and answered", async () => {
    const about = await guard();
    const response = await guardedFetch(limiter, { ...about, cost: 3 })(url);
    expect([response.status, await response.text(), asked.length]).toEqual([200, "body", 1]);
    expect(await limiter.remaining(about)).toBe(997);
  });

  test("that is refused comes again when it may, and stops all others meanwhile", async () => {
    const about = await guard();
    answers = [{ status: 429, headers: { "retry-after": "1" } }];
    const fetching = guardedFetch(limiter, about);
    const begun = Date.now();
    const first = fetching(url);
    await vi.waitFor(async () => expect((await limiter.peek(about)).reason).toBe("coolDown"));
    const other = await limiter.limit(about);
    expect(other).toMatchObject({ success: false, reason: "coolDown" });
    expect((await first).status).toBe(200);
    expect(asked).toHaveLength(2);
    expect(asked[1] - begun).toBeGreaterThanOrEqual(950);
  });

  test("whose wait is too long throws at once and names it, or asks the backup", async () => {
    const about = await guard({ maxCoolDown: "1h" });
    answers = [{ status: 429, headers: { "retry-after": "600" } }];
    const error = await guardedFetch(limiter, about)(url).catch((error) => error);
    expect(error).toBeInstanceOf(RateLimitedError);
    expect(error.retryAfter).toBeGreaterThan(590_000);
    expect(error.message).toMatch(/coolDown.*try again in 5\d{5} ms/);
    expect(asked).toHaveLength(1);
    const backup = async () => new Response("from the cache");
    expect(await (await guardedFetch(limiter, about, { backup })(url)).text()).toBe("from the cache");
    expect(asked).toHaveLength(1);
  });

  test("ends with its timeout, and leaves with its caller", async () => {
    const slow = guardedFetch(limiter, await guard(), {
      timeout: 300,
      fetch: (_, { signal }) =>
        new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason))),
    });
    await expect(slow(url)).rejects.toMatchObject({ name: "TimeoutError" });
    const signal = AbortSignal.abort(new Error("left"));
    await expect(guardedFetch(limiter, await guard())(url, { signal })).rejects.toThrow("left");
    expect(asked).toHaveLength(0);
  });

  test("that fails is sent again where that is safe, and reported each time", async () => {
    const breaker = { threshold: 10, window: "1m", open: "1m" };
    const about = await guard({ breaker });
    const fetching = guardedFetch(limiter, about, { attempts: 3 });
    answers = [{ status: 500 }, { status: 500 }];
    expect((await fetching(url)).status).toBe(200);
    expect(asked).toHaveLength(3);
    const failures = async () => {
      const { outlooks = [] } = await limiter.status(about);
      return (outlooks[0] as { breaker: { failures: number } }).breaker.failures;
    };
    expect(await failures()).toBe(2);
    answers = [{ status: 500 }];
    expect((await fetching(url, { method: "POST", body: "once" })).status).toBe(500);
    expect(asked).toHaveLength(4);
    expect(await failures()).toBe(3);
  });

  test("that is refused pauses by itself where no gate tells for how long", async () => {
    const away = new Limiter({ url: "http://127.0.0.1:9", token: "none", timeout: 100 });
    vi.spyOn(Math, "random").mockReturnValue(0.4);
    try {
      answers = [{ status: 429, headers: { "retry-after": "1" } }, { status: 429 }];
      expect((await guardedFetch(away, { policy: "any", identifier: "x" })(url)).status).toBe(200);
      expect(asked[1] - asked[0]).toBeGreaterThanOrEqual(395);
      expect(asked[2] - asked[1]).toBeGreaterThanOrEqual(795);
    } finally {
      vi.restoreAllMocks();
    }
  });

  test("returns the last answer whole where there is no time for another", async () => {
    const about = await guard();
    answers = [{ status: 500 }];
    vi.spyOn(Math, "random").mockReturnValue(0.99);
    try {
      const response = await guardedFetch(limiter, about, { timeout: 900 })(url);
      expect([response.status, await response.text(), asked.length]).toEqual([500, "body", 1]);
    } finally {
      vi.restoreAllMocks();
    }
  });

  test("ends with its timeout also while a report or the upstream is silent, and reports the silence", async () => {
    const about = await guard({ breaker: { threshold: 10, window: "1m", open: "1m" } });
    let reports = 0;
    const deaf = (url: string, init: RequestInit) => {
      if (!url.endsWith("/report")) return fetch(url, init);
      reports++;
      return new Promise<Response>(() => {});
    };
    const silent = new Limiter({ url: tollgate.url, token: "test-admin", fetch: deaf });
    answers = [{ status: 500 }];
    const begun = performance.now();
    await expect(guardedFetch(silent, about, { timeout: 400 })(url)).rejects.toMatchObject({ name: "TimeoutError" });
    expect(reports).toBe(1);
    const never = () => new Promise<Response>(() => {});
    const calling = guardedFetch(limiter, about, { timeout: 400, fetch: never })(url);
    await expect(calling).rejects.toMatchObject({ name: "TimeoutError" });
    const left = AbortSignal.timeout(100);
    const leaving = guardedFetch(limiter, about, { fetch: never })(url, { signal: left });
    await expect(leaving).rejects.toMatchObject({ name: "TimeoutError" });
    expect(performance.now() - begun).toBeLessThan(3_000);
    const failures = async () => {
      const { outlooks = [] } = await limiter.status(about);
      return (outlooks[0] as { breaker?: { failures: number } } | undefined)?.breaker?.failures;
    };
    // That of the silent upstream; whoever left says nothing about it.
    await expect.poll(failures).toBe(1);
  });

  test("sends a body that can be read once no second time", async () => {
    const about = await guard();
    async function* parts() {
      yield new TextEncoder().encode("once");
    }
    for (const body of [parts(), ReadableStream.from(parts())]) {
      asked = [];
      answers = [{ status: 500 }];
      const init = { method: "PUT", body, duplex: "half" } as unknown as RequestInit;
      expect((await guardedFetch(limiter, about)(url, init)).status).toBe(500);
      expect(asked).toHaveLength(1);
    }
  });

  test("is sent no more often than told, and returns the last refusal", async () => {
    const about = await guard({ backOff: { first: "100ms", factor: 1, max: "100ms" } });
    answers = Array.from({ length: 5 }, () => ({ status: 429 }));
    expect((await guardedFetch(limiter, about, { attempts: 2 })(url)).status).toBe(429);
    expect(asked).toHaveLength(2);
    for (const attempts of [0, Number.NaN])
      expect(() => guardedFetch(limiter, about, { attempts })).toThrow("`attempts`");
  });
});

describe("batches", () => {
  test("are sent full or when their time has come, each for one check of its size", async () => {
    const about = await guard();
    const sent: number[][] = [];
    const send = async (items: number[]) => {
      sent.push(items);
      return items.map((item) => item * 2);
    };
    const give = batcher(limiter, { check: about, max: 25, send });
    const results = await Promise.all(Array.from({ length: 60 }, (_, i) => give(i)));
    expect(results).toEqual(Array.from({ length: 60 }, (_, i) => i * 2));
    const sizes = sent.map((items) => items.length);
    expect(sizes.sort()).toEqual([10, 25, 25]);
    expect(await limiter.remaining(about)).toBe(940);
    expect(() => batcher(limiter, { check: about, max: 0, send })).toThrow("`max`");
  });

  test("that fail, or have no room, fail for their own items alone", async () => {
    const about = await guard({}, 3);
    const send = async (items: string[]) => {
      if (items.includes("bad")) throw new Error("no");
      return items;
    };
    const give = batcher(limiter, { check: about, max: 1, send, timeout: 100 });
    const all = await Promise.allSettled(["a", "bad", "c"].map(give));
    expect(all.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    await expect(give("d")).rejects.toThrow(RateLimitedError);
    const short = batcher(limiter, { check: await guard(), max: 2, send: async () => [] });
    await expect(Promise.all([short("a"), short("b")])).rejects.toThrow("2 items has 0 results");
  });

  test("of a list pause between each other, not after the last, and all are tried", async () => {
    const times: number[] = [];
    const work = async (item: number) => {
      times.push(performance.now());
      if (item === 2) throw new Error("no");
      return item;
    };
    const results = await inBatches([1, 2, 3, 4, 5], { size: 2, pause: 100 }, work);
    const ended = performance.now();
    expect(results.map(({ status }) => status)).toEqual([
      "fulfilled",
      "rejected",
      "fulfilled",
      "fulfilled",
      "fulfilled",
    ]);
    expect(times[2] - times[1]).toBeGreaterThan(95);
    expect(times[4] - times[3]).toBeGreaterThan(95);
    expect(ended - times[4]).toBeLessThan(95);
    expect(await inBatches([], { size: 2, pause: 100 }, work)).toEqual([]);
    const untouched = vi.fn(async () => 0);
    const signal = AbortSignal.abort(new Error("left"));
    await expect(inBatches([1], { size: 1, pause: 0, signal }, untouched)).rejects.toThrow("left");
    expect(untouched).not.toHaveBeenCalled();
  });
});

describe("a retry with backoff", () => {
  const quick = { initialDelayMs: 1, maxDelayMs: 5 };
  const failing = (times: number) => {
    let tries = 0;
    const work = vi.fn(async () => {
      if (tries++ < times) throw new Error(`failed ${tries}`);
      return tries;
    });
    return work;
  };

  test("tries three times more, and throws what came last", async () => {
    expect(await createRetryWithBackoff(quick).execute(failing(3))).toBe(4);
    await expect(createRetryWithBackoff(quick).execute(failing(4))).rejects.toThrow("failed 4");
  });

  test("waits as long as a limit says, at most the longest pause, and does not count it as broken", async () => {
    const refusal = (retryAfter: number) =>
      new RateLimitedError({ success: false, source: "object", reason: "limit", retryAfter });
    const retry = createRetryWithBackoff({ initialDelayMs: 1, maxDelayMs: 500, failureThreshold: 1, maxRetries: 3 });
    let tries = 0;
    const begun = performance.now();
    const done = await retry.execute(async () => {
      if (tries++ < 2) throw refusal(100);
      return "done";
    });
    expect([done, retry.state]).toEqual(["done", "closed"]);
    expect(performance.now() - begun).toBeGreaterThan(195);
    const work = vi.fn(async () => Promise.reject(refusal(501)));
    await expect(retry.execute(work)).rejects.toThrow(RateLimitedError);
    expect(work).toHaveBeenCalledTimes(1);
  });

  test("opens its breaker after failures in a row, and closes it after one success", async () => {
    const retry = createRetryWithBackoff({ ...quick, maxRetries: 0, failureThreshold: 5, resetTimeoutMs: 100 });
    for (let i = 0; i < 5; i++) await expect(retry.execute(failing(1))).rejects.toThrow("failed");
    expect(retry.state).toBe("open");
    const work = vi.fn(async () => "well");
    await expect(retry.execute(work)).rejects.toThrow();
    expect(work).not.toHaveBeenCalled();
    await new Promise((resolve) => setTimeout(resolve, 120));
    expect(await retry.execute(work)).toBe("well");
    expect(retry.state).toBe("closed");
  });
});

test("a retry whose caller leaves is no failure for the breaker, and not begun after that", async () => {
  const retry = createRetryWithBackoff({ failureThreshold: 1 });
  const waits = vi.fn(
    (signal: AbortSignal) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      }),
  );
  const leaving = new AbortController();
  const trying = retry.execute(waits, leaving.signal);
  leaving.abort(new Error("left"));
  await expect(trying).rejects.toThrow(/^left$/);
  expect(retry.state).toBe("closed");
  await expect(retry.execute(waits, AbortSignal.abort(new Error("gone")))).rejects.toThrow("gone");
  expect(waits).toHaveBeenCalledTimes(1);
  await expect(retry.execute(async () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  expect(retry.state).toBe("open");
});

describe("a read after a write", () => {
  const found = (times: number) => {
    let calls = 0;
    const read = async () => new Response(null, { status: ++calls > times ? 200 : 404 });
    return { read, calls: () => calls };
  };
  const quick = { initialDelayMs: 1, maxDelayMs: 2 };

  test("looks again until it is there, and no longer", async () => {
    const { read, calls } = found(3);
    expect((await readAfterWrite(read, quick)).status).toBe(200);
    expect(calls()).toBe(4);
  });

  test("gives the last answer where it does not come, also with more looks than a breaker would let through", async () => {
    const { read, calls } = found(100);
    expect((await readAfterWrite(read, { ...quick, maxRetries: 20 })).status).toBe(404);
    expect(calls()).toBe(21);
  });

  test("throws at once what is no missing answer, and waits out a limit", async () => {
    let calls = 0;
    const broken = async () => {
      calls++;
      throw new Error("boom");
    };
    await expect(readAfterWrite(broken, quick)).rejects.toThrow("boom");
    expect(calls).toBe(1);
    const refused = new RateLimitedError({ success: false, retryAfter: 1, source: "object" });
    const limited = vi.fn().mockRejectedValueOnce(refused).mockResolvedValue("there");
    expect(await readAfterWrite(limited, { ...quick, isMissing: () => false })).toBe("there");
    expect(limited).toHaveBeenCalledTimes(2);
  });

  test("ends with its signal", async () => {
    const { read, calls } = found(100);
    const leaving = new AbortController();
    const reading = readAfterWrite(read, { initialDelayMs: 60_000, maxDelayMs: 60_000, signal: leaving.signal });
    setTimeout(() => leaving.abort(), 30);
    const begun = performance.now();
    await expect(reading).rejects.toThrow(/abort/i);
    expect(performance.now() - begun).toBeLessThan(5_000);
    expect(calls()).toBe(1);
  });
});
