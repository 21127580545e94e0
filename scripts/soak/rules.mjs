// What the limits promise, judged from outside: by what was asked and answered and when, and by
// nothing of Tollgate's own. A rule has two sides.
//
// `most` is at least admitted, whenever between question and answer each was decided: an admission
// counts for a window only if it was asked and answered in it. So what is above `allowed` was
// admitted too much, without doubt, however slow the machine is.
//
// `ideal` is what the same limit admits of the same questions when each is decided halfway between
// question and answer.
//
// An asked `{ sent, answered, units, admitted }` is in Unix milliseconds.

/** An object's clock may be the system's coarse one, which is behind by up to a tick. */
const SLACK_MS = 5;

const middle = ({ sent, answered }) => (sent + answered) / 2;
const earliest = ({ sent }) => sent - SLACK_MS;
const latest = ({ answered }) => answered + SLACK_MS;
const admittedOf = (asked) => asked.filter(({ admitted }) => admitted);
const inOrderOf = (instant, list) => list.toSorted((a, b) => instant(a) - instant(b));

/** Units by the number of the aligned window that holds both instants. */
function inWindows(admitted, windowMs) {
  const windows = new Map();
  for (const one of admitted) {
    const window = Math.floor(earliest(one) / windowMs);
    if (window !== Math.floor(latest(one) / windowMs)) continue;
    windows.set(window, (windows.get(window) ?? 0) + one.units);
  }
  return windows;
}

/** Decides all in order; `fits` says whether, and counts if so. */
function admits(asked, fits) {
  let units = 0;
  for (const one of inOrderOf(middle, asked)) {
    if (fits(middle(one), one.units)) units += one.units;
  }
  return units;
}

/**
 * `limit` in each window that is aligned to the Unix epoch: `fixedWindow`, a `quota` of minutes.
 * `times` as much is allowed, where isolates count apart.
 */
export function aligned(limit, windowMs, times = 1) {
  return {
    windowMs,
    allowed: limit * times,
    most: (asked) => Math.max(0, ...inWindows(admittedOf(asked), windowMs).values()),
    ideal(asked) {
      const used = new Map();
      return admits(asked, (at, units) => {
        const window = Math.floor(at / windowMs);
        const sum = (used.get(window) ?? 0) + units;
        if (sum <= limit) used.set(window, sum);
        return sum <= limit;
      });
    },
  };
}

/** `slidingWindow`: at each admission the two-counter estimate, with the least that it can be. */
export function sliding(limit, windowMs) {
  const estimate = (previous, current, elapsed) => previous * Math.max(0, 1 - elapsed / windowMs) + current;
  return {
    windowMs,
    allowed: limit,
    most(asked) {
      const admitted = admittedOf(asked);
      const windows = inWindows(admitted, windowMs);
      const current = new Map();
      let most = 0;
      // Of those that were answered so far, one was decided last, and by then at the latest.
      for (const one of inOrderOf(latest, admitted)) {
        const window = Math.floor(earliest(one) / windowMs);
        if (window !== Math.floor(latest(one) / windowMs)) continue;
        current.set(window, (current.get(window) ?? 0) + one.units);
        const previous = windows.get(window - 1) ?? 0;
        most = Math.max(most, estimate(previous, current.get(window), latest(one) - window * windowMs));
      }
      return most;
    },
    ideal(asked) {
      const used = new Map();
      return admits(asked, (at, units) => {
        const window = Math.floor(at / windowMs);
        const current = (used.get(window) ?? 0) + units;
        const fits = estimate(used.get(window - 1) ?? 0, current, at - window * windowMs) <= limit;
        if (fits) used.set(window, current);
        return fits;
      });
    },
  };
}

/** `limit` in any window at all, wherever it begins: `slidingLog`. */
export function anyWindow(limit, windowMs, times = 1) {
  return {
    windowMs,
    allowed: limit * times,
    most: (asked) => mostBetween(admittedOf(asked), 0, windowMs),
    ideal(asked) {
      const log = [];
      let [first, used] = [0, 0];
      return admits(asked, (at, units) => {
        for (; first < log.length && log[first].at <= at - windowMs; first += 1) used -= log[first].units;
        if (used + units > limit) return false;
        log.push({ at, units });
        used += units;
        return true;
      });
    },
  };
}

