// Named policies: kept, changed and undone over HTTP, and in force for who asks by name.

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { server } from "./lib/server.mjs";

const TOKENS = JSON.stringify([
  { token: "ann", name: "ann@x.org", role: "admin" },
  { token: "checker", name: "checker", role: "check", inline: false },
  { token: "other", name: "other", role: "check" },
  { token: "reader", role: "read" },
  { token: "shop", name: "ann", role: "admin", namespace: "shop" },
  { token: "docs", role: "admin", namespace: "docs" },
]);

const ann = { token: "ann" };
const hour = (limit) => ({ limits: [{ name: "hour", algorithm: "fixedWindow", limit, window: "52w" }] });

let main;
beforeAll(async () => {
  main = await (await server({ tokens: TOKENS })).start();
});
afterAll(() => main?.remove());

const put = (name, policy, options = ann, query = "") => main.call("PUT", `/policies/${name}${query}`, policy, options);
const get = (path, options = ann) => main.call("GET", path, undefined, options);
const ask = (body, token = "checker") => main.call("POST", "/limit", body, { token });
/** A change is in force everywhere after five seconds; whoever has not asked yet asks at once. */
const inForce = () => new Promise((resolve) => setTimeout(resolve, 5_100));

describe("policies are kept", () => {
  test("made, read, listed, changed, deleted and made again, with versions that only rise", async () => {
    const made = await put("mail", hour(100), ann, "?reason=first");
    expect(made).toMatchObject({
      status: 201,
      json: {
        name: "mail",
        version: 1,
        author: "ann@x.org",
        reason: "first",
        policy: hour(100),
        changed: [{ name: "mail", version: 1 }],
      },
    });
    expect(made.headers.get("etag")).toBe('"1"');
    expect(made.json.at).toBeGreaterThan(Date.now() - 60_000);
    const again = await put("mail", hour(100));
    expect(again).toMatchObject({ status: 200, json: { version: 1, changed: [] } });
    expect(await put("mail", hour(50))).toMatchObject({ status: 200, json: { version: 2 } });
    expect((await get("/policies/mail", { token: "reader" })).json).toMatchObject({ version: 2, policy: hour(50) });
    expect((await get("/policies", { token: "reader" })).json.policies).toContainEqual(
      expect.objectContaining({ name: "mail", version: 2 }),
    );
    const gone = await main.call("DELETE", "/policies/mail?reason=unused", undefined, ann);
    expect(gone).toMatchObject({ status: 200, json: { name: "mail", version: 3, deleted: true } });
    expect((await get("/policies/mail")).json.code).toBe("unknownPolicy");
    expect(await put("mail", hour(7))).toMatchObject({ status: 201, json: { version: 4 } });
    const past = (await get("/policies/mail/versions")).json.versions;
    expect(past.map(({ version, action }) => [version, action])).toEqual([
      [4, "put"],
      [3, "delete"],
      [2, "put"],
      [1, "put"],
    ]);
    expect(past[1].policy).toBeUndefined();
    const back = await main.call("POST", "/policies/mail/rollback", { version: 1, reason: "oops" }, ann);
    expect(back).toMatchObject({ status: 200, json: { version: 5, policy: hour(100), reason: "oops" } });
    const [entry, before] = (await get("/audit")).json.entries;
    expect(entry).toMatchObject({
      action: "rollback",
      author: "ann@x.org",
      reason: "oops",
      policy: "mail",
      version: 5,
      before: hour(7),
      after: hour(100),
      changed: ["mail"],
    });
    expect((await get(`/audit?before=${entry.id}`)).json.entries[0]).toEqual(before);
    expect((await main.call("POST", "/policies/mail/rollback", { version: 3 }, ann)).json.code).toBe("unknownVersion");
  });

  test("a change is made only of what its author has read", async () => {
    await put("matched", hour(1));
    const match = (value) => ({ ...ann, headers: { "if-match": value } });
    for (const value of ['"1"', "2", "*"]) {
      expect(
        (await put("matched", hour(10 + Number.parseInt(value.replaceAll('"', ""), 10) || 9), match(value))).status,
      ).toBe(200);
    }
    const lost = await put("matched", hour(99), match("1"));
    expect(lost).toMatchObject({ status: 409, json: { code: "versionMoved" } });
    expect((await put("never", hour(99), match("*"))).status).toBe(409);
    expect((await put("matched", hour(99), { ...ann, headers: { "if-none-match": "*" } })).status).toBe(409);
    expect((await put("matched", hour(99), match("yesterday"))).json).toMatchObject({
      code: "invalidField",
      field: "If-Match",
    });
    expect((await main.call("DELETE", "/policies/matched", undefined, match("1"))).status).toBe(409);
    expect((await get("/policies/matched")).json.version).toBe(4);
    expect((await get("/policies/never")).status).toBe(404);
  });

  test("bases: what extends them changes with them, and keeps them", async () => {
    await put("base", hour(100));
    await put("child", { extends: "base", limits: [{ name: "hour", limit: 10 }] });
    await put("grandchild", { extends: "child", failMode: "closed" });
    const dry = await put("base", { ...hour(100), failMode: "closed" }, ann, "?dryRun=true");
    expect(dry.json).toMatchObject({
      dryRun: true,
      changed: [
        { name: "base", version: 2 },
        { name: "child", version: 2 },
        { name: "grandchild", version: 2 },
      ],
    });
    expect((await get("/policies/base")).json).toMatchObject({ version: 1, extendedBy: ["child"] });
    const window = hour(100);
    window.limits[0].window = "1d";
    expect((await put("base", window)).json.changed.map(({ name }) => name)).toEqual(["base", "child", "grandchild"]);
    expect((await get("/policies/grandchild")).json).toMatchObject({
      version: 2,
      policy: { extends: "child", failMode: "closed" },
      resolved: { failMode: "closed", limits: [{ name: "hour", limit: 10, window: 86_400_000 }] },
    });
    expect((await get("/policies/child/versions")).json.versions[0].action).toBe("base");
    const used = await main.call("DELETE", "/policies/base", undefined, ann);
    expect(used).toMatchObject({ status: 409, json: { code: "policyInUse" } });
    expect(used.json.detail).toContain("child");
    const circle = await put("base", { extends: "grandchild" });
    expect(circle).toMatchObject({ status: 400, json: { code: "invalidField", field: "extends" } });
    expect(circle.json.detail).toContain("base extends grandchild extends child extends base");
    // Rolled back to what was written, over the base of today.
    await put("child", { extends: "base", limits: [{ name: "hour", limit: 20 }] });
    await put("base", { ...window, refunds: false });
    const back = await main.call("POST", "/policies/child/rollback", { version: 1 }, ann);
    expect(back.json.resolved).toMatchObject({ refunds: false, limits: [{ limit: 10, window: 86_400_000 }] });
  });

  test("bad policies, names and queries are refused by name, and change nothing", async () => {
    const revision = async () => (await get("/policies")).json.revision;
    const before = await revision();
    const long = { ...hour(1), description: "x".repeat(1_024) };
    const table = [
      ["a", { limits: [] }, "limits", 400],
      ["a", { ...hour(1), colour: "red" }, "colour", 400],
      ["a", { ...hour(1), extends: "nobody" }, "extends", 400],
      ["a", { ...hour(-1) }, "limits[0].limit", 400],
      ["a", "{", "body", 400],
      ["a%20b", hour(1), "name", 400],
      ["x".repeat(65), hour(1), "name", 400],
      ["a?reason=a&reason=b", hour(1), "reason", 400],
      [`a?reason=${"x".repeat(1_025)}`, hour(1), "reason", 400],
      ["a?dryRun=perhaps", hour(1), "dryRun", 400],
      ["a", `${JSON.stringify(long)}${" ".repeat(40_000)}`, undefined, 413],
    ];
    for (const [name, policy, field, status] of table) {
      const answer = await put(name, policy);
      expect(answer.status, `${name} ${answer.text}`).toBe(status);
      expect(answer.json.field, name).toBe(field);
    }
    expect((await get("/policies?all=1")).json.field).toBe("all");
    expect((await get("/audit?before=x")).json.field).toBe("before");
    expect((await get("/policies/a/versions")).status).toBe(404);
    expect((await main.call("POST", "/policies/mail/rollback", {}, ann)).json.field).toBe("version");
    expect(await revision()).toBe(before);
  });

  test("roles: who may look, and who may change", async () => {
    for (const token of ["checker", "reader"]) {
      expect((await put("roles", hour(1), { token })).status, token).toBe(403);
      expect((await main.call("DELETE", "/policies/mail", undefined, { token })).status, token).toBe(403);
      expect((await main.call("POST", "/policies/mail/rollback", { version: 1 }, { token })).status, token).toBe(403);
      expect((await get("/audit", { token })).status, token).toBe(403);
      expect((await get("/policies", { token })).status, token).toBe(200);
    }
    expect((await get("/policies", { token: null })).status).toBe(401);
    expect((await main.call("PATCH", "/policies/mail", "{}", ann)).headers.get("allow")).toBe("GET, PUT, DELETE");
  });

  test("namespaces share nothing", async () => {
    expect((await get("/policies", { token: "shop" })).json).toEqual({ revision: 0, policies: [] });
    await put("mine", hour(1), { token: "shop" });
    expect((await get("/policies/mine")).status).toBe(404);
    expect((await get("/audit", { token: "shop" })).json.entries).toHaveLength(1);
  });
});

