// A request that comes again is charged once: in parallel, after a crash of Tollgate or of the
// caller, where objects are out of reach, over one object and over several.

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { algorithms, capacityOf, server } from "./lib/server.mjs";
import { switchedServer } from "./lib/switched.mjs";

const YEAR = { algorithm: "fixedWindow", limit: 100, window: "52w" };
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const fifty = (ask) => Promise.all(Array.from({ length: 50 }, (_, i) => ask(i)));

let main;
beforeAll(async () => {
  main = await (await server()).start();
});
afterAll(() => main?.remove());

const limit = (body) => main.call("POST", "/limit", body);
const put = async (name, policy) => {
  const { status, text } = await main.call("PUT", `/policies/${name}`, policy);
  expect([200, 201], text).toContain(status);
};
const used = async (query, on = main) => (await on.call("GET", `/limit?${query}`)).json.limits[0]?.used ?? 0;

/** What two answers to one request have in common. */
const first = ({ json: { repeated, idempotentSince, delay, ...rest } }) => rest;

describe("one object", () => {
  test.each(Object.entries(algorithms(100)))("%s: fifty at once are charged once", async (name, definition) => {
    const body = { identifier: `fifty-${name}`, ...definition, cost: 3, idempotencyKey: "a" };
    const answers = await fifty(() => limit(body));
    expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200));
    expect(answers.filter(({ json }) => !json.repeated)).toHaveLength(1);
    for (const answer of answers) {
      expect(first(answer)).toEqual(first(answers[0]));
      expect(answer.json.remaining).toBe(capacityOf(definition) - 3);
      expect(answer.json.idempotentSince).toBeLessThanOrEqual(Date.now() - 59_000);
    }
    expect(await used(`identifier=fifty-${name}`)).toBe(3);
    // Other keys, and none, are other requests.
    for (const rest of [{ idempotencyKey: "b" }, { idempotencyKey: "A" }, {}]) {
      expect((await limit({ ...body, idempotencyKey: undefined, ...rest })).json.repeated).toBeUndefined();
    }
    expect(await used(`identifier=fifty-${name}`)).toBe(12);
  });

  test("another spelling of a request is the same, another question is refused and charges nothing", async () => {
    await put("spelled", { limits: [YEAR] });
    const ask = (text) => main.call("POST", "/limit", text);
    expect((await ask('{"identifier":"s","policy":"spelled","cost":2,"idempotencyKey":"k/1"}')).status).toBe(200);
    for (const same of [
      '{ "idempotencyKey": "k\\/1",\n "cost": 2, "policy": "spelled", "identifier": "s" }',
      '{"identifier":"s","policy":"spelled","cost":2,"peek":false,"idempotencyKey":"\\u006b/1"}',
    ]) {
      expect((await ask(same)).json, same).toMatchObject({ success: true, repeated: true, remaining: 98 });
    }
    const query = "/limit?policy=spelled&identifier=s&cost=2&idempotencyKey=k%2F1";
    expect((await main.call("POST", query)).json).toMatchObject({ repeated: true, remaining: 98 });
    for (const other of [
      '{"identifier":"s","policy":"spelled","cost":3,"idempotencyKey":"k/1"}',
      '{"identifier":"s","policy":"spelled","idempotencyKey":"k/1"}',
      '{"identifier":"s","policy":"spelled","cost":2,"maxDelay":0,"idempotencyKey":"k/1"}',
      '{"identifier":"s","limit":100,"window":"1h","cost":2,"idempotencyKey":"k/1"}',
    ]) {
      const { status, json } = await ask(other);
      expect([status, json.code], other).toEqual([422, "idempotencyKeyReused"]);
    }
    expect(await used("identifier=s&policy=spelled")).toBe(2);
    // Another subject's key is another key.
    expect((await limit({ identifier: "t", policy: "spelled", idempotencyKey: "k/1" })).json.repeated).toBeUndefined();
  });

  test.each([
    ["empty", { idempotencyKey: "" }, "idempotencyKey"],
    ["too long", { idempotencyKey: "x".repeat(256) }, "idempotencyKey"],
    ["too long in bytes", { idempotencyKey: "é".repeat(128) }, "idempotencyKey"],
    ["a number", { idempotencyKey: 7 }, "idempotencyKey"],
    ["null", { idempotencyKey: null }, "idempotencyKey"],
    ["an object", { idempotencyKey: {} }, "idempotencyKey"],
    ["with a control character", { idempotencyKey: "a\u0000b" }, "idempotencyKey"],
    ["with a line break", { idempotencyKey: "a\nb" }, "idempotencyKey"],
    ["of a peek", { idempotencyKey: "a", peek: true }, "idempotencyKey"],
    ["beside an operation", { idempotencyKey: "a", operation: "a" }, "operation"],
    ["an empty operation", { operation: "" }, "operation"],
    ["an operation that is too long", { operation: "x".repeat(256) }, "operation"],
    ["an operation of a peek", { operation: "a", peek: true }, "operation"],
    ["for too long", { idempotencyKey: "a", idempotencyFor: "25h" }, "idempotencyFor"],
    ["for no time", { idempotencyKey: "a", idempotencyFor: 0 }, "idempotencyFor"],
  ])("a key that is %s is refused, and nothing is charged", async (_, fields, field) => {
    const { status, json } = await limit({ identifier: "bad", ...YEAR, ...fields });
    expect([status, json.code, json.field]).toEqual([400, "invalidField", field]);
    expect(await used("identifier=bad")).toBe(0);
  });

  test.each([["x".repeat(255)], ["é".repeat(127)], [" "], ["日本語 ' \" \\ % + &"], ["__proto__"]])(
    "a key may be any text: %s",
    async (idempotencyKey) => {
      const body = { identifier: `any-${idempotencyKey.length}-${idempotencyKey.codePointAt(0)}`, ...YEAR };
      expect((await limit({ ...body, idempotencyKey })).json.repeated).toBeUndefined();
      expect((await limit({ ...body, idempotencyKey })).json.repeated).toBe(true);
    },
  );

  test("a denial is not kept: the next attempt is decided anew", async () => {
    const body = { identifier: "denied", algorithm: "fixedWindow", limit: 1, window: "2s", idempotencyKey: "a" };
    let taken;
    do taken = await limit({ ...body, idempotencyKey: undefined });
    while (taken.status !== 200 || taken.json.reset - Date.now() < 500);
    const refused = await limit(body);
    expect([refused.status, refused.json.idempotentSince > 0]).toEqual([429, true]);
    await sleep(refused.json.retryAfter + 50);
    expect((await limit(body)).json).toMatchObject({ success: true });
    expect((await limit(body)).json).toMatchObject({ success: true, repeated: true });
  });

  test("who was admitted is not refused by what is refused to others meanwhile", async () => {
    const body = { identifier: "full", ...YEAR, limit: 1, idempotencyKey: "a" };
    await limit(body);
    for (let i = 0; i < 5; i++) expect((await limit({ ...body, idempotencyKey: undefined })).status).toBe(429);
    expect((await limit(body)).json).toMatchObject({ success: true, repeated: true, remaining: 0 });
  });

  test("a promised place keeps its instant, and the same permit is given", async () => {
    const place = {
      identifier: "place",
      algorithm: "tokenBucket",
      capacity: 1,
      refill: { amount: 1, interval: "10s" },
      maxDelay: "1m",
    };
    await limit(place);
    const began = Date.now();
    const { json } = await limit({ ...place, idempotencyKey: "a" });
    await sleep(300);
    const again = await limit({ ...place, idempotencyKey: "a" });
    expect(again.json).toMatchObject({ success: true, repeated: true });
    expect(json.delay - again.json.delay).toBeGreaterThanOrEqual(290);
    expect(json.delay - again.json.delay).toBeLessThanOrEqual(Date.now() - began + 5);

    const slot = { identifier: "slot", algorithm: "concurrency", limit: 3, ttl: "1h", idempotencyKey: "a" };
    const [held, same] = [await limit(slot), await limit(slot)];
    expect(same.json).toMatchObject({ permit: held.json.permit, fence: held.json.fence, repeated: true });
    expect((await main.call("POST", "/limit/release", { permit: held.json.permit })).status).toBe(200);
    const next = await limit(slot);
    expect(next.json.repeated).toBeUndefined();
    expect(next.json.permit).not.toBe(held.json.permit);
  });

  test("who goes away while he waits gives up place and key; who has asked again keeps both", async () => {
    const body = (identifier) => ({
      identifier,
      algorithm: "tokenBucket",
      capacity: 1,
      refill: { amount: 1, interval: "3s" },
      wait: "20s",
      idempotencyKey: "a",
    });
    for (const [identifier, isAskedTwice] of [
      ["gone", false],
      ["stays", true],
    ]) {
      await limit({ ...body(identifier), idempotencyKey: "first" });
      const gone = leaving(body(identifier), isAskedTwice ? 600 : 300);
      await sleep(isAskedTwice ? 200 : 1_000);
      const answer = limit(body(identifier));
      await gone;
      const { json } = await answer;
      expect(json.repeated, identifier).toBe(isAskedTwice ? true : undefined);
      // The next place is one behind, and not two.
      const { json: next } = await limit({ ...body(identifier), idempotencyKey: "next" });
      expect(next.waited ?? 0, identifier).toBeLessThanOrEqual(3_100);
    }
  });

  test("a refund takes back what its key was charged, once", async () => {
    const body = { identifier: "refund", ...YEAR };
    await limit({ ...body, cost: 5 });
    await limit({ ...body, cost: 2, idempotencyKey: "a" });
    const back = await fifty(() => limit({ ...body, cost: -2, idempotencyKey: "a" }));
    expect(back.filter(({ json }) => json.success && !json.repeated)).toHaveLength(1);
    expect(await used("identifier=refund")).toBe(5);
    expect((await limit({ ...body, cost: 2, idempotencyKey: "a" })).json.repeated).toBeUndefined();
  });

  test("an operation is known for a minute in memory, and no longer after a crash", async () => {
    const body = { identifier: "operation", ...YEAR, operation: "o-1" };
    const answers = await fifty(() => limit(body));
    expect(answers.filter(({ json }) => !json.repeated)).toHaveLength(1);
    expect(answers[0].json).not.toHaveProperty("idempotentSince");
    expect((await limit({ ...body, cost: 2 })).json.code).toBe("idempotencyKeyReused");
    expect(await used("identifier=operation")).toBe(1);
  });

  test("what no object decides says that it is not known again", async () => {
    const counted = { identifier: "counted", algorithm: "fixedWindow", limit: 100, window: "1h" };
    const body = { ...counted, consistency: "eventual", idempotencyKey: "a" };
    for (let i = 0; i < 2; i++) {
      const { json } = await limit(body);
      expect(json).toMatchObject({ success: true, idempotent: false });
      expect(json).not.toHaveProperty("idempotentSince");
    }
  });

  test("a reset forgets the keys, and the answer says so", async () => {
    const body = { identifier: "reset", ...YEAR, idempotencyKey: "a", idempotencyFor: "1h" };
    await limit(body);
    const before = Date.now();
    expect((await main.call("DELETE", "/limit?identifier=reset")).status).toBe(200);
    const { json } = await limit(body);
    expect([json.repeated, json.remaining, json.idempotentSince >= before]).toEqual([undefined, 99, true]);
  });
});

