// Leases, with four isolates that share their objects: four Workers of one build.

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tollgate as describeTollgate } from "../../scripts/lib/workerd.mjs";
import { call, server } from "./lib/server.mjs";

const TOKENS = { name: "TOLLGATE_TOKENS", text: readFileSync("tests/fixtures/tokens.json", "utf8") };
const OTHERS = ["S", "U", "V"];
const ISOLATES = ["T", ...OTHERS];
/** A lease lives a second, and its object waits one longer for what was spent of it. */
const LEASE_MS = 2_000;

let tollgate;
beforeAll(async () => {
  const variants = OTHERS.map((id) => {
    const other = describeTollgate({ id, texts: [TOKENS] });
    return { ...other, objects: other.objects.map((object) => ({ ...object, of: "T" })) };
  });
  tollgate = await server({ variants });
  await tollgate.start();
});
afterAll(() => tollgate?.remove());

let made = 0;
const fresh = () => `leased${made++}`;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const send = (isolate, method, path, body) => call(tollgate.urlOf(isolate), method, path, body);
const ask = (isolate, body) => send(isolate, "POST", "/limit", body).then(({ json }) => json);
const leased = (limit, rest = {}) => ({
  limit,
  algorithm: "fixedWindow",
  window: "52w",
  consistency: "leased",
  ...rest,
});
const status = async (identifier) => (await send("T", "GET", `/limit?identifier=${identifier}`)).json.limits[0];

/** Asks from all isolates at once, each from so many callers, for `count` answers. */
async function many(body, count, callers = 4, accept = () => true) {
  const answers = [];
  const caller = async (isolate) => {
    while (answers.length < count && accept(answers)) {
      try {
        answers.push(await ask(isolate, body));
      } catch {
        return; // the connection broke
      }
    }
  };
  await Promise.all(ISOLATES.flatMap((isolate) => Array.from({ length: callers }, () => caller(isolate))));
  return answers;
}

/** Takes all that is left, one after the other; how many. */
async function exhaust(body) {
  let taken = 0;
  while ((await ask("T", body)).success) taken++;
  return taken;
}

const admitted = (answers) => answers.filter(({ success }) => success).length;
const bySource = (answers, source) => answers.filter((answer) => answer.source === source).length;

describe("under parallel load", () => {
  const kinds = {
    fixedWindow: leased(2_000),
    slidingWindow: leased(2_000, { algorithm: "slidingWindow" }),
    slidingLog: leased(1_000, { algorithm: "slidingLog", window: "1d" }),
    quota: { limit: 2_000, algorithm: "quota", period: "year", timeZone: "Europe/Berlin", consistency: "leased" },
    tokenBucket: {
      algorithm: "tokenBucket",
      capacity: 2_000,
      refill: { amount: 1, interval: "1d" },
      consistency: "leased",
    },
    leakyBucket: {
      algorithm: "leakyBucket",
      capacity: 2_000,
      leak: { amount: 1, interval: "1d" },
      consistency: "leased",
    },
  };
  test.concurrent.each(Object.entries(kinds))(
    "%s admits what it has and not one more",
    { timeout: 60_000 },
    async (_, kind) => {
      const body = { identifier: fresh(), ...kind };
      const limit = kind.limit ?? kind.capacity;
      const answers = await many(body, Math.round(limit * 1.3));
      await sleep(2 * LEASE_MS); // what is left is given back
      expect(await status(body.identifier)).not.toHaveProperty("lent");
      const rest = await exhaust(body);
      expect(admitted(answers) + rest).toBe(limit);
      expect(rest).toBeLessThanOrEqual(limit / 100);
      // Most was admitted without a question.
      expect(bySource(answers, "lease")).toBeGreaterThan(limit * 0.8);
    },
  );
});

test("what is lent is shown, and given back when nobody asks", { timeout: 30_000 }, async () => {
  const body = { identifier: fresh(), ...leased(10_000) };
  const asked = admitted(await many(body, 500));
  const during = await status(body.identifier);
  expect(during.lent).toBeGreaterThan(0);
  expect(during.used).toBe(10_000 - during.remaining);
  expect(during.used).toBeGreaterThanOrEqual(asked);
  await sleep(LEASE_MS);
  expect(await status(body.identifier)).toMatchObject({ used: asked, remaining: 10_000 - asked });
});

test("who asks seldom borrows nothing", { timeout: 30_000 }, async () => {
  const body = { identifier: fresh(), ...leased(1_000) };
  for (let i = 0; i < 4; i++) {
    expect(await ask("T", body)).toMatchObject({ success: true, source: "object" });
    expect(await status(body.identifier)).not.toHaveProperty("lent");
    await sleep(400);
  }
});

test("an operation is spent like any other request, and says that it is not known again", async () => {
  const body = { identifier: fresh(), ...leased(1_000) };
  const first = { ...body, operation: "first" };
  expect(await ask("T", first)).toMatchObject({ success: true, source: "object", remaining: 999 });
  await sleep(400); // who asks seldom borrows nothing, and is known
  expect(await ask("T", first)).toMatchObject({ success: true, source: "object", remaining: 999, repeated: true });
  const answers = [];
  for (let i = 0; i < 40; i++) answers.push(await ask("T", { ...body, operation: `op ${i}` }));
  const lent = answers.filter(({ source }) => source === "lease");
  expect(lent.length).toBeGreaterThan(25);
  expect(lent.every(({ success, idempotent }) => success && idempotent === false)).toBe(true);
  await sleep(LEASE_MS);
  expect((await status(body.identifier)).used).toBe(41);
});

