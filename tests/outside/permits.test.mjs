// Permits over everything that one decision takes: held, settled, topped up, released, and what
// becomes of them under parallel callers, crashes and sleep.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { server } from "./lib/server.mjs";

const year = (limit, rest) => ({ algorithm: "fixedWindow", limit, window: "52w", ...rest });
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** An idle object loses its memory after ten seconds. */
const ASLEEP_MS = 13_000;

let main;
beforeAll(async () => {
  main = await (await server()).start();
});
afterAll(() => main?.remove());

const send = (path, body) => main.call("POST", path, body);
const json = async (path, body) => (await send(path, body)).json;
const used = async (identifier, query = "") => {
  const { json } = await main.call("GET", `/limit?identifier=${identifier}${query}`);
  return Object.fromEntries(json.limits.map(({ name, used, held = 0, debt = 0 }) => [name, { used, held, debt }]));
};

const LLM = {
  limits: [
    { name: "tokens", ...year(1_000) },
    { name: "requests", ...year(100) },
    { name: "cents", ...year(500) },
  ],
};

describe("one object", () => {
  test("tokens, requests and cents in one decision: estimated, topped up, settled", async () => {
    const held = await json("/limit", {
      identifier: "llm",
      ...LLM,
      costs: { tokens: 400, cents: 20 },
      hold: "1m",
    });
    expect(held).toMatchObject({ success: true, permit: expect.stringMatching(/^p1\./), fence: expect.any(Number) });
    expect(await used("llm")).toEqual({
      tokens: { used: 400, held: 400, debt: 0 },
      requests: { used: 1, held: 1, debt: 0 },
      cents: { used: 20, held: 20, debt: 0 },
    });
    const { permit } = held;
    const more = await send("/limit/topup", { permit, costs: { tokens: 900 } });
    expect([more.status, more.json]).toMatchObject([
      200,
      { success: true, permit, costs: { tokens: 900, requests: 1, cents: 20 } },
    ]);
    const refused = await send("/limit/topup", { permit, costs: { tokens: 1_001 } });
    expect([refused.status, refused.json.success, refused.json.costs.tokens]).toEqual([429, false, 900]);
    const capped = await json("/limit/topup", { permit, costs: { tokens: 5_000 }, overage: "cap" });
    expect([capped.success, capped.costs.tokens]).toEqual([true, 1_000]);
    const settled = await send("/limit/settle", { permit, costs: { tokens: 1_100, cents: 31 } });
    expect([settled.status, settled.json]).toEqual([
      200,
      {
        success: true,
        state: "settled",
        costs: { tokens: 1_100, requests: 1, cents: 31 },
        debt: { costs: { tokens: 100 } },
      },
    ]);
    expect(await used("llm")).toEqual({
      tokens: { used: 1_000, held: 0, debt: 100 },
      requests: { used: 1, held: 0, debt: 0 },
      cents: { used: 31, held: 0, debt: 0 },
    });
    // The same call again is answered alike, another one is not.
    const again = await send("/limit/settle", { permit, costs: { tokens: 1_100, cents: 31 } });
    expect([again.status, again.json.costs.tokens]).toEqual([200, 1_100]);
    const other = await send("/limit/settle", { permit, cost: 1 });
    expect([other.status, other.json.code, other.json.field]).toEqual([409, "permitEnded", "permit"]);
    expect((await send("/limit/release", { permit })).json.code).toBe("permitEnded");
  });

  test("a hundred callers at once hold no more than there is, and release it whole", async () => {
    const hold = { identifier: "many", ...year(100), cost: 7, hold: "1m" };
    const answers = await Promise.all(Array.from({ length: 100 }, () => send("/limit", hold)));
    const held = answers.filter(({ status }) => status === 200);
    expect(held.length).toBe(14);
    const released = held.flatMap(({ json: { permit } }) => [permit, permit]);
    const statuses = await Promise.all(released.map((permit) => send("/limit/release", { permit })));
    expect(statuses.every(({ status }) => status === 200)).toBe(true);
    expect((await json("/limit", { identifier: "many", ...year(100), cost: 100 })).success).toBe(true);
  });

  test("a permit outlives kill -9 and sleep, and its end as well", { timeout: 90_000 }, async () => {
    const hold = { identifier: "lasting", ...year(10), cost: 6, hold: "5m" };
    const { permit } = await json("/limit", hold);
    await main.kill();
    await main.start();
    expect((await json("/limit", { identifier: "lasting", ...year(10), cost: 5 })).success).toBe(false);
    await sleep(ASLEEP_MS);
    expect((await json("/limit/settle", { permit, cost: 4 })).cost).toBe(4);
    await main.kill();
    await main.start();
    expect((await json("/limit/settle", { permit, cost: 4 })).cost).toBe(4);
    expect(await used("lasting")).toEqual({ "10/52w": { used: 4, held: 0, debt: 0 } });
  });

  test("what is not settled is charged at its deadline, or given back", async () => {
    const hold = (identifier, onExpiry) => json("/limit", { identifier, ...year(10), cost: 6, hold: 1_500, onExpiry });
    const [kept] = await Promise.all([hold("kept", "keep"), hold("given", "giveBack")]);
    await sleep(2_000);
    expect((await used("kept"))["10/52w"]).toEqual({ used: 6, held: 0, debt: 0 });
    expect((await json("/limit", { identifier: "given", ...year(10), cost: 10 })).success).toBe(true);
    // Late, the difference is charged.
    expect((await json("/limit/settle", { permit: kept.permit, cost: 8 })).cost).toBe(8);
    expect((await used("kept"))["10/52w"]).toEqual({ used: 8, held: 0, debt: 0 });
  });

  test("a place is given back by its permit, also after kill -9 and sleep", { timeout: 60_000 }, async () => {
    const shaper = { algorithm: "leakyBucket", capacity: 100, leak: { amount: 1, interval: "30s" }, maxDelay: "1h" };
    const { maxDelay, ...limit } = shaper;
    const patient = (identifier) => ({ identifier, limits: [{ ...limit, maxDelay }], maxDelay });
    const ask = () => json("/limit", patient("places"));
    const places = [];
    for (let i = 0; i < 4; i++) places.push(await ask());
    const [first, second, third] = places;
    expect([first.permit, first.delay]).toEqual([undefined, 0]);
    expect(third).toMatchObject({ permit: expect.stringMatching(/^p1\./), expires: expect.any(Number) });
    await main.kill();
    await main.start();
    await sleep(ASLEEP_MS);
    for (let i = 0; i < 2; i++) expect((await send("/limit/release", { permit: third.permit })).status).toBe(200);
    const next = await ask();
    expect(Math.abs(next.expires - third.expires)).toBeLessThan(2);
    expect((await send("/limit/settle", { permit: second.permit, cost: 1 })).json).toMatchObject({
      code: "invalidField",
      field: "permit",
    });
    const limits = [patient("places-a"), patient("places-b")];
    const both = await json("/limit/multi", { limits });
    expect([both.success, both.permit]).toEqual([true, undefined]);
    const later = await json("/limit/multi", { limits });
    expect(later.results.map(({ permit }) => permit)).toEqual([later.permit, later.permit]);
    expect((await send("/limit/release", { permit: later.permit })).status).toBe(200);
    await sleep(500);
    const again = await json("/limit/multi", { limits });
    for (const { delay } of again.results) expect(delay).toBeLessThan(30_000);
  });

  test("what has happened is recorded past the limit, and overage goes as far as it is allowed", async () => {
    const ask = (rest) => send("/limit", { identifier: "past", ...year(10), ...rest });
    expect((await ask({ cost: 13, record: true })).status).toBe(200);
    expect((await used("past"))["10/52w"]).toEqual({ used: 10, held: 0, debt: 3 });
    expect((await ask({})).status).toBe(429);
    const capped = await send("/limit", { identifier: "cap", ...year(10), cost: 13, overage: "cap" });
    expect([capped.status, capped.json.granted, capped.json.remaining]).toEqual([200, { cost: 10 }, 0]);
    const debt = await send("/limit", { identifier: "debt", ...year(10), cost: 13, overage: "debt" });
    expect(debt.status).toBe(200);
    expect((await used("debt"))["10/52w"].debt).toBe(3);
  });

  test("wrong input is refused by the field's name", async () => {
    const limit = { identifier: "wrong", limits: [{ name: "a", ...year(10) }] };
    const bad = async (path, body, status, code, field) => {
      const { status: is, json } = await send(path, body);
      expect([is, json.code, json.field], JSON.stringify(body)).toEqual([status, code, field]);
    };
    await bad("/limit", { ...limit, costs: { b: 1 } }, 400, "invalidField", "costs.b");
    await bad("/limit", { ...limit, costs: { a: -1 } }, 400, "invalidField", "costs.a");
    await bad("/limit", { ...limit, costs: { a: 1 }, cost: -1 }, 400, "invalidField", "costs");
    await bad("/limit", { ...limit, costs: {} }, 400, "invalidField", "costs");
    await bad("/limit", { ...limit, costs: [1] }, 400, "invalidField", "costs");
    await bad("/limit", { ...limit, hold: "1m", maxDelay: "1s" }, 400, "invalidField", "hold");
    await bad("/limit", { ...limit, hold: "1m", wait: "1s" }, 400, "invalidField", "hold");
    await bad("/limit", { ...limit, hold: "1m", cost: -1 }, 400, "invalidField", "hold");
    await bad("/limit", { ...limit, record: true, hold: "1m" }, 400, "invalidField", "record");
    await bad("/limit", { ...limit, record: true, peek: true }, 400, "invalidField", "record");
    await bad("/limit", { ...limit, overage: "much" }, 400, "invalidField", "overage");
    await bad("/limit", { ...limit, onExpiry: "never" }, 400, "invalidField", "onExpiry");
    const eventual = { identifier: "wrong", ...year(10), consistency: "eventual" };
    await bad("/limit", { ...eventual, hold: "1m" }, 400, "invalidField", "hold");
    await bad("/limit", { ...eventual, overage: "cap" }, 400, "invalidField", "overage");
    const { permit } = await json("/limit", { ...limit, hold: "1m" });
    await bad("/limit/settle", { permit }, 400, "invalidField", "cost");
    await bad("/limit/settle", { permit, cost: -1 }, 400, "invalidField", "cost");
    await bad("/limit/settle", { permit, cost: 2 ** 53 + 2 }, 400, "invalidField", "cost");
    await bad("/limit/settle", { permit, costs: { b: 1 } }, 400, "invalidField", "costs.b");
    await bad("/limit/settle", { cost: 1 }, 400, "invalidField", "permit");
    const foreign = permit.replace(/^p1\.(.)/, (_, digit) => `p1.${digit === "0" ? "1" : "0"}`);
    for (const path of ["settle", "topup"]) {
      await bad(`/limit/${path}`, { permit: foreign, cost: 1 }, 404, "unknownPermit", "permit");
      await bad(`/limit/${path}`, { permit: "p1.x", cost: 1 }, 404, "unknownPermit", "permit");
    }
    // Nothing was lost by all of that.
    expect((await json("/limit/settle", { permit, cost: 2 })).costs).toEqual({ a: 2 });
  });
});

