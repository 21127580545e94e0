// A `deny` of a subject holds from the next request of another isolate on, however slow the
// subject's object and the one that keeps the overrides are, as long as they answer. The other
// isolate, S, reaches both through Workers that are slow or fail.

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
  const variants = [
    { ...other, objects, kv: [] },
    workerBetween("RateLimitDO", "switched.js", "T"),
    { ...workerBetween("PolicyDO", "switched-policies.js", "T"), id: "policies" },
  ];
  tollgate = await server({ tokens: TOKENS, variants });
  await tollgate.start();
  for (const [name, more] of Object.entries({ small: {}, large: { fallbackTo: ["small"] } })) {
    const limits = [{ algorithm: "fixedWindow", limit: 1000, window: "52w" }];
    expect((await set("PUT", `/policies/${name}`, { limits, provider: name, ...more })).status, name).toBe(201);
  }
});
afterAll(() => tollgate?.remove());

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** Changes something through the first isolate. */
const set = (method, path, body) => call(tollgate.urlOf("T"), method, path, body, as);
const deny = async (target) => expect((await set("PUT", `/overrides/subject:${target}/deny`, {})).status).toBe(201);
/** Asks the other one. */
const ask = (policy, identifier) =>
  call(tollgate.urlOf("S"), "POST", "/limit", { policy, identifier }, as).then(({ json }) => json);
const become = (how, id = "between") => fetch(`${tollgate.urlOf(id)}/?how=${how}`, { method: "PUT" });
const reached = async (id) => Number(await (await fetch(tollgate.urlOf(id))).text());
/** Once the other isolate has just confirmed what it knows, and asks nobody for two seconds. */
const confirmed = async () => {
  await sleep(EVERYWHERE_MS);
  await expect.poll(() => ask("small", "confirmed"), { timeout: 10_000 }).toMatchObject({ success: true });
};
const DENIED = { success: false, reason: "override" };

beforeEach(async () => {
  await become("well");
  await become("well", "policies");
  await confirmed();
});

describe("a deny of a subject holds from the next request on", () => {
  // Milliseconds that the subject's object takes, and those of the object that keeps overrides.
  for (const [object, policies] of [
    [850, 100],
    [700, 400],
    [0, 700],
    [850, 800],
  ]) {
    test(`where its object takes ${object} ms and the overrides ${policies} ms`, { timeout: 30_000 }, async () => {
      const [first, second] = [`a${object}${policies}`, `b${object}${policies}`];
      await deny(`small//${first}`);
      await deny(`small//${second}`);
      await become(`slow&ms=${policies}`, "policies");
      await become(`slow&ms=${object}`);
      expect(await ask("small", first)).toMatchObject(DENIED);
      await become("well");
      for (let i = 0; i < 4; i++) {
        expect(await ask("small", second), i).toMatchObject(DENIED);
        await sleep(250);
      }
    });
  }

  test("where many wait for the one that asks, and that one is slow", { timeout: 30_000 }, async () => {
    await deny("small//many");
    await become("slow&ms=850", "policies");
    const later = async (ms) => {
      await sleep(ms);
      return ask("small", "many");
    };
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => later(i * 20)));
    expect(answers.filter(({ reason }) => reason === "override")).toHaveLength(40);
  });

  test("where a call is lost and a later one was answered meanwhile", { timeout: 30_000 }, async () => {
    for (const who of ["lost", "later"]) await deny(`small//${who}`);
    await become("silent&until=1", "policies");
    const lost = ask("small", "lost");
    await sleep(400);
    expect(await ask("small", "later")).toMatchObject(DENIED);
    expect(await lost).toMatchObject(DENIED);
    await deny("small//after");
    expect(await ask("small", "after")).toMatchObject(DENIED);
  });

  test("where an answer does not follow on what is known: it is asked for once more", { timeout: 30_000 }, async () => {
    await deny("small//strange");
    await become("strange&until=1", "policies");
    expect(await ask("small", "strange")).toMatchObject(DENIED);
    expect(await reached("policies")).toBe(2);
    // Where none follows it is in reach, and nobody is admitted by what is known.
    await deny("small//stranger");
    await become("strange", "policies");
    expect(await ask("small", "stranger")).toMatchObject({ code: "policyUnavailable" });
    await become("well", "policies");
    expect(await ask("small", "stranger")).toMatchObject(DENIED);
  });
});

test("what was out of reach holds soon after it is in reach again", { timeout: 30_000 }, async () => {
  await deny("small//out");
  await become("silent", "policies");
  expect(await ask("small", "out")).toMatchObject({ success: true });
  await become("well", "policies");
  await expect.poll(() => ask("small", "out"), { timeout: 1_500, interval: 100 }).toMatchObject(DENIED);
});

test("where objects are silent the overrides are asked for once a second", { timeout: 60_000 }, async () => {
  await set("PUT", "/overrides/subject:large//quiet/pause", { until: "1h" });
  await confirmed();
  await become(`silent&only=${encodeURIComponent("large:quiet")}`);
  await become("well", "policies");
  const began = Date.now();
  let asked = 0;
  for (; Date.now() - began < 4_000; asked++) {
    expect(await ask("large", "quiet")).toMatchObject({ success: true, fellBackFrom: ["large"] });
  }
  const seconds = Math.ceil((Date.now() - began) / 1_000);
  expect(asked).toBeGreaterThan(20);
  // Those that confirm what is older than two seconds are among them.
  expect(await reached("policies")).toBeLessThanOrEqual(seconds + 2);
  expect(await reached("policies")).toBeGreaterThan(1);
});
