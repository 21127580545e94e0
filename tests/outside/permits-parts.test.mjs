// Permits with parts in several objects, of which one does not answer now and then.

import { afterAll, beforeAll, expect, test } from "vitest";
import { switchedServer } from "./lib/switched.mjs";

let main;
beforeAll(async () => {
  main = await switchedServer();
});
afterAll(() => main?.remove());

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const send = (path, body) => main.call("POST", path, body);
const json = async (path, body) => (await send(path, body)).json;
const named = (name, limit = 100) => ({ name, algorithm: "fixedWindow", limit, window: "52w" });
/** What is used and held of each limit of a subject, debt among it. */
async function used(identifier) {
  const { json } = await main.call("GET", `/limit?identifier=${identifier}`);
  return json.limits.map(({ name, limit, remaining, held = 0, debt = 0 }) => [name, limit - remaining + debt, held]);
}
const until = async (what, expected) => {
  for (let tries = 0; tries < 100; tries++) {
    if (JSON.stringify(await what()) === JSON.stringify(expected)) return;
    await sleep(50);
  }
  expect(await what()).toEqual(expected);
};
let pairs = 0;
/** A permit with its home in one object, and its other part in another. */
async function pair(hold = "10m") {
  pairs += 1;
  const [home, other] = [`home${pairs}`, `other${pairs}`];
  const entry = (identifier, name) => ({ identifier, limits: [named(name)], cost: 4 });
  const { permit } = await json("/limit/multi", { limits: [entry(home, "mails"), entry(other, "cents")], hold });
  const both = async () => [...(await used(home)), ...(await used(other))];
  return { permit, home, other, both };
}

test("a renewal is answered when all parts have renewed, also one that did not answer once", async () => {
  for (const how of ["broken", "silent"]) {
    const { permit, other } = await pair("2s");
    await main.become(`${how}&only=${other}&times=1`);
    const before = Date.now();
    const { status, json } = await send("/limit/renew", { permit, hold: "1h" });
    expect([status, json.permit]).toEqual([200, permit]);
    expect(json.expires).toBeGreaterThanOrEqual(before + 3_600_000);
    // The home once, and the other part twice.
    expect(await main.reached()).toBe(3);
    await main.become("well");
  }
});

test("a renewal that a part never answers is 503, and can be made again", async () => {
  const { permit, other, both } = await pair();
  await main.become(`broken&only=${other}&times=2`);
  const failed = await send("/limit/renew", { permit, hold: "1h" });
  expect([failed.status, failed.json.code]).toEqual([503, "objectUnavailable"]);
  const again = await send("/limit/renew", { permit, hold: "1h" });
  expect([again.status, again.json.success]).toEqual([200, true]);
  await main.become("well");
  expect((await send("/limit/settle", { permit, cost: 3 })).status).toBe(200);
  await until(both, [
    ["mails", 3, 0],
    ["cents", 3, 0],
  ]);
});

test("a renewal tells the first deadline of all parts", async () => {
  const slots = { algorithm: "concurrency", limit: 1, ttl: "2s" };
  const limits = [
    { identifier: "counted", limits: [named("mails")] },
    { identifier: "slotted", ...slots },
  ];
  const { permit } = await json("/limit/multi", { limits, hold: "1m" });
  const { expires } = await json("/limit/renew", { permit, hold: "1h" });
  expect(expires).toBeLessThanOrEqual(Date.now() + 2_000);
  expect((await send("/limit/settle", { permit, cost: 3 })).status).toBe(200);
});

test("a topup that a part does not answer is undone everywhere, and can be made again", async () => {
  const { permit, other, both } = await pair();
  for (const how of ["broken", "silent", "slow&ms=1500"]) {
    await main.become(`${how}&only=${other}&times=1`);
    const failed = await send("/limit/topup", { permit, cost: 9 });
    expect([how, failed.status]).toEqual([how, 503]);
    await until(both, [
      ["mails", 4, 4],
      ["cents", 4, 4],
    ]);
  }
  await main.become("well");
  const topped = await send("/limit/topup", { permit, cost: 9 });
  expect([topped.status, topped.json.costs]).toEqual([200, { mails: 9 }]);
  expect(await both()).toEqual([
    ["mails", 9, 9],
    ["cents", 9, 9],
  ]);
});

