// A subject's stage over HTTP: who may set it, what is refused, what the audit has of it, and that
// a kill forgets nothing of it.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tollgate as describeTollgate } from "../../scripts/lib/workerd.mjs";
import { server } from "./lib/server.mjs";
import { switchedServer, workerBetween } from "./lib/switched.mjs";

const TOKENS = JSON.stringify([
  { token: "ann", name: "ann@x.org", role: "admin" },
  { token: "checker", role: "check" },
  { token: "reader", role: "read" },
  { token: "shop", role: "admin", namespace: "shop" },
]);
const DAY = 86_400_000;

let main;
beforeAll(async () => {
  main = await (await server({ tokens: TOKENS })).start();
  const put = await main.call("PUT", "/policies/inbox", INBOX, as("ann"));
  expect(put.status).toBe(201);
});
afterAll(() => main?.remove());

const INBOX = {
  provider: "mail",
  scope: "inbox",
  limits: [
    {
      name: "day",
      algorithm: "slidingLog",
      window: "1d",
      stages: [{ for: "7d", limit: 1 }, { for: "7d", limit: 2 }, { limit: 4 }],
    },
  ],
};
const as = (token, headers) => ({ token, headers });
const set = (identifier, body, options = as("ann")) =>
  main.call("PUT", `/overrides/subject:mail/inbox/${identifier}/stage`, body, options);
const audit = async () => (await main.call("GET", "/audit", undefined, as("ann"))).json.entries;
const ask = async (identifier, cost = 1) =>
  (await main.call("POST", "/limit", { policy: "inbox", identifier, cost }, as("checker"))).json;
const shown = async (identifier, options = as("reader")) =>
  (await main.call("GET", `/limit?policy=inbox&identifier=${identifier}`, undefined, options)).json;

describe("the route of a stage", () => {
  test("is for administrators of the subject's namespace", async () => {
    const start = Date.now() - 8 * DAY;
    for (const token of ["checker", "reader"]) {
      expect((await set("roles", { start, policy: "inbox" }, as(token))).status).toBe(403);
    }
    expect((await set("roles", { start, policy: "inbox" }, as(null))).status).toBe(401);
    expect((await shown("roles")).stage).toBeUndefined();
    // The same name elsewhere is somebody else.
    expect((await main.call("PUT", "/policies/inbox", INBOX, as("shop"))).status).toBe(201);
    expect((await set("roles", { start, policy: "inbox" }, as("shop"))).status).toBe(201);
    expect((await shown("roles")).stage).toBeUndefined();
    expect((await shown("roles", as("shop"))).stage).toEqual({ start });
  });

  test("tells what is wrong, and changes nothing", async () => {
    const start = Date.now();
    await ask("wrong");
    const before = [await shown("wrong"), (await audit()).length];
    const bodies = [
      [{}, "body"],
      [{ reason: "x" }, "body"],
      [[], "body"],
      [{ start: "2027-01-01" }, "start"],
      [{ start: Math.floor(start / 1_000) }, "start"],
      [{ start: -1 }, "start"],
      [{ start: 1.5e12 + 0.5 }, "start"],
      [{ start: null }, "start"],
      [{ paused: "yes" }, "paused"],
      [{ paused: true, until: "1h" }, "until"],
      [{ paused: true, limit: "day" }, "limit"],
      [{ paused: true, policy: "" }, "policy"],
      [{ paused: true, reason: "x".repeat(257) }, "reason"],
    ];
    for (const [body, field] of bodies) {
      const refused = await set("wrong", body);
      expect([body, refused.status, refused.json.field]).toEqual([body, 400, field]);
    }
    for (const target of ["all", "provider:mail", "policy:inbox", "prefix:mail/inbox/*", "subject:mail/wrong", "me"]) {
      const refused = await main.call("PUT", `/overrides/${target}/stage`, { paused: true }, as("ann"));
      expect([target, refused.status, refused.json.field]).toEqual([target, 400, "target"]);
    }
    const query = await main.call(
      "PUT",
      "/overrides/subject:mail/inbox/wrong/stage?dryRun=true",
      { paused: true },
      as("ann"),
    );
    expect(query).toMatchObject({ status: 400, json: { field: "dryRun" } });
    for (const [header, field] of [
      ["if-match", "If-Match"],
      ["if-none-match", "If-None-Match"],
    ]) {
      const refused = await set("wrong", { paused: true }, as("ann", { [header]: "*" }));
      expect(refused).toMatchObject({ status: 400, json: { field } });
    }
    const gone = await main.call("DELETE", "/overrides/subject:mail/inbox/wrong/stage", undefined, as("ann"));
    expect([gone.status, gone.headers.get("allow")]).toEqual([405, "PUT"]);
    expect(gone.json.detail).toContain('{"paused": false}');
    expect([await shown("wrong"), (await audit()).length]).toEqual(before);
  });

  test("moves the step at once, and the audit has it before and after", async () => {
    expect((await ask("moved")).success).toBe(true);
    const { start } = (await shown("moved")).stage;
    const moved = await set("moved", { start: start - 8 * DAY, reason: "warmed up elsewhere" });
    expect(moved).toMatchObject({
      status: 200,
      json: { before: { start }, start: start - 8 * DAY, author: "ann@x.org", reason: "warmed up elsewhere" },
    });
    expect(moved.json.steps).toEqual([{ policy: "inbox", limit: "day", from: 1, to: 2 }]);
    expect(await ask("moved")).toMatchObject({ success: true, limit: 2, remaining: 0 });
    const [staged, intended] = await audit();
    const said = {
      target: "subject:mail/inbox/moved",
      kind: "stage",
      version: moved.json.version,
      author: "ann@x.org",
      reason: "warmed up elsewhere",
    };
    expect(intended).toMatchObject({ ...said, action: "stage", after: { start: start - 8 * DAY } });
    expect(staged).toMatchObject({
      ...said,
      action: "staged",
      before: { start },
      after: { start: start - 8 * DAY, steps: moved.json.steps },
    });
    expect(staged.id).toBeGreaterThan(intended.id);
    const page = await main.call("GET", "/overrides?target=subject:mail/inbox/moved", undefined, as("reader"));
    expect(page.json.overrides).toEqual([]);
  });

  test("is listed with what its object says", async () => {
    const paused = await set("listed", { paused: true, policy: "inbox" });
    expect(paused.status).toBe(201);
    const { start, pausedSince } = paused.json;
    const listed = async () => {
      const page = await main.call("GET", "/subjects?provider=mail&live=true", undefined, as("reader"));
      return page.json.subjects.find(({ identifier }) => identifier === "listed")?.live;
    };
    await expect.poll(listed, { timeout: 8_000 }).toMatchObject({ limits: [], stage: { start, pausedSince } });
  });
});

