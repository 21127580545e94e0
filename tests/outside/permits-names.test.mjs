// The names of limits in a permit's other parts, taken by an isolate that does not know yet by
// which version of a policy the objects decide.

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tollgate as describeTollgate } from "../../scripts/lib/workerd.mjs";
import { call, server } from "./lib/server.mjs";

const TOKENS = { name: "TOLLGATE_TOKENS", text: readFileSync("tests/fixtures/tokens.json", "utf8") };

let tollgate;
/** Two isolates over the same objects. */
const on = (id) => async (method, path, body) => {
  const answer = await call(tollgate.urlOf(id), method, path, body);
  return { status: answer.status, ...answer.json };
};
const [first, second] = [on("T"), on("S")];
beforeAll(async () => {
  const other = describeTollgate({ id: "S", texts: [TOKENS] });
  const objects = other.objects.map((object) => ({ ...object, of: "T" }));
  tollgate = await server({ variants: [{ ...other, objects }] });
  await tollgate.start();
});
afterAll(() => tollgate?.remove());

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const limits = (name) => [{ name, algorithm: "fixedWindow", limit: 100, window: "52w" }];

test("a limit that a newer version has brought is settled by its name", { timeout: 60_000 }, async () => {
  expect((await first("PUT", "/policies/part", { limits: limits("old") })).status).toBe(201);
  expect((await first("PUT", "/policies/home", { limits: limits("mails") })).status).toBe(201);
  await sleep(5_500);
  const entry = (policy) => ({ policy, identifier: policy, cost: 4 });
  expect((await second("POST", "/limit", { ...entry("part"), peek: true })).status).toBe(200);
  // The object knows the next version before the second isolate does.
  expect((await first("PUT", "/policies/part", { limits: limits("fresh") })).status).toBe(200);
  expect((await first("POST", "/limit", entry("part"))).status).toBe(200);
  const taken = await second("POST", "/limit/multi", { hold: "10m", limits: [entry("home"), entry("part")] });
  expect(taken.status).toBe(200);
  const { permit } = taken;
  const wrong = await second("POST", "/limit/settle", { permit, costs: { frehs: 2 } });
  expect([wrong.status, wrong.field]).toEqual([400, "costs.frehs"]);
  expect((await second("POST", "/limit/settle", { permit, costs: { fresh: 2 } })).status).toBe(200);
  for (let tries = 0; tries < 50; tries++) {
    const { limits } = await first("GET", "/limit?policy=part&identifier=part");
    const fresh = limits.find(({ name }) => name === "fresh");
    if (!fresh.held) {
      expect(fresh.remaining).toBe(94);
      return;
    }
    await sleep(100);
  }
  expect.unreachable("the part is told");
});
