// How full limits are, told to whoever asks.

import { exports } from "cloudflare:workers";
import { beforeEach, expect, test, vi } from "vitest";
import { startAt } from "./lib/time.mjs";

// The isolate remembers policies of earlier tests, so each test begins so much later.
let start = Date.UTC(2027, 8, 6);
startAt(start);
beforeEach(() => {
  start += 86_400_000;
  vi.setSystemTime(start);
});

async function call(method, path, body) {
  const response = await exports.default.fetch(`https://tollgate${path}`, {
    method,
    headers: { authorization: "Bearer test-admin" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return { status: response.status, json: await response.json() };
}
const put = async (name, policy) => expect((await call("PUT", `/policies/${name}`, policy)).status).toBe(201);
const ask = async (policy, rest = {}) =>
  (await call("POST", "/limit", { policy, identifier: "u1", pressure: true, ...rest })).json;
const hour = (limit, rest = {}) => ({ algorithm: "fixedWindow", limit, window: "1h", ...rest });

test("who asks for it is told, in a body and in a query, and nobody else", async () => {
  await put("api", hour(4));
  expect(await ask("api")).toMatchObject({ success: true, remaining: 3, pressure: 0.25 });
  expect(await ask("api", { pressure: false })).not.toHaveProperty("pressure");
  const query = "policy=api&identifier=u1";
  const asked = await call("POST", `/limit?${query}&cost=0&pressure=true`);
  expect(asked.json).toMatchObject({ remaining: 2, pressure: 0.5 });
  expect(await ask("api", { cost: 3 })).toMatchObject({ success: false, remaining: 2, pressure: 0.5 });
  expect(await ask("api", { cost: 2 })).toMatchObject({ success: true, pressure: 1 });
  // Also of a refusal that the isolate remembers.
  for (let i = 0; i < 2; i++) expect(await ask("api")).toMatchObject({ success: false, pressure: 1 });
  expect((await call("POST", "/limit", { policy: "api", identifier: "u1", pressure: "yes" })).json).toMatchObject({
    field: "pressure",
  });
});

test("of several levels it is that of the fullest, whichever decides", async () => {
  await put("org", hour(10, { provider: "org" }));
  await put("team", { ...hour(100, { provider: "team" }), parent: { policy: "org", identifier: "o" } });
  expect(await ask("team", { cost: 4 })).toMatchObject({ success: true, pressure: 0.4 });
  expect(await ask("team", { cost: 4 })).toMatchObject({ success: true, pressure: 0.8 });
  expect(await ask("team", { cost: 4 })).toMatchObject({ success: false, pressure: 0.8 });
});

test("entries of several are told one by one, and a default is one for all", async () => {
  const limits = [
    { identifier: "a", cost: 1 },
    { identifier: "b", cost: 2, pressure: false },
  ];
  const { json } = await call("POST", "/limit/multi", { limit: 4, window: "1h", pressure: true, limits });
  expect(json.results[0]).toMatchObject({ success: true, pressure: 0.25 });
  expect(json.results[1]).not.toHaveProperty("pressure");
});

test("a policy that is asked in another's place tells its own, and a stop tells none", async () => {
  await put("small", hour(1, { provider: "small" }));
  await put("large", { ...hour(1, { provider: "large" }), fallbackTo: ["small"] });
  expect(await ask("large")).toMatchObject({ success: true, pressure: 1 });
  expect(await ask("large", { cost: 0 })).toMatchObject({ pressure: 1 });
  expect(await ask("large")).toMatchObject({ success: true, fellBackFrom: ["large"], pressure: 1 });
  await call("PUT", "/overrides/provider:small/deny", { until: "1h" });
  const stopped = await ask("small");
  expect(stopped).toMatchObject({ success: false, reason: "override" });
  expect(stopped).not.toHaveProperty("pressure");
});
