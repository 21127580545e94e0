// The shared vectors through the Worker and its object, on a clock that the test sets: the same steps that the store in
// memory takes in crates/core/tests/vectors.rs.

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

test.each(vectors)("$name", async ({ identifier, limit: definition, steps }) => {
  for (const { at, expect: expected, ...options } of steps) {
    vi.setSystemTime(START + at);
    const answer = await limit({ identifier, ...definition, ...options });
    const found = Object.fromEntries(Object.keys(expected).map((key) => [key, relative(answer, key)]));
    expect({ at, ...found }).toEqual({ at, ...expected });
    expect("retryAfter" in answer).toBe("retryAfter" in expected);
  }
});
