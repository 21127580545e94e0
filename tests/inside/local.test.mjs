// Native rate-limit bindings, as wrangler's own simulation of them answers: alone, and in front of
// an object.

import { reset } from "cloudflare:test";
import { exports } from "cloudflare:workers";
import { afterEach, expect, test } from "vitest";

afterEach(() => reset());

const ask = async (body) => {
  const headers = { authorization: "Bearer test-admin" };
  const response = await exports.default.fetch("https://tollgate/limit", {
    method: "POST",
    headers,
    body: JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, json: await response.json() };
};
const minute = { algorithm: "fixedWindow", limit: 3, window: "1m" };

const PATIENT = { timeout: 30_000 };

/**
 * The bindings' minutes begin with those of the clock: waits for the next where this one is nearly
 * over.
 */
async function withinOneMinute() {
  const left = 60_000 - (Date.now() % 60_000);
  if (left < 5_000) await new Promise((resolve) => setTimeout(resolve, left + 50));
}

test("a local limit is decided by its binding, which tells no numbers", PATIENT, async () => {
  await withinOneMinute();
  const local = { identifier: "local", ...minute, consistency: "local" };
  for (let i = 0; i < 5; i++) expect((await ask({ ...local, cost: 0 })).status).toBe(200);
  for (let i = 0; i < 3; i++) {
    const { status, json } = await ask(local);
    expect([status, json]).toEqual([200, { success: true, source: "binding" }]);
  }
  const { status, json, headers } = await ask(local);
  expect([status, json]).toEqual([429, { success: false, reason: "limit", limitedBy: "3/1m", source: "binding" }]);
  expect(headers.get("retry-after")).toBeNull();
  expect((await ask({ ...local, cost: 0 })).json).toEqual({ success: true, source: "binding" });
  expect((await ask({ ...local, identifier: "another" })).status).toBe(200);
});

test("a flood is shed in front of the object, which is charged only what came through", {
  timeout: 70_000,
}, async () => {
  await withinOneMinute();
  const shed = { limit: 3, window: "1m" };
  const strong = { identifier: "shed", algorithm: "fixedWindow", limit: 10, window: "1h", shed };
  for (let i = 0; i < 3; i++) {
    expect((await ask(strong)).json).toMatchObject({ success: true, source: "object", remaining: 9 - i });
  }
  for (let i = 0; i < 5; i++) {
    const { status, json } = await ask(strong);
    expect([status, json]).toEqual([429, { success: false, reason: "limit", limitedBy: "3/1m", source: "binding" }]);
  }
  // A peek cannot be asked of a binding without being counted by it.
  expect((await ask({ ...strong, peek: true })).json).toMatchObject({ success: true, source: "object", remaining: 7 });
});

test("without its binding a limit is refused, with the lines to add", async () => {
  const ten = { algorithm: "fixedWindow", limit: 7, window: "10s" };
  const local = await ask({ identifier: "u1", ...ten, consistency: "local" });
  expect([local.status, local.json.code, local.json.field]).toEqual([400, "invalidField", "consistency"]);
  expect(local.json.detail).toContain('name = "LOCAL_7_10"');
  expect(local.json.detail).toContain("simple = { limit = 7, period = 10 }");
  const shed = await ask({ identifier: "u1", ...ten, shed: { limit: 8, window: "1m" } });
  expect([shed.status, shed.json.code, shed.json.field]).toEqual([400, "invalidField", "shed"]);
  expect(shed.json.detail).toContain('name = "LOCAL_8_60"');
});
