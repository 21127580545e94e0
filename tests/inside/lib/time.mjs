// The clock of the tests from inside: each begins at one instant, which the test moves, and ends
// with empty storage.

import { reset } from "cloudflare:test";
import { afterEach, beforeEach, vi } from "vitest";

/** Only the clock is faked: timers, which workerd's own work needs, run on. */
export function startAt(instant) {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"] });
    vi.setSystemTime(instant);
  });
  afterEach(async () => {
    vi.useRealTimers();
    await reset();
  });
}
