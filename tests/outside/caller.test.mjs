// The example of another Worker that asks Tollgate, in each of its three ways, on 200 and on 429.

import { afterAll, beforeAll, expect, test } from "vitest";
import { call, server } from "./lib/server.mjs";

let tollgate;
beforeAll(async () => {
  const caller = (id, token) => ({
    id,
    modules: ["examples/caller/src/index.js"],
    objects: [{ binding: "RATE_LIMIT", className: "RateLimitDO", of: "T" }],
    texts: [{ name: "TOLLGATE_TOKEN", text: token }],
    services: [
      { binding: "TOLLGATE", of: "T" },
      { binding: "TOLLGATE_RPC", of: "T", entrypoint: "Tollgate" },
    ],
  });
  const variants = [caller("caller", "test-check"), caller("stranger", "no-such-token")];
  tollgate = await (await server({ variants })).start();
});
afterAll(() => tollgate?.remove());

const visit = (id, path, address) =>
  call(tollgate.urlOf(id), "GET", path, undefined, { token: null, headers: { "cf-connecting-ip": address } });

test("each visitor is answered five times a minute, whichever way is taken, and then told when to come back", async () => {
  const answers = [];
  for (const way of ["fetch", "method", "object", "", "method"]) {
    answers.push(await visit("caller", `/${way}`, "2001:db8::1"));
  }
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  expect(answers[0].text).toBe("Welcome\n");
  expect(answers.map(({ headers }) => headers.get("x-ratelimit-remaining"))).toEqual(["4", "3", "2", "1", "0"]);
  for (const way of ["fetch", "method", "object"]) {
    const refused = await visit("caller", `/${way}`, "2001:db8::1");
    expect(refused.status, way).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  }
  expect((await visit("caller", "/object", "192.0.2.2")).status).toBe(200);
});

test("a wrong token is a fault of the caller, not a decision; the object asks for none", async () => {
  for (const way of ["fetch", "method"]) expect((await visit("stranger", `/${way}`, "192.0.2.1")).status).toBe(502);
  expect((await visit("stranger", "/object", "192.0.2.1")).status).toBe(200);
  expect((await visit("caller", "/other", "192.0.2.1")).status).toBe(404);
});
