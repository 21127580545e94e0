// How changes of policies reach isolates: two Workers in front of the same objects. What one of
// them asks of the object that keeps the policies passes through lib/switched-policies.js.

import { cpSync, rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tollgate as describeTollgate } from "../../scripts/lib/workerd.mjs";
import { call, server } from "./lib/server.mjs";
import { workerBetween } from "./lib/switched.mjs";

const DEADLINE_MS = 500;
const TOKENS = JSON.stringify([
  { token: "admin", name: "ann", role: "admin" },
  { token: "check", role: "check", inline: false },
  { token: "shop", role: "admin", namespace: "shop" },
  { token: "cold", role: "admin", namespace: "cold" },
]);
const hour = (limit) => ({ limits: [{ name: "hour", algorithm: "fixedWindow", limit, window: "52w" }] });
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

describe("two Workers in front of the same objects", () => {
  let main;
  let direct;
  const become = (how) => fetch(`${main.urlOf("between")}/?how=${how}`, { method: "PUT" });
  const reached = async () => Number(await (await fetch(main.urlOf("between"))).text());
  const put = (name, policy) => call(direct, "PUT", `/policies/${name}`, policy, { token: "admin" });
  const ask = (body, { url = main.url, token = "check" } = {}) => call(url, "POST", "/limit", body, { token });

  beforeAll(async () => {
    const texts = [
      { name: "TOLLGATE_TOKENS", text: TOKENS },
      { name: "TOLLGATE_DEADLINE_MS", text: String(DEADLINE_MS) },
    ];
    const ofReal = (variant) => ({ ...variant, objects: variant.objects.map((object) => ({ ...object, of: "real" })) });
    const real = { ...describeTollgate(), id: "real" };
    const between = workerBetween("PolicyDO", "switched-policies.js");
    const through = (object) => (object.className === "PolicyDO" ? { ...object, of: "between" } : object);
    main = await server({
      tokens: TOKENS,
      texts: { TOLLGATE_DEADLINE_MS: String(DEADLINE_MS) },
      variants: [real, between, ofReal(describeTollgate({ id: "direct", texts }))],
      change: (front) => {
        const { objects, ...rest } = ofReal(front);
        return { ...rest, objects: objects.map(through) };
      },
    });
    await main.start();
    direct = main.urlOf("direct");
  });
  afterAll(() => main?.remove());

  test("one call a check, over a thousand subjects that are asked every eleven seconds", {
    timeout: 90_000,
  }, async () => {
    await put("many", hour(100));
    await sleep(5_100);
    await become("well");
    const rounds = 2;
    const began = Date.now();
    const answers = [];
    for (let i = 0; i < rounds * 1_000; i++) {
      answers.push(ask({ policy: "many", identifier: `u${i % 1_000}` }));
      await sleep(Math.max(0, began + i * 11 - Date.now()));
    }
    for (const { status } of await Promise.all(answers)) expect(status).toBe(200);
    // Beside the one call of each check: one a second at most, of which there are ninety checks.
    const calls = await reached();
    expect(calls).toBeGreaterThan(5);
    expect(calls / (rounds * 1_000)).toBeLessThan(0.012);
    // And nothing while nobody asks.
    await sleep(3_000);
    const idle = await reached();
    await sleep(3_000);
    expect(await reached()).toBe(idle);
  });

  test("a hundred requests after a pause ask once, or about once", async () => {
    await put("burst", hour(1_000));
    await sleep(5_100);
    await become("well");
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask({ policy: "burst", identifier: "u" })));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 100 }, () => 200));
    expect(await reached()).toBeLessThan(5);
  });

  test("under load a change is in force after five seconds, and never more than the larger limit passes", async () => {
    const limits = [1_500, 500, 2_000];
    const changed = [];
    const change = async (i) => {
      const { json } = await put("loaded", hour(limits[i]));
      expect(json.version).toBe(i + 1);
      changed.push(Date.now());
    };
    await change(0);
    await sleep(5_100);
    const end = Date.now() + 15_000;
    let admitted = 0;
    const late = [];
    const versions = new Set();
    const caller = async (i) => {
      while (Date.now() < end) {
        const began = Date.now();
        const { json, status } = await ask(
          { policy: "loaded", identifier: "u" },
          { url: i % 2 === 0 ? main.url : direct },
        );
        expect([200, 429]).toContain(status);
        if (status === 200) admitted++;
        versions.add(json.version);
        // Only what was asked after the bound counts: a remembered refusal lasts a second more.
        const next = changed[json.version];
        if (next !== undefined && began > next + 5_000 + 1_000) late.push([json.version, began - next]);
        if (status === 429) await sleep(10);
      }
    };
    const callers = Array.from({ length: 50 }, (_, i) => caller(i));
    await sleep(1_000);
    await change(1);
    await sleep(7_000);
    await change(2);
    await Promise.all(callers);
    expect(late).toEqual([]);
    expect([...versions].sort()).toEqual([1, 2, 3]);
    expect(admitted).toBeLessThanOrEqual(2_000);
    expect(admitted).toBeGreaterThan(500);
  });

  describe("while the object that keeps them is out of reach", () => {
    test("nothing is known of a namespace: 503, and nothing is charged", async () => {
      await become("broken");
      const body = { policy: "none", identifier: "u" };
      const answer = await ask(body, { token: "shop" });
      expect(answer).toMatchObject({ status: 503, json: { code: "policyUnavailable" } });
      expect(answer.headers.get("retry-after")).toBe("1");
      expect((await ask(body, { token: "shop" })).status).toBe(503);
      const change = await call(main.url, "PUT", "/policies/none", hour(1), { token: "shop" });
      expect(change).toMatchObject({ status: 503, json: { code: "policyUnavailable" } });
      // Inline limits need no policies.
      expect((await ask({ identifier: "u", limit: 9, window: "1h" }, { token: "shop" })).status).toBe(200);
      await become("well");
    });

    test("what KV kept, or what the isolate has, is used, and called degraded; an object never goes back", async () => {
      await put("kept", hour(100));
      await sleep(2_500); // KV keeps it a second after the change
      await become("broken");
      await sleep(5_100);
      const body = { policy: "kept", identifier: "u" };
      const first = await ask(body);
      expect(first.json).toMatchObject({
        success: true,
        version: 1,
        reason: "degraded",
        source: "object",
        remaining: 99,
      });
      // KV shows the next change ninety seconds late. Who can reach the object has it in five.
      await main.kv({ delay: 90_000 });
      await put("kept", hour(50));
      await sleep(5_100);
      expect((await ask(body, { url: direct })).json).toMatchObject({ version: 2, limit: 50, remaining: 48 });
      // Who cannot asks by the old one, and the subject's object decides by the new one.
      const { json } = await ask(body);
      expect(json).toMatchObject({ version: 2, limit: 50, remaining: 47, reason: "degraded" });
      expect((await ask({ ...body, identifier: "new" })).json).toMatchObject({ version: 1, limit: 100 });
      expect((await ask({ ...body, policy: "unknown" })).json.code).toBe("policyUnavailable");
      // KV away as well: the copy is still there.
      await main.kv({ fails: true });
      await sleep(10_100);
      expect((await ask(body)).json).toMatchObject({ version: 2, reason: "degraded" });
      // What KV keeps meanwhile is taken up as well: it is read every ten seconds.
      await main.kv({});
      await put("kept", hour(40));
      let asked = 0;
      const taken = async () => (await ask({ ...body, identifier: `new-${asked++}` })).json;
      await expect.poll(taken, { timeout: 20_000, interval: 1_000 }).toMatchObject({ version: 3, reason: "degraded" });
      await become("well");
      await sleep(2_500);
      await ask(body);
      await sleep(500);
      const back = (await ask(body)).json;
      expect(back).toMatchObject({ version: 3, limit: 40 });
      expect(back.reason).toBeUndefined();
    });

    test("silence is waited for once, and not by everybody", async () => {
      await put("silent", hour(1_000));
      await sleep(5_100);
      expect((await ask({ policy: "silent", identifier: "u" })).status).toBe(200);
      await become("silent");
      await sleep(5_100);
      const timed = async () => {
        const began = Date.now();
        const { json } = await ask({ policy: "silent", identifier: "u" });
        expect(json).toMatchObject({ success: true, reason: "degraded" });
        return Date.now() - began;
      };
      expect(await timed()).toBeGreaterThan(DEADLINE_MS - 50);
      for (let i = 0; i < 10; i++) expect(await timed()).toBeLessThan(DEADLINE_MS - 50);
      await become("well");
    });

    test("what names a policy that cannot be looked up means no subject, rather than another one", async () => {
      await put("warm", hour(100));
      await sleep(10_100); // what has failed before is over
      expect((await ask({ policy: "warm", identifier: "u" })).status).toBe(200);
      await become("broken");
      await sleep(5_100);
      expect((await ask({ policy: "warm", identifier: "u" })).json.reason).toBe("degraded");
      await put("unseen", { ...hour(100), provider: "github" });
      const block = { policy: "unseen", identifier: "u", duration: "1h" };
      for (const [method, path, body] of [
        ["POST", "/limit/block", block],
        ["DELETE", "/limit?policy=unseen&identifier=u"],
        ["GET", "/limit?policy=unseen&identifier=u"],
      ]) {
        const answer = await call(main.url, method, path, body, { token: "admin" });
        expect(answer, method).toMatchObject({ status: 503, json: { code: "policyUnavailable" } });
      }
      await become("well");
    });

    test("whoever comes while KV is asked waits for what it kept", async () => {
      const admin = { token: "cold" };
      expect((await call(direct, "PUT", "/policies/a", hour(1_000), admin)).status).toBe(201);
      await sleep(2_500); // KV keeps it a second after the change
      await become("broken");
      await main.kv({ slow: 200 });
      const one = async (i) => {
        await sleep(i * 5);
        return (await call(main.url, "POST", "/limit", { policy: "a", identifier: "u" }, admin)).json;
      };
      const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => one(i)));
      await main.kv({});
      await become("well");
      for (const json of answers) expect(json).toMatchObject({ success: true, reason: "degraded" });
    });
  });
});

