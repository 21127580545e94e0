// Answers that are held until several turns have come, with callers that ask at once or go away.

import net from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { server } from "./lib/server.mjs";

let tollgate;
beforeAll(async () => {
  tollgate = await server();
  await tollgate.start();
});
afterAll(() => tollgate?.remove());

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const send = (method, path, body) => tollgate.call(method, path, body);
/** A bucket of one token, which is full again after so many milliseconds. */
const every = (identifier, interval, rest = {}) => ({
  identifier,
  algorithm: "tokenBucket",
  capacity: 1,
  refill: { amount: 1, interval },
  ...rest,
});
const multi = async (...limits) => (await send("POST", "/limit/multi", { limits, wait: "20s" })).json;
/** How long until a caller could go ahead. */
const delayOf = async (limit) => (await send("POST", "/limit", { ...limit, peek: true, maxDelay: "1h" })).json.delay;

/** A caller who is gone after so long: his connection is reset, as by a crash. */
function gone(limits, ms) {
  const { hostname, port } = new URL(tollgate.url);
  const text = JSON.stringify({ limits, wait: "20s" });
  const head = `POST /limit/multi HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer test-admin\r\ncontent-length: ${text.length}\r\n\r\n`;
  const socket = net.connect(Number(port), hostname, () => socket.write(head + text));
  socket.on("error", () => {});
  return sleep(ms).then(() => socket.resetAndDestroy());
}

test("twenty who share two limits go on in order, at the pace of the slower one", { timeout: 60_000 }, async () => {
  const limits = [every("fast", 100), every("slow", 200)];
  const began = Date.now();
  const done = [];
  const waiting = Array.from({ length: 20 }, async () => {
    const json = await multi(...limits);
    expect(Date.now() - began).toBeGreaterThanOrEqual((json.waited ?? 0) - 1);
    done.push(json);
  });
  await Promise.all(waiting);
  const turns = (place) => done.map(({ results }) => results[place].waited ?? 0);
  for (const { success, waited, results } of done) {
    expect(success).toBe(true);
    expect(waited ?? 0).toBe(Math.max(...results.map((it) => it.waited ?? 0)));
  }
  // They are done in the order of their turns; by the objects' clocks each has one of its own.
  const slow = turns(1);
  expect(slow).toEqual([...slow].sort((one, other) => one - other));
  for (const [place, pace] of [
    [0, 100],
    [1, 200],
  ]) {
    const inOrder = turns(place).sort((one, other) => one - other);
    for (const [nth, waited] of inOrder.entries()) expect(waited).toBeLessThanOrEqual(nth * pace);
    expect(inOrder.at(-1)).toBeGreaterThan(19 * pace - 1_500);
  }
});

test("who goes away gives his places back at both", { timeout: 30_000 }, async () => {
  const limits = [every("left-a", 3_000), every("left-b", 5_000)];
  expect((await multi(...limits)).success).toBe(true);
  await gone(limits, 300);
  await sleep(300);
  expect(await delayOf(limits[0])).toBeLessThan(3_000);
  expect(await delayOf(limits[1])).toBeLessThan(5_000);
});

test("who goes away gives back, too, what he had at once while he waited for the rest", {
  timeout: 30_000,
}, async () => {
  const [free, slow] = [every("free", "1h"), every("taken", 9_000)];
  expect((await send("POST", "/limit", slow)).json.success).toBe(true);
  await gone([free, slow], 300);
  await sleep(300);
  expect(await delayOf(free)).toBe(0);
  expect(await delayOf(slow)).toBeLessThan(9_000);
});

test("who was shut out of one entry is refused, and his units come back at both", { timeout: 30_000 }, async () => {
  const limits = [every("open", 2_000), every("shut", 2_500)];
  expect((await multi(...limits)).success).toBe(true);
  const waiting = multi(...limits);
  await sleep(300);
  await send("POST", "/limit/block", { identifier: "shut", duration: "1m", reason: "abuse" });
  expect(await waiting).toMatchObject({ success: false, results: [{}, { success: false, reason: "blocked" }] });
  await send("POST", "/limit/block", { identifier: "shut", duration: 0 });
  await sleep(300);
  expect(await delayOf(limits[0])).toBe(0);
  expect(await delayOf(limits[1])).toBe(0);
});

test("entries with parents wait for all levels", { timeout: 30_000 }, async () => {
  const bucket = (interval) => ({ algorithm: "tokenBucket", capacity: 1, refill: { amount: 1, interval } });
  await send("PUT", "/policies/org", { ...bucket(600), provider: "org" });
  await send("PUT", "/policies/team", { ...bucket(10), provider: "team", parent: { policy: "org", identifier: "o" } });
  await sleep(5_100);
  const limits = [{ policy: "team", identifier: "a" }, every("beside", 100)];
  expect((await multi(...limits)).success).toBe(true);
  const { success, waited, results } = await multi(...limits);
  expect(success).toBe(true);
  expect(waited).toBe(results[0].waited);
  expect(waited).toBeGreaterThan(results[1].waited ?? 0);
});

test("who is looked at once more takes nothing again of limits with costs of their own", {
  timeout: 30_000,
}, async () => {
  const two = { capacity: 2, refill: { amount: 1, interval: "700ms" } };
  const limit = { name: "tokens", algorithm: "tokenBucket", ...two };
  const body = { identifier: "costs", limits: [limit], costs: { tokens: 2 } };
  const ask = () => send("POST", "/limit", { ...body, wait: "9s" });
  expect((await ask()).json.success).toBe(true);
  const answer = (await ask()).json;
  expect([answer.success, answer.waited > 1_000]).toEqual([true, true]);
  const entries = { limits: [body], wait: "9s" };
  const later = (await send("POST", "/limit/multi", entries)).json;
  expect([later.success, later.waited > 1_000]).toEqual([true, true]);
});

test("who goes away gives back what he had by `costs` alone", { timeout: 30_000 }, async () => {
  const limit = { name: "tokens", algorithm: "fixedWindow", limit: 10, window: "52w" };
  const named = { identifier: "named", limits: [limit], cost: 0, costs: { tokens: 2 } };
  const slow = every("beside-named", 9_000);
  expect((await send("POST", "/limit", slow)).json.success).toBe(true);
  await gone([named, slow], 300);
  await sleep(300);
  const left = await send("POST", "/limit", { identifier: "named", limits: [limit], peek: true });
  expect(left.json.remaining).toBe(10);
});

test("a refund does not wait, and nothing is done of what it is asked with", async () => {
  const [back, beside] = [every("back", "1h", { cost: -1 }), every("beside-back", "1h")];
  const { status, json } = await send("POST", "/limit/multi", { limits: [beside, back], wait: "9s" });
  expect([status, json.field]).toEqual([400, "limits[1].cost"]);
  expect(await delayOf(beside)).toBe(0);
});
