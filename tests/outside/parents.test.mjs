// A policy and those above it: a queue below its tenant below the cluster, asked together.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { server } from "./lib/server.mjs";
import { serverBehind } from "./lib/switched.mjs";

const DEADLINE_MS = 1_000;
const window = (limit, rest) => ({ limits: [{ algorithm: "fixedWindow", limit, window: "52w" }], ...rest });
/** So long an object keeps what may yet be taken back, and a refusal for its sake is `busy`. */
const YOUNG_MS = 2 * DEADLINE_MS;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Three levels with these limits, under names that begin with `name`. */
async function levels(main, name, { queue = 100, tenant = 100, cluster = 100, settings = {} } = {}) {
  const put = async (level, policy) => {
    const { status, text } = await main.call("PUT", `/policies/${name}.${level}`, policy);
    expect([200, 201], text).toContain(status);
  };
  await put("cluster", window(cluster, { provider: name, scope: "cluster", ...settings.cluster }));
  await put("tenant", window(tenant, { provider: name, scope: "tenant", parent: { policy: `${name}.cluster` } }));
  const parent = { policy: `${name}.tenant`, identifier: "{prefix}" };
  await put("queue", window(queue, { provider: name, scope: "queue", parent }));
  await sleep(5_100);
  return {
    ask: (identifier, rest) => main.call("POST", "/limit", { policy: `${name}.queue`, identifier, ...rest }),
    used: async (level, identifier) => {
      const { json } = await main.call("GET", `/limit?policy=${name}.${level}&identifier=${identifier}`);
      return json.limits[0]?.used ?? 0;
    },
  };
}