test("a kill between the first admission, a change of the stage and the next request forgets nothing", async () => {
  const restart = async () => {
    await main.kill();
    await main.start();
  };
  expect((await ask("killed")).success).toBe(true);
  await restart();
  const { start } = (await shown("killed")).stage;
  expect(start).toBeLessThan(Date.now());
  const set15 = await set("killed", { start: start - 15 * DAY, paused: true });
  expect(set15.json.steps).toEqual([{ policy: "inbox", limit: "day", from: 1, to: 3 }]);
  await restart();
  expect((await shown("killed")).stage).toEqual({ start: start - 15 * DAY, pausedSince: set15.json.pausedSince });
  expect(await ask("killed", 3)).toMatchObject({ success: true, limit: 4, remaining: 0 });
  await restart();
  expect(await ask("killed")).toMatchObject({ success: false, limit: 4 });
  expect((await audit()).slice(0, 2).map(({ action }) => action)).toEqual(["staged", "stage"]);
});

describe("no change goes unseen", () => {
  const path = "/overrides/subject:mail/inbox/box/stage";
  const body = { paused: true, policy: "inbox" };
  const actions = async (of) => (await of.call("GET", "/audit")).json.entries.map(({ action }) => action);
  const stage = async (of) => (await of.call("GET", "/limit?policy=inbox&identifier=box")).json.stage;

  test("while the subject's object is out of reach", async () => {
    const switched = await switchedServer({ TOLLGATE_DEADLINE_MS: "300" });
    try {
      await switched.call("PUT", "/policies/inbox", INBOX);
      await switched.become("silent");
      expect(await switched.call("PUT", path, body)).toMatchObject({
        status: 503,
        json: { code: "objectUnavailable" },
      });
      expect(await actions(switched)).toEqual(["stage", "put"]);
      await switched.become("well");
      await expect.poll(() => switched.call("PUT", path, body), { timeout: 10_000 }).toMatchObject({ status: 201 });
      expect((await actions(switched)).slice(0, 2)).toEqual(["staged", "stage"]);
      expect((await stage(switched)).pausedSince).toBeGreaterThan(0);
    } finally {
      await switched.remove();
    }
  });

  test("nor is one made, while the audit is out of reach", async () => {
    const real = { ...describeTollgate(), id: "real" };
    const between = workerBetween("PolicyDO", "switched-policies.js");
    const through = (object) => (object.className === "PolicyDO" ? { ...object, of: "between" } : object);
    const switched = await server({
      texts: { TOLLGATE_DEADLINE_MS: "300" },
      variants: [real, between],
      change: (front) => ({ ...front, objects: front.objects.map(through) }),
    });
    const become = (how) => fetch(`${switched.urlOf("between")}/?how=${how}`, { method: "PUT" });
    try {
      await switched.start();
      await switched.call("PUT", "/policies/inbox", INBOX);
      await switched.call("POST", "/limit", { policy: "inbox", identifier: "other" }); // it is known here
      await become("silent");
      expect(await switched.call("PUT", path, body)).toMatchObject({
        status: 503,
        json: { code: "policyUnavailable" },
      });
      await become("well");
      expect(await stage(switched)).toBeUndefined();
      // It ends between the two entries: the change is made, and the first one stands.
      await become("silent&after=1");
      const made = await switched.call("PUT", path, body);
      expect(made.status).toBe(201);
      await become("well");
      expect(await actions(switched)).toEqual(["stage", "put"]);
      expect(await stage(switched)).toEqual({ start: made.json.start, pausedSince: made.json.pausedSince });
    } finally {
      await switched.remove();
    }
  });
});
