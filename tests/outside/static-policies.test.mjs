// Policies that the deployment brings (`TOLLGATE_POLICIES`): in force without a call, in every
// namespace, until one is stored under their name; also while the object that keeps those is out of
// reach; and with the next deployment as that one says.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tollgate as describeTollgate } from "../../scripts/lib/workerd.mjs";
import { server } from "./lib/server.mjs";
import { workerBetween } from "./lib/switched.mjs";

const TOKENS = JSON.stringify([
  { token: "ann", name: "ann", role: "admin" },
  { token: "check", role: "check", inline: false },
  { token: "read", role: "read" },
  { token: "shop", role: "admin", namespace: "shop" },
  { token: "cold", role: "admin", namespace: "cold" },
]);
const window = (limit, rest) => ({
  limits: [{ name: "year", algorithm: "fixedWindow", limit, window: "52w" }],
  ...rest,
});
const FIRST = {
  inbox: { algorithm: "tokenBucket", capacity: 10, refill: { amount: 1, interval: "1d" }, provider: "mail" },
  tenant: window(5, { parent: { policy: "cluster" }, fallbackTo: ["spare"] }),
  "tenant.large": { extends: "tenant", limits: [{ name: "year", limit: 50 }] },
  cluster: window(7),
  spare: window(1),
  own: window(3, { askedBy: ["ann"] }),
};
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const as = (token) => ({ token });

/** A server of a deployment that brings these. */
const serving = (policies, rest) => server({ tokens: TOKENS, texts: { TOLLGATE_POLICIES: policies }, ...rest });

/** Has the next start be one of a deployment that brings these. */
function deploy(main, policies) {
  const file = join(main.directory, "workerd.capnp");
  const text = readFileSync(file, "utf8");
  const setting = /\(name = "TOLLGATE_POLICIES", text = "(?:[^"\\]|\\.)*"\)/;
  expect(text).toMatch(setting);
  const value = JSON.stringify(JSON.stringify(policies));
  writeFileSync(
    file,
    text.replace(setting, () => `(name = "TOLLGATE_POLICIES", text = ${value})`),
  );
}

