import type { Duration } from "./questions.js";

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** Whole milliseconds of a length of time; `NaN` where it is none, which the server names. */
export function milliseconds(duration: Duration): number {
  if (typeof duration === "number") return duration;
  const [, number = "", unit = ""] = /^(\d+) ?(ms|s|m|h|d|w)$/.exec(duration) ?? [];
  return Number.parseInt(number, 10) * (UNITS[unit as keyof typeof UNITS] ?? Number.NaN);
}