describe("several objects", () => {
  let policy = 0;
  /** An inbox below a ceiling per hour and one per day, each in an object of its own. */
  async function levels(settings = {}) {
    policy += 1;
    const name = `mail${policy}`;
    const put = async (level, body) => {
      const { status, text } = await main.call("PUT", `/policies/${name}.${level}`, body);
      expect([200, 201], text).toContain(status);
    };
    const limits = (limit) => ({ limits: [{ name: "mails", ...year(limit) }], writeAhead: 1 });
    await put("day", { ...limits(300), provider: name, scope: "day" });
    await put("hour", { ...limits(100), provider: name, scope: "hour", parent: { policy: `${name}.day` } });
    await put("inbox", {
      ...limits(50),
      provider: name,
      scope: "inbox",
      parent: { policy: `${name}.hour` },
      ...settings,
    });
    await sleep(5_100);
    const of = (level, identifier) => used(identifier, `&policy=${name}.${level}`);
    return {
      ask: (rest) => send("/limit", { policy: `${name}.inbox`, identifier: "a", ...rest }),
      used: async () => {
        const all = [await of("inbox", "a"), await of("hour", "all"), await of("day", "all")];
        return all.map(({ mails = { used: 0, held: 0, debt: 0 } }) => [mails.used, mails.held, mails.debt]);
      },
    };
  }
  /** The other parts are told in the background. */
  const until = async (what, expected) => {
    for (let tries = 0; tries < 100; tries++) {
      if (JSON.stringify(await what()) === JSON.stringify(expected)) return;
      await sleep(50);
    }
    expect(await what()).toEqual(expected);
  };
  const same = (...levels) => [levels, levels, levels];

  test("one permit holds at all levels, and its end reaches all of them", { timeout: 60_000 }, async () => {
    const { ask, used } = await levels();
    const { permit } = (await ask({ cost: 30, hold: "1m" })).json;
    expect(await used()).toEqual(same(30, 30, 0));
    expect((await ask({ cost: 21 })).json).toMatchObject({ success: false, limitedBy: "mails" });
    const topped = await send("/limit/topup", { permit, cost: 40 });
    expect([topped.status, topped.json.costs]).toEqual([200, { mails: 40 }]);
    expect(await used()).toEqual(same(40, 40, 0));
    expect((await send("/limit/renew", { permit, hold: "2m" })).status).toBe(200);
    expect((await send("/limit/settle", { permit, cost: 45 })).json).toMatchObject({ costs: { mails: 45 } });
    await until(used, same(45, 0, 0));
    // Doubled, in another way, and late: nothing changes.
    expect((await send("/limit/settle", { permit, cost: 45 })).status).toBe(200);
    expect((await send("/limit/release", { permit })).status).toBe(409);
    await until(used, same(45, 0, 0));
    const next = (await ask({ cost: 5, hold: "1m" })).json;
    expect((await send("/limit/release", { permit: next.permit })).status).toBe(200);
    await until(used, same(45, 0, 0));
  });

  test("what was asked for by name lessens no other level's total", { timeout: 60_000 }, async () => {
    const two = [
      { name: "mails", ...year(50) },
      { name: "cents", ...year(50) },
    ];
    const { ask, used } = await levels({ limits: two });
    const { permit } = (await ask({ cost: 1, costs: { cents: 2 }, hold: "1m" })).json;
    const topped = await send("/limit/topup", { permit, cost: 10 });
    expect([topped.status, topped.json.costs]).toEqual([200, { mails: 10, cents: 2 }]);
    expect(await used()).toEqual(same(10, 10, 0));
    // Named once, in a topup: it counts for the cap of the others no more than before.
    await send("/limit/topup", { permit, costs: { cents: 30 } });
    await ask({ cost: 20 });
    const capped = await send("/limit/topup", { permit, cost: 500, overage: "cap" });
    expect([capped.status, capped.json.costs]).toEqual([200, { mails: 30, cents: 30 }]);
    await until(used, same(50, 30, 0));
  });

  test("slots of another level belong to the same permit", { timeout: 60_000 }, async () => {
    const name = "slotted";
    const slots = { name: "slots", algorithm: "concurrency", limit: 1, ttl: "30s" };
    const put = (level, body) => main.call("PUT", `/policies/${name}.${level}`, body);
    await put("day", { limits: [{ name: "mails", ...year(300) }], provider: name, scope: "day", writeAhead: 1 });
    await put("inbox", { limits: [slots], provider: name, scope: "inbox", parent: { policy: `${name}.day` } });
    await sleep(5_100);
    const of = async (level, identifier) => Object.values(await used(identifier, `&policy=${name}.${level}`))[0];
    const ask = () => json("/limit", { policy: `${name}.inbox`, identifier: "s", hold: "1h" });
    const held = await ask();
    expect(held).toMatchObject({ success: true, permit: expect.stringMatching(/^p1\./) });
    expect(held.expires - Date.now()).toBeLessThan(31_000);
    expect((await ask()).success).toBe(false);
    const topped = await send("/limit/topup", { permit: held.permit, cost: 3 });
    expect([topped.status, topped.json.costs]).toEqual([200, { mails: 3 }]);
    const settled = await json("/limit/settle", { permit: held.permit, cost: 2 });
    expect(settled).toMatchObject({ state: "settled", costs: { mails: 2 } });
    expect(await of("day", "all")).toEqual({ used: 2, held: 0, debt: 0 });
    await until(async () => (await ask()).success, true);
  });

  test("a topup that one level refuses holds nothing more anywhere", { timeout: 60_000 }, async () => {
    const { ask, used } = await levels({ limits: [{ name: "mails", ...year(1_000) }] });
    const { permit } = (await ask({ cost: 30, hold: "1m" })).json;
    const refused = await send("/limit/topup", { permit, cost: 101 });
    expect([refused.status, refused.json.costs]).toEqual([429, { mails: 30 }]);
    await until(used, same(30, 30, 0));
    const capped = await send("/limit/topup", { permit, cost: 500, overage: "cap" });
    expect([capped.status, capped.json.costs]).toEqual([200, { mails: 100 }]);
    await until(used, same(100, 100, 0));
  });

  test("what all levels have left is admitted where that is allowed", { timeout: 60_000 }, async () => {
    const { ask, used } = await levels({ limits: [{ name: "mails", ...year(1_000) }], overage: "cap" });
    expect((await ask({ cost: 90 })).json.granted).toBeUndefined();
    const capped = await ask({ cost: 90, hold: "1m" });
    expect([capped.status, capped.json.granted]).toEqual([200, { cost: 10 }]);
    expect(await used()).toEqual(same(100, 10, 0));
    expect((await ask({ cost: 5 })).status).toBe(429);
  });

  test("an expired permit is kept, or given back, at all levels", { timeout: 60_000 }, async () => {
    const kept = await levels();
    const given = await levels({ onExpiry: "giveBack" });
    await kept.ask({ cost: 20, hold: "2s" });
    await given.ask({ cost: 20, hold: "2s" });
    expect(await given.used()).toEqual(same(20, 20, 0));
    // Nobody asks: an alarm sees to it.
    await until(kept.used, same(20, 0, 0));
    await until(given.used, same(0, 0, 0));
  });

  test("the outcome reaches every part although the process dies at once", { timeout: 90_000 }, async () => {
    const { ask, used } = await levels();
    for (let kill = 0; kill < 3; kill++) {
      const { permit } = (await ask({ cost: 10, hold: "5m" })).json;
      expect((await send("/limit/settle", { permit, cost: 6 })).status).toBe(200);
      await main.kill();
      await main.start();
      // Somebody has to wake the home before its alarm does, or the alarm itself.
      await until(used, same(6 * (kill + 1), 0, 0));
    }
  });

  test("entries of several subjects are one permit", async () => {
    const entry = (identifier, cost) => ({ identifier, ...year(10), cost });
    const hold = { limits: [entry("multi-a", 4), entry("multi-b", 5)], hold: "1m" };
    const answer = await json("/limit/multi", hold);
    expect(answer.success).toBe(true);
    expect(answer.results.map(({ permit }) => permit)).toEqual([answer.permit, answer.permit]);
    const both = async () => [(await used("multi-a"))["10/52w"], (await used("multi-b"))["10/52w"]];
    expect(await both()).toEqual([
      { used: 4, held: 4, debt: 0 },
      { used: 5, held: 5, debt: 0 },
    ]);
    const refused = await json("/limit/multi", { limits: [entry("multi-a", 7), entry("multi-c", 5)], hold: "1m" });
    expect([refused.success, refused.permit]).toEqual([false, undefined]);
    expect((await used("multi-c"))["10/52w"]).toMatchObject({ used: 0, held: 0 });
    expect((await send("/limit/settle", { permit: answer.permit, cost: 3 })).status).toBe(200);
    await until(both, [
      { used: 3, held: 0, debt: 0 },
      { used: 3, held: 0, debt: 0 },
    ]);
  });
});
