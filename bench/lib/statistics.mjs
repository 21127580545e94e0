// Medians and their intervals. No distribution is assumed: a round on a shared machine is anything
// but normal.

/** The middle value, or the mean of the two middle ones. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[middle - 0.5] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * The median with an interval of at least 95 %, from the order of the values alone: the true median
 * lies outside the k smallest and k largest values with a probability that only the binomial
 * distribution knows. `low` and `high` are absent with fewer than 6 values, which cannot give 95 %.
 */
export function medianInterval(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const cut = valuesToCut(sorted.length);
  if (cut === undefined) return { median: median(values), n: sorted.length };
  return { median: median(values), low: sorted[cut], high: sorted[sorted.length - 1 - cut], n: sorted.length };
}

/**
 * How many values may be cut off each end so that 95 % remain; undefined where even none is too
 * many.
 */
export function valuesToCut(n) {
  let cut;
  let term = 0.5 ** n; // the chance that exactly `below` values lie below the median
  let tail = 0;
  for (let below = 0; below < n / 2; below += 1) {
    tail += term;
    if (2 * tail > 0.05) break;
    cut = below;
    term = (term * (n - below)) / (below + 1);
  }
  return cut;
}

/** The interval's width against its median; infinite where there is no interval. */
export function relativeWidth({ median: middle, low, high }) {
  return low === undefined ? Number.POSITIVE_INFINITY : (high - low) / Math.abs(middle);
}

/** Divides two lists round by round. */
export function ratios(above, below) {
  return above.map((value, round) => value / below[round]);
}

/**
 * In which order the variants run in a round: rows of a Williams square, in which (over as many
 * rounds as there are variants; twice as many when their number is odd) each comes equally often at
 * every place and after every other. So none always inherits what the same one left behind.
 */
export function orderOf(variants, round) {
  const n = variants.length;
  const zigzag = variants.map((_, place) => (place % 2 === 1 ? (place + 1) / 2 : (n - place / 2) % n));
  const row = zigzag.map((place) => variants[(place + round) % n]);
  const reversed = n % 2 === 1 && Math.floor(round / n) % 2 === 1;
  return reversed ? row.reverse() : row;
}
