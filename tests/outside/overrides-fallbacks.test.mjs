// A `deny` falls back to nobody, from the next request of another isolate on: also where that one
// refuses by itself, because of a pause or of what it remembers, and would be admitted by another
// policy. And what is not enforced does not pass a stop. The other isolate, S, reaches the objects
// through Workers that count the calls and can fail.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { tollgate as describeTollgate } from "../../scripts/lib/workerd.mjs";
import { call, server } from "./lib/server.mjs";
import { workerBetween } from "./lib/switched.mjs";

const TOKENS = JSON.stringify([{ token: "ann", name: "ann@x.org", role: "admin" }]);
const as = { token: "ann" };
/** In force everywhere after this time. */
const EVERYWHERE_MS = 5_100;

let tollgate;
beforeAll(async () => {
  const other = describeTollgate({ id: "S", texts: [{ name: "TOLLGATE_TOKENS", text: TOKENS }] });
  const through = { RateLimitDO: "between", PolicyDO: "policies" };
  const objects = other.objects.map((object) => ({ ...object, of: through[object.className] ?? "T" }));
  const services = [{ binding: "LOCAL_5_10", of: "binding" }];
  const variants = [
    { ...other, objects, services },
    workerBetween("RateLimitDO", "switched.js", "T"),
    { ...workerBetween("PolicyDO", "switched-policies.js", "T"), id: "policies" },
    { id: "binding", modules: ["tests/outside/lib/binding.js"], objects: [] },
  ];
  tollgate = await server({ tokens: TOKENS, variants });
  await tollgate.start();
  for (const [name, policy] of Object.entries(POLICIES)) {
    expect((await set("PUT", `/policies/${name}`, policy)).status, name).toBe(201);
  }
  await sleep(EVERYWHERE_MS);
});
afterAll(() => tollgate?.remove());

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const policy = (provider, limit, more = {}) => ({
  limits: [{ algorithm: "fixedWindow", limit, window: "52w" }],
  provider,
  ...more,
});
const POLICIES = {
  small: policy("small", 1000),
  quick: policy("quick", 1000, { consistency: "eventual" }),
  cluster: policy("cluster", 1),
  large: policy("large", 100, { fallbackTo: ["small"] }),
  spent: policy("spent", 1, { fallbackTo: ["small"] }),
  hurried: policy("hurried", 1, { fallbackTo: ["quick"] }),
  child: policy("child", 100, { parent: { policy: "cluster" }, fallbackTo: ["small"] }),
  flooded: policy("flooded", 100, { shed: { limit: 5, window: "10s" }, fallbackTo: ["small"] }),
  kept: policy("kept", 100, { record: { share: 1, days: 1 }, fallbackTo: ["small"] }),
  sites: policy("site", 1, { ipv6Prefix: 64, fallbackTo: ["small"] }),
  tried: policy("tried", 1, { shadow: true }),
  trying: policy("trying", 100, { parent: { policy: "tried", identifier: "{identifier}" } }),
};
/** Changes something through the first isolate. */
const set = (method, path, body) => call(tollgate.urlOf("T"), method, path, body, as);
const deny = async (target) => expect((await set("PUT", `/overrides/subject:${target}/deny`, {})).status).toBe(201);
const pause = (target) => set("PUT", `/overrides/${target}/pause`, { until: "1h" });
/** Asks the other one. */
const ask = (policy, identifier, more) =>
  call(tollgate.urlOf("S"), "POST", "/limit", { policy, identifier, ...more }, as).then(({ json }) => json);
const become = (how, id = "between") => fetch(`${tollgate.urlOf(id)}/?how=${how}`, { method: "PUT" });
const reached = async (id = "between") => Number(await (await fetch(tollgate.urlOf(id))).text());
/** Once the other isolate has just confirmed what it knows, and asks nobody for two seconds. */
const confirmed = async () => {
  await sleep(EVERYWHERE_MS);
  expect((await ask("small", "confirmed")).success).toBe(true);
};
const DENIED = { success: false, reason: "override" };

beforeEach(() => become("well"));

