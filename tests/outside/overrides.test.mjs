// Overrides: set and lifted over HTTP, and in force for named and inline limits, wherever they are
// decided.

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { server } from "./lib/server.mjs";

const TOKENS = JSON.stringify([
  { token: "ann", name: "ann@x.org", role: "admin" },
  { token: "checker", role: "check" },
  { token: "reader", role: "read" },
  { token: "shop", role: "admin", namespace: "shop" },
  { token: "docs", role: "admin", namespace: "docs" },
]);

let main;
beforeAll(async () => {
  main = await (await server({ tokens: TOKENS })).start();
  // Nobody has asked yet, so that the first one to ask knows all of them.
  await put("crm", { limits: [hour(9)], provider: "salesforce" });
  await put("above", { limits: [hour(50)], provider: "above" });
  await put("below", { limits: [hour(5)], provider: "below", parent: { policy: "above" } });
  await put("mail", { limits: [hour(10, { name: "day" })], provider: "smtp", scope: "inbox" });
  await put("cluster", { limits: [hour(3)], provider: "cluster" });
  await put("tenant", { limits: [hour(1)], provider: "tenant", parent: { policy: "cluster" } });
});
afterAll(() => main?.remove());

const as = (token) => ({ token });
const set = (target, kind, body = {}, options = as("ann")) =>
  main.call("PUT", `/overrides/${target}/${kind}`, body, options);
const lift = (target, kind, options = as("ann")) =>
  main.call("DELETE", `/overrides/${target}/${kind}`, undefined, options);
const list = async (query = "") => (await main.call("GET", `/overrides${query}`, undefined, as("reader"))).json;
const put = (name, policy) => main.call("PUT", `/policies/${name}`, policy, as("ann"));
const ask = (body, token = "checker") => main.call("POST", "/limit", body, as(token));
const hour = (limit, more = {}) => ({ algorithm: "fixedWindow", limit, window: "52w", ...more });
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

describe("a pause", () => {
  test("of a provider stops named and inline limits, strong and eventual ones, until it is over", async () => {
    const inline = { provider: "salesforce", identifier: "a", ...hour(9) };
    const eventual = { ...inline, identifier: "e", consistency: "eventual" };
    const named = { identifier: "a", policy: "crm" };
    for (const body of [inline, eventual, named]) expect((await ask(body)).status).toBe(200);
    const paused = await set("provider:salesforce", "pause", { until: "3s", reason: "banned" });
    expect(paused).toMatchObject({
      status: 201,
      json: { target: "provider:salesforce", kind: "pause", reason: "banned", author: "ann@x.org" },
    });
    for (const body of [inline, eventual, named, { ...named, peek: true }, { ...named, cost: 0 }]) {
      const refused = await ask(body);
      expect(refused).toMatchObject({ status: 429, json: { success: false, reason: "paused", source: "cache" } });
      expect(refused.json.retryAfter).toBeGreaterThan(0);
      expect(refused.json.retryAfter).toBeLessThanOrEqual(3_000);
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    }
    const acquired = await main.call(
      "POST",
      "/acquire",
      { identifier: "a", maxTokens: 5, refillRate: 5 },
      as("checker"),
    );
    expect(acquired.json.allowed).toBe(true); // another provider
    const query = await main.call("POST", "/limit?policy=crm&identifier=a", undefined, as("checker"));
    expect(query.json.reason).toBe("paused");
    // All or nothing: the other one is not charged either.
    const other = { identifier: "b", ...hour(5) };
    const multi = await main.call("POST", "/limit/multi", { limits: [other, inline] }, as("checker"));
    expect(multi).toMatchObject({ status: 429, json: { success: false } });
    expect(multi.json.results.map(({ success, reason }) => [success, reason])).toEqual([
      [true, undefined],
      [false, "paused"],
    ]);
    expect((await ask({ ...other, cost: 5 })).status).toBe(200);
    expect((await ask({ ...inline, provider: "other" })).status).toBe(200);
    // A subject of another namespace is not the same provider's.
    expect((await ask(inline, "shop")).status).toBe(200);
    await sleep(3_100 - (Date.now() - paused.json.at));
    for (const body of [inline, eventual, named]) expect((await ask(body)).status).toBe(200);
  });

  test("stops also whom another override raises, and refunds go on", async () => {
    await set("subject:p1//vip", "scale", { factor: 10 });
    const vip = { provider: "p1", identifier: "vip", ...hour(1) };
    for (let i = 0; i < 10; i++) expect((await ask(vip)).status).toBe(200);
    expect((await ask(vip)).json.reason).toBe("limit");
    await set("provider:p1", "pause");
    expect((await ask(vip)).json).toMatchObject({ reason: "paused" });
    expect((await ask(vip)).json.retryAfter).toBeUndefined();
    expect((await ask({ ...vip, cost: -1 })).status).toBe(200);
    expect((await lift("provider:p1", "pause")).status).toBe(200);
    expect((await ask(vip)).status).toBe(200);
    await lift("subject:p1//vip", "scale");
    expect((await ask(vip)).json).toMatchObject({ success: false, limit: 1 });
  });

  test("of a parent stops all below it, and charges none", async () => {
    const below = { identifier: "x", policy: "below" };
    expect((await ask(below)).status).toBe(200);
    await set("policy:above", "deny");
    expect((await ask(below)).json).toMatchObject({ success: false, decidedBy: "above" });
    await lift("policy:above", "deny");
    expect((await ask(below)).json).toMatchObject({ success: true, remaining: 3 });
  });
});

