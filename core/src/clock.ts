import { milliseconds } from "./durations.js";
import { TollgateError } from "./errors.js";
import type { Duration } from "./questions.js";

/** What tells the time, in Unix milliseconds. */
export interface Clock {
  now(): number;
  /** Resolves when so many milliseconds have passed on this clock. */
  sleep(time: number): Promise<void>;
}

/** The last instant that JavaScript has a date for. */
const LAST = 8_640_000_000_000_000;
/** Timers take no more: after about 24 days they begin anew. */
const LONGEST_TIMER = 2_147_483_647;

/** The time as it is. */
export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(time) {
    for (let left = time; left > 0; left -= LONGEST_TIMER) {
      await new Promise((resolve) => setTimeout(resolve, Math.min(left, LONGEST_TIMER)));
    }
  },
};

/** A clock that stands still until it is told to go on. */
export class ManualClock implements Clock {
  #now: number;
  #sleepers: { until: number; wake: () => void }[] = [];

  /** @param now what it shows at first; the Unix epoch unless said. */
  constructor(now: number | Date = 0) {
    this.#now = instant(Number(now));
  }

  now(): number {
    return this.#now;
  }

  /** Goes on by a length of time, such as `"5s"` or `5000`, and wakes who has slept until then. */
  advance(time: Duration): void {
    const passed = milliseconds(time);
    if (!Number.isSafeInteger(passed) || passed < 0) {
      const detail = "`time` has to be a length of time, such as 500, `500ms`, `10s`, `15m`, `1h`, `1d` or `1w`.";
      throw new TollgateError(detail, { code: "invalidField", field: "time" });
    }
    this.#now = instant(this.#now + passed);
    const due = this.#sleepers.filter(({ until }) => until <= this.#now).sort((a, b) => a.until - b.until);
    this.#sleepers = this.#sleepers.filter(({ until }) => until > this.#now);
    for (const { wake } of due) wake();
  }

  sleep(time: number): Promise<void> {
    if (time <= 0) return Promise.resolve();
    const until = this.#now + time;
    return new Promise((wake) => {
      this.#sleepers.push({ until, wake });
    });
  }
}

/** An instant that is one: whole milliseconds from the Unix epoch to JavaScript's last date. */
export function instant(now: number): number {
  if (Number.isInteger(now) && now >= 0 && now <= LAST) return now;
  const detail = "`now` has to be Unix time in whole milliseconds, such as `Date.now()`.";
  throw new TollgateError(detail, { code: "invalidField", field: "now" });
}