test("every policy that docs/policies.md shows is one", async () => {
  const page = readFileSync("docs/policies.md", "utf8");
  const blocks = [...page.matchAll(/```json\n([\s\S]*?)```/g)].flatMap(([, block]) => block.split(/^(?=PUT )/m));
  const shown = blocks.map((block) => /^PUT \/policies\/(\S+)\s+([\s\S]*)$/.exec(block)).filter(Boolean);
  const [, curl] = /curl -X PUT \S+\/policies\/github.rest .*-d '([\s\S]*?)'/.exec(page);
  const all = [...shown.map(([, name, text]) => [name, text]), ["github.rest", curl]];
  expect(all.map(([name]) => name)).toEqual([
    "mail",
    "mail.new",
    "mail.bulk",
    "cluster",
    "tenant",
    "queue",
    "model.small",
    "model.large",
    "visitors",
    "login",
    "inbox",
    "github.rest",
  ]);
  for (const [name, text] of all) {
    const answer = await main.call("PUT", `/policies/${name}`, text, { token: "docs" });
    expect(answer.status, `${name} ${answer.text}`).toBe(201);
  }
  const queue = { policy: "queue", identifier: "acme:mail" };
  const answer = await main.call("POST", "/limit", queue, { token: "docs" });
  expect(answer.json).toMatchObject({ success: true, policy: "queue", permit: expect.any(String) });
});

