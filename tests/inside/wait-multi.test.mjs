// Answers that are held until several turns have come, seen from inside workerd on a clock that the
// test sets: what each entry was promised, and what becomes of it.

import { beforeEach, expect, test, vi } from "vitest";
import { call } from "./lib/call.mjs";
import { startAt } from "./lib/time.mjs";

let start = Date.UTC(2027, 5, 7);
const MINUTE = 60_000;

startAt(start);

// Each test on a day of its own: what the isolate knows is that of the test before.
beforeEach(() => {
  start += 24 * 60 * MINUTE;
  vi.setSystemTime(start);
});

/** A bucket of one token, which is full again after so many milliseconds. */
const every = (interval) => ({ algorithm: "tokenBucket", capacity: 1, refill: { amount: 1, interval } });
const entry = (identifier, interval, rest = {}) => ({ identifier, ...every(interval), ...rest });
const multi = async (limits, rest = { wait: "20s" }) => (await call("POST", "/limit/multi", { limits, ...rest })).json;
/** Polled; only the clock is faked. */
const until = async (holds) => {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
};
/** How long until a caller of the entry could go ahead. */
const delayOf = async (limit) => (await call("POST", "/limit", { ...limit, peek: true, maxDelay: "1h" })).json.delay;

test("the answer comes with the last turn, and tells each", async () => {
  const limits = [entry("fast", 20), entry("slow", 50)];
  const first = await multi(limits);
  expect(first).toMatchObject({ success: true, results: [{ success: true }, { success: true }] });
  expect(first).not.toHaveProperty("waited");
  for (const turn of [1, 2]) {
    const answer = await multi(limits);
    expect(answer).toMatchObject({
      success: true,
      waited: 50 * turn,
      results: [
        { success: true, waited: 20 * turn },
        { success: true, waited: 50 * turn },
      ],
    });
    for (const result of answer.results)
      for (const field of ["delay", "permit"]) expect(result).not.toHaveProperty(field);
  }
});

test("where one would wait too long nobody waits, and nothing is kept", async () => {
  const limits = [entry("near", 50), entry("far", MINUTE)];
  expect((await multi(limits)).success).toBe(true);
  const refused = await multi(limits);
  expect([refused.success, refused.results[1].success]).toEqual([false, false]);
  expect(refused).not.toHaveProperty("waited");
  expect(await delayOf(limits[0])).toBe(50);
  expect(await delayOf(limits[1])).toBe(MINUTE);
});

test("who asks one entry for nothing waits for the others alone", async () => {
  const limits = [entry("some", 50), entry("none", MINUTE, { cost: 0 })];
  expect((await multi(limits)).success).toBe(true);
  const answer = await multi(limits);
  expect([answer.success, answer.waited, answer.results[1].waited]).toEqual([true, 50, undefined]);
});

test("a gate that closes meanwhile shuts out of all, and all places are given back", async () => {
  const limits = [entry("up", 700), entry("down", 900)];
  expect((await multi(limits)).success).toBe(true);
  const waiting = multi(limits);
  await until(async () => (await delayOf(limits[0])) === 1_400 && (await delayOf(limits[1])) === 1_800);
  const closed = { identifier: "down", status: 429, headers: { "Retry-After": "60" }, ...every(900) };
  expect((await call("POST", "/limit/report", closed)).status).toBe(200);
  const answer = await waiting;
  expect(answer).toMatchObject({ success: false, results: [{}, { success: false, reason: "coolDown" }] });
  await until(async () => (await delayOf(limits[0])) === 700);
});

test("a reset meanwhile takes no turn away", async () => {
  const limits = [entry("kept", 700), entry("reset", 900)];
  expect((await multi(limits)).success).toBe(true);
  const waiting = multi(limits);
  await until(async () => (await delayOf(limits[1])) === 1_800);
  expect((await call("DELETE", "/limit?identifier=reset")).status).toBe(200);
  expect(await waiting).toMatchObject({ success: true, waited: 900 });
});

test("it stands beside `limits`, and what cannot wait is told", async () => {
  const fields = async (body) => {
    const { status, json } = await call("POST", "/limit/multi", body);
    return [status, json.field];
  };
  const plain = entry("a", 50);
  expect(await fields({ limits: [plain, entry("b", 50, { wait: "1s" })] })).toEqual([400, "limits[1].wait"]);
  expect(await fields({ wait: "31s", limits: [plain] })).toEqual([400, "wait"]);
  expect(await fields({ wait: "1s", maxDelay: "1s", limits: [plain] })).toEqual([400, "wait"]);
  expect(await fields({ wait: "1s", limits: [plain, entry("b", 50, { peek: true })] })).toEqual([400, "wait"]);
  const slots = { identifier: "b", algorithm: "concurrency", limit: 1, ttl: "1m" };
  expect(await fields({ wait: "1s", limits: [plain, slots] })).toEqual([400, "wait"]);
  await call("PUT", "/policies/slots", { limits: [{ algorithm: "concurrency", limit: 1, ttl: "1m" }] });
  vi.setSystemTime(start + 6_000);
  const named = { identifier: "c", policy: "slots" };
  expect(await fields({ wait: "1s", limits: [plain, named] })).toEqual([400, "wait"]);
  expect(await delayOf(plain)).toBe(0);
});
