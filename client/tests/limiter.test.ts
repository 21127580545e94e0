// The client against the built Worker.

import { createServer } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { server } from "../../tests/outside/lib/server.mjs";
import { Limiter, RateLimitedError, TollgateError } from "../dist/index.js";

let tollgate: Awaited<ReturnType<typeof server>>;
let limiter: Limiter;
beforeAll(async () => {
  tollgate = await server();
  await tollgate.start();
  limiter = new Limiter({ url: tollgate.url, token: "test-admin" });
});
afterAll(() => tollgate?.remove());

let made = 0;
const fresh = () => `client${made++}`;
const window = (limit) => ({ limit, window: "1h" });
/** A `fetch` that counts, and does with each call what `plan` says, by its number from 0. */
function planned(plan) {
  const calls = [];
  const fetcher = async (url, init) => {
    calls.push(JSON.parse(init.body ?? "null"));
    const does = plan[calls.length - 1];
    return does === undefined ? fetch(url, init) : does(url, init);
  };
  return { calls, fetcher };
}
const through = (fetcher, rest) => new Limiter({ url: tollgate.url, token: "test-admin", fetch: fetcher, ...rest });
const lost = () => Promise.reject(new TypeError("fetch failed"));
const lostAnswer = async (url, init) => {
  await (await fetch(url, init)).text();
  throw new TypeError("terminated");
};

test("limit, peek, remaining, status, reset, block", async () => {
  const check = { identifier: fresh(), ...window(2) };
  expect(await limiter.remaining(check)).toBe(2);
  expect(await limiter.limit(check)).toMatchObject({ success: true, limit: 2, remaining: 1, source: "object" });
  expect(await limiter.peek(check)).toMatchObject({ success: true, remaining: 1 });
  expect(await limiter.limit(check)).toMatchObject({ success: true, remaining: 0 });
  const refused = await limiter.limit(check);
  expect(refused).toMatchObject({ success: false, reason: "limit", limitedBy: "2/1h" });
  expect(refused.retryAfter).toBeGreaterThan(0);
  const { identifier } = check;
  expect((await limiter.status({ identifier })).limits).toMatchObject([{ used: 2, remaining: 0 }]);
  await limiter.reset({ identifier });
  expect(await limiter.remaining(check)).toBe(2);
  await limiter.block({ identifier }, "1h", "fraud");
  expect(await limiter.limit(check)).toMatchObject({ success: false, reason: "blocked" });
  await limiter.block({ identifier }, 0);
  expect(await limiter.limit(check)).toMatchObject({ success: true });
});

test("looking leaves out what is for going ahead, and a token may end with a line", async () => {
  const check = { identifier: fresh(), ...window(2) };
  const patient = { ...check, wait: "5s", idempotencyKey: "k1", operation: "o1" } as const;
  expect(await limiter.peek(patient)).toMatchObject({ success: true, remaining: 2 });
  expect(await limiter.remaining(patient)).toBe(2);
  const pasted = new Limiter({ url: tollgate.url, token: "test-check\n" });
  expect(await pasted.limit(check)).toMatchObject({ success: true, remaining: 1 });
});

test("acquire throws what a limit refuses, with its wait", async () => {
  const check = { identifier: fresh(), ...window(1) };
  await limiter.acquire(check);
  const error = await limiter.acquire(check).catch((error) => error);
  expect(error).toBeInstanceOf(RateLimitedError);
  expect(error.retryAfter).toBe(error.decision.retryAfter);
  expect(error.message).toMatch(/^Refused by 1\/1h \(limit\): try again in \d+ ms\.$/);
  const never = await limiter.acquire({ ...check, cost: 5 }).catch((error) => error);
  expect(never.retryAfter).toBeUndefined();
  expect(never.message).toContain("waiting does not help");
  const away = through(planned([lost, lost]).fetcher, { failMode: "closed" });
  await expect(away.acquire(check)).rejects.toThrow("Refused (degraded): nobody knows for how long.");
});

test("several checks are admitted together or not at all", async () => {
  const [one, two] = [fresh(), fresh()].map((identifier) => ({ identifier, ...window(1) }));
  expect(await limiter.multi([one, two])).toMatchObject({ success: true, results: [{ success: true }, {}] });
  const three = { identifier: fresh(), ...window(1) };
  expect(await limiter.multi([one, three])).toMatchObject({ success: false });
  expect(await limiter.remaining(three)).toBe(1);
});