describe("three levels", () => {
  let main;
  beforeAll(async () => {
    main = await (await server()).start();
  });
  afterAll(() => main?.remove());

  test("each level refuses for itself, and the answer names it; nobody else is charged", async () => {
    const { ask, used } = await levels(main, "names", { queue: 4, tenant: 6, cluster: 8 });
    const first = await ask("acme:mail");
    expect(first.json).toMatchObject({
      success: true,
      limit: 4,
      remaining: 3,
      policy: "names.queue",
      version: 1,
      decidedBy: "names.queue",
      source: "object",
    });
    expect(first.headers.get("x-ratelimit-limit")).toBe("4");
    // A moment after a charge that may yet be taken back, a refusal for its sake says so.
    expect((await ask("acme:mail", { cost: 4 })).json).toMatchObject({ reason: "busy", decidedBy: "names.queue" });
    await sleep(YOUNG_MS);
    // The whole cost at each level, or at none.
    expect((await ask("acme:mail", { cost: 4 })).json).toMatchObject({
      success: false,
      reason: "limit",
      limitedBy: "4/52w",
      policy: "names.queue",
      decidedBy: "names.queue",
    });
    expect((await ask("acme:mail", { cost: 3 })).status).toBe(200);
    await sleep(YOUNG_MS);
    const tenant = await ask("acme:sms", { cost: 3 });
    expect(tenant).toMatchObject({
      status: 429,
      json: { reason: "parent", limit: 6, limitedBy: "6/52w", policy: "names.queue", decidedBy: "names.tenant" },
    });
    expect(tenant.headers.get("x-ratelimit-limit")).toBe("6");
    expect((await ask("acme:sms", { cost: 2 })).json).toMatchObject({
      success: true,
      remaining: 0,
      decidedBy: "names.tenant",
    });
    await sleep(YOUNG_MS);
    const cluster = await ask("other:mail", { cost: 3 });
    expect(cluster.json).toMatchObject({ success: false, reason: "parent", decidedBy: "names.cluster", limit: 8 });
    await expect.poll(() => used("queue", "other:mail")).toBe(0);
    await expect.poll(() => used("tenant", "other")).toBe(0);
    expect(
      await Promise.all([
        used("queue", "acme:mail"),
        used("queue", "acme:sms"),
        used("tenant", "acme"),
        used("cluster", "all"),
      ]),
    ).toEqual([4, 2, 6, 6]);
    // A refund goes to all of them, a peek to none.
    expect((await ask("acme:mail", { cost: -4 })).status).toBe(200);
    expect((await ask("acme:mail", { peek: true })).json).toMatchObject({ success: true, remaining: 4 });
    expect(await Promise.all([used("queue", "acme:mail"), used("tenant", "acme"), used("cluster", "all")])).toEqual([
      0, 2, 2,
    ]);
  });

  test("a refund gives back no more above than the caller's own level has used", async () => {
    const { ask, used } = await levels(main, "refunds", { queue: 20, tenant: 20, cluster: 20 });
    expect((await ask("one:a", { cost: 20 })).status).toBe(200);
    await sleep(YOUNG_MS);
    expect((await ask("two:b")).json).toMatchObject({ reason: "parent", decidedBy: "refunds.cluster" });
    // This one has used nothing. What it gives back is what `one:a` has used.
    await ask("three:c", { cost: -20 });
    expect(await used("cluster", "all")).toBe(20);
    expect((await ask("two:b", { cost: 20 })).status).toBe(429);
  });

  test("an identifier without a prefix has the parent of all, and an empty prefix none", async () => {
    const { ask, used } = await levels(main, "prefixes");
    expect((await ask("alone")).status).toBe(200);
    expect(await used("tenant", "all")).toBe(1);
    expect((await ask(":mail")).json).toMatchObject({ code: "invalidField", field: "identifier" });
    expect((await ask("a/b:c")).status).toBe(200);
    expect(await used("tenant", "a")).toBe(1);
  });

  test("circles, too many levels and what cannot be decided together are refused", async () => {
    await levels(main, "shapes");
    const put = (name, policy) => main.call("PUT", `/policies/${name}`, policy);
    const refused = async (name, policy, detail, field = "parent") => {
      const answer = await put(name, policy);
      expect(answer).toMatchObject({ status: 400, json: { code: "invalidField", field } });
      expect(answer.json.detail).toContain(detail);
    };
    const below = (policy) => ({ parent: { policy } });
    await refused(
      "shapes.cluster",
      window(1, below("shapes.queue")),
      "shapes.cluster below shapes.queue below shapes.tenant below",
    );
    await refused("self", window(1, below("self")), "self below self");
    await put("four", window(1, below("shapes.queue")));
    await refused("five", window(1, below("four")), "4 levels at most");
    await refused("shapes.cluster", window(1, below("four")), "circle");
    await put("above", window(1));
    await refused("shapes.cluster", window(1, below("above")), "4 levels at most");
    await refused("a", window(1, below("nobody")), "no such policy");
    await refused(
      "a",
      window(1, { ...below("above"), parent: { policy: "above", identifier: "{name}" } }),
      "{prefix}",
      "parent.identifier",
    );
    await refused("a", window(1, { parent: {} }), "missing", "parent.policy");
    await refused("a", window(100, { ...below("above"), consistency: "eventual" }), "strong");
    const slots = (rest) => ({ limits: [{ algorithm: "concurrency", limit: 1, ttl: "1m" }], ...rest });
    await put("slots", slots());
    await refused("a", slots(below("slots")), "one permit");
    expect((await main.call("DELETE", "/policies/above", undefined)).status).toBe(200);
    const used = await main.call("DELETE", "/policies/shapes.cluster", undefined);
    expect(used.json).toMatchObject({ code: "policyInUse" });
    expect(used.json.detail).toContain("shapes.tenant");
  });

  test("a slot above is held by the permit in the answer", async () => {
    await main.call("PUT", "/policies/slots.all", {
      limits: [{ algorithm: "concurrency", limit: 1, ttl: "1m" }],
      provider: "slots",
    });
    await main.call(
      "PUT",
      "/policies/slots.one",
      window(5, { provider: "slots-one", parent: { policy: "slots.all" } }),
    );
    await sleep(5_100);
    const ask = (rest) => main.call("POST", "/limit", { policy: "slots.one", identifier: "u", ...rest });
    const held = await ask({ hold: "30s" });
    expect(held.json).toMatchObject({ success: true, permit: expect.any(String), fence: expect.any(Number) });
    await sleep(YOUNG_MS);
    expect((await ask()).json).toMatchObject({ success: false, reason: "parent", decidedBy: "slots.all" });
    expect((await main.call("POST", "/limit/release", { permit: held.json.permit })).status).toBe(200);
    // The level above is told in the background.
    await expect.poll(async () => (await ask()).status).toBe(200);
    // What was held is given back, at all levels.
    expect((await main.call("GET", "/limit?policy=slots.one&identifier=u")).json.limits[0].used).toBe(1);
  });

  test("several checks with parents in one request: all of all levels, or nothing", async () => {
    const { used } = await levels(main, "multi", { queue: 3, tenant: 5, cluster: 60 });
    const multi = (...entries) =>
      main.call("POST", "/limit/multi", {
        limits: entries.map(([identifier, cost]) => ({ policy: "multi.queue", identifier, cost })),
      });
    const all = () =>
      Promise.all([
        used("queue", "a:1"),
        used("queue", "a:2"),
        used("tenant", "a"),
        used("tenant", "b"),
        used("cluster", "all"),
      ]);
    expect(await multi(["a:1", 2], ["a:2", 2], ["b:1", 1])).toMatchObject({ status: 200 });
    expect(await all()).toEqual([2, 2, 4, 1, 5]);
    // Each alone would go, but both have one parent.
    const refused = await multi(["a:1", 1], ["a:2", 1]);
    expect(refused.status).toBe(429);
    expect(refused.json.results.map(({ success }) => success)).toContain(false);
    expect(refused.json.results.map(({ decidedBy }) => decidedBy)).toContain("multi.tenant");
    await expect.poll(all).toEqual([2, 2, 4, 1, 5]);
    expect((await multi(["a:1", 1])).status).toBe(200);
    expect(await all()).toEqual([3, 2, 5, 1, 6]);
  });

  test("under parallel load no level is passed, and all that was admitted is counted at each", async () => {
    const { ask, used } = await levels(main, "load", { queue: 30, tenant: 50, cluster: 120 });
    const names = ["a", "b", "c", "d"].flatMap((tenant) => ["1", "2", "3"].map((queue) => `${tenant}:${queue}`));
    const admitted = Object.fromEntries(names.map((name) => [name, 0]));
    const caller = async (i) => {
      for (let round = 0; round < 40; round++) {
        const name = names[(i + round * 7) % names.length];
        const { status } = await ask(name);
        expect([200, 429]).toContain(status);
        if (status === 200) admitted[name]++;
      }
    };
    await Promise.all(Array.from({ length: 24 }, (_, i) => caller(i)));
    await sleep(2 * DEADLINE_MS);
    // Nobody was turned away for good: alone, the rest is still to be had.
    for (const name of names) while ((await ask(name)).status === 200) admitted[name]++;
    const total = (prefix) =>
      names.filter((name) => name.startsWith(prefix)).reduce((sum, name) => sum + admitted[name], 0);
    expect(total("")).toBe(120);
    expect(await used("cluster", "all")).toBe(120);
    for (const tenant of ["a", "b", "c", "d"]) {
      expect(total(`${tenant}:`)).toBeLessThanOrEqual(50);
      expect(await used("tenant", tenant)).toBe(total(`${tenant}:`));
    }
    for (const name of names) {
      expect(admitted[name]).toBeLessThanOrEqual(30);
      expect(await used("queue", name)).toBe(admitted[name]);
    }
  });
});

