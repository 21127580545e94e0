import { describe, expect, it } from "vitest";
import { median, medianInterval, orderOf, ratios, relativeWidth, valuesToCut } from "./statistics.mjs";

describe("the median and its interval", () => {
  it("is the middle value, or the mean of the two middle ones", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });

  it("cuts as many values as leave 95 %, by the binomial distribution", () => {
    // From printed tables of the sign test: 1-based ranks 1, 1, 2, 3, 6, 7 for these n.
    const ranks = { 6: 1, 8: 1, 9: 2, 12: 3, 20: 6, 23: 7 };
    for (const [n, rank] of Object.entries(ranks)) expect(valuesToCut(Number(n)), `n = ${n}`).toBe(rank - 1);
    expect(valuesToCut(5)).toBeUndefined();
  });

  it("gives the values at the cut, in any order of input", () => {
    expect(medianInterval([9, 1, 8, 2, 7, 3, 6, 4, 5])).toEqual({ median: 5, low: 2, high: 8, n: 9 });
  });

  it("gives no interval where 95 % cannot be had, and calls it infinitely wide", () => {
    expect(medianInterval([1, 2, 3])).toEqual({ median: 2, n: 3 });
    expect(relativeWidth(medianInterval([1, 2, 3]))).toBe(Number.POSITIVE_INFINITY);
    expect(relativeWidth({ median: 2, low: 1.9, high: 2.1 })).toBeCloseTo(0.1);
  });

  it("divides round by round", () => {
    expect(ratios([2, 9], [1, 3])).toEqual([2, 3]);
  });
});

describe("the order of a round", () => {
  for (const n of [2, 3, 4, 5, 6, 7]) {
    it(`puts each of ${n} at every place and after every other equally often`, () => {
      const variants = Array.from({ length: n }, (_, i) => i);
      const rounds = n % 2 === 0 ? n : 2 * n;
      const places = new Map();
      const pairs = new Map();
      for (let round = 0; round < rounds; round += 1) {
        const order = orderOf(variants, round);
        expect([...order].sort()).toEqual(variants);
        order.forEach((variant, place) => {
          const count = (map, key) => map.set(key, (map.get(key) ?? 0) + 1);
          count(places, `${variant}@${place}`);
          if (place > 0) count(pairs, `${order[place - 1]}>${variant}`);
        });
      }
      expect(new Set(places.values())).toEqual(new Set([rounds / n]));
      expect(places.size).toBe(n * n);
      expect(new Set(pairs.values())).toEqual(new Set([rounds / n]));
      expect(pairs.size).toBe(n * (n - 1));
    });
  }
});
