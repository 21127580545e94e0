import { describe, expect, it } from "vitest";
import { aligned, anyWindow, bucket, shaper, sliding, slots } from "./rules.mjs";

const SECOND = 1_000;
/** A turn of all windows here. */
const T = 1_800_000_000_000;
/** `count` units admitted one by one from an instant on, answered `took` ms later. */
const burst = (at, count, { took = 10, every = 0 } = {}) =>
  Array.from({ length: count }, (_, i) => ({
    sent: T + at + i * every,
    answered: T + at + i * every + took,
    units: 1,
    admitted: true,
  }));
const refused = (list) => list.map((one) => ({ ...one, admitted: false }));

describe("the most that was surely admitted", () => {
  it.each([
    ["aligned", aligned(5, SECOND), burst(100, 5)],
    ["sliding", sliding(5, SECOND), burst(100, 5)],
    ["any window", anyWindow(5, SECOND), burst(700, 5)],
    ["bucket", bucket(5, 1), burst(100, 5)],
    ["shaper", shaper(1, SECOND), burst(100, 1)],
    ["slots", slots(5), burst(100, 5)],
  ])("%s: is the limit when it is reached, and one unit more is seen", (_, rule, reached) => {
    const most = rule.most(reached);
    expect(most).toBeLessThanOrEqual(rule.allowed);
    expect(most).toBeGreaterThan(rule.allowed - 0.1);
    expect(rule.most([...reached, reached.at(-1)])).toBeGreaterThan(rule.allowed + 0.8);
  });

  it("leaves out what may have been decided in another window", () => {
    const late = burst(900, 6, { took: 200 });
    expect(aligned(5, SECOND).most(late)).toBe(0);
    expect(sliding(5, SECOND).most(late)).toBe(0);
    expect(anyWindow(5, 150).most(late)).toBe(0);
  });

  it("of a sliding window counts a part of the one before", () => {
    const rule = sliding(10, SECOND);
    const before = burst(100, 10);
    // Half a window on, five of the ten still count.
    expect(rule.most([...before, ...burst(SECOND + 500, 4, { every: 12, took: 0 })])).toBeLessThanOrEqual(10);
    expect(rule.most([...before, ...burst(SECOND + 500, 8, { every: 12, took: 0 })])).toBeGreaterThan(10.5);
  });

  it("of a bucket leaves out what has come back", () => {
    const rule = bucket(5, 100);
    expect(rule.most(burst(0, 500, { every: 10, took: 3 }))).toBeLessThanOrEqual(5);
    expect(rule.most(burst(0, 500, { every: 9, took: 3 }))).toBeGreaterThan(5);
  });

  it("of slots counts from the answer until they are given back", () => {
    const [first, second] = burst(0, 2, { every: 100, took: 10 });
    const released = { sent: T + 100, answered: T + 105 };
    expect(slots(1).most([{ ...first, released }, second])).toBe(1);
    expect(slots(1).most([{ ...first, released: { sent: T + 130, answered: T + 140 } }, second])).toBe(2);
  });
});

describe("the ideal", () => {
  it("is what the limit admits of what was asked, whatever was answered", () => {
    const asked = burst(100, 20);
    for (const rule of [aligned(5, SECOND), sliding(5, SECOND), anyWindow(5, SECOND), bucket(5, 1)]) {
      expect(rule.ideal(asked)).toBe(5);
      expect(rule.ideal(refused(asked))).toBe(5);
      expect(rule.ideal(asked.slice(0, 3))).toBe(3);
    }
  });

  it("of a shaper is a place in the queue for each that does not wait for too long", () => {
    expect(shaper(10, SECOND).ideal(refused(burst(0, 20)))).toBe(11);
  });

  it("of slots counts who was refused though one was free all the time", () => {
    const [held, other] = burst(0, 2, { every: 100 });
    expect(slots(1).ideal([held, ...refused([other])])).toBe(1);
    expect(slots(2).ideal([held, ...refused([other])])).toBe(2);
  });
});