test.each(["runbooks", "connectors", "fairness", "outbound"])(
  "every call with a body that docs/%s.md shows is answered",
  async (page) => {
    const text = readFileSync(`docs/${page}.md`, "utf8");
    const blocks = [...text.matchAll(/```json\n([\s\S]*?)```/g)].map(([, block]) => block.trim());
    expect(blocks.length).toBeGreaterThan(2);
    const calls = blocks.map((block) => /^(PUT|POST) (\S+)\s+([\s\S]*)$/.exec(block).slice(1));
    // Policies first: a check that is shown may name one that is shown after it.
    calls.sort(([one], [other]) => (one === other ? 0 : one === "PUT" ? -1 : 1));
    for (const [method, path, body] of calls) {
      if (path.startsWith("/limit")) await inForce();
      const answer = await main.call(method, path, body, { token: "docs" });
      expect([200, 201], `${method} ${path} ${answer.text}`).toContain(answer.status);
    }
  },
);

describe("policies are in force", () => {
  test("for who asks by name, with its name and version, and after a change by the new one", async () => {
    await put("forced", { ...hour(3), provider: "mailer" });
    await inForce();
    const body = { policy: "forced", identifier: "u1" };
    expect(await ask(body)).toMatchObject({
      status: 200,
      json: { success: true, limit: 3, remaining: 2, policy: "forced", version: 1, source: "object" },
    });
    await put("forced", { ...hour(5), provider: "mailer" });
    await inForce();
    expect((await ask(body)).json).toMatchObject({ limit: 5, remaining: 3, version: 2 });
    await main.call("POST", "/policies/forced/rollback", { version: 1 }, ann);
    await inForce();
    expect((await ask(body)).json).toMatchObject({ limit: 3, remaining: 0, version: 3 });
    expect(await ask(body)).toMatchObject({ status: 429, json: { limitedBy: "hour", policy: "forced" } });
    const multi = await main.call("POST", "/limit/multi", { limits: [body, { ...body, identifier: "u2" }] }, ann);
    expect(multi).toMatchObject({ status: 429, json: { success: false } });
    expect(multi.json.results.map(({ version }) => version)).toEqual([3, 3]);
    await main.call("DELETE", "/policies/forced", undefined, ann);
    await inForce();
    expect(await ask(body)).toMatchObject({ status: 404, json: { code: "unknownPolicy", field: "policy" } });
  });

  test("without a body: the same answers, and as strict", async () => {
    await put("queried", hour(5));
    await inForce();
    const query = (text, init = {}) =>
      fetch(`${main.url}/limit?${text}`, { method: "POST", headers: { authorization: "Bearer checker" }, ...init });
    const first = await query("policy=queried&identifier=a%20b");
    expect([first.status, await first.json()]).toMatchObject([200, { remaining: 4, policy: "queried", version: 1 }]);
    expect(first.headers.get("ratelimit")).toContain("r=4");
    expect((await ask({ policy: "queried", identifier: "a b", cost: 2 })).json.remaining).toBe(2);
    expect(await (await query("policy=queried&identifier=a%20b&cost=3&peek=true")).json()).toMatchObject({
      success: false,
      reason: "limit",
    });
    expect((await query("policy=queried&identifier=a%20b&cost=2&provider=default&scope=")).status).toBe(200);
    for (const [text, field] of [
      ["policy=queried", "identifier"],
      ["identifier=a", "policy"],
      ["policy=queried&identifier=a&cost=1.5", "cost"],
      ["policy=queried&identifier=a&peek=1", "peek"],
      ["policy=queried&identifier=a&hold=1m&maxDelay=1s", "hold"],
      ["policy=queried&identifier=a&maxDelay=soon", "maxDelay"],
      ["policy=queried&identifier=a&limit=5", "limit"],
      ["policy=queried&identifier=a&identifier=b", "identifier"],
    ]) {
      const answer = await query(text);
      expect([answer.status, (await answer.json()).field], text).toEqual([400, field]);
    }
    const both = await query("policy=queried&identifier=a", { body: "{}" });
    expect([both.status, (await both.json()).field]).toEqual([400, "body"]);
    const streamed = new ReadableStream({ start: (controller) => controller.close() });
    expect((await query("policy=queried&identifier=s", { body: streamed, duplex: "half" })).status).toBe(200);
    expect((await query("policy=queried&identifier=a", { headers: {} })).status).toBe(401);
  });

  test("explained: the worst case, the way back, and a subject's next admissions", async () => {
    await put("explained", {
      limits: [{ algorithm: "tokenBucket", capacity: 3, refill: { amount: 1, interval: "1m" } }],
    });
    await inForce();
    const explain = (query = "") => get(`/policies/explained/explain${query}`, { token: "reader" });
    const { json } = await explain();
    expect(json).toMatchObject({
      policy: "explained",
      version: 1,
      mode: { consistency: "strong", holdsFor: "subject" },
      failMode: { mode: "open", admits: "all" },
      limits: [{ label: "1/1m", algorithm: "tokenBucket", limit: 3, worstCase: { perHour: expect.any(Number) } }],
    });
    expect(json.limits[0].curve.at(-1)).toEqual({ at: 180_000, available: 3 });
    expect(json.next).toBeUndefined();
    for (let i = 0; i < 2; i++) await ask({ policy: "explained", identifier: "u1" });
    const { next } = (await explain("?identifier=u1")).json;
    expect(next).toHaveLength(10);
    expect(next[0]).toBe(0);
    expect(next[1]).toBeGreaterThan(50_000);
    expect((await ask({ policy: "explained", identifier: "u1" })).json.remaining).toBe(0);
    expect((await explain("?provider=x")).json.field).toBe("identifier");
    expect((await get("/policies/nothing/explain")).status).toBe(404);
  });

  test("the schema is served to editors", async () => {
    const { status, json } = await get("/schemas/policy.json", { token: null });
    expect([status, json.$schema]).toEqual([200, "http://json-schema.org/draft-07/schema#"]);
  });

  test("its provider and scope are the subject's", async () => {
    await put("scoped", { ...hour(1), provider: "github", scope: "rest" });
    await inForce();
    const body = { policy: "scoped", identifier: "u1" };
    expect((await ask({ ...body, provider: "gitlab" })).json).toMatchObject({
      code: "invalidField",
      field: "provider",
    });
    expect((await ask({ ...body, scope: "graphql" })).json.field).toBe("scope");
    expect((await ask({ ...body, provider: "github", scope: "rest" })).status).toBe(200);
    const state = (query) => get(`/limit?${query}`, { token: "reader" });
    expect((await state("policy=scoped&identifier=u1")).json.limits[0]).toMatchObject({ policy: "scoped", used: 1 });
    expect((await state("policy=scoped&identifier=u1&provider=gitlab")).json.field).toBe("provider");
    const reset = await main.call("DELETE", "/limit?policy=scoped&identifier=u1", undefined, ann);
    expect(reset.status).toBe(200);
    expect((await ask(body)).status).toBe(200);
    expect((await ask(body)).status).toBe(429);
    const block = { policy: "scoped", identifier: "u2", duration: "1h" };
    expect((await main.call("POST", "/limit/block", block, ann)).status).toBe(200);
    expect((await ask({ ...body, identifier: "u2" })).json.reason).toBe("blocked");
  });

  test("`askedBy` names the tokens that may ask, and `inline: false` brings no limits", async () => {
    await put("few", { ...hour(1), askedBy: ["checker"] });
    await inForce();
    const body = { policy: "few", identifier: "u1" };
    for (const token of ["other", "ann"]) {
      expect((await ask(body, token)).json, token).toMatchObject({ status: 403, code: "forbidden", field: "policy" });
    }
    expect((await ask(body)).status).toBe(200);
    expect((await ask({ identifier: "u1", limit: 9, window: "1h" })).json.code).toBe("inlineForbidden");
  });

  test("where `inline: false` refuses, nothing is charged, named limits in the same request included", async () => {
    await put("bound", hour(5));
    const named = { policy: "bound", identifier: "named" };
    // Their policy is known now, so that it is not what the requests below wait or fail for.
    await inForce();
    expect((await ask({ ...named, peek: true })).status).toBe(200);
    const inline = { identifier: "inline", limit: 5, window: "52w" };
    const forbidden = [
      ["/limit", inline],
      ["/limit", { ...inline, peek: true }],
      ["/limit", { ...inline, cost: -1 }],
      ["/limit", { ...inline, consistency: "eventual" }],
      ["/limit/multi", { limits: [inline] }],
      ["/limit/multi", { limits: [inline, named] }],
      ["/limit/multi", { limits: [named, inline] }],
      ["/limit/multi", { limits: [named, inline, { ...named, identifier: "other" }] }],
      ["/acquire", { identifier: "inline", maxTokens: 5, refillRate: 0.001 }],
    ];
    for (const [path, body] of forbidden) {
      const { status, json } = await main.call("POST", path, body, { token: "checker" });
      expect([status, json.code], `${path} ${JSON.stringify(body)}`).toEqual([403, "inlineForbidden"]);
    }
    for (const identifier of ["inline", "named", "other"]) {
      // Looking brings no limits along.
      const seen = await main.call("GET", `/limit?identifier=${identifier}`, undefined, { token: "checker" });
      expect([seen.status, seen.json.limits], identifier).toEqual([200, []]);
    }
    expect((await ask(named)).json.remaining).toBe(4);
  });

  test("where `inline: false` refuses, no Redis command is executed", async () => {
    const token = "checker";
    for (const [method, path, body] of [
      ["POST", "/", ["SET", "bound", "1"]],
      ["POST", "/pipeline", [["SET", "bound", "1"]]],
      ["POST", "/multi-exec", [["SET", "bound", "1"]]],
      ["POST", "/upstash", ["SET", "bound", "1"]],
      ["GET", "/upstash/set/bound/1", undefined],
      ["POST", "/", ["GET", "bound"]],
      ["POST", "/", ["PING"]],
    ]) {
      const { status, json } = await main.call(method, path, body, { token });
      expect([status, json.error], path).toEqual([403, expect.stringMatching(/^NOPERM /)]);
    }
    expect((await main.call("POST", "/", ["GET", "bound"], { token: "other" })).json).toEqual({ result: null });
  });

  test("what the policy cannot be asked is said", async () => {
    await put("plain", { ...hour(5), refunds: false });
    await put("counted", { ...hour(100), consistency: "eventual" });
    await inForce();
    expect((await ask({ policy: "plain", identifier: "u", hold: "1m", maxDelay: "1s" })).json.field).toBe("hold");
    expect((await ask({ policy: "plain", identifier: "u", cost: -1 })).json.field).toBe("cost");
    expect((await ask({ policy: "plain", identifier: "u", failMode: "open" })).json.field).toBe("failMode");
    const multi = await main.call("POST", "/limit/multi", { limits: [{ policy: "counted", identifier: "u" }] }, ann);
    expect(multi.json).toMatchObject({ code: "invalidField", field: "limits[0].policy" });
    expect((await ask({ policy: "counted", identifier: "u" })).json).toMatchObject({ success: true, source: "kv" });
  });
});
