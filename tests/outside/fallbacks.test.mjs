// A policy that falls back to others: where it refuses, the next is asked in the same request.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { server } from "./lib/server.mjs";
import { switchedServer } from "./lib/switched.mjs";

const DEADLINE_MS = 500;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const window = (limit, rest, length = "52w") => ({
  limits: [{ algorithm: "fixedWindow", limit, window: length }],
  ...rest,
});

/** Makes policies, the last first, and waits until they are in force. */
async function made(main, policies) {
  for (const [name, policy] of Object.entries(policies).reverse()) {
    const { status, text } = await main.call("PUT", `/policies/${name}`, policy);
    expect([200, 201], text).toContain(status);
  }
  await sleep(5_100);
}

describe("a policy that falls back", () => {
  let main;
  beforeAll(async () => {
    main = await (await server()).start();
    await made(main, {
      child: window(100, { provider: "child", parent: { policy: "cluster" }, fallbackTo: ["third"] }),
      cluster: window(1, { provider: "cluster", fallbackTo: ["second"] }),
      first: window(2, { provider: "grok", scope: "key", fallbackTo: ["second", "third"] }),
      second: window(1, { provider: "claude" }, "4w"),
      third: window(3, { provider: "local" }, "8w"),
      shaped: window(1, { fallbackTo: ["slots"] }),
      rented: { algorithm: "concurrency", limit: 1, ttl: "1m", fallbackTo: ["slots"] },
      queued: { algorithm: "leakyBucket", capacity: 1, leak: { amount: 1, interval: "1h" }, fallbackTo: ["queue"] },
      slots: { algorithm: "concurrency", limit: 1, ttl: "1m" },
      queue: { algorithm: "leakyBucket", capacity: 9, leak: { amount: 1, interval: "1m" }, maxDelay: "10m" },
    });
  });
  afterAll(() => main?.remove());

  const ask = (identifier, rest, policy = "first") => main.call("POST", "/limit", { policy, identifier, ...rest });
  const used = async (policy, identifier) => {
    const { json } = await main.call("GET", `/limit?policy=${policy}&identifier=${identifier}`);
    return json.limits[0]?.used ?? 0;
  };

  test("is itself as long as it admits, then the next, then the one behind that", async () => {
    const answers = [];
    for (let i = 0; i < 6; i++) answers.push((await ask("u1")).json);
    expect(answers.map(({ policy, fellBackFrom }) => [policy, fellBackFrom])).toEqual([
      ["first", undefined],
      ["first", undefined],
      ["second", ["first"]],
      ["third", ["first", "second"]],
      ["third", ["first", "second"]],
      ["third", ["first", "second"]],
    ]);
    expect(answers[2]).toMatchObject({ success: true, limit: 1, remaining: 0, version: 1, source: "object" });
    const refused = await ask("u1");
    expect(refused).toMatchObject({
      status: 429,
      json: { success: false, policy: "first", limit: 2, reason: "limit" },
    });
    expect(refused.json.fellBackFrom).toBeUndefined();
    // The shortest wait of all: that of the second.
    const four = 28 * 86_400_000;
    const left = four - (Date.now() % four);
    expect(Math.abs(refused.json.retryAfter - left)).toBeLessThan(2_000);
    expect(refused.headers.get("retry-after")).toBe(String(Math.ceil(refused.json.retryAfter / 1000)));
    // Whoever refuses is charged nothing, however often it was asked.
    expect(await Promise.all(["first", "second", "third"].map((policy) => used(policy, "u1")))).toEqual([2, 1, 3]);
  });

  test("admits not one more than all of them together, whoever asks at once", async () => {
    const answers = await Promise.all(Array.from({ length: 60 }, () => ask("many")));
    const admitted = answers.filter(({ status }) => status === 200).map(({ json }) => json.policy);
    expect(admitted.sort()).toEqual(["first", "first", "second", "third", "third", "third"]);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 429]));
  });

  test("asks past what never fits and past a block, and peeks as it would ask", async () => {
    expect((await ask("u2", { cost: 3, peek: true })).json).toMatchObject({ success: true, policy: "third" });
    expect(await used("third", "u2")).toBe(0);
    expect((await ask("u2", { cost: 3 })).json).toMatchObject({ policy: "third", fellBackFrom: ["first", "second"] });
    const never = (await ask("u2", { cost: 4 })).json;
    expect(never).toMatchObject({ success: false, reason: "costExceedsCapacity", policy: "first" });
    expect(never.retryAfter).toBeUndefined();
    const block = { policy: "first", identifier: "u3", duration: "1h" };
    expect((await main.call("POST", "/limit/block", block)).status).toBe(200);
    expect((await ask("u3")).json).toMatchObject({ policy: "second", fellBackFrom: ["first"] });
    // A refund is for the policy that is named, and goes nowhere else.
    expect((await ask("u3", { cost: -1 })).json.policy).toBe("first");
    expect(await used("second", "u3")).toBe(1);
  });

  test("falls back where what stands above refuses; what stands above does not by itself", async () => {
    expect((await ask("u4", {}, "child")).json).toMatchObject({ policy: "child", decidedBy: "cluster" });
    await sleep(2_000); // until no charge is left that may be taken back
    const answer = (await ask("u5", {}, "child")).json;
    expect(answer).toMatchObject({ success: true, policy: "third", fellBackFrom: ["child"] });
    expect(answer.decidedBy).toBeUndefined();
    await expect.poll(() => used("child", "u5")).toBe(0);
    expect(await used("second", "all")).toBe(0);
  });

  test("waits for a place, and holds slots, where all of them can", async () => {
    expect((await ask("u6", { hold: "1m" }, "rented")).json).toMatchObject({ policy: "rented" });
    const second = (await ask("u6", { hold: "1m" }, "rented")).json;
    expect(second).toMatchObject({ policy: "slots", fellBackFrom: ["rented"], permit: expect.any(String) });
    expect((await main.call("POST", "/limit/release", { permit: second.permit })).status).toBe(200);
    expect((await ask("u7", { maxDelay: "5m" }, "queued")).json).toMatchObject({ policy: "queued", delay: 0 });
    const delays = [];
    for (let i = 0; i < 3; i++) delays.push((await ask("u7", { maxDelay: "5m" }, "queued")).json);
    expect(delays.map(({ policy, fellBackFrom }) => [policy, fellBackFrom])).toEqual(
      Array.from({ length: 3 }, () => ["queue", ["queued"]]),
    );
    expect(delays[2].delay).toBeGreaterThan(110_000);
    // What a policy further on cannot do is said at once, and by its name.
    const wrong = await ask("u8", { maxDelay: "1s" }, "shaped");
    expect(wrong).toMatchObject({ status: 400, json: { code: "invalidField", field: "maxDelay" } });
    expect(wrong.json.detail).toContain("`slots`");
    expect(await used("shaped", "u8")).toBe(0);
  });

  test("is asked alone, and not among others", async () => {
    const entries = {
      limits: [
        { policy: "second", identifier: "u9" },
        { policy: "first", identifier: "u9" },
      ],
    };
    const several = await main.call("POST", "/limit/multi", entries);
    expect(several).toMatchObject({ status: 400, json: { field: "limits[1].policy" } });
    expect(several.json.detail).toContain("fallbackTo");
    expect(await used("second", "u9")).toBe(0);
  });

  test("keeps what it names, and names what there is", async () => {
    const put = (name, policy) => main.call("PUT", `/policies/${name}`, policy);
    expect((await put("new", window(1, { fallbackTo: ["nobody"] }))).json).toMatchObject({ field: "fallbackTo" });
    expect((await put("third", window(1, { fallbackTo: ["first"] }))).json).toMatchObject({ field: "fallbackTo" });
    expect((await main.call("DELETE", "/policies/third")).json).toMatchObject({ code: "policyInUse" });
  });
});