describe("limits are changed", () => {
  test("by the nearest, and what is used stays used", async () => {
    const of = (identifier) => ({ identifier, policy: "mail" });
    expect((await ask({ ...of("acme:1"), cost: 4 })).json.remaining).toBe(6);
    await set("all", "scale", { factor: 100 });
    await set("policy:mail", "scale", { factor: 0.5 });
    expect((await ask(of("acme:1"))).json).toMatchObject({ limit: 5, remaining: 0 });
    await set("prefix:smtp/inbox/acme%3A*", "replace", { limits: [hour(7, { name: "day" })] });
    expect((await ask(of("acme:1"))).json).toMatchObject({ limit: 7, remaining: 1 });
    expect((await ask(of("b"))).json).toMatchObject({ limit: 5, remaining: 4 });
    await set("subject:smtp/inbox/acme%3A1", "bypass");
    for (let i = 0; i < 3; i++) {
      expect((await ask(of("acme:1"))).json).toMatchObject({ success: true, reason: "override" });
    }
    const status = await main.call("GET", "/limit?identifier=acme%3A1&policy=mail", undefined, as("reader"));
    expect(status.json.overrides.map(({ target, kind }) => [target, kind])).toEqual([
      ["subject:smtp/inbox/acme%3A1", "bypass"],
      ["prefix:smtp/inbox/acme%3A*", "replace"],
      ["policy:mail", "scale"],
      ["all", "scale"],
    ]);
    // Under the bypass the policy is as it says itself: 10, and not the 7 of what is further away.
    expect(status.json.limits[0]).toMatchObject({ used: 9, remaining: 1 });
    for (const [target, kind] of [
      ["subject:smtp/inbox/acme%3A1", "bypass"],
      ["prefix:smtp/inbox/acme%3A*", "replace"],
      ["policy:mail", "scale"],
      ["all", "scale"],
    ]) {
      expect((await lift(target, kind)).status).toBe(200);
    }
    expect((await ask(of("acme:1"))).json).toMatchObject({ success: true, limit: 10, remaining: 0 });
  });

  test("by a grant, which is used after the limit's own and once", async () => {
    const of = { identifier: "g", policy: "mail" };
    const granted = await set("subject:smtp/inbox/g", "grant", { units: 5, until: "1h", reason: "sorry" });
    expect(granted).toMatchObject({ status: 201, json: { kind: "grant", units: 5 } });
    expect((await ask({ ...of, cost: 8 })).json).toMatchObject({ success: true, remaining: 2 });
    expect((await ask({ ...of, cost: 8 })).json).toMatchObject({ success: false, reason: "limit" });
    expect((await ask({ ...of, cost: 4 })).json).toMatchObject({ success: true, reason: "override", remaining: 0 });
    const shown = async () =>
      (await main.call("GET", "/limit?identifier=g&policy=mail", undefined, as("reader"))).json.overrides[0];
    expect(await shown()).toMatchObject({ kind: "grant", units: 5, taken: 2, reason: "sorry" });
    // No reset brings it back, nor that it is set once more.
    await main.call("DELETE", "/limit?identifier=g&policy=mail", undefined, as("ann"));
    await set("subject:smtp/inbox/g", "grant", { units: 6, until: "2h" });
    expect(await shown()).toMatchObject({ units: 6, taken: 2 });
    expect((await ask({ ...of, cost: 15 })).status).toBe(429);
    expect((await ask({ ...of, cost: 14 })).json).toMatchObject({ success: true, reason: "override" });
    expect((await ask({ ...of, cost: -5 })).json).toMatchObject({ success: true, remaining: 0 });
    expect(await shown()).toMatchObject({ taken: 1 });
    // A caller's own limits have it too, and what a parent has not stays so.
    await set("provider:gift", "grant", { units: 2, until: "1h" });
    const own = { provider: "gift", identifier: "x", ...hour(1) };
    const answers = [];
    for (let i = 0; i < 4; i++) answers.push((await ask(own)).status);
    expect(answers).toEqual([200, 200, 200, 429]);
    await put("herd", { limits: [hour(3)], provider: "herd" });
    await put("sheep", { limits: [hour(1)], provider: "sheep", parent: { policy: "herd" } });
    await set("policy:sheep", "grant", { units: 50, until: "1h" });
    const below = [];
    for (let i = 0; i < 5; i++) below.push((await ask({ identifier: "g", policy: "sheep" })).status);
    expect(below).toEqual([200, 200, 200, 429, 429]);
    for (const target of ["policy:sheep", "provider:gift"]) await lift(target, "grant");
  });

  test("what a bypass lets through is below a parent's limit all the same", async () => {
    await set("policy:tenant", "bypass");
    const answers = [];
    for (let i = 0; i < 5; i++) answers.push((await ask({ identifier: "t", policy: "tenant" })).status);
    expect(answers).toEqual([200, 200, 200, 429, 429]);
    await lift("policy:tenant", "bypass");
  });
});

