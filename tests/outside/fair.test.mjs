// Two namespaces in one isolate, each with a token of its own: what one of them does, however much,
// changes nothing for the other.

import { afterAll, beforeAll, expect, test } from "vitest";
import { call } from "./lib/server.mjs";
import { switchedServer } from "./lib/switched.mjs";

const MINE = { token: "test-admin" };
const THEIRS = { token: "test-other-admin" };
// More than an isolate counts or shares at once, 4,096.
const FLOOD = 4_500;

let tollgate;
beforeAll(async () => {
  tollgate = await switchedServer();
});
afterAll(() => tollgate?.remove());

const limit = (who, identifier, rest) =>
  call(tollgate.url, "POST", "/limit", { identifier, algorithm: "fixedWindow", window: "1d", ...rest }, who);

/** Asks for many identifiers, twenty at once, each so often. */
async function flood(who, times, rest) {
  let next = 0;
  const caller = async () => {
    while (next < FLOOD) {
      const place = next++;
      for (let i = 0; i < times; i++) await limit(who, `flood${place}`, rest(place));
    }
  };
  await Promise.all(Array.from({ length: 20 }, caller));
}

test("a flood of counts through KV makes no limit of another namespace start again", async () => {
  const eventual = { consistency: "eventual" };
  const mine = () => limit(MINE, "counted", { limit: 1, ...eventual });
  expect((await mine()).status).toBe(200);
  await flood(THEIRS, 2, () => ({ limit: 1_000_000, ...eventual }));
  expect(await mine()).toMatchObject({ status: 429, json: { source: "kv" } });
});

test("nor does one of the same namespace", async () => {
  const eventual = { consistency: "eventual" };
  const mine = () => limit(MINE, "used-up", { limit: 1, ...eventual });
  expect((await mine()).status).toBe(200);
  await flood(MINE, 2, () => ({ limit: 1_000_000, ...eventual }));
  expect((await mine()).status).toBe(429);
});

test("a flood of shares leaves another namespace its own while objects are away", async () => {
  await tollgate.become("overloaded");
  const share = { limit: 100, window: "52w", failMode: "share" };
  // One object, which is left alone after its first answer: each limit has a share of its own.
  await flood(THEIRS, 1, (i) => ({ ...share, identifier: "one", limit: i + 1 }));
  for (let i = 0; i < 20; i++) {
    const { status, json } = await limit(MINE, `shared${i}`, share);
    expect([status, json.reason]).toEqual([200, "degraded"]);
    expect((await limit(MINE, `shared${i}`, share)).status).toBe(429);
  }
  await tollgate.become("well");
});