/** A caller who is gone after so long: his connection is reset, as by a crash. */
function leaving(body, ms) {
  const { hostname, port } = new URL(main.url);
  const text = JSON.stringify(body);
  const head = `POST /limit HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer test-admin\r\n`;
  const socket = net.connect(Number(port), hostname, () =>
    socket.write(`${head}content-length: ${text.length}\r\n\r\n${text}`),
  );
  socket.on("error", () => {});
  return sleep(ms).then(() => socket.resetAndDestroy());
}

describe("several objects", () => {
  const entry = (identifier, rest) => ({ identifier, ...YEAR, ...rest });
  const multi = (body) => main.call("POST", "/limit/multi", body);

  test("a request over several subjects is charged once to each, as a whole", async () => {
    const limits = [entry("m1"), entry("m2", { cost: 2 }), entry("m3", { cost: 3 })];
    const answers = await fifty(() => multi({ limits, idempotencyKey: "a" }));
    for (const { status, json } of answers) {
      expect([status, json.success]).toEqual([200, true]);
      expect(json.results.map(({ remaining }) => remaining)).toEqual([99, 98, 97]);
      expect(json.idempotentSince).toBeGreaterThan(0);
    }
    for (const [i, name] of ["m1", "m2", "m3"].entries()) expect(await used(`identifier=${name}`)).toBe(i + 1);
    expect((await multi({ limits, idempotencyKey: "a" })).json.repeated).toBe(true);
    const other = await multi({ limits: [entry("m1"), entry("m4")], idempotencyKey: "a" });
    expect([other.status, other.json.code]).toEqual([422, "idempotencyKeyReused"]);
    await sleep(300);
    for (const [i, name] of ["m1", "m2", "m3", "m4"].entries())
      expect(await used(`identifier=${name}`)).toBe((i + 1) % 4);
  });

  test("a request over several that is refused is decided anew, and charges nobody until then", async () => {
    const limits = [entry("n1"), entry("n2", { limit: 2 })];
    await limit({ ...entry("n2", { limit: 2 }), cost: 2 });
    for (let i = 0; i < 3; i++) expect((await multi({ limits, idempotencyKey: "a" })).status).toBe(429);
    await sleep(300);
    expect(await used("identifier=n1")).toBe(0);
    await limit({ ...entry("n2", { limit: 2 }), cost: -1 });
    const admitted = await multi({ limits, idempotencyKey: "a" });
    expect([admitted.json.success, admitted.json.repeated]).toEqual([true, undefined]);
    expect((await multi({ limits, idempotencyKey: "a" })).json).toMatchObject({ success: true, repeated: true });
    expect(await used("identifier=n1")).toBe(1);
  });

  test("the key stands beside the entries, not in one", async () => {
    const inside = await multi({ limits: [entry("k1", { idempotencyKey: "a" })] });
    expect([inside.status, inside.json.field]).toEqual([400, "limits[0].idempotencyKey"]);
    const refund = await multi({ limits: [entry("k1"), entry("k2", { cost: -1 })], idempotencyKey: "a" });
    expect([refund.status, refund.json.field]).toEqual([400, "limits[1].cost"]);
    const both = await multi({ limits: [entry("k1")], idempotencyKey: "a", operation: "b" });
    expect([both.status, both.json.field]).toEqual([400, "operation"]);
  });

  test("parents are charged once, and know children with equal keys apart", async () => {
    await put("up", { limits: [YEAR], provider: "up" });
    await put("down", { limits: [YEAR], provider: "down", parent: { policy: "up", identifier: "{prefix}" } });
    const ask = (identifier) => limit({ policy: "down", identifier, idempotencyKey: "1" });
    for (const child of ["t:a", "t:b"]) {
      const answers = await fifty(() => ask(child));
      expect(answers.filter(({ json }) => json.success)).toHaveLength(50);
      expect((await ask(child)).json).toMatchObject({ repeated: true, decidedBy: expect.any(String) });
      expect(await used(`policy=down&identifier=${child}`)).toBe(1);
    }
    expect(await used("policy=up&identifier=t")).toBe(2);
    // What is taken back is taken back at both levels.
    await limit({ policy: "down", identifier: "t:a", cost: -1, idempotencyKey: "1" });
    await limit({ policy: "down", identifier: "t:a", cost: -1, idempotencyKey: "1" });
    expect([await used("policy=down&identifier=t:a"), await used("policy=up&identifier=t")]).toEqual([0, 1]);
  });

  test("the policy that has admitted in place of another one answers again", { timeout: 30_000 }, async () => {
    const year = (size) => [{ ...YEAR, limit: size }];
    await put("second", { limits: year(5), provider: "two" });
    await put("first", { limits: year(2), provider: "one", fallbackTo: ["second"] });
    const ask = (idempotencyKey) => limit({ policy: "first", identifier: "u", idempotencyKey });
    await ask("a");
    await ask("b");
    const third = await ask("c");
    expect(third.json).toMatchObject({ success: true, policy: "second", fellBackFrom: ["first"] });
    await main.call("DELETE", "/limit?policy=first&identifier=u");
    expect((await ask("c")).json).toMatchObject({ policy: "second", fellBackFrom: ["first"], repeated: true });
    expect([await used("policy=first&identifier=u"), await used("policy=second&identifier=u")]).toEqual([0, 1]);
    // Who is denied falls back to nobody, also when he comes again.
    const denied = "/overrides/provider:one/deny";
    expect((await main.call("PUT", denied, { reason: "stopped" })).status).toBeLessThan(300);
    const stopped = async () => {
      for (;;) {
        const answer = await ask("c");
        if (answer.status === 429) return answer;
        await sleep(250);
      }
    };
    expect((await stopped()).json.reason).toBe("override");
    expect((await main.call("DELETE", `${denied}?reason=over`)).status).toBeLessThan(300);
    const goesOn = async () => {
      for (;;) {
        const answer = await ask("c");
        if (answer.status === 200) return answer;
        await sleep(250);
      }
    };
    expect((await goesOn()).json).toMatchObject({ policy: "second", repeated: true });
    expect([await used("policy=first&identifier=u"), await used("policy=second&identifier=u")]).toEqual([0, 1]);
  });

  test("a level that is not enforced is charged once as well, also in the object of the others", async () => {
    await put("enforced", { limits: [YEAR] });
    await put("watched", { limits: [YEAR], shadow: true, parent: { policy: "enforced", identifier: "{identifier}" } });
    const ask = (rest) => limit({ policy: "watched", identifier: "w", idempotencyKey: "a", ...rest });
    for (let i = 0; i < 3; i++) expect((await ask()).json).toMatchObject({ success: true, shadow: true });
    const both = () => Promise.all(["watched", "enforced"].map((name) => used(`policy=${name}&identifier=w`)));
    expect(await both()).toEqual([1, 1]);
    for (let i = 0; i < 3; i++) await ask({ cost: -1 });
    expect(await both()).toEqual([0, 0]);
  });
});

