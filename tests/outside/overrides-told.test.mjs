// A request that is decided once more, because there are newer overrides, is recorded and logged
// once, as what it came to. The other isolate, S, reaches the objects through a Worker that fails.

import { afterAll, beforeAll, expect, test } from "vitest";
import { tollgate as describeTollgate } from "../../scripts/lib/workerd.mjs";
import { call, server } from "./lib/server.mjs";
import { workerBetween } from "./lib/switched.mjs";

const TOKENS = JSON.stringify([{ token: "ann", name: "ann@x.org", role: "admin" }]);
const as = { token: "ann" };

let tollgate;
beforeAll(async () => {
  const texts = [
    { name: "TOLLGATE_TOKENS", text: TOKENS },
    { name: "TOLLGATE_LOG_IDENTIFIERS", text: "true" },
  ];
  const other = describeTollgate({ id: "S", texts });
  const of = (object) => ({ ...object, of: object.className === "RateLimitDO" ? "between" : "T" });
  const services = [{ binding: "LOCAL_5_10", of: "binding" }];
  tollgate = await server({
    tokens: TOKENS,
    keepsEvents: true,
    variants: [
      { ...other, objects: other.objects.map(of), services },
      workerBetween("RateLimitDO", "switched.js", "T"),
      { id: "binding", modules: ["tests/outside/lib/binding.js"], objects: [] },
    ],
  });
  await tollgate.start();
  for (const [name, it] of Object.entries(POLICIES)) {
    expect((await set("PUT", `/policies/${name}`, it)).status, name).toBe(201);
  }
  await set("PUT", "/overrides/subject:paused//a/pause", { until: "1h" });
  await sleep(5_100);
  expect((await ask("small", "confirmed")).success).toBe(true);
});
afterAll(() => tollgate?.remove());

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const record = { share: 1, days: 1 };
const policy = (provider, limit, more = {}) => ({
  limits: [{ algorithm: "fixedWindow", limit, window: "52w" }],
  provider,
  ...more,
});
const below = (parent) => ({ policy: parent, identifier: "{identifier}" });
const POLICIES = {
  small: policy("small", 1000),
  full: policy("full", 1000),
  above: policy("above", 1000),
  tried: policy("tried", 1000, { shadow: true }),
  paused: policy("paused", 100, { record, parent: below("above"), fallbackTo: ["small"] }),
  half: policy("half", 1, { record, parent: below("tried"), fallbackTo: ["small"] }),
  flooded: policy("flooded", 100, { record, shed: { limit: 5, window: "10s" }, fallbackTo: ["small"] }),
  alone: policy("alone", 100, { record, failMode: "share", fallbackTo: ["small"] }),
  silent: policy("silent", 100, { record, failMode: "share", parent: below("tried"), fallbackTo: ["small"] }),
  spent: policy("spent", 1, { fallbackTo: ["full"] }),
};
const set = (method, path, body) => call(tollgate.urlOf("T"), method, path, body, as);
const ask = (policy, identifier, more) =>
  call(tollgate.urlOf("S"), "POST", "/limit", { policy, identifier, ...more }, as).then(({ json }) => json);
const deny = async (target) => expect((await set("PUT", `/overrides/subject:${target}/deny`, {})).status).toBe(201);
const become = (how, id = "between") => fetch(`${tollgate.urlOf(id)}/?how=${how}`, { method: "PUT" });
const DENIED = { success: false, reason: "override" };
const fellBack = (policy) => ({ success: true, fellBackFrom: [policy] });

/** What was recorded of a policy, once there is anything. */
async function recorded(name) {
  let preview;
  const figures = async () => {
    const { json } = await set("PUT", `/policies/${name}?dryRun=true`, POLICIES[name]);
    preview = json.preview;
    return preview.recorded + preview.stopped + preview.elsewhere;
  };
  await expect.poll(figures, { timeout: 30_000, interval: 500 }).toBeGreaterThan(0);
  await sleep(3_000);
  await figures();
  const { recorded, stopped, elsewhere } = preview;
  return { recorded, stopped, elsewhere };
}

/** The refusals that were logged of an identifier under a policy. */
const logged = async (policy, identifier) => {
  await sleep(500);
  const events = tollgate.events().filter(({ event }) => event === "rate_limit_check");
  return events.filter((it) => it.policy === policy && it.identifier === identifier && !it.allowed).length;
};

test("a refusal of several levels is recorded once", { timeout: 90_000 }, async () => {
  expect(await ask("half", "b")).toMatchObject({ success: true, policy: "half" });
  expect(await ask("half", "b")).toMatchObject(fellBack("half"));
  await deny("half//b");
  await deny("paused//a");
  // The isolate remembers the refusal of the one, and a stop of the other.
  expect(await ask("half", "b")).toMatchObject(DENIED);
  expect(await ask("paused", "a")).toMatchObject(DENIED);
  expect(await recorded("paused")).toEqual({ recorded: 0, stopped: 1, elsewhere: 0 });
  expect(await recorded("half")).toEqual({ recorded: 2, stopped: 1, elsewhere: 0 });
});

test("what a binding refused is recorded as what it came to", { timeout: 60_000 }, async () => {
  await become("refuses", "binding");
  expect(await ask("flooded", "c")).toMatchObject(fellBack("flooded"));
  await deny("flooded//c");
  expect(await ask("flooded", "c")).toMatchObject(DENIED);
  await become("admits", "binding");
  expect(await recorded("flooded")).toEqual({ recorded: 0, stopped: 1, elsewhere: 1 });
});

test("what a failure mode refused is recorded and logged once", { timeout: 90_000 }, async () => {
  for (const name of ["alone", "silent"]) {
    await become(`broken&only=${encodeURIComponent(`${name}:d`)}`);
    // More than the share of this isolate.
    expect(await ask(name, "d", { cost: 2 }), name).toMatchObject(fellBack(name));
    await become("well");
  }
  for (const name of ["alone", "silent"]) {
    expect(await logged(name, "d"), name).toBe(1);
    expect(await recorded(name), name).toEqual({ recorded: 0, stopped: 0, elsewhere: 1 });
  }
});

test("refusals before an error are told", { timeout: 60_000 }, async () => {
  for (let n = 0; n < 64; n += 8) {
    const limits = Array.from({ length: 8 }, (_, i) => ({ name: `n${n + i}`, limit: 5, window: "1h" }));
    expect((await set("POST", "/limit", { provider: "full", identifier: "e", limits })).status).toBe(200);
  }
  expect((await ask("spent", "e")).success).toBe(true);
  expect(await ask("spent", "e")).toMatchObject({ code: "tooManyLimits" });
  expect(await logged("spent", "e")).toBe(1);
});