describe("a permit", () => {
  const slots = { algorithm: "concurrency", limit: 1, ttl: "1m" };

  test("is released at the end of its block, also by an exception", async () => {
    const check = { identifier: fresh(), ...slots, hold: "30s" };
    const work = async (fails) => {
      await using permit = await limiter.hold(check);
      expect(permit.fence).toBeGreaterThan(0);
      expect(await limiter.peek(check)).toMatchObject({ success: false });
      if (fails) throw new Error("no luck");
    };
    await work(false);
    expect(await limiter.peek(check)).toMatchObject({ success: true });
    await expect(work(true)).rejects.toThrow("no luck");
    expect(await limiter.peek(check)).toMatchObject({ success: true });
    await limiter.hold(check);
    await expect(limiter.hold(check)).rejects.toThrow(RateLimitedError);
  });

  test("settles its real cost, and is not released then", async () => {
    const check = { identifier: fresh(), ...window(100), cost: 50, hold: "1m" };
    {
      await using permit = await limiter.hold(check);
      expect(await limiter.remaining(check)).toBe(50);
      expect(await permit.topup({ cost: 70 })).toMatchObject({ success: true });
      await permit.renew("5m");
      expect(await permit.settle({ cost: 60 })).toMatchObject({ success: true, state: "settled" });
    }
    expect(await limiter.remaining(check)).toBe(40);
  });

  test("hides neither what its block throws nor what it has done, where it has ended or nobody answers", async () => {
    let isAway = false;
    const fetcher = (url, init) => (isAway ? lost() : fetch(url, init));
    const work = async (outcome, hold = "1m") => {
      isAway = false;
      await using permit = await through(fetcher).hold({ identifier: fresh(), ...slots, hold });
      await outcome(permit);
      return "done";
    };
    const leaves = async () => {
      isAway = true;
    };
    expect(await work(leaves)).toBe("done");
    const fails = async () => {
      isAway = true;
      throw new Error("no luck");
    };
    await expect(work(fails)).rejects.toThrow(/^no luck$/);
    const expires = (permit) => expect.poll(() => Date.now()).toBeGreaterThan(permit.expires + 50);
    expect(await work(expires, "1ms")).toBe("done");
    expect(await work((permit) => limiter.settle(permit.id, { cost: 1 }))).toBe("done");
  });

  test("whose settlement may have arrived is not released, one that was refused is", async () => {
    const check = { identifier: fresh(), ...window(100), cost: 50, hold: "1m" };
    const asked = [];
    const fetcher = async (url, init) => {
      asked.push(new URL(url).pathname);
      const response = await fetch(url, init);
      if (!url.endsWith("/settle")) return response;
      await response.text();
      throw new TypeError("terminated");
    };
    const settles = async (fetcher, real) => {
      await using permit = await through(fetcher).hold(check);
      await permit.settle(real);
    };
    await expect(settles(fetcher, { cost: 60 })).rejects.toMatchObject({ code: "unreachable" });
    expect(asked).toEqual(["/limit", "/limit/settle", "/limit/settle"]);
    expect(await limiter.remaining({ ...check, hold: undefined })).toBe(40);
    const other = { ...check, identifier: fresh() };
    const refused = async () => {
      await using permit = await limiter.hold(other);
      await permit.settle({ costs: { none: 1 } });
    };
    await expect(refused()).rejects.toMatchObject({ status: 400 });
    expect(await limiter.remaining(other)).toBe(100);
  });

  test("is ended once, however often the answer is lost", async () => {
    const check = { identifier: fresh(), ...window(100), cost: 50, hold: "1m" };
    const { calls, fetcher } = planned([undefined, lostAnswer, undefined, lostAnswer, undefined, lostAnswer]);
    const permit = await through(fetcher).hold(check);
    expect(await permit.topup({ cost: 70 })).toMatchObject({ success: true, cost: 70 });
    await permit.renew("5m");
    expect(await permit.settle({ cost: 60 })).toMatchObject({ success: true, state: "settled" });
    expect(calls).toHaveLength(7);
    expect(await limiter.remaining(check)).toBe(40);
  });

  test("is one for several checks", async () => {
    const checks = [fresh(), fresh()].map((identifier) => ({ identifier, ...window(10), cost: 4 }));
    const permit = await limiter.holdAll({ limits: checks, hold: "1m" });
    for (const check of checks) expect(await limiter.remaining(check)).toBe(6);
    await permit.release();
    for (const check of checks) {
      await expect.poll(() => limiter.remaining(check)).toBe(10);
    }
    const full = { limits: [...checks, { ...checks[0], identifier: fresh(), cost: 11 }], hold: "1m" };
    const error = await limiter.holdAll(full).catch((error) => error);
    expect(error).toBeInstanceOf(RateLimitedError);
    expect(error.decision.reason).toBe("costExceedsCapacity");
  });
});