test("a key is known after kill -9, an operation is not", { timeout: 60_000 }, async () => {
  const own = await (await server()).start();
  try {
    const entry = (identifier) => ({ identifier, ...YEAR });
    const requests = [
      ["/limit", { ...entry("a"), idempotencyKey: "k" }],
      ["/limit/multi", { limits: [entry("b"), entry("c")], idempotencyKey: "k" }],
      ["/limit", { ...entry("o"), operation: "k" }],
    ];
    const before = [];
    for (const [path, body] of requests) before.push((await own.call("POST", path, body)).json);
    for (let kill = 0; kill < 3; kill++) {
      await own.kill();
      await own.start();
      for (const [i, [path, body]] of requests.slice(0, 2).entries()) {
        const { json } = await own.call("POST", path, body);
        expect(json).toMatchObject({ success: true, repeated: true });
        const left = ({ remaining, results }) => remaining ?? results.map((it) => it.remaining);
        expect(left(json)).toEqual(left(before[i]));
      }
    }
    expect((await own.call("POST", ...requests[2])).json.repeated).toBeUndefined();
    const charged = ["a", "b", "c", "o"].map((name) => used(`identifier=${name}`, own));
    expect(await Promise.all(charged)).toEqual([1, 1, 1, 2]);
  } finally {
    await own.remove();
  }
});

