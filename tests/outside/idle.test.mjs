// An object that nobody asks keeps nothing pending: no timer, no call, no `waitUntil`. Each would
// keep it in memory, and billed, for as long as it takes. workerd evicts an object ten seconds
// after its last event, and later when something is pending; so each Worker here has one beside it
// whose objects leave something on purpose, which have to stay longer.

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { tollgate } from "../../scripts/lib/workerd.mjs";
import { algorithms, call, server } from "./lib/server.mjs";

const CLASSES = ["DirectoryDO", "KeyspaceDO", "PolicyDO", "RateLimitDO"];
// Longer than anything here takes, shorter than an object without an answer stays in memory.
const PATIENCE_MS = 45_000;

/** Every kind of call that objects know, to one Worker. */
async function everything(url) {
  const ask = (path, body, method = "POST") => call(url, method, path, body);
  const done = async (answer) => expect([200, 201, 204, 429]).toContain((await answer).status);
  for (const [identifier, limit] of Object.entries(algorithms(10_000))) {
    // Rows that run ahead of the real use, and a refusal.
    for (const cost of [1, 2, 10_001]) await done(ask("/limit", { identifier, ...limit, cost }));
  }
  const window = { algorithm: "fixedWindow", window: "1d" };
  const tenant = { identifier: "tenant", ...window, limit: 5 };
  // Nobody is exhausted for long: an alarm would tell the directory, and wake the object for it.
  const cluster = {
    identifier: "cluster",
    algorithm: "tokenBucket",
    capacity: 1,
    refill: { amount: 1, interval: "9s" },
  };
  // The second one charges the tenant and takes it back.
  for (let i = 0; i < 2; i++) await done(ask("/limit/multi", { limits: [tenant, cluster] }));
  await done(ask("/limit", { ...tenant, failMode: "share", cost: -1 }));
  await done(ask("/limit?identifier=tenant", undefined, "GET"));
  await done(ask("/limit/block", { identifier: "blocked", duration: "1h" }));
  await done(ask("/limit?identifier=tenant", undefined, "DELETE"));
  const slot = { identifier: "slot", algorithm: "concurrency", limit: 2, ttl: "1h" };
  const { permit } = (await ask("/limit", slot)).json;
  await done(ask("/limit/renew", { permit }));
  await done(ask("/limit/release", { permit }));
  await done(
    ask("/pipeline", [
      ["SET", "text", "value", "EX", "600"],
      ["HSET", "hash", "field", "value"],
      ["INCR", "count"],
      ["DEL", "hash"],
      ["KEYS", "*"],
    ]),
  );
  await done(ask("/multi-exec", [["GET", "text"]]));
}

/**
 * Tollgate with a second one beside it, whose objects leave something behind: `pending` is "timer"
 * or "call".
 */
async function pair({ onTestFinished }, pending, change = (main) => main) {
  const texts = { TOLLGATE_TOKENS: readFileSync("tests/fixtures/tokens.json", "utf8"), HELD: pending };
  const held = tollgate({ id: "held", texts: Object.entries(texts).map(([name, text]) => ({ name, text })) });
  held.modules.unshift("tests/outside/lib/held.js");
  held.objects.push({ binding: "SILENT", className: "SilentDO" });
  // With so long a deadline, a timer for it that nobody clears would show.
  const both = await server({ texts: { TOLLGATE_DEADLINE_MS: "30000" }, variants: [held], change });
  onTestFinished(() => both.remove());
  return await both.start();
}

/** Waits until a condition holds of the objects in memory, of both Workers in the same instant. */
async function until(both, holds) {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(100)) {
    const [live, held] = [both.liveObjects("T"), both.liveObjects("held")];
    if (holds(live, held)) return held;
  }
  throw new Error(`still in memory: ${JSON.stringify([both.liveObjects("T"), both.liveObjects("held")])}`);
}

const none = (live) => Object.keys(live).length === 0;

// Both sleep most of the time, so they do it at once. workerd's open files are seen on Linux alone.
describe.runIf(process.platform === "linux").concurrent("an idle object of each class", () => {
  test("is evicted, whatever it was asked, while one with a timer of five seconds is not", async (context) => {
    const both = await pair(context, "timer");
    // Tollgate's own first: however long it takes, they have been idle longer than the others.
    for (const id of ["T", "held"]) await everything(both.urlOf(id));
    expect(Object.keys(both.liveObjects("T")).sort()).toEqual(CLASSES);
    const held = await until(both, none);
    for (const name of CLASSES) expect(held[name], name).toBeGreaterThan(0);
    await until(both, (_, live) => none(live));
  });

  test("is evicted though the directory never answers, while one that waits for an answer is not", async (context) => {
    const silent = (object) =>
      object.binding === "DIRECTORY" ? { ...object, className: "SilentDO", of: "held" } : object;
    const both = await pair(context, "call", (main) => ({ ...main, objects: main.objects.map(silent) }));
    const check = { identifier: "u1", limit: 5, window: "1h" };
    for (const id of ["T", "held"]) {
      expect((await call(both.urlOf(id), "POST", "/limit", check)).status).toBe(200);
      expect((await call(both.urlOf(id), "POST", "/", ["SET", "k", "v"])).status).toBe(200);
    }
    // The keys' object is evicted first, and may be awake again when the other one is: it tells the
    // directory once more.
    await until(both, (live) => live.KeyspaceDO === undefined && live.RateLimitDO === 1);
    const held = await until(both, (live) => live.RateLimitDO === undefined);
    expect(held).toMatchObject({ RateLimitDO: 1, KeyspaceDO: 1 });
  });
});