describe("they are kept", () => {
  test("listed by their targets, with a version that a change may name", async () => {
    const made = await set("provider:listed", "deny", { except: ["subject:listed//me"] });
    expect(made.headers.get("etag")).toBe(`"${made.json.version}"`);
    expect((await ask({ provider: "listed", identifier: "me", ...hour(1) })).status).toBe(200);
    expect((await ask({ provider: "listed", identifier: "you", ...hour(1) })).json.reason).toBe("override");
    expect((await list("?target=provider:listed")).overrides).toEqual([made.json]);
    const etag = { token: "ann", headers: { "if-match": '"1"' } };
    expect((await set("provider:listed", "deny", {}, etag)).json.code).toBe("versionMoved");
    const none = { token: "ann", headers: { "if-none-match": "*" } };
    expect((await set("provider:listed", "deny", {}, none)).status).toBe(409);
    const gone = await lift("provider:listed", "deny");
    expect(gone.json).toMatchObject({ lifted: true });
    expect((await lift("provider:listed", "deny")).json.code).toBe("unknownOverride");
    const [entry] = (await main.call("GET", "/audit", undefined, as("ann"))).json.entries;
    expect(entry).toMatchObject({ action: "lift", target: "provider:listed", kind: "deny", author: "ann@x.org" });
    expect(entry.before).toMatchObject({ except: ["subject:listed//me"] });
  });

  test("what is wrong is named, and changes nothing", async () => {
    const before = await list();
    for (const [target, kind, body, status, field] of [
      ["nobody", "pause", {}, 400, "target"],
      ["provider:", "pause", {}, 400, "target"],
      ["subject:a/b", "pause", {}, 400, "target"],
      ["subject:a/b/c/d", "pause", {}, 400, "target"],
      ["all", "explode", {}, 400, "kind"],
      ["all", "pause", { until: "yesterday" }, 400, "until"],
      ["all", "pause", { until: 1 }, 400, "until"],
      ["all", "pause", { until: "reset" }, 400, "resetOf"],
      ["all", "scale", { factor: 0 }, 400, "factor"],
      ["all", "scale", { factor: "2" }, 400, "factor"],
      ["all", "replace", { limits: [{ limit: 1 }] }, 400, "limits[0].window"],
      ["all", "grant", { units: 5 }, 400, "until"],
      ["all", "grant", { units: 0, until: "1h" }, 400, "units"],
      ["policy:nobody", "grant", { units: 5, until: "1h" }, 404, undefined],
      ["policy:nobody", "replace", { limits: [hour(1)] }, 404, undefined],
    ]) {
      const refused = await set(target, kind, body);
      expect([target, kind, refused.status, refused.json.field]).toEqual([target, kind, status, field]);
    }
    expect((await set("all", "deny", {}, as("checker"))).status).toBe(403);
    expect((await main.call("GET", "/overrides/all/deny", undefined, as("ann"))).headers.get("allow")).toBe(
      "PUT, DELETE",
    );
    expect(await list()).toEqual(before);
  });
});