describe("a policy's object whose process ends", () => {
  let main;
  const admin = { token: "admin" };
  const put = (limit) => main.call("PUT", "/policies/a", hour(limit), admin);
  const ask = () => main.call("POST", "/limit", { policy: "a", identifier: "u" }, admin);
  const files = () => `${main.directory}/storage-T/T-PolicyDO`;

  beforeAll(async () => {
    main = await (await server({ tokens: TOKENS })).start();
  });
  afterAll(() => main?.remove());

  test("whatever was answered is kept by kill -9, with its entry of the audit", async () => {
    for (let i = 1; i <= 12; i++) {
      const { json } = await put(100 + i);
      if (i % 4 !== 0) continue;
      await main.kill();
      await main.start();
      expect((await main.call("GET", "/policies/a", undefined, admin)).json).toMatchObject({
        version: json.version,
        policy: hour(100 + i),
      });
      const { entries } = (await main.call("GET", "/audit", undefined, admin)).json;
      expect(entries).toHaveLength(i);
      expect(entries[0]).toMatchObject({ version: json.version, after: hour(100 + i) });
    }
  });

  test("one that was restored from a backup gives no number twice, and is found out", async () => {
    const before = (await main.call("GET", "/policies/a", undefined, admin)).json;
    await main.kill();
    cpSync(files(), `${main.directory}/backup`, { recursive: true });
    await main.start();
    const { json } = await put(7);
    await sleep(5_100);
    expect((await ask()).json).toMatchObject({ version: json.version, limit: 7, remaining: 6 });
    await main.kill();
    rmSync(files(), { recursive: true });
    cpSync(`${main.directory}/backup`, files(), { recursive: true });
    await main.start();
    // The subject's object knows more than the backup, and its answer tells.
    expect((await ask()).json).toMatchObject({ version: json.version, limit: 7, remaining: 5 });
    await sleep(500);
    expect((await ask()).json).toMatchObject({ version: before.version, limit: 112 });
    const { entries } = (await main.call("GET", "/audit", undefined, admin)).json;
    expect(entries[0].action).toBe("restored");
    // The same number once more, of another generation: it is the newer one.
    const again = await put(9);
    expect(again.json.version).toBe(json.version);
    await sleep(5_100);
    expect((await ask()).json).toMatchObject({ version: json.version, limit: 9 });
  });
});
