// How questions arrive: each pattern tells how many a second are due just now, from the seconds
// since the start and the clock. Arrivals are independent of answers and by chance (Poisson).

/** The same sequence of numbers from 0 to below 1 for the same seed (mulberry32). */
export function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A herd is there within so long, and comes just late enough to be after the turn for sure. */
const HERD_MS = 25;
const AFTER_TURN_MS = 6;

/** Always the same. */
export const steady = (rate) => ({ name: `steady ${rate}/s`, rate: () => rate });

/** `on` seconds of questions, `off` seconds of none. */
export const onOff = (rate, on, off) => ({
  name: `${rate}/s for ${on} s, nothing for ${off} s`,
  rate: (seconds) => (seconds % (on + off) < on ? rate : 0),
});

/** From none to `rate` within `over` seconds, and from the start again. */
export const ramp = (rate, over) => ({
  name: `ramps to ${rate}/s in ${over} s`,
  rate: (seconds) => (rate * (seconds % over)) / over,
});

/** A surge of fifteen times as many for `lasts` seconds of each `every`. */
export const surge = (rate, every, lasts) => ({
  name: `${rate}/s, 15x for ${lasts} of ${every} s`,
  rate: (seconds) => (seconds % every >= every - lasts ? rate * 15 : rate),
});

/** `count` at once just after each turn of a window, and a few between. */
export const herd = (count, windowMs, between) => ({
  name: `${count} at each turn, ${between}/s between`,
  rate(_, now) {
    const since = (now % windowMs) - AFTER_TURN_MS;
    return since >= 0 && since < HERD_MS ? (count * 1000) / HERD_MS : between;
  },
});

/**
 * A burst within half a second of each `every`. An object that is asked so seldom sleeps in
 * between: workerd evicts it ten seconds after its last event.
 */
export const pauses = (count, every) => ({
  name: `${count} at once every ${every} s`,
  rate: (seconds) => (seconds % every < 0.5 ? count * 2 : 0),
  // Faster patterns would leave no pause.
  isFixed: true,
});

/** How many questions of a pattern are due, as time goes by; `speed` shortens its cycles. */
export function arrivals(pattern, random, speed = 1) {
  const gap = () => -Math.log(1 - random());
  let next = gap();
  return (seconds, now, lasted) => {
    next -= pattern.rate(pattern.isFixed ? seconds : seconds * speed, now) * lasted;
    let due = 0;
    for (; next <= 0; next += gap()) due += 1;
    return due;
  };
}
