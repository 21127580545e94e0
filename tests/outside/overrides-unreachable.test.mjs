// A subject's override of which its object knows, while the object that keeps all of them is out of
// reach and KV has none.

import { afterAll, beforeAll, expect, test } from "vitest";
import { tollgate as describeTollgate } from "../../scripts/lib/workerd.mjs";
import { call, server } from "./lib/server.mjs";
import { workerBetween } from "./lib/switched.mjs";

const TOKENS = JSON.stringify([{ token: "ann", name: "ann@x.org", role: "admin" }]);
const as = { token: "ann" };
/** How long an object may take. */
const DEADLINE_MS = 1_000;

let tollgate;
beforeAll(async () => {
  const other = describeTollgate({ id: "S", texts: [{ name: "TOLLGATE_TOKENS", text: TOKENS }] });
  const of = (object) => ({ ...object, of: object.className === "PolicyDO" ? "between" : "T" });
  const between = workerBetween("PolicyDO", "switched-policies.js", "T");
  tollgate = await server({
    tokens: TOKENS,
    variants: [{ ...other, kv: [], objects: other.objects.map(of) }, between],
  });
  await tollgate.start();
});
afterAll(() => tollgate?.remove());

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const set = (method, path, body) => call(tollgate.urlOf("T"), method, path, body, as);
const ask = (body) => call(tollgate.urlOf("S"), "POST", "/limit", body, as).then(({ json }) => json);

test("one request waits for the overrides, and no other", { timeout: 30_000 }, async () => {
  const limits = [{ algorithm: "fixedWindow", limit: 1000, window: "52w" }];
  await set("PUT", "/policies/mail", { limits, provider: "smtp" });
  await sleep(5_100);
  const asked = async () => {
    const began = Date.now();
    const { success, limit } = await ask({ policy: "mail", identifier: "a" });
    const taken = Date.now() - began;
    return [success, limit, taken < 400 ? "at once" : taken < 1.5 * DEADLINE_MS ? "after a deadline" : taken];
  };
  // The isolate has just confirmed what it knows.
  expect((await asked()).slice(0, 2)).toEqual([true, 1000]);
  await set("PUT", "/overrides/subject:smtp//a/scale", { factor: 0.5 });
  await fetch(`${tollgate.urlOf("between")}/?how=silent`, { method: "PUT" });
  expect(await asked()).toEqual([true, 1000, "after a deadline"]);
  for (let i = 0; i < 3; i++) expect(await asked()).toEqual([true, 1000, "at once"]);
});

test("an object is told of an override, also by who cannot read it back", { timeout: 30_000 }, async () => {
  const limits = [{ algorithm: "fixedWindow", limit: 1000, window: "52w" }];
  await fetch(`${tollgate.urlOf("between")}/?how=well`, { method: "PUT" });
  await set("PUT", "/policies/post", { limits, provider: "smtp" });
  await sleep(5_100);
  const body = { policy: "post", identifier: "b" };
  const asked = async () => (await set("POST", "/limit", body)).json;
  // The isolate looks again by itself, a while after it had no answer.
  await expect.poll(() => ask(body), { timeout: 10_000 }).toMatchObject({ success: true });
  expect(await asked()).toMatchObject({ success: true });
  // The override is stored, and what the isolate asks next has no answer.
  await fetch(`${tollgate.urlOf("between")}/?how=broken&after=1`, { method: "PUT" });
  const path = "/overrides/subject:smtp//b/deny";
  const stored = await call(tollgate.urlOf("S"), "PUT", path, { until: "1h" }, as);
  expect(stored.status).toBe(201);
  expect(await asked()).toMatchObject({ success: false, reason: "override" });
});