test("a refusal while units are lent says that it is not exact", { timeout: 30_000 }, async () => {
  const body = { identifier: fresh(), ...leased(200) };
  for (let i = 0; i < 40; i++) await ask("T", body);
  const { lent, remaining } = await status(body.identifier);
  expect(lent).toBeGreaterThan(0);
  const rest = { ...body, cost: remaining + 1 };
  const refused = await ask("S", rest);
  expect(refused).toMatchObject({ success: false, reason: "limit", exact: false, source: "object" });
  expect(refused.retryAfter).toBeLessThanOrEqual(LEASE_MS);
  await sleep(refused.retryAfter + LEASE_MS);
  expect(await ask("S", rest)).toMatchObject({ success: true });
});

test("a block says when it is in force, and is", { timeout: 30_000 }, async () => {
  const body = { identifier: fresh(), ...leased(100_000) };
  await many(body, 300);
  const block = { identifier: body.identifier, duration: "1m" };
  const { json } = await send("T", "POST", "/limit/block", block);
  expect(json.success).toBe(true);
  expect(json.inForceAfter).toBeGreaterThan(0);
  expect(json.inForceAfter).toBeLessThanOrEqual(LEASE_MS);
  await sleep(json.inForceAfter);
  for (const isolate of ISOLATES) {
    expect(await ask(isolate, body)).toMatchObject({ success: false, reason: "blocked" });
  }
  const again = await send("T", "POST", "/limit/block", { ...block, duration: 0 });
  expect(again.json).toEqual({ success: true });
});

test("overrides that come while units are lent cost none of them", { timeout: 60_000 }, async () => {
  const overrides = { grant: { units: 10, until: "1h" }, deny: {} };
  const each = Object.entries(overrides).map(async ([kind, override]) => {
    const body = { identifier: fresh(), ...leased(10_000) };
    const before = await many(body, 500);
    const path = `/overrides/subject:default//${body.identifier}/${kind}`;
    expect((await send("T", "PUT", path, override)).status).toBe(201);
    const after = await many(body, 500);
    await sleep(2 * LEASE_MS);
    const used = admitted(before) + admitted(after);
    expect(await status(body.identifier), kind).toMatchObject({ used });
    expect((await send("T", "DELETE", path)).status).toBe(200);
  });
  await Promise.all(each);
});

test("what leases have spent is not forgotten when a lowered limit is raised again", { timeout: 30_000 }, async () => {
  const body = { identifier: fresh(), ...leased(2_000) };
  const answers = await many(body, 800);
  await ask("T", { ...body, limit: 50 });
  await sleep(2 * LEASE_MS);
  expect(admitted(answers) + (await exhaust(body))).toBe(2_000);
});

test("nothing is forgotten by kills, and no more is lost than was lent", { timeout: 120_000 }, async () => {
  for (let kill = 0; kill < 3; kill++) {
    const body = { identifier: fresh(), ...leased(3_000) };
    let killed;
    const answers = await many(body, Number.POSITIVE_INFINITY, 4, (answers) => {
      if (answers.length > 1_000) killed ??= tollgate.kill();
      return true;
    });
    await killed;
    await tollgate.start();
    // What was lent counts as spent when its time is over; until then it is kept.
    await sleep(LEASE_MS + 2_000);
    const rest = await exhaust(body);
    const known = admitted(answers);
    expect(known + rest).toBeLessThanOrEqual(3_000);
    expect(known + rest).toBeGreaterThanOrEqual(1_500);
  }
});

test("what leases cannot do is refused, or asked of the object", async () => {
  const cases = [
    [leased(10, { window: "9s" }), 400, "consistency"],
    [{ algorithm: "concurrency", limit: 5, ttl: "1m", consistency: "leased" }, 400, "consistency"],
    [leased(10, { lease: { life: "3s" } }), 400, "lease.life"],
    [leased(10, { consistency: "strong", lease: { max: 5 } }), 400, "lease"],
    [leased(10, { lease: { max: 5 }, localBurst: 5 }), 400, "localBurst"],
  ];
  for (const [kind, code, field] of cases) {
    const { status, json } = await send("T", "POST", "/limit", { identifier: fresh(), ...kind });
    expect([status, json.error?.field ?? json.field], JSON.stringify(kind)).toEqual([code, field]);
  }
  const body = { identifier: fresh(), ...leased(1_000, { localBurst: 10, syncInterval: "500ms" }) };
  for (let i = 0; i < 20; i++) await ask("T", body);
  expect((await status(body.identifier)).lent).toBeLessThanOrEqual(10);
  expect(await ask("T", { ...body, hold: "10s" })).toMatchObject({ success: true, source: "object" });
  expect(await ask("T", { ...body, cost: -1 })).toMatchObject({ success: true, source: "object" });
  expect(await ask("T", { ...body, peek: true })).toMatchObject({ success: true, source: "object" });
  const keyed = { ...body, idempotencyKey: "k1" };
  expect(await ask("T", keyed)).toMatchObject({ success: true, source: "object" });
  expect(await ask("T", keyed)).toMatchObject({ success: true, repeated: true });
});