describe("a deny of a subject holds in an isolate that knows of none", () => {
  test("where it was paused before, by its name or by its provider", { timeout: 40_000 }, async () => {
    await pause("subject:large//a");
    await confirmed();
    expect(await ask("large", "a")).toMatchObject({ success: true, fellBackFrom: ["large"] });
    await deny("large//a");
    expect(await ask("large", "a", { peek: true })).toMatchObject(DENIED);
    expect(await ask("large", "a")).toMatchObject(DENIED);
    await pause("provider:large");
    await confirmed();
    expect(await ask("large", "b")).toMatchObject({ success: true, fellBackFrom: ["large"] });
    await deny("large//b");
    expect(await ask("large", "b", { cost: 0 })).toMatchObject(DENIED);
    await set("DELETE", "/overrides/provider:large/pause");
  });

  test("where it was refused a moment ago, whoever would admit it", { timeout: 40_000 }, async () => {
    await confirmed();
    for (const [policy, target, identifier] of [
      ["spent", "spent//c", "c"],
      ["hurried", "hurried//c", "c"],
      ["sites", `site//${encodeURIComponent("2001:db8:1:2::/64")}`, "2001:db8:1:2::7"],
    ]) {
      expect(await ask(policy, identifier)).toMatchObject({ success: true, policy });
      expect(await ask(policy, identifier)).toMatchObject({ success: true, fellBackFrom: [policy] });
      await deny(target);
      expect(await ask(policy, identifier), policy).toMatchObject(DENIED);
    }
    await become("refuses", "binding");
    expect(await ask("flooded", "c")).toMatchObject({ success: true, fellBackFrom: ["flooded"] });
    await deny("flooded//c");
    expect(await ask("flooded", "c")).toMatchObject(DENIED);
  });

  test("at each level of a policy that falls back, whichever of them refuses", { timeout: 40_000 }, async () => {
    await confirmed();
    expect(await ask("child", "d")).toMatchObject({ success: true, policy: "child" });
    await sleep(2_000); // until no charge is left that may be taken back
    for (const identifier of ["d", "e"]) {
      expect(await ask("child", identifier)).toMatchObject({ success: true, fellBackFrom: ["child"] });
    }
    await deny("child//d");
    expect(await ask("child", "d")).toMatchObject(DENIED);
    // Behind a pause of the parent.
    await set("DELETE", "/limit?policy=cluster&identifier=all");
    await pause("provider:cluster");
    await confirmed();
    expect(await ask("child", "e")).toMatchObject({ success: true, fellBackFrom: ["child"] });
    await deny("child//e");
    expect(await ask("child", "e")).toMatchObject(DENIED);
    expect(await ask("child", "f")).toMatchObject({ success: true, fellBackFrom: ["child"] });
    await deny("cluster//all");
    expect(await ask("child", "f")).toMatchObject(DENIED);
  });

  test("where its policy is not enforced and would have refused it, or a level of it is not", {
    timeout: 40_000,
  }, async () => {
    await confirmed();
    for (let i = 0; i < 2; i++) expect(await ask("tried", "g")).toMatchObject({ success: true });
    await deny("tried//g");
    expect(await ask("tried", "g")).toMatchObject(DENIED);
    expect(await ask("trying", "h")).toMatchObject({ success: true });
    await deny("tried//h");
    expect(await ask("trying", "h")).toMatchObject(DENIED);
  });

  test("where its own object is out of reach: then the overrides are asked for", { timeout: 40_000 }, async () => {
    await pause("subject:large//i");
    await confirmed();
    expect(await ask("large", "i")).toMatchObject({ success: true, fellBackFrom: ["large"] });
    await deny("large//i");
    await become("broken");
    expect(await ask("large", "i")).toMatchObject(DENIED);
    // Of one that is only paused nothing else is known, and the next policy's failure mode is open.
    await pause("subject:large//j");
    await become("well");
    await confirmed();
    await become("broken");
    expect(await ask("large", "j")).toMatchObject({ success: true, reason: "degraded", fellBackFrom: ["large"] });
  });
});

test("of many requests that look for it one asks at a time what has changed", { timeout: 40_000 }, async () => {
  await confirmed();
  await deny("small//m");
  await become("slow", "policies");
  const answers = await Promise.all(Array.from({ length: 50 }, () => ask("small", "m")));
  expect(answers.filter(({ reason }) => reason === "override")).toHaveLength(50);
  // As many as have begun before the answers of those before: each needs one sent after it began.
  expect(await reached("policies")).toBeLessThanOrEqual(3);
  await become("well", "policies");
});

test("a request that is decided once more is recorded once", { timeout: 60_000 }, async () => {
  await pause("provider:kept");
  await confirmed();
  await deny("kept//n");
  expect(await ask("kept", "n")).toMatchObject(DENIED);
  const preview = async () => {
    const { json } = await set("PUT", "/policies/kept?dryRun=true", POLICIES.kept);
    return json.preview;
  };
  await expect.poll(preview, { timeout: 30_000, interval: 500 }).toMatchObject({ stopped: 1, recorded: 0 });
});

test("an object is asked only before another policy admits in its place", { timeout: 40_000 }, async () => {
  await confirmed();
  const calls = async (policy, identifier) => {
    await become("well");
    const { success } = await ask(policy, identifier);
    return [success, await reached()];
  };
  expect(await calls("spent", "k")).toEqual([true, 1]);
  // Refused by its object, then admitted by another one's; then refused from memory.
  expect(await calls("spent", "k")).toEqual([true, 2]);
  expect(await calls("spent", "k")).toEqual([true, 2]);
  await pause("provider:small");
  await pause("provider:spent");
  await confirmedWithout();
  expect(await calls("spent", "l")).toEqual([false, 0]);
  await set("DELETE", "/overrides/provider:small/pause");
  await confirmedWithout();
  expect(await calls("spent", "l")).toEqual([true, 2]);
});

/** The same where nobody can say that he is admitted. */
async function confirmedWithout() {
  await sleep(EVERYWHERE_MS);
  await ask("large", "confirmed");
}
