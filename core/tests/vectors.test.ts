// The shared vectors through the built package, on a clock that goes on by itself: the same steps
// that the store in memory takes in crates/core/tests/vectors.rs, and the Worker and its object in
// tests/inside/vectors.test.mjs.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { createLimiter } from "../dist/node.js";
import { follow, type Vector } from "./lib/vectors.js";

const file = new URL("../../tests/fixtures/vectors.json", import.meta.url);
const vectors: Vector[] = JSON.parse(readFileSync(file, "utf8"));

test.each(vectors)("$name", (vector) => {
  expect(follow(createLimiter, vector)).toEqual([]);
});

test("the vectors reach every algorithm", () => {
  const words = vectors.flatMap(({ limit: { limits, ...one } }) => limits ?? [one]);
  const algorithms = new Set(words.map((it) => it.algorithm ?? "slidingWindow"));
  expect(algorithms).toEqual(
    new Set(["fixedWindow", "slidingWindow", "slidingLog", "tokenBucket", "leakyBucket", "quota", "concurrency"]),
  );
});

test("what is not as expected is told", () => {
  const [vector] = vectors as [Vector];
  const steps = vector.steps.map((step) => ({ ...step, expect: { ...step.expect, remaining: 77 } }));
  expect(follow(createLimiter, { ...vector, steps })).toHaveLength(steps.length);
});
