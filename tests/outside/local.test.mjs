// Native rate-limit bindings that are slow or broken, which wrangler's simulation of them cannot
// be.

import { afterAll, beforeAll, expect, test } from "vitest";
import { server } from "./lib/server.mjs";

let tollgate;
beforeAll(async () => {
  const binding = { id: "binding", modules: ["tests/outside/lib/binding.js"], objects: [] };
  const services = [{ binding: "LOCAL_5_10", of: "binding" }];
  const texts = { TOLLGATE_DEADLINE_MS: "200" };
  tollgate = await server({ texts, variants: [binding], change: (main) => ({ ...main, services }) });
  await tollgate.start();
});
afterAll(() => tollgate?.remove());

const become = (how) => fetch(`${tollgate.urlOf("binding")}/?how=${how}`, { method: "PUT" });
const seconds = { limit: 5, window: "10s" };

async function ask(body) {
  const begun = performance.now();
  const { status, json } = await tollgate.call("POST", "/limit", {
    algorithm: "fixedWindow",
    identifier: "u1",
    ...body,
  });
  expect(performance.now() - begun).toBeLessThan(20_000); // a silent binding takes a minute
  return { status, ...json };
}

test("a binding admits and refuses", async () => {
  await become("admits");
  expect(await ask({ ...seconds, consistency: "local" })).toEqual({ status: 200, success: true, source: "binding" });
  await become("refuses");
  expect(await ask({ ...seconds, consistency: "local" })).toMatchObject({ status: 429, limitedBy: "5/10s" });
});

test.each(["silent", "broken"])("when it is %s the failure mode answers, within the deadline", async (how) => {
  await become(how);
  const local = { ...seconds, consistency: "local" };
  const degraded = { success: true, reason: "degraded", source: "fallback" };
  expect(await ask(local)).toEqual({ status: 200, ...degraded });
  expect(await ask({ ...local, failMode: "closed" })).toMatchObject({ status: 503, code: "objectUnavailable" });
  const share = { ...local, failMode: "share", identifier: how };
  expect(await ask(share)).toEqual({ status: 200, ...degraded });
  expect(await ask(share)).toMatchObject({ status: 429, reason: "degraded" });
});

test.each(["silent", "broken"])("when it is %s nothing is shed, and the object decides", async (how) => {
  await become(how);
  const strong = { limit: 2, window: "52w", shed: seconds, identifier: `shed-${how}` };
  for (const remaining of [1, 0])
    expect(await ask(strong)).toMatchObject({ success: true, source: "object", remaining });
  expect(await ask(strong)).toMatchObject({ status: 429, source: "object" });
});
