import { describe, expect, it } from "vitest";
import { growthOf, slopeOf } from "./growth.mjs";
import { randomFrom } from "./patterns.mjs";
import { wasmOf } from "./samples.mjs";

const MIB = 2 ** 20;
/** A look each half minute for ten minutes, of which the first third is a warm-up. */
function samples(anHour, noise, databases = 0) {
  const random = randomFrom(1);
  return Array.from({ length: 21 }, (_, i) => {
    const warmUp = i < 7 ? i * 20 * MIB : 140 * MIB;
    const rss = 200 * MIB + warmUp + (anHour * i) / 120 + (random() - 0.5) * noise;
    return { at: i * 30_000, rss, wasm: 0, descriptors: 0, bytes: 0, databases: databases * i, rows: 0 };
  });
}
const memory = (...args) => growthOf(samples(...args), { isJudged: true })[0];

describe("growth", () => {
  it("is the slope of a line by least squares, with its error", () => {
    expect(slopeOf([0, 1, 2, 3].map((x) => [x, 5 + 2 * x]))).toEqual({ slope: 2, error: 0 });
    const { slope, error } = slopeOf([0, 1, 2, 3].map((x) => [x, x % 2]));
    expect(slope).toBeCloseTo(0.2);
    expect(error).toBeGreaterThan(slope);
  });

  it("leaves out the warm-up, and is no fault where it is noise", () => {
    const { anHour, isTooMuch } = memory(0, 40 * MIB);
    expect(Math.abs(anHour)).toBeLessThan(400 * MIB);
    expect(isTooMuch).toBe(false);
  });

  it("is a fault where it stands above the noise", () => {
    expect(memory(2_000 * MIB, 10 * MIB)).toMatchObject({ isTooMuch: true });
  });

  it("is none of workerd's where it keeps something of each object that ever was", () => {
    expect(memory(1_200 * MIB, 10 * MIB, 300)).toMatchObject({ isTooMuch: false });
    expect(memory(1_200 * MIB, 10 * MIB, 100)).toMatchObject({ isTooMuch: true });
  });

  it("is not judged by a smoke run or by too few looks", () => {
    const leaking = samples(2_000 * MIB, 0);
    expect(growthOf(leaking, { isJudged: false })[0].isTooMuch).toBeUndefined();
    expect(growthOf(leaking.slice(0, 6), { isJudged: true })[0].isTooMuch).toBeUndefined();
  });
});

it("the memory of wasm is what stands before the rest of its reservation", () => {
  const maps = `2d6e00800000-2d6e018c0000 rw-p 00000000 00:00 0
2d6e018c0000-2d6f00000000 ---p 00000000 00:00 0
7f3f9b2c0000-7f3f9b410000 rw-p 00000000 00:00 0
7f3f9b410000-7f409b2c0000 ---p 00000000 00:00 0
7f409b330000-7f40bb320000 r--p 00000000 00:00 0                          [heap]
`;
  expect(wasmOf(maps)).toBe(21 * 65_536);
});
