// The object that keeps a namespace's policies, seen from inside workerd on a clock that the test
// sets: transactions, bounds that take time, what KV keeps, and sleep.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { call } from "./lib/call.mjs";
import { startAt } from "./lib/time.mjs";

const START = Date.UTC(2027, 0, 4);
const DAY = 86_400_000;

startAt(START);

const object = () => env.POLICIES.getByName("policies");
const hour = (limit) => ({ limits: [{ name: "hour", algorithm: "fixedWindow", limit, window: "1h" }] });

const put = (name, policy) => call("PUT", `/policies/${name}`, policy);
const get = (path) => call("GET", path);
const sql = (query) => runInDurableObject(object(), (_object, { storage }) => [...storage.sql.exec(query)]);
const count = async (table) => (await sql(`SELECT count(*) AS n FROM ${table}`))[0].n;

describe("a change", () => {
  test("is made in all tables or, where one of them cannot be written, in none", async () => {
    await put("base", hour(1));
    await put("child", { extends: "base" });
    const before = [await sql("SELECT * FROM policies"), await sql("SELECT * FROM book"), await count("versions")];
    // The audit is written last.
    await sql("ALTER TABLE audit RENAME TO elsewhere");
    await sql("CREATE VIEW audit AS SELECT * FROM elsewhere");
    const failed = await put("base", hour(2));
    expect(failed).toMatchObject({ status: 503, json: { code: "policyUnavailable" } });
    expect(await runDurableObjectAlarm(object())).toBe(true); // that of the changes before
    expect(await runDurableObjectAlarm(object())).toBe(false);
    expect([await sql("SELECT * FROM policies"), await sql("SELECT * FROM book"), await count("versions")]).toEqual(
      before,
    );
    // Nor does memory know of it.
    expect((await get("/policies/base")).json).toMatchObject({ version: 1, policy: hour(1) });
    await sql("DROP VIEW audit");
    await sql("ALTER TABLE elsewhere RENAME TO audit");
    expect((await put("base", hour(2))).json).toMatchObject({
      version: 2,
      changed: [
        { name: "base", version: 2 },
        { name: "child", version: 2 },
      ],
    });
    expect((await get("/audit")).json.entries).toHaveLength(3);
  });

  test("outlives sleep, and a table of another version is neither read nor written", async () => {
    await put("a", hour(1));
    await evictDurableObject(object());
    expect((await put("a", hour(2))).json.version).toBe(2);
    await sql("UPDATE book SET value = 2 WHERE key = 'schema'");
    await evictDurableObject(object());
    const tables = await sql("SELECT * FROM policies");
    for (const answer of [await get("/policies/a"), await put("a", hour(3)), await get("/audit")]) {
      expect(answer).toMatchObject({ status: 503, json: { code: "policyUnavailable" } });
    }
    expect(await sql("SELECT * FROM policies")).toEqual(tables);
  });

  test("is kept by KV a second later, and what nobody has changed is not", async () => {
    expect((await get("/policies")).status).toBe(200);
    expect(await runDurableObjectAlarm(object())).toBe(false);
    await put("a", hour(7));
    expect(await env.TOLLGATE_KV.get("policies")).toBe(null);
    expect(await runDurableObjectAlarm(object())).toBe(true);
    const kept = await env.TOLLGATE_KV.get("policies");
    expect(kept.split("\n")[0]).toBe(
      `1 changes generation=${START} revision=1 whole=1 floor=0 overrides=1%20overrides`,
    );
    expect(kept).toContain("policy name=a version=1");
    await call("DELETE", "/policies/a");
    await runDurableObjectAlarm(object());
    expect(await env.TOLLGATE_KV.get("policies")).toBe(
      `1 changes generation=${START} revision=2 whole=1 floor=0 overrides=1%20overrides\ngone name=a version=2`,
    );
  });
});

test("a change soon after another does not put off what KV is told", async () => {
  const alarm = () => runInDurableObject(object(), (_object, { storage }) => storage.getAlarm());
  await put("a", hour(1));
  expect(await alarm()).toBe(START + 1_000);
  vi.setSystemTime(START + 900);
  await put("a", hour(2));
  expect(await alarm()).toBe(START + 1_000);
  await runDurableObjectAlarm(object());
  vi.setSystemTime(START + 5_000);
  await put("a", hour(3));
  expect(await alarm()).toBe(START + 6_000);
});

describe("bounds", () => {
  test("a hundred versions are kept of a name, and an older one is nothing to go back to", async () => {
    for (let i = 1; i <= 103; i++) await put("a", hour(i));
    expect(await count("versions")).toBe(100);
    const first = await get("/policies/a/versions");
    expect(first.json.versions).toHaveLength(100);
    expect((await get(`/policies/a/versions?before=${first.json.next ?? 4}`)).json.versions).toEqual([]);
    expect((await call("POST", "/policies/a/rollback", { version: 3 })).json).toMatchObject({
      code: "unknownVersion",
      field: "version",
    });
    expect((await call("POST", "/policies/a/rollback", { version: 5 })).json).toMatchObject({
      version: 104,
      policy: hour(5),
    });
  });

  test("the audit keeps 400 days", async () => {
    await put("a", hour(1));
    vi.setSystemTime(START + 399 * DAY);
    await put("a", hour(2));
    expect((await get("/audit")).json.entries).toHaveLength(2);
    vi.setSystemTime(START + 401 * DAY);
    expect((await get("/audit")).json.entries).toHaveLength(1);
    await put("a", hour(3));
    expect(await count("audit")).toBe(2);
  });

  test("the audit keeps a hundred thousand changes", async () => {
    await put("a", hour(1));
    await sql(
      `WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
       INSERT INTO audit (id, act, at, author, reason, policy, version, before, after, changed)
       SELECT i, 'put', ${START}, '', '', 'a', i, NULL, NULL, 'a' FROM n`,
    );
    await put("a", hour(2));
    expect(await sql("SELECT min(id) AS first, max(id) AS last FROM audit")).toEqual([{ first: 2, last: 100_001 }]);
    const page = await get("/audit");
    expect([page.json.entries.length, page.json.next]).toEqual([100, 99_902]);
  });

  test("a thousand policies, and a base below all of them changed at once", { timeout: 60_000 }, async () => {
    await put("base", hour(1));
    for (let i = 1; i < 1_000; i++) expect((await put(`p${i}`, { extends: "base" })).status).toBe(201);
    const refused = await put("one-more", hour(1));
    expect(refused).toMatchObject({ status: 409, json: { code: "tooManyPolicies" } });
    const changed = await put("base", hour(2));
    expect([changed.status, changed.json.changed?.length]).toEqual([200, 1_000]);
    expect((await get("/policies")).json.policies).toHaveLength(1_000);
    expect((await get("/policies/p999")).json).toMatchObject({ version: 2, resolved: hourly(2) });
    expect((await call("DELETE", "/policies/p999")).status).toBe(200);
    expect((await put("one-more", hour(1))).status).toBe(201);
  });
});

const hourly = (limit) => ({ limits: [{ name: "hour", algorithm: "fixedWindow", limit, window: 3_600_000 }] });
