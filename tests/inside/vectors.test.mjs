// The shared vectors through the Worker and its object, on a clock that the test sets: the same
// steps that the store in memory takes in crates/core/tests/vectors.rs.

import { reset } from "cloudflare:test";
import { exports } from "cloudflare:workers";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import vectors from "../fixtures/vectors.json";

const START = Date.UTC(2027, 0, 4);

beforeEach(() => vi.useFakeTimers({ toFake: ["Date"] }));
afterEach(async () => {
  vi.useRealTimers();
  await reset();
});

async function limit(body) {
  const headers = { authorization: "Bearer test-check" };
  const request = new Request("https://tollgate/limit", { method: "POST", headers, body: JSON.stringify(body) });
  return (await exports.default.fetch(request)).json();
}

/** Times are counted from the start of the vector. */
const relative = (answer, key) => (["reset", "expires"].includes(key) ? answer[key] - START : answer[key]);

async function follow({ identifier, limit: definition, steps }, mode = {}) {
  for (const { at, expect: expected, ...options } of steps) {
    vi.setSystemTime(START + at);
    const answer = await limit({ identifier, ...definition, ...options, ...mode });
    const found = Object.fromEntries(Object.keys(expected).map((key) => [key, relative(answer, key)]));
    expect({ at, ...found }).toEqual({ at, ...expected });
    expect("retryAfter" in answer).toBe("retryAfter" in expected);
  }
}

test.each(vectors)("$name", (vector) => follow(vector));

/** Whether all of a vector's limits can be counted through KV. */
const isLong = ({ window, period, limits }) => limits?.every(isLong) ?? (window === "1h" || period === "day");
const long = vectors.filter(({ limit: definition }) => isLong(definition));

test.each(long)("through KV, by one isolate: $name", (vector) => follow(vector, { consistency: "eventual" }));

test("there are vectors for each algorithm that is counted through KV", () => {
  const words = long.flatMap(({ limit: { algorithm, limits = [{ algorithm }] } }) => limits.map((it) => it.algorithm));
  expect(new Set(words)).toEqual(new Set(["fixedWindow", "slidingWindow", "quota"]));
});
