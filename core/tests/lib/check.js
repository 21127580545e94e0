// What is tried in every runtime: the shared vectors, and what a runtime itself has a part in.

import { follow } from "./vectors.js";

/** What is not as it should be, as sentences; `core` is the package as the runtime has it. */
export function check(core, vectors) {
  const wrong = vectors.flatMap((vector) => follow(core.createLimiter, vector));
  const limiter = core.createLimiter({ now: Date.UTC(2026, 2, 28, 23) });
  // The day that has 23 hours in Berlin.
  const day = { algorithm: "quota", limit: 1, period: "day", timeZone: "Europe/Berlin" };
  const { reset } = limiter.limit({ identifier: "u1", ...day });
  if (reset !== Date.UTC(2026, 2, 29, 22)) wrong.push(`a day in Berlin ends at ${reset}`);
  try {
    limiter.limit({ identifier: "u1", limit: "5", window: "1h" });
    wrong.push("a text was taken for a number");
  } catch (error) {
    if (!(error instanceof core.TollgateError) || error.field !== "limit") wrong.push(String(error));
  }
  return wrong;
}