describe("a policy that falls back, under overrides", () => {
  let main;
  beforeAll(async () => {
    main = await (await server()).start();
    await made(main, {
      first: window(1, { provider: "grok", fallbackTo: ["second", "third"] }),
      below: window(9, { provider: "below", parent: { policy: "above" }, fallbackTo: ["third"] }),
      second: window(9, { provider: "claude" }),
      third: window(9, { provider: "local" }),
      above: window(9, { provider: "above" }),
    });
  });
  afterAll(() => main?.remove());

  let asked = 0;
  const ask = async (policy, identifier = `o${asked++}`) =>
    (await main.call("POST", "/limit", { policy, identifier })).json;
  /** Asks while these overrides are set. */
  const under = async (overrides, run) => {
    for (const [of, body] of Object.entries(overrides)) {
      expect((await main.call("PUT", `/overrides/${of}`, body)).status, of).toBe(201);
    }
    await run();
    for (const of of Object.keys(overrides)) expect((await main.call("DELETE", `/overrides/${of}`)).status).toBe(200);
  };
  const shown = ({ success, policy, reason, fellBackFrom }) => ({ success, policy, reason, fellBackFrom });

  test("goes on past a pause, whatever was paused: the policy, its provider, the subject, or what stands above", async () => {
    const second = { success: true, policy: "second", reason: undefined, fellBackFrom: ["first"] };
    for (const target of ["policy:first", "provider:grok", "subject:grok//paused", "prefix:grok//pau*"]) {
      await under({ [`${target}/pause`]: { until: "1h", reason: "banned" } }, async () => {
        expect(shown(await ask("first", "paused")), target).toEqual(second);
      });
    }
    await under({ "policy:above/pause": { until: "1h" } }, async () => {
      const third = { success: true, policy: "third", reason: undefined, fellBackFrom: ["below"] };
      expect(shown(await ask("below"))).toEqual(third);
    });
    // A paused one is charged nothing.
    expect(shown(await ask("first", "paused"))).toMatchObject({ success: true, policy: "first" });
  });

  test("stops at a deny, also of what stands above, and where a pause holds as well", async () => {
    const denied = { success: false, reason: "override", fellBackFrom: undefined };
    for (const target of ["policy:first", "provider:grok", "subject:grok//denied"]) {
      await under({ [`${target}/deny`]: { until: "1h" }, "policy:first/pause": { until: "2h" } }, async () => {
        expect(shown(await ask("first", "denied")), target).toEqual({ ...denied, policy: "first" });
      });
    }
    await under({ "policy:above/deny": {} }, async () => {
      expect(shown(await ask("below"))).toEqual({ ...denied, policy: "below" });
    });
  });

  test("asks past another policy that is paused, or denied: that is said of this one alone", async () => {
    for (const kind of ["pause", "deny"]) {
      const identifier = `past-${kind}`;
      expect((await ask("first", identifier)).policy).toBe("first");
      await under({ [`policy:second/${kind}`]: { until: "1h" } }, async () => {
        const third = { success: true, policy: "third", reason: undefined, fellBackFrom: ["first", "second"] };
        expect(shown(await ask("first", identifier))).toEqual(third);
      });
    }
  });

  test("is stopped by a stop for all, and told the shortest wait where all are paused", async () => {
    await under({ "all/pause": { until: "1h" } }, async () => {
      expect(shown(await ask("first"))).toEqual({ success: false, policy: "first", reason: "paused" });
    });
    const pauses = {
      "policy:first/pause": {},
      "policy:second/pause": { until: "2h" },
      "policy:third/pause": { until: "1h" },
    };
    await under(pauses, async () => {
      const answer = await ask("first");
      expect(shown(answer)).toEqual({ success: false, policy: "first", reason: "paused" });
      expect(answer.retryAfter).toBeGreaterThan(3_590_000);
      expect(answer.retryAfter).toBeLessThanOrEqual(3_600_000);
    });
  });

  test("does not need to where a bypass lets it through, and has the numbers that overrides give", async () => {
    await under({ "policy:first/bypass": { until: "1h" } }, async () => {
      for (let i = 0; i < 3; i++) expect(await ask("first", "vip")).toMatchObject({ success: true, policy: "first" });
    });
    await under({ "policy:first/scale": { factor: 3 }, "policy:second/scale": { factor: 0.1 } }, async () => {
      const policies = [];
      for (let i = 0; i < 5; i++) policies.push((await ask("first", "scaled")).policy);
      expect(policies).toEqual(["first", "first", "first", "second", "third"]);
    });
  });

  test("that leads back to itself by way of a parent is refused, and so no question goes round", async () => {
    const closing = window(9, { provider: "above", fallbackTo: ["below"] });
    const refused = await main.call("PUT", "/policies/above", closing);
    expect(refused).toMatchObject({ status: 400, json: { code: "invalidField", field: "fallbackTo" } });
    expect(refused.json.detail).toContain("above falls back to below, below is below above");
  });
});

