// The example that the README shows: another Worker, with a service binding, on 200 and on 429.

import { afterAll, beforeAll, expect, test } from "vitest";
import { call, server } from "./lib/server.mjs";

let tollgate;
beforeAll(async () => {
  const caller = (id, token) => ({
    id,
    modules: ["examples/caller/src/index.js"],
    objects: [],
    texts: [{ name: "TOLLGATE_TOKEN", text: token }],
    services: [{ binding: "TOLLGATE", of: "T" }],
  });
  const variants = [caller("caller", "test-check"), caller("stranger", "no-such-token")];
  tollgate = await (await server({ variants })).start();
});
afterAll(() => tollgate?.remove());

const visit = (id, address) =>
  call(tollgate.urlOf(id), "GET", "/", undefined, { token: null, headers: { "cf-connecting-ip": address } });

test("each visitor is answered five times a minute, and then told when to come back", async () => {
  const answers = [];
  for (let i = 0; i < 6; i++) answers.push(await visit("caller", "192.0.2.1"));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429]);
  expect(answers[0].text).toBe("Welcome\n");
  expect(answers[0].headers.get("ratelimit")).toMatch(/^"5\/1m";r=4;t=\d+$/);
  expect(Number(answers[5].headers.get("retry-after"))).toBeGreaterThan(0);
  expect((await visit("caller", "192.0.2.2")).status).toBe(200);
});

test("a wrong token is a fault of the caller, not a decision", async () => {
  expect((await visit("stranger", "192.0.2.1")).status).toBe(502);
});