test("a key is known after the object has slept, an operation is not", { timeout: 60_000 }, async () => {
  const asked = [{ idempotencyKey: "k" }, { operation: "k" }];
  const ask = (i) => limit({ identifier: `sleeper-${i}`, ...YEAR, ...asked[i] });
  for (const i of asked.keys()) await ask(i);
  await sleep(11_500);
  const answers = [await ask(0), await ask(1)];
  expect(answers.map(({ json }) => json.repeated)).toEqual([true, undefined]);
  expect([await used("identifier=sleeper-0"), await used("identifier=sleeper-1")]).toEqual([1, 2]);
});

describe("objects that do not answer", () => {
  let far;
  beforeAll(async () => {
    far = await switchedServer({ TOLLGATE_DEADLINE_MS: "300" });
  });
  afterAll(() => far?.remove());
  const become = (how, rest = "") => far.become(`${how}${rest}`);
  const ask = (body) => far.call("POST", "/limit", { ...YEAR, ...body });

  test("what a failure mode has given out is charged once with its retries", { timeout: 60_000 }, async () => {
    const bodies = Array.from({ length: 5 }, (_, i) => ({ identifier: `far-${i}`, idempotencyKey: "a" }));
    await become("broken");
    for (const body of bodies) {
      for (let i = 0; i < 3; i++) {
        const { json } = await ask(body);
        expect(json).toEqual({ success: true, reason: "degraded", idempotent: false, source: "fallback" });
      }
    }
    await become("well");
    // The circuits close again.
    const answered = async (body) => {
      for (;;) {
        const { json } = await ask(body);
        if (json.source === "object") return json;
        await sleep(500);
      }
    };
    for (const body of bodies) {
      expect(await answered(body)).toMatchObject({ success: true });
      await sleep(200); // debts are repaid in the background
      expect(await answered(body)).toMatchObject({ success: true, repeated: true });
      expect(await used(`identifier=${body.identifier}`, far)).toBe(1);
    }
  });

  test("what an object has charged too late to answer is not charged again", { timeout: 30_000 }, async () => {
    await become("slow", "&only=late&ms=600");
    const body = { identifier: "late", idempotencyKey: "a" };
    expect((await ask(body)).json).toMatchObject({ reason: "degraded", idempotent: false });
    await become("well");
    await sleep(700);
    expect((await ask(body)).json).toMatchObject({ success: true, repeated: true, remaining: 99 });
    await sleep(300);
    expect(await used("identifier=late", far)).toBe(1);
  });

  test("a retry that fails takes nothing back of what was answered", { timeout: 60_000 }, async () => {
    const put = (name, policy) => far.call("PUT", `/policies/${name}`, policy);
    await put("above", { limits: [{ ...YEAR, limit: 10 }], provider: "above" });
    await put("below", { limits: [YEAR], provider: "below", failMode: "closed", parent: { policy: "above" } });
    await sleep(5_100);
    const body = { policy: "below", identifier: "child", cost: 10, idempotencyKey: "a" };
    const check = () => far.call("POST", "/limit", body);
    expect((await check()).status).toBe(200);
    await become("silent", "&only=child");
    expect((await check()).status).toBe(503);
    await sleep(1_000); // cancellations are sent in the background
    await become("well");
    expect(await used("policy=above&identifier=all", far)).toBe(10);
    const other = await far.call("POST", "/limit", { policy: "below", identifier: "other" });
    expect(other.status).toBe(429);
  });
});

