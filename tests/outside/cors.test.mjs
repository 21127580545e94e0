// Pages of allowed origins may call every path, whichever protocol it speaks.

import { afterAll, beforeAll, expect, test } from "vitest";
import { server } from "./lib/server.mjs";

const PAGE = "https://app.example";

let tollgate;
beforeAll(async () => {
  tollgate = await (await server({ texts: { TOLLGATE_CORS_ORIGINS: PAGE } })).start();
});
afterAll(() => tollgate?.remove());

const from = (origin, method, path, body) => tollgate.call(method, path, body, { headers: { origin } });
const readable = ({ headers }) => headers.get("access-control-allow-origin");

test.each([
  ["/limit", "GET, POST, DELETE"],
  ["/healthz", "GET"],
  ["/", "POST"],
  ["/pipeline", "POST"],
  ["/upstash/multi-exec", "POST"],
  ["/upstash/get/a", "GET, POST, PUT, HEAD"],
])("a preflight request for %s is told its methods, an allowed page alone", async (path, methods) => {
  const allowed = await from(PAGE, "OPTIONS", path);
  expect([allowed.status, readable(allowed)]).toEqual([200, PAGE]);
  expect(allowed.headers.get("access-control-allow-methods")).toBe(methods);
  expect(allowed.headers.get("access-control-allow-headers")).toMatch(/\bauthorization\b.*\bupstash-encoding\b/);
  const other = await from("https://other.example", "OPTIONS", path);
  expect([readable(other), other.headers.get("access-control-allow-methods")]).toEqual([null, null]);
});

test("a preflight request for a path that is none is told so", async () => {
  expect((await from(PAGE, "OPTIONS", "/nowhere")).status).toBe(404);
});

test.each([
  ["a decision", "POST", "/limit", { identifier: "u", algorithm: "fixedWindow", limit: 5, window: "1h" }, 200],
  ["a problem", "POST", "/limit", {}, 400],
  ["a reply of Redis", "POST", "/", ["SET", "k", "v"], 200],
  ["replies of a pipeline", "POST", "/pipeline", [["GET", "k"]], 200],
  ["the reply to a path", "GET", "/upstash/get/k", undefined, 200],
  ["an error of Redis", "GET", "/pipeline", undefined, 405],
])("%s can be read by an allowed page alone", async (_name, method, path, body, status) => {
  const allowed = await from(PAGE, method, path, body);
  expect([allowed.status, readable(allowed), allowed.headers.get("vary")]).toEqual([status, PAGE, "Origin"]);
  const other = await from("https://other.example", method, path, body);
  expect([other.status, readable(other)]).toEqual([status, null]);
});
