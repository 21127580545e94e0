// How soon an override is in force in an isolate that did not set it: two Workers of one build,
// with the same objects.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tollgate as describeTollgate } from "../../scripts/lib/workerd.mjs";
import { call, server } from "./lib/server.mjs";

const TOKENS = JSON.stringify([{ token: "ann", name: "ann@x.org", role: "admin" }]);
// An isolate asks anew when what it knows is older than this.
const MAX_AGE_MS = 5_000;

let tollgate;
beforeAll(async () => {
  const other = describeTollgate({ id: "S", texts: [{ name: "TOLLGATE_TOKENS", text: TOKENS }] });
  const objects = other.objects.map((object) => ({ ...object, of: "T" }));
  tollgate = await server({ tokens: TOKENS, variants: [{ ...other, objects }] });
  await tollgate.start();
  for (const [name, policy] of Object.entries(POLICIES)) {
    expect((await set("PUT", `/policies/${name}`, policy)).status).toBe(201);
  }
});
afterAll(() => tollgate?.remove());

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const as = { token: "ann" };
const hour = (limit, more = {}) => ({ algorithm: "fixedWindow", limit, window: "52w", ...more });
const POLICIES = {
  mail: { limits: [hour(1000)], provider: "smtp" },
  below: { limits: [hour(1000)], provider: "below", parent: { policy: "mail", identifier: "parent" } },
  first: { limits: [hour(1)], provider: "first", fallbackTo: ["mail"] },
};
/** Changes something through the first isolate. */
const set = (method, path, body) => call(tollgate.urlOf("T"), method, path, body, as);
/** Asks the other one. */
const ask = (body, path = "/limit") => call(tollgate.urlOf("S"), "POST", path, body, as).then(({ json }) => json);

describe("a subject's override is in force from the next request of another isolate", () => {
  const named = (identifier) => ({ policy: "mail", identifier });
  const target = (identifier, kind) => `/overrides/subject:smtp//${identifier}/${kind}`;
  /** The other isolate has just confirmed what it knows, and asks nobody for two seconds. */
  const confirmed = async (body) => {
    await sleep(MAX_AGE_MS + 100);
    expect((await ask(body)).success).toBe(true);
  };

  test("that stops it, lets it through, or changes its limits, and no longer", { timeout: 30_000 }, async () => {
    await confirmed(named("a"));
    await set("PUT", target("a", "pause"), { until: "1h" });
    expect(await ask(named("a"))).toMatchObject({ success: false, reason: "paused", source: "cache" });
    await confirmed(named("b"));
    await set("DELETE", target("a", "pause"));
    // That a stop is lifted nobody can be told who asks nobody: within five seconds.
    await set("PUT", target("b", "scale"), { factor: 0.001 });
    expect(await ask(named("b"))).toMatchObject({ success: false, limit: 1 });
    expect(await ask(named("a"))).toMatchObject({ success: true });
    await confirmed(named("a"));
    await set("PUT", target("b", "bypass"), { until: "1h" });
    // A refusal is remembered for a second.
    await sleep(1_100);
    expect(await ask(named("b"))).toMatchObject({ success: true, reason: "override" });
  });

  test("at each level, of several checks, and where a policy falls back", { timeout: 30_000 }, async () => {
    await confirmed({ policy: "below", identifier: "c" });
    await set("PUT", target("parent", "deny"), {});
    expect(await ask({ policy: "below", identifier: "c" })).toMatchObject({ success: false, decidedBy: "mail" });
    await confirmed(named("d"));
    await set("PUT", target("e", "deny"), {});
    const limits = [named("d"), named("e"), { provider: "x", identifier: "own", ...hour(9) }];
    const several = await ask({ limits }, "/limit/multi");
    expect(several.results.map(({ success }) => success)).toEqual([true, false, true]);
    // None was charged.
    expect(await ask({ ...limits[2], cost: 9 })).toMatchObject({ success: true, remaining: 0 });
    await confirmed({ policy: "first", identifier: "f" });
    await set("PUT", target("f", "deny"), {});
    expect(await ask({ policy: "first", identifier: "f" })).toMatchObject({ success: false });
  });

  test("for a limit that the caller brings along, and in the older form", { timeout: 30_000 }, async () => {
    const own = (identifier) => ({ provider: "smtp", identifier, ...hour(9) });
    await confirmed(own("g"));
    await set("PUT", target("g", "deny"), {});
    expect(await ask(own("g"))).toMatchObject({ success: false, reason: "override" });
    const acquire = { identifier: "h", maxTokens: 5, refillRate: 5 };
    await confirmed(own("x"));
    expect(await ask(acquire, "/acquire")).toMatchObject({ allowed: true });
    await set("PUT", "/overrides/subject:default//h/deny", {});
    expect(await ask(acquire, "/acquire")).toMatchObject({ allowed: false });
  });
});

test("a provider's pause is in force everywhere within five seconds", { timeout: 30_000 }, async () => {
  const own = (identifier) => ({ provider: "wide", identifier, ...hour(1000), consistency: "eventual" });
  expect((await ask(own("a"))).success).toBe(true);
  const { json } = await set("PUT", "/overrides/provider:wide/pause", { until: "1h" });
  let answer;
  do {
    await sleep(50);
    answer = await ask(own("a"));
  } while (answer.success && Date.now() < json.at + MAX_AGE_MS + 1_000);
  expect(answer).toMatchObject({ success: false, reason: "paused" });
  expect(Date.now() - json.at).toBeLessThan(MAX_AGE_MS + 1_000);
});
