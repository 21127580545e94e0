// What an isolate remembers of a refusal, on the clock that the runtime shows: to the millisecond.

import { exports } from "cloudflare:workers";
import { expect, test, vi } from "vitest";
import { startAt } from "./lib/time.mjs";

const START = Date.UTC(2027, 0, 5);

startAt(START);

const call = (method, path, body, token = "test-admin") =>
  exports.default
    .fetch(`https://tollgate${path}`, {
      method,
      headers: { authorization: `Bearer ${token}` },
      body: body && JSON.stringify(body),
    })
    .then((response) => response.json());
const check = (identifier, rest = {}) =>
  call("POST", "/limit", { identifier, algorithm: "fixedWindow", limit: 1, window: "1h", ...rest });

async function refused(identifier) {
  await check(identifier);
  expect(await check(identifier)).toMatchObject({ success: false, source: "object" });
  expect(await check(identifier)).toMatchObject({ success: false, source: "cache" });
}

test("a subject released by DELETE /limit is admitted as soon as its refusal is over, within a second", async () => {
  await refused("released");
  expect(await call("DELETE", "/limit?identifier=released")).toEqual({ success: true });
  vi.setSystemTime(START + 949);
  expect(await check("released")).toMatchObject({ success: false, source: "cache" });
  vi.setSystemTime(START + 1_000);
  expect(await check("released")).toMatchObject({ success: true, source: "object" });
});

test("a wait counts on while it is remembered", async () => {
  await refused("waiting");
  vi.setSystemTime(START + 900);
  expect(await check("waiting")).toMatchObject({ source: "cache", retryAfter: 3_600_000 - 900 });
});

test("other numbers, and other windows, are asked of the object", async () => {
  await refused("numbers");
  expect(await check("numbers", { limit: 2 })).toMatchObject({ success: true, source: "object" });
  expect(await check("numbers", { window: "2h" })).toMatchObject({ success: true, source: "object" });
});

test("what a release frees is never remembered as refused", async () => {
  const slots = { identifier: "slots", algorithm: "concurrency", limit: 1, ttl: "1m" };
  const { permit } = await call("POST", "/limit", slots);
  expect(await call("POST", "/limit", slots)).toMatchObject({ success: false, source: "object" });
  await call("POST", "/limit/release", { permit });
  expect(await call("POST", "/limit", slots)).toMatchObject({ success: true });
});
