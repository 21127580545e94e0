// The store in memory: the same verbs as the stores of a server, on a clock that the test sets.

import { expect, test, vi } from "vitest";
import { createLimiter, InMemoryRateLimitStore, ManualClock, RateLimitedError } from "../dist/node.js";

const START = Date.parse("2026-01-01T00:00:00Z");
const window = { identifier: "u1", algorithm: "fixedWindow", limit: 2, window: "1m" } as const;
const bucket = {
  identifier: "u1",
  algorithm: "tokenBucket",
  capacity: 1,
  refill: { amount: 1, interval: "1s" },
} as const;

/** A store, its clock, and what has come of waits as it comes. */
function made() {
  const clock = new ManualClock(START);
  const store = new InMemoryRateLimitStore({ clock });
  const log: string[] = [];
  const wait = (name: string, check: Parameters<typeof store.wait>[0], timeout: number) =>
    store.wait(check, timeout).then(
      (decision) => log.push(`${name} after ${decision.waited ?? 0}`),
      (error) => log.push(`${name} ${error instanceof RateLimitedError ? error.decision.reason : error}`),
    );
  /** Goes on, and lets all go on that has waited for it. */
  const advance = async (time: number) => {
    clock.advance(time);
    await vi.waitFor(() => {}, { interval: 0 });
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, store, log, wait, advance };
}

test("checks, shows and resets", async () => {
  const { store } = made();
  expect(await store.check(window)).toMatchObject({ success: true, remaining: 1, source: "object" });
  const { identifier, ...limit } = window;
  expect(await store.check({ identifier, limits: [limit] })).toMatchObject({ success: true });
  expect(await store.check(window)).toMatchObject({ success: false, retryAfter: 60_000 });
  expect(await store.status({ identifier: "u1" })).toMatchObject({ limits: [{ used: 2 }] });
  await store.reset({ identifier: "u1" });
  expect(await store.check(window)).toMatchObject({ success: true, remaining: 1 });
});

test("who waits is admitted in turn, and not a millisecond before", async () => {
  const { log, wait, advance } = made();
  const all = ["a", "b", "c"].map((name) => wait(name, bucket, 5_000));
  await advance(0);
  expect(log).toEqual(["a after 0"]);
  await advance(999);
  expect(log).toEqual(["a after 0"]);
  await advance(1);
  expect(log).toEqual(["a after 0", "b after 1000"]);
  await advance(1_000);
  await Promise.all(all);
  expect(log).toEqual(["a after 0", "b after 1000", "c after 2000"]);
});

test("who would wait too long is refused at once, and takes nothing", async () => {
  const { store, log, wait, advance } = made();
  await wait("a", bucket, 0);
  await wait("b", bucket, 999);
  await wait("c", { ...bucket, cost: 2 }, 60_000);
  expect(log).toEqual(["a after 0", "b limit", "c costExceedsCapacity"]);
  await advance(1_000);
  expect(await store.check(bucket)).toMatchObject({ success: true });
});

test("what a report stops is waited out", async () => {
  const { store, log, wait, advance } = made();
  await store.report({ ...window, cost: 1 }, { status: 429, headers: new Headers({ "retry-after": "3" }) });
  expect(await store.check(window)).toMatchObject({ success: false, reason: "coolDown", retryAfter: 3_000 });
  const waiting = wait("a", window, 10_000);
  await advance(2_999);
  expect(log).toEqual([]);
  await advance(1);
  await waiting;
  expect(log).toEqual(["a after 0"]);
});

test("a decision after a wait promises no place any more", async () => {
  const { store, clock } = made();
  await store.check(bucket);
  const waiting = store.wait(bucket, 5_000);
  clock.advance(1_000);
  const decision = await waiting;
  expect(decision).toMatchObject({ success: true, waited: 1_000 });
  expect(decision).not.toHaveProperty("permit");
  expect(decision).not.toHaveProperty("delay");
});

test("by the time as it is unless said", async () => {
  vi.useFakeTimers({ now: START });
  try {
    const store = new InMemoryRateLimitStore();
    await store.check(bucket);
    const waiting = store.wait(bucket, 5_000);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await waiting).toMatchObject({ success: true, waited: 1_000 });
  } finally {
    vi.useRealTimers();
  }
});

test("decides as the limiter does, of which it is made", async () => {
  const { store, clock } = made();
  const limiter = createLimiter({ now: clock });
  for (let i = 0; i < 50; i++) {
    clock.advance((i * 7_919) % 4_001);
    expect(await store.check({ ...window, cost: i % 3 })).toEqual(limiter.limit({ ...window, cost: i % 3 }));
  }
});
