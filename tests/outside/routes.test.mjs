// Every route: which methods it has, which body it reads, and one answer to a body that is no JSON.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { server } from "./lib/server.mjs";

let main;
beforeAll(async () => {
  main = await (await server()).start();
});
afterAll(() => main?.remove());

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
const ROUTES = [
  ["/limit", "GET, POST, DELETE"],
  ["/limit/multi", "POST"],
  ["/limit/block", "POST"],
  ["/limit/renew", "POST"],
  ["/limit/release", "POST"],
  ["/acquire", "POST"],
  ["/policies", "GET"],
  ["/policies/x", "GET, PUT, DELETE"],
  ["/policies/x/versions", "GET"],
  ["/policies/x/explain", "GET"],
  ["/policies/x/rollback", "POST"],
  ["/audit", "GET"],
  ["/overrides", "GET"],
  ["/overrides/all/deny", "PUT, DELETE"],
  ["/overrides/subject:a//b/pause", "PUT, DELETE"],
  ["/overrides/subject:a/stage/stage/grant", "PUT, DELETE"],
  ["/overrides/subject:a//b/stage", "PUT"],
  ["/overrides/all/stage", "PUT"],
  ["/presets", "GET"],
  ["/presets/x", "POST"],
  ["/subjects", "GET"],
  ["/healthz", "GET"],
  ["/schemas/policy.json", "GET"],
  ["/openapi.json", "GET"],
];

test.each(ROUTES)("%s has the methods that it names, and no others", async (path, allow) => {
  for (const method of METHODS) {
    const headers = { authorization: "Bearer test-admin" };
    const response = await fetch(main.url + path, { method, headers });
    const has = allow.split(", ").includes(method);
    const told = [method, response.status === 405, response.headers.get("allow")];
    expect(told).toEqual([method, !has, has ? null : allow]);
    const text = await response.text();
    if (!has && method !== "HEAD") expect(text).toContain(`This path answers ${allow}`);
  }
});

test("a body that is no JSON gets one answer everywhere", async () => {
  await main.call("PUT", "/policies/known", { limit: 1, window: "1h" });
  for (const [method, path] of [
    ["POST", "/limit"],
    ["POST", "/limit/multi"],
    ["POST", "/limit/block"],
    ["POST", "/limit/renew"],
    ["POST", "/limit/release"],
    ["POST", "/acquire"],
    ["PUT", "/policies/new"],
    ["PUT", "/policies/known"],
    ["PUT", "/policies/known?dryRun=true"],
    ["POST", "/policies/known/rollback"],
    ["PUT", "/overrides/all/deny"],
    ["PUT", "/overrides/all/scale"],
    ["PUT", "/overrides/subject:a//b/stage"],
  ]) {
    for (const body of ["{bad", "", '{"a":1} x', "<a/>"]) {
      const { status, json } = await main.call(method, path, body);
      const at = `${method} ${path} ${body}`;
      expect([at, status, json.code, json.field]).toEqual([at, 400, "invalidJson", "body"]);
    }
    const { json } = await main.call(method, path, "[]");
    expect([path, json.code, json.field]).toEqual([path, "invalidField", "body"]);
  }
  const zone = { algorithm: "quota", limit: 1, period: "day", timeZone: "Mars/Olympus" };
  for (const [method, path, body] of [
    ["POST", "/limit", { identifier: "a", ...zone }],
    ["PUT", "/policies/new", zone],
    ["PUT", "/overrides/all/replace", { limits: [zone] }],
  ]) {
    expect((await main.call(method, path, body)).json.code).toBe("unknownTimeZone");
  }
});

describe("what changes something without a body", () => {
  test.each([
    ["POST", "/presets/github"],
    ["POST", "/presets/github?dryRun=true"],
    ["DELETE", "/policies/kept?reason=x"],
    ["DELETE", "/overrides/all/bypass?reason=x"],
    ["DELETE", "/limit?identifier=kept"],
  ])("%s %s refuses one", async (method, path) => {
    await main.call("PUT", "/policies/kept", { limit: 1, window: "1h" });
    for (const body of ["{}", '{"reason":"x"}', "zzz", "x".repeat(100_000)]) {
      const { status, json } = await main.call(method, path, body);
      expect([status, json.code, json.field]).toEqual([400, "invalidField", "body"]);
    }
    const names = (await main.call("GET", "/policies")).json.policies.map(({ name }) => name);
    expect(names).toContain("kept");
    expect(names.filter((name) => name.startsWith("github"))).toEqual([]);
  });

  test("presets have no version to match", async () => {
    const install = (headers) => main.call("POST", "/presets/grok", undefined, { headers });
    for (const [headers, field] of [
      [{ "if-match": "7" }, "If-Match"],
      [{ "if-match": "*" }, "If-Match"],
      [{ "if-match": "no version" }, "If-Match"],
      [{ "if-none-match": "7" }, "If-None-Match"],
    ]) {
      expect(await install(headers)).toMatchObject({ status: 400, json: { code: "invalidField", field } });
    }
    expect((await main.call("GET", "/policies/grok.api")).status).toBe(404);
    expect((await install({ "if-none-match": "*" })).status).toBe(201);
    expect((await install({ "if-none-match": "*" })).status).toBe(409);
  });
});

test("bounds are named as they are", async () => {
  const factor = "`factor` must be a number between 0.000000001 and 1000000.";
  for (const wrong of [0, -1, 1_000_001, 1e-10, 1e300]) {
    const { status, json } = await main.call("PUT", "/overrides/all/scale", { factor: wrong });
    expect([wrong, status, json.detail]).toEqual([wrong, 400, factor]);
  }
  const share = "`record.share` must be a number between 0.000001 and 1, with at most 6 decimals.";
  for (const wrong of [0, -1, 1.1, 2, 0.0000001, 0.1234567, 1e300]) {
    const policy = { limit: 1, window: "1h", record: { share: wrong, days: 1 } };
    const { status, json } = await main.call("PUT", "/policies/x", policy);
    expect([wrong, status, json.detail]).toEqual([wrong, 400, share]);
  }
});
