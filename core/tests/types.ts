// What the compiler has to refuse, and to take. It is compiled and never run.

import type { RateLimitStore } from "../../client/dist/compat/index.js";
import type { Decision as Answered, Check as Asked } from "../../client/dist/index.js";
import {
  type Check,
  type Clock,
  createLimiter,
  type Decision,
  InMemoryRateLimitStore,
  ManualClock,
  systemClock,
} from "../dist/index.js";

// Wherever a store of `tollgate/compat` is taken.
export const store: RateLimitStore = new InMemoryRateLimitStore();
export const tested: RateLimitStore = new InMemoryRateLimitStore({ clock: new ManualClock(0), maxSubjects: 5 });

// The questions and answers are those of the client, both ways.
export const asked = (check: Check): Asked => check;
export const asks = (check: Asked): Check => check;
export const answered = (decision: Decision): Answered => decision;
export const answers = (decision: Answered): Decision => decision;

const limiter = createLimiter({ now: 0, seed: "a", policies: { mail: { limit: 5, window: "1h" } } });
createLimiter({ now: new Date(0) });
createLimiter({ now: systemClock });
createLimiter({ now: Date });
export const clock: Clock = new ManualClock();
// @ts-expect-error: an instant is a number
createLimiter({ now: "2026-01-01" });
// @ts-expect-error: there is no such option
createLimiter({ time: 0 });

limiter.advance("5s");
// @ts-expect-error: no such unit
limiter.advance("5y");
// @ts-expect-error: nobody is named
limiter.limit({ policy: "mail" });
// @ts-expect-error: unknown fields are errors there, and here
limiter.limit({ identifier: "u1", limit: 5, window: "1h", colour: "red" });
// @ts-expect-error: it may be absent
export const left: number = limiter.peek({ policy: "mail", identifier: "u1" }).remaining;
