// A parent that lends: the ceiling over many tenants is asked a few times a second, and never
// exceeded.

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tollgate as describeTollgate } from "../../scripts/lib/workerd.mjs";
import { call, server } from "./lib/server.mjs";
import { switchedServer } from "./lib/switched.mjs";

const TOKENS = { name: "TOLLGATE_TOKENS", text: readFileSync("tests/fixtures/tokens.json", "utf8") };
/** A lease lives a second, and its object waits one longer for what was spent of it. */
const LEASE_MS = 2_000;
/** So long it takes a policy to be known everywhere. */
const KNOWN_MS = 5_100;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const window = (limit, rest) => ({ algorithm: "fixedWindow", limit, window: "52w", ...rest });

/** Makes a ceiling that lends, and the tenants below it: `cluster` over all of them. */
async function make(send, name, { cluster, tenant, settings = {} }) {
  const put = async (policy, body) => {
    const { status, text } = await send("PUT", `/policies/${name}.${policy}`, body);
    expect([200, 201], text).toContain(status);
  };
  await put(
    "cluster",
    window(cluster, { provider: name, scope: "cluster", consistency: "leased", ...settings.cluster }),
  );
  const parent = { policy: `${name}.cluster`, identifier: "all" };
  await put("tenant", window(tenant, { provider: name, scope: "tenant", parent, ...settings.tenant }));
}