describe("waiting", () => {
  const bucket = { algorithm: "tokenBucket", capacity: 1, refill: { amount: 1, interval: "200ms" } };

  test("ends with one's turn", async () => {
    const check = { identifier: fresh(), ...bucket };
    const begun = performance.now();
    const all = await Promise.all(Array.from({ length: 5 }, () => limiter.waitForToken(check)));
    expect(all.every(({ success }) => success)).toBe(true);
    expect(performance.now() - begun).toBeGreaterThan(790);
  });

  test("is not begun where it cannot end in time, and is broken off by a signal", async () => {
    const check = { identifier: fresh(), ...bucket, refill: { amount: 1, interval: "1h" } };
    await limiter.acquire(check);
    const begun = performance.now();
    await expect(limiter.waitForToken(check, { timeout: 10_000 })).rejects.toThrow(RateLimitedError);
    expect(performance.now() - begun).toBeLessThan(5_000);
    const soon = { identifier: fresh(), ...bucket, refill: { amount: 1, interval: "20s" } };
    await limiter.acquire(soon);
    const signal = AbortSignal.timeout(300);
    await expect(limiter.waitForToken(soon, { signal })).rejects.toThrow("timeout");
  });
});

describe("one retry", () => {
  test("charges once what was charged before its answer was lost", async () => {
    const check = { identifier: fresh(), ...window(10) };
    const { calls, fetcher } = planned([lostAnswer]);
    const decision = await through(fetcher).limit(check);
    expect(decision).toMatchObject({ success: true, remaining: 9, repeated: true });
    expect(calls).toHaveLength(2);
    expect(calls[0].operation).toBe(calls[1].operation);
    expect(await limiter.remaining(check)).toBe(9);
  });

  test("is only one, and what comes then is as failMode says", async () => {
    for (const [failMode, success] of [
      ["open", true],
      ["closed", false],
    ]) {
      const { calls, fetcher } = planned([lost, lost, lost]);
      const decision = await through(fetcher, { failMode }).limit({ identifier: "x", ...window(1) });
      expect(decision).toEqual({ success, reason: "degraded", source: "client" });
      expect(calls).toHaveLength(2);
    }
    const { fetcher } = planned([lost, lost]);
    const error = await through(fetcher, { failMode: "throw" })
      .limit({ identifier: "x", ...window(1) })
      .catch((error) => error);
    expect(error).toMatchObject({ name: "TollgateError", code: "unreachable", status: 0 });
    expect(error.cause.message).toBe("fetch failed");
  });

  test("keeps the caller's own name, and gives a peek none", async () => {
    const { calls, fetcher } = planned([]);
    const check = { identifier: fresh(), ...window(10) };
    await through(fetcher).limit({ ...check, idempotencyKey: "k" });
    await through(fetcher).peek(check);
    expect(calls.map(({ operation }) => operation)).toEqual([undefined, undefined]);
  });

  test("stores no more than curl does", async () => {
    const rows = async (ask) => {
      const own = await server();
      await own.start();
      await ask(own);
      await own.kill();
      const all = Object.values(own.rows()).flat();
      await own.remove();
      return all.length;
    };
    const check = { identifier: "rows", ...window(10) };
    const curl = await rows((own) => own.call("POST", "/limit", check));
    const client = await rows((own) => new Limiter({ url: own.url, token: "test-admin" }).limit(check));
    expect(client).toBe(curl);
  });

  test("ends with the deadline, and nothing hangs", async () => {
    const never = (_, { signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    const { calls, fetcher } = planned([never, never]);
    const options = { failMode: "throw", timeout: 300 };
    const begun = performance.now();
    const error = await through(fetcher, options)
      .limit({ identifier: "x", ...window(1) })
      .catch((error) => error);
    expect(error.code).toBe("timeout");
    expect(performance.now() - begun).toBeLessThan(3_000);
    expect(calls).toHaveLength(1);
  });

  test("is none for reports, and none after the caller has left", async () => {
    const { calls, fetcher } = planned([lost, lost]);
    const report = { policy: "none", identifier: "x", status: 429 };
    await expect(through(fetcher).report(report)).rejects.toThrow(TollgateError);
    expect(calls).toHaveLength(1);
    const signal = AbortSignal.abort(new Error("left"));
    await expect(through(fetcher).limit({ identifier: "x", ...window(1) }, { signal })).rejects.toThrow("left");
    expect(calls).toHaveLength(1);
  });
});

describe("out of reach", () => {
  const check = { identifier: "x", ...window(1) };

  test("is a server, or what stands before it, that answers 5xx", async () => {
    for (const status of [500, 502, 503, 504, 520]) {
      const failing = async () => new Response("<html>bad gateway", { status });
      const { calls, fetcher } = planned([failing]);
      const found = await through(fetcher).limit({ ...check, identifier: fresh() });
      expect([found.source, calls.length], status).toEqual(["object", 2]);
      const lasting = planned([failing, failing]);
      expect(await through(lasting.fetcher).limit(check), status).toMatchObject({ source: "client" });
      const thrown = through(planned([failing, failing]).fetcher, { failMode: "throw" }).limit(check);
      await expect(thrown).rejects.toMatchObject({ status, code: "notTollgate" });
    }
  });

  test("is not a server whose answer has no decision, a redirect, or a limit of a proxy", async () => {
    const answers = [
      ["null", 200],
      ["{}", 200],
      ["[]", 200],
      ["", 204],
      ['{"success":"yes"}', 200],
      ['{"success":tr', 200],
      ["<html>", 429],
    ];
    for (const [text, status] of answers) {
      const { calls, fetcher } = planned([async () => new Response(text === "" ? null : text, { status })]);
      await expect(through(fetcher).limit(check), text).rejects.toMatchObject({ code: "notTollgate", status });
      expect(calls).toHaveLength(1);
    }
    for (const status of [301, 302, 307, 308]) {
      const redirecting = createServer((_, response) => {
        response.writeHead(status, { location: `${tollgate.url}/limit` }).end();
      });
      await new Promise((resolve) => redirecting.listen(0, "127.0.0.1", resolve));
      const url = `http://127.0.0.1:${redirecting.address().port}`;
      const error = await new Limiter({ url, token: "test-admin" }).limit(check).catch((error) => error);
      expect(error, status).toMatchObject({ status, code: "notTollgate" });
      expect(error.message).toContain(`redirects to ${tollgate.url}/limit`);
      redirecting.close();
    }
  });

  test("is not a question that cannot be sent", async () => {
    const cyclic = {};
    cyclic.limits = [cyclic];
    await expect(limiter.limit({ ...check, cost: 5n })).rejects.toThrow(/BigInt/);
    await expect(limiter.limit({ identifier: "x", ...cyclic })).rejects.toThrow(/circular/);
  });

  test("ends with the deadline and the signal, also where fetch heeds neither", async () => {
    const deaf = [() => new Promise(() => {}), async () => new Response(new ReadableStream({}))];
    for (const fetcher of deaf) {
      const begun = performance.now();
      const asked = through(fetcher, { failMode: "throw", timeout: 200 }).limit(check);
      await expect(asked).rejects.toMatchObject({ code: "timeout" });
      const signal = AbortSignal.timeout(200);
      await expect(through(fetcher).limit(check, { signal })).rejects.toThrow("timeout");
      expect(performance.now() - begun).toBeLessThan(3_000);
    }
  });
});

test("options that cannot be are named, and no secret is told", async () => {
  const made = (options) => () => new Limiter({ url: tollgate.url, token: "test-admin", ...options });
  const urls = [
    undefined,
    "",
    "localhost:8787",
    "127.0.0.1",
    "ftp://x",
    "http://",
    "http://a:b@c",
    "http://x?y",
    "http://[x",
  ];
  for (const url of urls) expect(made({ url }), url).toThrow("`url`");
  for (const url of ["http://[::1]:8787", "https://tollgate/", "HTTPS://a.example/path/"])
    expect(made({ url })).not.toThrow();
  for (const token of [undefined, "secret\nx", "secr\u00e9t"]) {
    expect(made({ token })).toThrow("`token`");
    expect(made({ token })).not.toThrow(/secr/);
  }
  expect(made({ failMode: "Open" })).toThrow("`failMode`");
  for (const timeout of [Number.NaN, 0, -1, Number.POSITIVE_INFINITY, 2 ** 31, "soon", null]) {
    expect(made({ timeout }), timeout).toThrow("`timeout`");
    await expect(limiter.limit({ identifier: "x", ...window(1) }, { timeout })).rejects.toThrow("`timeout`");
  }
  for (const timeout of [Number.NaN, -1]) {
    await expect(limiter.waitForToken({ identifier: "x", ...window(1) }, { timeout })).rejects.toThrow("`timeout`");
  }
});

test("whoever waits for longer than a timer takes does not ask all the time", async () => {
  const check = { identifier: fresh(), limit: 1, window: "52w" };
  await limiter.acquire(check);
  const { calls, fetcher } = planned([]);
  const waiting = through(fetcher).waitForToken(check, {
    timeout: Number.POSITIVE_INFINITY,
    signal: AbortSignal.timeout(500),
  });
  await expect(waiting).rejects.toThrow("timeout");
  expect(calls).toHaveLength(1);
});

test("headers of another library than the global one are told as well", async () => {
  const policy = { limits: [{ algorithm: "fixedWindow", limit: 5, window: "1h" }] };
  await limiter.policies.put("client.headers", policy);
  const { Headers: Foreign } = await import("undici");
  const headers = new Foreign({ "Retry-After": "60" });
  expect(headers).not.toBeInstanceOf(Headers);
  const done = await limiter.report({ policy: "client.headers", identifier: fresh(), status: 429, headers });
  expect(done).toMatchObject({ refused: true, closedBy: "told" });
});

test("whoever waits, waits for a gate to open as well", async () => {
  const policy = { limits: [{ algorithm: "fixedWindow", limit: 5, window: "1h" }] };
  await limiter.policies.put("client.gate", policy);
  const check = { policy: "client.gate", identifier: fresh() };
  await limiter.report({ ...check, status: 429, headers: { "Retry-After": "1" } });
  const begun = performance.now();
  expect(await limiter.waitForToken(check)).toMatchObject({ success: true });
  expect(performance.now() - begun).toBeGreaterThan(900);
});

test("what is wrong is an error with its field and code, and never sent twice", async () => {
  const { calls, fetcher } = planned([]);
  const error = await through(fetcher)
    .limit({ identifier: "x", limit: 1.5, window: "1h" })
    .catch((error) => error);
  expect(error).toBeInstanceOf(TollgateError);
  expect(error).toMatchObject({ status: 400, code: "invalidField", field: "limit" });
  expect(error.requestId).toMatch(/^[0-9a-f]{32}$/);
  expect(error.message).toContain("`limit`");
  expect(calls).toHaveLength(1);
  const wrong = new Limiter({ url: tollgate.url, token: "wrong" });
  await expect(wrong.limit({ identifier: "x", ...window(1) })).rejects.toMatchObject({ status: 401 });
  const html = async () => new Response("<html>", { status: 200 });
  await expect(through(html).limit({ identifier: "x", ...window(1) })).rejects.toMatchObject({ code: "notTollgate" });
});

test("policies: put, get, list, versions, explain, rollback, delete, report", async () => {
  const { policies } = limiter;
  const policy = { limits: [{ name: "hour", algorithm: "fixedWindow", limit: 5, window: "1h" }] };
  await policies.put("client.api", policy);
  expect(await policies.get("client.api")).toMatchObject({ policy });
  expect((await policies.list()).policies.map(({ name }) => name)).toContain("client.api");
  await policies.put("client.api", { ...policy, description: "second" });
  expect((await policies.versions("client.api")).versions).toHaveLength(2);
  await policies.rollback("client.api", 1, "as before");
  expect((await policies.explain("client.api", "u1")).limits).toHaveLength(1);
  const check = { policy: "client.api", identifier: "u1" };
  expect(await limiter.limit(check)).toMatchObject({ success: true, policy: "client.api", remaining: 4 });
  const done = await limiter.report({ ...check, status: 429, headers: new Headers({ "Retry-After": "60" }) });
  expect(done).toMatchObject({ refused: true, closedBy: "told" });
  expect(await limiter.limit(check)).toMatchObject({ success: false, reason: "coolDown" });
  await policies.delete("client.api");
  await expect(policies.get("client.api")).rejects.toMatchObject({ status: 404 });
});
