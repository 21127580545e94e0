// Presets: what providers bear, installed as policies of a namespace, and in force for who asks.

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { server } from "./lib/server.mjs";

const TOKENS = JSON.stringify([
  { token: "ann", name: "ann@x.org", role: "admin" },
  { token: "checker", role: "check" },
  { token: "reader", role: "read" },
  { token: "shop", role: "admin", namespace: "shop" },
]);
const ann = { token: "ann" };
/** A change is in force everywhere after five seconds. */
const inForce = () => new Promise((resolve) => setTimeout(resolve, 5_100));

let main;
let presets;
beforeAll(async () => {
  main = await (await server({ tokens: TOKENS })).start();
  presets = (await main.call("GET", "/presets", undefined, { token: "reader" })).json.presets;
});
afterAll(() => main?.remove());

const install = (name, options = ann) => main.call("POST", `/presets/${name}`, undefined, options);
const names = async (options = ann) =>
  (await main.call("GET", "/policies", undefined, options)).json.policies.map(({ name }) => name);
const ask = (body, options = { token: "checker" }) => main.call("POST", "/limit", body, options);

describe("presets", () => {
  test("are installed by administrators, whole or not at all", async () => {
    for (const token of ["checker", "reader"]) expect((await install("github", { token })).status).toBe(403);
    expect((await main.call("PUT", "/presets/github", {}, ann)).status).toBe(405);
    for (const unknown of ["git", "github.nothing", "rest"]) {
      expect(await install(unknown)).toMatchObject({ status: 404, json: { code: "unknownPreset" } });
    }
    expect((await install("github?colour=red")).json).toMatchObject({ code: "invalidField", field: "colour" });

    const dry = await install("github?dryRun=true");
    expect(dry).toMatchObject({ status: 200, json: { dryRun: true } });
    expect(dry.json.policies.length).toBe(3);
    expect(await names()).toEqual([]);

    const one = await install("github.rest?reason=to+begin+with");
    expect(one.status).toBe(201);
    expect(one.json.policies).toEqual([
      expect.objectContaining({ name: "github.rest", version: 1, author: "ann@x.org", reason: "to begin with" }),
    ]);
    const taken = await install("github");
    expect(taken).toMatchObject({ status: 409, json: { code: "nameTaken" } });
    expect(taken.json.detail).toContain("github.rest");
    expect(await names()).toEqual(["github.rest"]);
    const { entries } = (await main.call("GET", "/audit", undefined, ann)).json;
    expect(entries).toEqual([
      expect.objectContaining({
        action: "preset",
        policy: "github.rest",
        author: "ann@x.org",
        reason: "to begin with",
        after: presets.find(({ name }) => name === "github.rest").policy,
      }),
    ]);
  });

  test("all fit into a fresh namespace, and each admits what it says", async () => {
    const shop = { token: "shop" };
    const providers = new Set(presets.map(({ name }) => name.split(".")[0]));
    for (const provider of providers) expect((await install(provider, shop)).status, provider).toBe(201);
    expect(await names(shop)).toEqual(presets.map(({ name }) => name).sort());
    await inForce();
    for (const { name, policy } of presets) {
      const first = Math.min(...policy.limits.map(({ capacity, limit }) => capacity ?? limit));
      const least = policy.limits.find(({ capacity, limit }) => (capacity ?? limit) === first);
      const request = { policy: name, identifier: "someone" };
      const all = await ask({ ...request, cost: first }, shop);
      expect(all, name).toMatchObject({ status: 200, json: { policy: name, limit: first, remaining: 0, version: 1 } });
      // One more than there is; of a bucket that is full again in a second, all of it at once.
      const more = await ask({ ...request, cost: first }, shop);
      expect(more, name).toMatchObject({ status: 429, json: { reason: "limit", limitedBy: least.name } });
      expect((await ask({ policy: name, identifier: "else" }, shop)).status, name).toBe(200);
    }
  });

  test("of addresses count by their network, also for who asks after them", async () => {
    const shop = { token: "shop" };
    const of = (identifier, cost = 0) => ask({ policy: "inbound.ip", identifier, cost }, shop);
    expect((await of("2001:db8:0:9::1", 15)).status).toBe(200);
    expect((await of("[2001:DB8:0:9:ffff::2]", 15)).status).toBe(429);
    expect((await of("2001:db8:0:a::1", 15)).status).toBe(200);
    expect((await of("192.0.2.1", 15)).status).toBe(200);
    expect((await of("::ffff:192.0.2.1", 15)).status).toBe(429);
    const get = (path) => main.call("GET", path, undefined, shop);
    const shown = await get("/limit?policy=inbound.ip&identifier=2001:db8:0:9::3");
    expect(shown.json.subject.identifier).toBe("2001:db8:0:9::/64");
    expect(shown.json.limits.length).toBe(1);
    const network = encodeURIComponent("2001:db8:0:9::/64");
    expect((await get(`/limit?provider=inbound&scope=ip&identifier=${network}`)).json.limits.length).toBe(1);
    const block = { policy: "inbound.ip", identifier: "2001:db8:0:9::4", duration: "1h" };
    expect((await main.call("POST", "/limit/block", block, shop)).status).toBe(200);
    expect((await of("2001:db8:0:9::5")).json.reason).toBe("blocked");
    const gone = await main.call("DELETE", "/limit?policy=inbound.ip&identifier=2001:db8:0:a::7", undefined, shop);
    expect(gone.status).toBe(200);
    await expect.poll(async () => (await of("2001:db8:0:a::8", 15)).status, { timeout: 3_000 }).toBe(200);
  });
});

test("docs/presets.md shows them all", () => {
  const amount = ({ units, window, period }) =>
    `${units}${window ? `/${window}` : period ? ` a ${period}` : " at once"}`;
  const row = ({ name, quota, consequence, burst }) => {
    const worst = quota.map((it) => it.worstCase).join(", ");
    return `| \`${name}\` | ${quota.map(amount).join(", ")} | ${worst}${burst ? " (wanted)" : ""} | ${consequence} |`;
  };
  const page = readFileSync("docs/presets.md", "utf8");
  expect(page.split("\n").filter((line) => line.startsWith("| `"))).toEqual(presets.map(row));
});