/** Asks `count` times by so many callers at once; the answers. */
async function load(count, callers, ask) {
  const answers = [];
  let asked = 0;
  const caller = async () => {
    while (asked < count) answers.push((await ask(asked++)).json);
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return answers;
}

const admitted = (answers) => answers.filter(({ success }) => success).length;

describe("one isolate", () => {
  let main;
  beforeAll(async () => {
    main = await switchedServer();
    const send = (...rest) => main.call(...rest);
    await make(send, "few", { cluster: 100_000, tenant: 3 });
    await make(send, "both", { cluster: 100_000, tenant: 2_000, settings: { tenant: { consistency: "leased" } } });
    await make(send, "held", { cluster: 1_000, tenant: 100 });
    await make(send, "shut", { cluster: 1_000, tenant: 100, settings: { tenant: { failMode: "closed" } } });
    await make(send, "away", { cluster: 1_000, tenant: 100 });
    await sleep(KNOWN_MS);
  });
  afterAll(() => main?.remove());

  const ask = (name, identifier, rest) =>
    main.call("POST", "/limit", { policy: `${name}.tenant`, identifier, ...rest });
  const limitOf = async (name, level, identifier) => {
    const { json } = await main.call("GET", `/limit?policy=${name}.${level}&identifier=${identifier}`);
    return json.limits[0] ?? { used: 0 };
  };

  test("asks the tenants' objects alone, and gives back what tenants refuse", { timeout: 60_000 }, async () => {
    await load(50, 4, (i) => ask("few", `warm${i}`));
    await main.become("well");
    const answers = await load(600, 8, (i) => ask("few", `t${i % 100}`));
    const reached = await main.reached();
    expect(admitted(answers)).toBe(300); // three of each tenant's six
    expect(reached).toBeLessThan(600 * 1.1);
    expect(answers.find(({ success }) => !success)).toMatchObject({ decidedBy: "few.tenant", reason: "limit" });
    await sleep(LEASE_MS);
    expect(await limitOf("few", "cluster", "all")).toMatchObject({ used: 350, remaining: 100_000 - 350 });
    expect(await limitOf("few", "tenant", "t7")).toMatchObject({ used: 3 });
  });

  test("asks nobody where the tenants lend too", { timeout: 60_000 }, async () => {
    await load(50, 4, () => ask("both", "one"));
    await main.become("well");
    const answers = await load(400, 4, () => ask("both", "one"));
    expect(admitted(answers)).toBe(400);
    expect(answers.filter(({ source }) => source === "lease").length).toBeGreaterThan(380);
    expect(await main.reached()).toBeLessThan(40);
    await sleep(LEASE_MS);
    expect(await limitOf("both", "cluster", "all")).toMatchObject({ used: 450 });
    expect(await limitOf("both", "tenant", "one")).toMatchObject({ used: 450 });
  });

  test("holds, refunds and repeats are charged at both levels", { timeout: 60_000 }, async () => {
    await load(60, 4, (i) => ask("held", `t${i % 2}`));
    const { permit } = (await ask("held", "a", { cost: 5, hold: "1m" })).json;
    expect(permit).toBeTruthy();
    expect((await limitOf("held", "cluster", "all")).held).toBe(5);
    expect((await main.call("POST", "/limit/release", { permit })).status).toBe(200);
    const named = { cost: 7, idempotencyKey: "k" };
    expect((await ask("held", "b", named)).json).toMatchObject({ success: true });
    expect((await ask("held", "b", named)).json).toMatchObject({ success: true, repeated: true });
    const operation = { cost: 2, operation: "o" };
    expect((await ask("held", "c", operation)).json).toMatchObject({ success: true });
    // Known to the tenant's object alone, so it takes of the ceiling once more.
    expect((await ask("held", "c", operation)).json).toMatchObject({ success: true, idempotent: false });
    expect((await ask("held", "b", { cost: -3 })).status).toBe(200);
    await sleep(LEASE_MS);
    expect(await limitOf("held", "cluster", "all")).toMatchObject({ used: 60 + 7 + 4 - 3 });
    expect(await limitOf("held", "tenant", "b")).toMatchObject({ used: 4 });
    expect(await limitOf("held", "tenant", "c")).toMatchObject({ used: 2 });
  });

  test("goes on while the ceiling's object is away, by what it was lent", { timeout: 60_000 }, async () => {
    await load(100, 4, (i) => ask("away", `t${i % 4}`));
    await main.become("broken&only=:all");
    const answers = await load(20, 4, (i) => ask("away", `u${i % 4}`));
    expect(answers.every(({ success, reason }) => success && reason === undefined)).toBe(true);
    await main.become("well");
  });

  test("what a tenant's object may have charged is charged to the ceiling too", { timeout: 60_000 }, async () => {
    await load(50, 4, (i) => ask("shut", `t${i % 4}`));
    await main.become("slow&ms=1500&only=:late");
    const operation = { operation: "once" };
    expect((await ask("shut", "late", operation)).status).toBe(503);
    await main.become("well");
    expect((await ask("shut", "late", operation)).json).toMatchObject({ success: true });
    await sleep(LEASE_MS);
    expect((await limitOf("shut", "tenant", "late")).used).toBe(1);
    expect((await limitOf("shut", "cluster", "all")).used).toBeGreaterThanOrEqual(51);
  });

  test("a block of the ceiling holds when the leases are over", { timeout: 60_000 }, async () => {
    await load(50, 4, (i) => ask("few", `block${i}`));
    const all = { provider: "few", scope: "cluster", identifier: "all" };
    const status = (await main.call("GET", "/limit?policy=few.cluster&identifier=all")).json;
    expect(status.inForceAfter).toBeGreaterThan(0);
    expect(status.inForceAfter).toBeLessThanOrEqual(LEASE_MS);
    const explained = (await main.call("GET", "/policies/few.cluster/explain")).json;
    expect(explained.mode).toEqual({ consistency: "leased", holdsFor: "subject", lease: { life: 1_000 } });
    const { json, text } = await main.call("POST", "/limit/block", { ...all, duration: "1m" });
    expect(json.inForceAfter, text).toBeGreaterThan(0);
    expect(json.inForceAfter).toBeLessThanOrEqual(LEASE_MS);
    await sleep(json.inForceAfter);
    expect((await ask("few", "blocked")).json).toMatchObject({ success: false, reason: "blocked" });
  });
});

describe("four isolates", () => {
  const OTHERS = ["S", "U", "V"];
  const ISOLATES = ["T", ...OTHERS];
  let main;
  beforeAll(async () => {
    const variants = OTHERS.map((id) => {
      const other = describeTollgate({ id, texts: [TOKENS] });
      return { ...other, objects: other.objects.map((object) => ({ ...object, of: "T" })) };
    });
    main = await server({ variants });
    await main.start();
  });
  afterAll(() => main?.remove());

  test.each([
    ["tenants that are asked", {}],
    ["tenants that lend", { tenant: { consistency: "leased" } }],
  ])("%s: all of the ceiling is admitted, and not one more", { timeout: 120_000 }, async (what, settings) => {
    const name = what.split(" ").pop();
    const send = (method, path, body) => call(main.url, method, path, body);
    await make(send, name, { cluster: 1_500, tenant: 40, settings });
    await sleep(KNOWN_MS);
    const ask = (i) => {
      const isolate = ISOLATES[i % ISOLATES.length];
      return call(main.urlOf(isolate), "POST", "/limit", { policy: `${name}.tenant`, identifier: `t${i % 97}` });
    };
    const answers = await load(2_000, 16, ask);
    await sleep(2 * LEASE_MS); // what is left is given back
    const rest = await load(200, 1, ask);
    expect(admitted(answers) + admitted(rest)).toBe(1_500);
    expect(admitted(answers)).toBeGreaterThanOrEqual(1_480);
    const { json } = await send("GET", `/limit?policy=${name}.cluster&identifier=all`);
    expect(json.limits[0]).toMatchObject({ used: 1_500, remaining: 0 });
    let used = 0;
    for (let i = 0; i < 97; i++) {
      const { json } = await send("GET", `/limit?policy=${name}.tenant&identifier=t${i}`);
      const own = json.limits[0]?.used ?? 0;
      expect(own).toBeLessThanOrEqual(40);
      used += own;
    }
    expect(used).toBe(1_500);
  });
});