test("all of it takes one deadline, and what is out of reach admits nothing", async () => {
  const switched = await switchedServer({ TOLLGATE_DEADLINE_MS: String(DEADLINE_MS) });
  try {
    const closed = (fallbackTo) => window(1, { failMode: "closed", ...(fallbackTo && { fallbackTo }) });
    await made(switched, { a: closed(["b", "c", "d"]), b: closed(), c: closed(), d: closed() });
    const ask = () => switched.call("POST", "/limit", { policy: "a", identifier: "u" });
    for (const policy of ["a", "b", "c", "d"]) expect((await ask()).json).toMatchObject({ success: true, policy });
    // The refusals of all are remembered: nothing is called.
    await ask();
    await switched.become("well");
    expect((await ask()).json).toMatchObject({ success: false, policy: "a", source: "cache" });
    expect(await switched.reached()).toBe(0);
    // Where one has to be asked, it takes all the time that there is.
    const other = () => switched.call("POST", "/limit", { policy: "a", identifier: "v" });
    for (const policy of ["a", "b"]) expect((await other()).json).toMatchObject({ success: true, policy });
    await switched.become("silent");
    const began = Date.now();
    const refused = await other();
    expect(Date.now() - began).toBeLessThan(2 * DEADLINE_MS);
    expect(refused).toMatchObject({ status: 429, json: { success: false, policy: "a", source: "cache" } });
    // The object of the first, whether a deny has come since, and that of the next.
    expect(await switched.reached()).toBe(2);
  } finally {
    await switched.remove();
  }
});