describe("a deployment that brings policies", () => {
  let main;
  beforeAll(async () => {
    main = await (await serving(JSON.stringify(FIRST))).start();
  });
  afterAll(() => main?.remove());
  const call = (method, path, body, token = "ann", headers = {}) => main.call(method, path, body, { token, headers });
  const ask = (policy, identifier, rest = {}, token = "check") =>
    call("POST", "/limit", { policy, identifier, ...rest }, token);

  test("limits every subject of every namespace at once, though nobody has stored anything", async () => {
    for (const token of ["ann", "shop"]) {
      const answers = await Promise.all(Array.from({ length: 30 }, () => ask("inbox", "new", {}, token)));
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(10);
      expect(answers[0].json).toMatchObject({ policy: "inbox", version: 0, source: "object", limit: 10 });
      expect(answers.filter(({ json }) => json.reason === "degraded")).toEqual([]);
    }
    const shown = (await call("GET", "/limit?policy=inbox&identifier=new", undefined, "read")).json;
    expect(shown.limits[0]).toMatchObject({ policy: "inbox", version: 0, used: 10 });
    expect(shown.subject).toMatchObject({ provider: "mail", identifier: "new" });
    const explained = (await call("GET", "/policies/inbox/explain", undefined, "read")).json;
    expect(explained).toMatchObject({ policy: "inbox", version: 0 });
    expect((await ask("own", "u")).json).toMatchObject({ code: "forbidden" });
    expect((await ask("nobody", "u")).json).toMatchObject({ code: "unknownPolicy" });
  });

  test("has them stand on each other: levels, fallbacks, variants", async () => {
    const answers = [];
    for (let i = 0; i < 6; i++) answers.push((await ask("tenant", "t1")).json);
    expect(answers.map(({ success, policy, fellBackFrom }) => [success, policy, fellBackFrom])).toEqual([
      ...Array.from({ length: 5 }, () => [true, "tenant", undefined]),
      [true, "spare", ["tenant"]],
    ]);
    await sleep(2_000); // until no charge is left that may be taken back
    expect((await ask("tenant.large", "t2", { cost: 2 })).json).toMatchObject({
      success: true,
      limit: 7,
      remaining: 0,
    });
    expect((await ask("tenant.large", "t2", { cost: 0 })).json).toMatchObject({ policy: "tenant.large", version: 0 });
  });

  test("is listed and shown, with roles as for all policies", async () => {
    const { json } = await call("GET", "/policies", undefined, "read");
    expect(json.policies.map(({ name, version, origin }) => [name, version, origin])).toEqual(
      Object.keys(FIRST)
        .sort()
        .map((name) => [name, 0, "static"]),
    );
    const one = await call("GET", "/policies/tenant.large", undefined, "read");
    expect(one.json).toMatchObject({ origin: "static", version: 0, policy: FIRST["tenant.large"], extendedBy: [] });
    expect(one.json.resolved).toMatchObject({ parent: { policy: "cluster" }, limits: [{ limit: 50 }] });
    expect(one.headers.get("etag")).toBe('"0"');
    expect((await call("GET", "/policies", undefined, "check")).status).toBe(200);
    expect((await call("PUT", "/policies/inbox", window(1), "check")).status).toBe(403);
    expect((await call("GET", "/policies/inbox/versions")).json).toEqual({ name: "inbox", versions: [] });
    const refused = await call("DELETE", "/policies/inbox");
    expect(refused).toMatchObject({ status: 409, json: { code: "staticPolicy" } });
    expect(refused.json.detail).toContain("TOLLGATE_POLICIES");
    const below = await call("PUT", "/policies/below", window(1, { parent: { policy: "cluster" } }));
    expect(below).toMatchObject({ status: 400, json: { code: "invalidField", field: "parent" } });
    expect(below.json.detail).toContain("PUT `cluster` first");
    const eventual = { ...window(1), consistency: "eventual" };
    expect((await call("PUT", "/policies/cluster", eventual)).json).toMatchObject({ field: "parent" });
  });

  test("gives way to what is stored, and holds again when that is deleted; no object goes back", async () => {
    const policy = "spare";
    const asked = async (identifier) => {
      const { json } = await ask(policy, identifier, {}, "ann");
      return [json.success, json.limit, json.version];
    };
    expect(await asked("s1")).toEqual([true, 1, 0]);
    expect(await asked("s1")).toEqual([false, 1, 0]);
    const moved = await call("PUT", `/policies/${policy}`, window(9), "ann", { "if-match": '"1"' });
    expect(moved).toMatchObject({ status: 409, json: { code: "versionMoved" } });
    const made = await call("PUT", `/policies/${policy}`, window(9), "ann", { "if-match": '"0"' });
    expect(made).toMatchObject({ status: 201, json: { version: 1, origin: "stored" } });
    // From here at once; what was used stays used.
    expect(await asked("s1")).toEqual([true, 9, 1]);
    expect(await asked("s2")).toEqual([true, 9, 1]);
    const origins = async () => {
      const { policies } = (await call("GET", "/policies")).json;
      const found = policies.find(({ name }) => name === policy);
      return [found.version, found.origin];
    };
    expect(await origins()).toEqual([1, "stored"]);
    expect((await call("DELETE", `/policies/${policy}`)).json).toMatchObject({ version: 2, deleted: true });
    expect(await origins()).toEqual([2, "static"]);
    expect(await asked("s1")).toEqual([false, 1, 2]);
    const { versions } = (await call("GET", `/policies/${policy}/versions`)).json;
    expect(versions.map(({ version, action }) => [version, action])).toEqual([
      [2, "delete"],
      [1, "put"],
    ]);
    const back = await call("POST", `/policies/${policy}/rollback`, { version: 1 });
    expect(back).toMatchObject({ status: 201, json: { version: 3, origin: "stored" } });
    expect(await asked("s1")).toEqual([true, 9, 3]);
    // The other namespace has none of it.
    expect((await ask(policy, "s1", {}, "shop")).json).toMatchObject({ limit: 1, version: 0 });
    expect((await call("DELETE", `/policies/${policy}`)).status).toBe(200);
  });

  test("obeys overrides of its policies and of its subjects", async () => {
    const set = (target, kind, body) => call("PUT", `/overrides/${target}/${kind}`, body);
    expect((await set("policy:inbox", "scale", { factor: 2 })).status).toBe(201);
    await expect.poll(async () => (await ask("inbox", "scaled")).json.limit, { timeout: 7_000 }).toBe(20);
    expect((await set("policy:inbox", "pause", { until: "1h" })).status).toBe(201);
    const paused = async () => (await ask("inbox", "scaled")).json;
    await expect.poll(paused, { timeout: 7_000 }).toMatchObject({ success: false, reason: "paused" });
    expect((await set("policy:cluster", "pause", { until: "reset" })).status).toBe(201);
    expect((await set("policy:nobody", "pause", {})).json).toMatchObject({ code: "unknownPolicy" });
    for (const [target, kind] of [
      ["policy:inbox", "scale"],
      ["policy:inbox", "pause"],
      ["policy:cluster", "pause"],
    ]) {
      expect((await call("DELETE", `/overrides/${target}/${kind}`)).status).toBe(200);
    }
    await expect.poll(paused, { timeout: 7_000 }).toMatchObject({ success: true, limit: 10 });
  });

  test("is followed by others, and by itself again; each holds at once, on what was used before", async () => {
    const body = { policy: "inbox", identifier: "deployed" };
    const asked = async (cost) => {
      const { json } = await call("POST", "/limit", { ...body, cost }, "check");
      return [json.success, json.limit, json.remaining, json.version];
    };
    expect(await asked(4)).toEqual([true, 10, 6, 0]);
    // Stored in between, so that there are versions of which none may be gone back to.
    for (let i = 0; i < 2; i++) {
      expect((await call("PUT", "/policies/inbox", FIRST.inbox)).status).toBe(201);
      expect((await asked(1))[0]).toBe(true);
      expect((await call("DELETE", "/policies/inbox")).status).toBe(200);
    }
    expect(await asked(1)).toEqual([true, 10, 3, 4]);
    const second = { inbox: { ...FIRST.inbox, capacity: 20 }, added: window(2) };
    for (const [policies, limit, remaining] of [
      [second, 20, 12],
      [FIRST, 10, 1],
      [second, 20, 10],
    ]) {
      await main.kill();
      deploy(main, policies);
      await main.start();
      expect(await asked(1)).toEqual([true, limit, remaining, 4]);
    }
    const { json } = await call("GET", "/policies");
    expect(json.policies.map(({ name, origin }) => [name, origin])).toEqual([
      ["added", "static"],
      ["inbox", "static"],
    ]);
    expect((await ask("cluster", "u")).json).toMatchObject({ code: "unknownPolicy" });
    expect((await ask("added", "u")).json).toMatchObject({ success: true, limit: 2, version: 0 });
    // What a stored one was made to suit may be otherwise in the next deployment: then it is told.
    expect((await call("PUT", "/policies/cluster", { ...window(1), consistency: "eventual" })).status).toBe(201);
    await main.kill();
    deploy(main, FIRST);
    await main.start();
    const unfit = await ask("tenant", "u");
    expect(unfit).toMatchObject({ status: 503, json: { code: "policyUnavailable" } });
    expect(unfit.json.detail).toContain("`cluster` would be decided together");
    expect((await ask("inbox", "u")).status).toBe(200);
  });
});