test("every call that docs/overrides.md shows does what it says", async () => {
  await main.call("PUT", "/policies/mail", { limits: [hour(10)] }, as("docs"));
  const stages = [{ for: "7d", limit: 1 }, { limit: 2 }];
  const inbox = { provider: "mail", scope: "inbox", limits: [hour(undefined, { stages })] };
  await main.call("PUT", "/policies/inbox", inbox, as("docs"));
  const page = readFileSync("docs/overrides.md", "utf8");
  const shown = [...page.matchAll(/^(PUT|DELETE|GET) (\/\S+)(?: +(\{.*\}))?$/gm)];
  for (const kind of ["pause", "deny", "scale", "bypass", "replace", "grant", "stage"]) {
    expect(
      shown.some(([, method, path]) => method === "PUT" && path.endsWith(`/${kind}`)),
      kind,
    ).toBe(true);
  }
  for (const [line, method, path, body] of shown) {
    const { status } = await main.call(method, path, body && JSON.parse(body), as("docs"));
    expect([200, 201], line).toContain(status);
  }
});

describe("a copy that cannot be had", () => {
  let alone;
  beforeAll(async () => {
    // The object of policies is of a class that never answers.
    const silent = { id: "silent", modules: ["tests/outside/lib/switched-policies.js"] };
    const objects = [
      { binding: "SELF", className: "PolicyDO" },
      { binding: "REAL", className: "PolicyDO" },
    ];
    const through = (object) => (object.className === "PolicyDO" ? { ...object, of: "silent" } : object);
    alone = await server({
      tokens: TOKENS,
      texts: { TOLLGATE_DEADLINE_MS: "500" },
      variants: [{ ...silent, objects }],
      change: (front) => ({ ...front, objects: front.objects.map(through) }),
    });
    await alone.start();
    await fetch(`${alone.urlOf("silent")}/?how=silent`, { method: "PUT" });
  });
  afterAll(() => alone?.remove());

  test("shuts nobody out who brings his limits along, and one request waits for it", async () => {
    const asked = async () => {
      const began = Date.now();
      const answer = await alone.call("POST", "/limit", { identifier: "u", ...hour(100) }, as("checker"));
      expect(answer).toMatchObject({ status: 200, json: { reason: "degraded", source: "object" } });
      return Date.now() - began;
    };
    expect(await asked()).toBeGreaterThan(400);
    for (let i = 0; i < 20; i++) {
      expect(await asked()).toBeLessThan(250);
      await sleep(100);
    }
  });
});
