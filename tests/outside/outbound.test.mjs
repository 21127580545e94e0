// The race of examples/outbound, with one seed and short minutes.

import { afterAll, beforeAll, expect, test } from "vitest";
import { arena, JOBS, WAYS, WORKERS } from "../../examples/outbound/race.mjs";

let race;
beforeAll(async () => {
  race = await arena(6_000);
});
afterAll(() => race?.end());

test("who tells Tollgate what the upstream answers is refused far less than who backs off", {
  timeout: 150_000,
}, async () => {
  const [tollgate, backoff, nothing] = await Promise.all(WAYS.map((way) => race.run(way, 4)));
  // Every job is done, once.
  for (const { sent, refused } of [tollgate, backoff, nothing]) expect(sent - refused).toBe(WORKERS * JOBS);
  // The upstream bears less than it announces, which nobody knows before it refuses.
  expect(tollgate.refused).toBeGreaterThan(0);
  expect(tollgate.refused * 5).toBeLessThan(backoff.refused);
  expect(backoff.refused).toBeLessThan(nothing.refused);
});