/** Never more than `capacity` and what has come back since, over any time. */
export function bucket(capacity, perSecond) {
  const perMs = perSecond / 1000;
  return {
    allowed: capacity,
    most: (asked) => mostBetween(admittedOf(asked), perMs, Number.POSITIVE_INFINITY),
    ideal(asked) {
      let [missing, last] = [0, 0];
      return admits(asked, (at, units) => {
        missing = Math.max(0, missing - (at - last) * perMs);
        last = at;
        if (missing + units > capacity) return false;
        missing += units;
        return true;
      });
    },
  };
}

/**
 * A leaky bucket that has callers wait up to `maxDelayMs`, and so never lets two go together. They
 * are `delay` later than they were asked.
 */
export function shaper(perSecond, maxDelayMs) {
  const gapMs = 1000 / perSecond;
  const asAsked = ({ sent, answered, delay = 0, ...rest }) => ({
    ...rest,
    sent: sent - delay,
    answered: answered - delay,
  });
  return {
    allowed: 1,
    most: bucket(1, perSecond).most,
    ideal(asked) {
      let free = 0;
      return admits(asked.map(asAsked), (at, units) => {
        const turn = Math.max(free, at);
        if (turn - at > maxDelayMs) return false;
        free = turn + units * gapMs;
        return true;
      });
    },
  };
}

/**
 * The most units that were both asked and answered within some time shorter than `windowMs`, less
 * `perMs` for each of its milliseconds.
 */
function mostBetween(admitted, perMs, windowMs) {
  const starts = inOrderOf(earliest, admitted);
  // Of the starts so far, the best to count from: the least units before it, less what came back.
  const candidates = [];
  let [most, asked, answered, next, head] = [0, 0, 0, 0, 0];
  for (const end of inOrderOf(latest, admitted)) {
    for (; next < starts.length && earliest(starts[next]) <= latest(end); next += 1) {
      const at = earliest(starts[next]);
      const worth = asked - perMs * at;
      asked += starts[next].units;
      while (candidates.length > head && candidates.at(-1).worth >= worth) candidates.pop();
      candidates.push({ at, worth });
    }
    answered += end.units;
    while (head < candidates.length && latest(end) - candidates[head].at >= windowMs) head += 1;
    if (head < candidates.length) most = Math.max(most, answered - perMs * latest(end) - candidates[head].worth);
  }
  return most;
}

/**
 * `limit` slots, held from the answer until they are given back (`released.sent`). Ideal are all
 * that were admitted, and each that was refused though a slot was free all the time.
 */
export function slots(limit) {
  const held = (admitted, from, to) => {
    const turns = admitted.flatMap((one) => [
      { at: from(one), units: one.units },
      { at: to(one), units: -one.units },
    ]);
    // Given back first, at the same instant.
    return turns.sort((a, b) => a.at - b.at || a.units - b.units);
  };
  return {
    allowed: limit,
    most(asked) {
      let [most, now] = [0, 0];
      const end = ({ released }) => released?.sent ?? Number.POSITIVE_INFINITY;
      for (const { units } of held(admittedOf(asked), ({ answered }) => answered, end)) {
        now += units;
        most = Math.max(most, now);
      }
      return most;
    },
    ideal(asked) {
      const admitted = admittedOf(asked);
      const end = ({ released }) => (released?.answered ?? Number.POSITIVE_INFINITY) + SLACK_MS;
      let units = admitted.reduce((sum, one) => sum + one.units, 0);
      const turns = held(admitted, earliest, end);
      let [next, now] = [0, 0];
      for (const one of inOrderOf(earliest, asked)) {
        for (; next < turns.length && turns[next].at < earliest(one); next += 1) now += turns[next].units;
        if (one.admitted) continue;
        let taken = now;
        for (let i = next; i < turns.length && turns[i].at <= latest(one); i += 1) taken += Math.max(0, turns[i].units);
        if (taken + one.units <= limit) units += one.units;
      }
      return units;
    },
  };
}