test("a name that no limit of the permit has is 400, and nothing is settled or held", async () => {
  const { permit, both } = await pair();
  for (const path of ["settle", "topup"]) {
    const wrong = await send(`/limit/${path}`, { permit, costs: { mails: 1, cent: 2 } });
    expect([wrong.status, wrong.json.code, wrong.json.field]).toEqual([400, "invalidField", "costs.cent"]);
  }
  expect(await both()).toEqual([
    ["mails", 4, 4],
    ["cents", 4, 4],
  ]);
  expect((await send("/limit/settle", { permit, costs: { mails: 1, cents: 2 } })).status).toBe(200);
  await until(both, [
    ["mails", 1, 0],
    ["cents", 2, 0],
  ]);
});

test("a name is that of every limit which has it, also of two policies of one subject", {
  timeout: 30_000,
}, async () => {
  const put = (name, body) => main.call("PUT", `/policies/${name}`, body);
  await put("one", { limits: [named("mails", 50)] });
  await put("two", { limits: [named("mails", 60)] });
  await put("shadow", { limits: [named("later")], shadow: true });
  await sleep(5_100);
  const identifier = "twice";
  const entry = (policy, cost) => ({ identifier, policy, cost });
  const limits = [entry("one", 4), entry("two", 5), { identifier: "third", limits: [named("cents", 8)] }];
  const held = await json("/limit/multi", { limits: [...limits, entry("shadow", 1)], hold: "10m" });
  const { permit } = held;
  const both = async () => (await used(identifier)).filter(([name]) => name === "mails");
  const start = [
    ["mails", 4, 4],
    ["mails", 5, 5],
  ];
  expect(await both()).toEqual(start);
  // The third has no room: each holds what it did.
  expect((await send("/limit/topup", { permit, cost: 9 })).status).toBe(429);
  await until(both, start);
  expect((await json("/limit/topup", { permit, costs: { mails: 7 } })).costs).toEqual({ mails: 7 });
  expect(await both()).toEqual([
    ["mails", 7, 7],
    ["mails", 7, 7],
  ]);
  // What is not enforced may be named.
  const settled = await json("/limit/settle", { permit, costs: { mails: 2, later: 1 } });
  expect(settled).toMatchObject({ state: "settled", costs: { mails: 2 } });
  await until(both, [
    ["mails", 2, 0],
    ["mails", 2, 0],
  ]);
});

test("a permit over units and over a place is topped up, renewed and settled", async () => {
  const place = { identifier: "turns", algorithm: "tokenBucket", capacity: 4, refill: { amount: 1, interval: "10m" } };
  const units = { identifier: "units", limits: [named("cents")], cost: 4, hold: "10m" };
  expect((await json("/limit", { ...place, cost: 4 })).success).toBe(true);
  // Whichever stands first, the units are its home.
  for (const order of [0, 1]) {
    const limits = [units, { ...place, maxDelay: "1h" }];
    const taken = await send("/limit/multi", { limits: order ? limits.reverse() : limits });
    const { permit, results } = taken.json;
    expect([taken.status, results.map((it) => it.permit)]).toEqual([200, [permit, permit]]);
    for (const cost of [9, 6]) {
      const topped = await send("/limit/topup", { permit, cost });
      expect([topped.status, topped.json.costs]).toEqual([200, { cents: cost }]);
    }
    expect((await send("/limit/renew", { permit, hold: "1h" })).status).toBe(200);
    const settled = await send("/limit/settle", { permit, cost: 3 });
    expect([settled.status, settled.json.costs]).toEqual([200, { cents: 3 }]);
    expect(await used("units")).toEqual([["cents", 3 * (order + 1), 0]]);
    const { delay } = await json("/limit", { ...place, peek: true, maxDelay: "2h" });
    expect(Math.round(delay / 600_000)).toBe(2 + order);
  }
});
