// A subject's override that comes in force while a request is under way that was made ready before.

import { afterAll, beforeAll, expect, test } from "vitest";
import { tollgate as describeTollgate } from "../../scripts/lib/workerd.mjs";
import { call, server } from "./lib/server.mjs";
import { workerBetween } from "./lib/switched.mjs";

const TOKENS = JSON.stringify([{ token: "ann", name: "ann@x.org", role: "admin" }]);
const as = { token: "ann" };

let tollgate;
beforeAll(async () => {
  const other = describeTollgate({ id: "S", texts: [{ name: "TOLLGATE_TOKENS", text: TOKENS }] });
  const of = (object) => ({ ...object, of: object.className === "RateLimitDO" ? "between" : "T" });
  const between = workerBetween("RateLimitDO", "slow-first.js", "T");
  tollgate = await server({ tokens: TOKENS, variants: [{ ...other, objects: other.objects.map(of) }, between] });
  await tollgate.start();
});
afterAll(() => tollgate?.remove());

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const set = (method, path, body) => call(tollgate.urlOf("T"), method, path, body, as);
const ask = (body) => call(tollgate.urlOf("S"), "POST", "/limit", body, as).then(({ json }) => json);

test("a request that was made ready before is not admitted by the newer copy of another", {
  timeout: 30_000,
}, async () => {
  const hour = (limit, more) => ({ limits: [{ algorithm: "fixedWindow", limit, window: "52w" }], ...more });
  await set("PUT", "/policies/mail", hour(1000, { provider: "smtp" }));
  await set("PUT", "/policies/first", hour(1, { provider: "first", fallbackTo: ["mail"] }));
  await sleep(5_100);
  // The first unit, and nobody remembers a refusal yet. The isolate has just confirmed its copy.
  expect((await ask({ policy: "first", identifier: "slow" })).success).toBe(true);
  await set("PUT", "/overrides/subject:smtp//other/deny", {});
  await set("PUT", "/overrides/subject:smtp//slow/deny", {});
  const asked = ask({ policy: "first", identifier: "slow" });
  await sleep(80);
  // Its object has this isolate look.
  expect(await ask({ policy: "mail", identifier: "other" })).toMatchObject({ success: false });
  expect(await asked).toMatchObject({ success: false });
});