test("the example of the documentation is a setting", async () => {
  const [, example] = /^TOLLGATE_POLICIES = '''([^']*)'''$/m.exec(readFileSync("docs/policies.md", "utf8"));
  const [, commented] = /^# TOLLGATE_POLICIES = '''([^']*)'''$/m.exec(readFileSync("wrangler.toml", "utf8"));
  for (const [policies, names] of [
    [example, ["customer", "customer.trial", "platform"]],
    [commented, ["customer"]],
  ]) {
    const main = await (await serving(policies)).start();
    try {
      const { json } = await main.call("GET", "/policies", undefined, as("read"));
      expect(json.policies.map(({ name }) => name)).toEqual(names);
      const body = { policy: "customer", identifier: "new", cost: 10 };
      expect((await main.call("POST", "/limit", body, as("check"))).json).toMatchObject({ success: true, version: 0 });
      expect((await main.call("POST", "/limit", { ...body, cost: 11 }, as("check"))).status).toBe(429);
    } finally {
      await main.remove();
    }
  }
});

test("out of reach of what is stored they hold, and are called degraded; what KV kept takes their place", async () => {
  const between = workerBetween("PolicyDO", "switched-policies.js");
  const through = (object) => ({ ...object, of: object.className === "PolicyDO" ? "between" : "real" });
  const main = await serving(JSON.stringify(FIRST), {
    texts: { TOLLGATE_POLICIES: JSON.stringify(FIRST), TOLLGATE_DEADLINE_MS: "500" },
    variants: [{ ...describeTollgate(), id: "real" }, between],
    change: (front) => ({ ...front, objects: front.objects.map(through) }),
  });
  try {
    await main.start();
    const become = (how) => fetch(`${main.urlOf("between")}/?how=${how}`, { method: "PUT" });
    const ask = (policy, token, identifier = "u") => main.call("POST", "/limit", { policy, identifier }, as(token));
    expect((await main.call("PUT", "/policies/spare", window(9), as("shop"))).status).toBe(201);
    await sleep(2_500); // KV keeps it a second after the change
    await become("silent");
    const answers = [];
    for (let i = 0; i < 12; i++) answers.push(await ask("inbox", "cold"));
    expect(answers.map(({ status }) => status)).toEqual([...Array.from({ length: 10 }, () => 200), 429, 429]);
    for (const { json } of answers.slice(0, 10)) {
      expect(json).toMatchObject({ policy: "inbox", version: 0, limit: 10, reason: "degraded", source: "object" });
    }
    // What nobody knows is not open.
    expect((await ask("other", "cold")).json).toMatchObject({ code: "policyUnavailable" });
    expect((await ask("spare", "shop")).json).toMatchObject({ limit: 9, version: 1, reason: "degraded" });
    expect((await ask("inbox", "shop")).json).toMatchObject({ limit: 10, version: 0, reason: "degraded" });
    await become("well");
    await sleep(2_500);
    await ask("inbox", "cold", "v");
    const well = async () => (await ask("inbox", "cold", "v")).json.reason;
    await expect.poll(well, { timeout: 5_000 }).toBeUndefined();
  } finally {
    await main.remove();
  }
});

test.each([
  ["[]", "it must be one JSON object of 1 to 64 policies"],
  ["{", "it must be one JSON object of 1 to 64 policies"],
  ['{"a b": {"limit": 1, "window": "1s"}}', "`a b` is no name of a policy"],
  ['{"inbox": {"limits": [{"limit": 1, "window": "0s"}]}}', "in the policy `inbox`: `limits[0].window` must be"],
  ['{"inbox": {"limit": 1, "window": "1s", "parent": {"policy": "x"}}}', "in the policy `inbox`: `parent` names `x`"],
])("what cannot be used is told in the log, and callers see 503: %s", async (policies, told) => {
  const main = await (await serving(policies)).start();
  try {
    for (const path of ["/policies", "/limit?identifier=u"]) {
      const answer = await main.call("GET", path, undefined, as("ann"));
      expect(answer).toMatchObject({ status: 503, json: { code: "notConfigured" } });
      expect(answer.text).not.toContain("POLICIES");
    }
    expect((await main.call("GET", "/healthz", undefined, as(null))).status).toBe(200);
    expect(main.log()).toContain(`The Worker's setting TOLLGATE_POLICIES cannot be used: ${told}`);
  } finally {
    await main.remove();
  }
});