describe("seen from between", () => {
  let meeting;
  beforeAll(async () => {
    meeting = await serverBehind("meeting.js", { TOLLGATE_DEADLINE_MS: String(DEADLINE_MS) });
  });
  afterAll(() => meeting?.remove());

  test("a tenant that its own limit refuses a thousand times harms nobody below the same parent", async () => {
    const { ask, used } = await levels(meeting, "flood", { tenant: 10, cluster: 20 });
    await meeting.become("slow");
    // The flooding tenant's own object takes a tenth of a second, its parent next to nothing.
    for (let i = 0; i < 10; i++) expect((await ask("slow:q", { cost: 1 })).status).toBe(200);
    await sleep(YOUNG_MS);
    expect((await ask("slow:q")).json).toMatchObject({ decidedBy: "flood.tenant", reason: "parent" });
    await meeting.become("slow");
    const end = Date.now() + 2_000;
    let refused = 0;
    const flood = async () => {
      while (Date.now() < end) {
        const { json } = await ask("slow:q");
        expect(json).toMatchObject({ success: false, decidedBy: "flood.tenant" });
        refused++;
      }
    };
    const floods = Array.from({ length: 20 }, flood);
    for (let i = 0; i < 10; i++) {
      expect((await ask(`other${i}:q`)).status, `${i}`).toBe(200);
      await sleep(150);
    }
    await Promise.all(floods);
    expect(refused).toBeGreaterThan(500);
    // Nobody above was asked for what the tenant's own limit refuses.
    const calls = JSON.parse(await meeting.control("/calls"));
    const to = (name) => Object.entries(calls).find(([object]) => object.endsWith(name))?.[1] ?? 0;
    expect(to("flood:cluster:all")).toBe(10);
    // Once a second a few callers at a time, because it is slow to answer.
    expect(to("flood:tenant:slow")).toBeLessThan(refused / 5);
    expect(await used("cluster", "all")).toBe(20);
  });

  test("each level answers by its own failure mode, and one that was away is charged afterwards", async () => {
    const put = (name, policy) => meeting.call("PUT", `/policies/${name}`, policy);
    await put("away.open", window(5, { provider: "away-open" }));
    await put("away.closed", window(5, { provider: "away-closed", failMode: "closed" }));
    await put("below.open", window(5, { provider: "below-open", parent: { policy: "away.open", identifier: "last" } }));
    await put(
      "below.closed",
      window(5, { provider: "below-closed", parent: { policy: "away.closed", identifier: "last" } }),
    );
    await sleep(5_100);
    const ask = (policy) => meeting.call("POST", "/limit", { policy, identifier: "u" });
    const used = async (policy, identifier) => {
      const { json } = await meeting.call("GET", `/limit?policy=${policy}&identifier=${identifier}`);
      return json.limits?.[0]?.used ?? 0;
    };
    await meeting.become("broken");
    expect((await ask("below.open")).json).toMatchObject({ success: true, reason: "degraded", source: "fallback" });
    expect((await ask("below.closed")).json).toMatchObject({ code: "objectUnavailable" });
    await meeting.become("well");
    await expect.poll(() => used("below.closed", "u")).toBe(0);
    expect(await used("below.open", "u")).toBe(1);
    // What the absent level did not count is charged to it when it answers again.
    await expect.poll(async () => (await ask("below.open")).json.source, { timeout: 20_000 }).toBe("object");
    await expect.poll(() => used("away.open", "last")).toBe(await used("below.open", "u"));
  });

  test("a process that dies between charge and cancellation leaves one request's units at most", async () => {
    const { ask, used } = await levels(meeting, "dies", { queue: 1, tenant: 100, cluster: 100 });
    expect((await ask("a:q")).status).toBe(200);
    await meeting.become("uncancelled");
    // Refused by its own limit; the levels above have charged, and no cancellation reaches them.
    expect((await ask("a:q", { cost: 1 })).json).toMatchObject({ success: false, decidedBy: "dies.queue" });
    await meeting.kill();
    await meeting.start();
    for (const [level, name] of [
      ["tenant", "a"],
      ["cluster", "all"],
    ]) {
      expect(await used(level, name), level).toBeLessThanOrEqual(2);
      expect(await used(level, name), level).toBeGreaterThanOrEqual(1);
    }
    expect(await used("queue", "a:q")).toBe(1);
  });
});