const KILLS = 20;
const INBOXES = 4;
const DAILY = 30;

test(`a sender of mails dies ${KILLS} times between asking and sending: each mail is counted once`, {
  timeout: 120_000,
}, async () => {
  await put("mails", {
    limits: [{ algorithm: "fixedWindow", limit: DAILY, window: "52w" }],
    failMode: "closed",
    idempotencyFor: "24h",
  });
  const folder = mkdtempSync(join(tmpdir(), "mails-"));
  try {
    // One inbox has fewer mails than it may send, the others more.
    const queue = [];
    for (let i = 0; i < DAILY + 10; i++) {
      for (let inbox = 0; inbox < INBOXES; inbox++) {
        if (inbox > 0 || i < DAILY - 5) queue.push({ id: `${inbox}-${i}`, inbox: `inbox${inbox}@example.com` });
      }
    }
    writeFileSync(join(folder, "queue.json"), JSON.stringify(queue));
    let again = 0;
    for (let kill = 0; kill < KILLS; kill++) again += await sender(folder, 2 + (kill % 5));
    again += await sender(folder);
    expect(again).toBeGreaterThanOrEqual(KILLS);
    const sent = readFileSync(join(folder, "sent.log"), "utf8").trim().split("\n");
    expect(new Set(sent).size).toBe(sent.length);
    for (let inbox = 0; inbox < INBOXES; inbox++) {
      const name = `inbox${inbox}@example.com`;
      const mails = sent.filter((line) => line.startsWith(`${name} `)).length;
      expect(mails, name).toBe(inbox > 0 ? DAILY : DAILY - 5);
      expect(await used(`policy=mails&identifier=${name}`), name).toBe(mails);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/**
 * Runs the sender, and kills it when it has asked for so many mails and sent one less, if that is
 * said; how many it has asked for that had been admitted before.
 */
function sender(folder, mails = Infinity) {
  const env = { ...process.env, TOLLGATE_URL: main.url, TOLLGATE_TOKEN: "test-check" };
  const child = spawn(process.execPath, ["examples/mails/mailer.mjs", folder], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let asked = 0;
  let again = 0;
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (!line.startsWith("asked ")) return;
    asked += 1;
    again += Number(line.endsWith(" again"));
    if (asked === mails) child.kill("SIGKILL");
  });
  return new Promise((resolve, reject) => {
    child.on("exit", (code, signal) => {
      if (code === 0 || signal === "SIGKILL") resolve(again);
      else reject(new Error(`the sender ended with ${code ?? signal}`));
    });
  });
}
