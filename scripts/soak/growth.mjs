// Samples over time, and whether they say that something grows.

import { Worker } from "node:worker_threads";

const HOUR_MS = 3_600_000;
const KIB = 2 ** 10;
const MIB = 2 ** 20;
/** Until caches are full and compilers done. */
const WARM_UP = 1 / 3;
/** A line through fewer says nothing. */
const FEWEST_SAMPLES = 6;
/** How far the true slope may be from the one seen: about 99 of 100 times it is within. */
const DEVIATIONS = 3;

/**
 * What is looked at, and by how much it may grow an hour under steady load: less than a leak of 100
 * bytes a question would be. `aDatabase`: what is not counted of it for each object that ever was,
 * as on a machine `workerd` does not give all memory of an object back: 16 KiB of one with one row.
 */
export const MEASURES = [
  { name: "memory of workerd", field: "rss", unit: MIB, mayGrow: 150 * MIB, aDatabase: 40 * KIB },
  { name: "memory of wasm", field: "wasm", unit: MIB, mayGrow: 16 * MIB },
  { name: "descriptors", field: "descriptors", unit: 1, mayGrow: 600 },
  { name: "bytes on disk", field: "bytes", unit: MIB },
  { name: "databases", field: "databases", unit: 1 },
  { name: "rows", field: "rows", unit: 1, mayGrow: 3_000 },
];

/** Starts looking at once and every `everyMs`; `stop()` looks once more and gives all samples. */
export function watch({ pid, storage }, everyMs) {
  const thread = new Worker(new URL("./sampler.mjs", import.meta.url), { workerData: { pid, storage } });
  const samples = [];
  let [problem, looked] = [undefined, () => {}];
  thread.on("message", (sample) => looked(samples.push(sample)));
  thread.on("error", (error) => {
    problem ??= error;
    looked();
  });
  const look = () =>
    new Promise((resolve) => {
      if (problem) return resolve();
      looked = resolve;
      thread.postMessage("look");
    });
  let looking = look();
  const timer = setInterval(() => {
    looking = looking.then(look);
  }, everyMs);
  return {
    failed: () => problem !== undefined,
    async stop() {
      clearInterval(timer);
      await looking;
      await look();
      await thread.terminate();
      if (problem) throw new Error(`workerd could not be looked at: ${problem.message}`);
      return samples;
    },
  };
}

/** A line by least squares through `[x, y]`: its slope, and the standard error of it. */
export function slopeOf(points) {
  const mean = (list) => list.reduce((sum, value) => sum + value, 0) / list.length;
  const [x, y] = [mean(points.map(([at]) => at)), mean(points.map(([, value]) => value))];
  const spread = points.reduce((sum, [at]) => sum + (at - x) ** 2, 0);
  const slope = points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0) / spread;
  const squares = points.reduce((sum, [at, value]) => sum + (value - y - slope * (at - x)) ** 2, 0);
  return { slope, error: Math.sqrt(squares / (points.length - 2) / spread) };
}

/**
 * Each measure at the start and at the end, and its growth an hour after the warm-up, undefined
 * with too few samples or where it is not to be judged. It `isTooMuch` when even the least that the
 * samples allow for is above what may be.
 */
export function growthOf(samples, { isJudged }) {
  const [first, last] = [samples[0], samples.at(-1)];
  const from = first.at + (last.at - first.at) * WARM_UP;
  const warm = samples.filter(({ at }) => at >= from);
  return MEASURES.map(({ name, field, unit, mayGrow, aDatabase = 0 }) => {
    const row = { name, field, unit, mayGrow, start: first[field], end: last[field] };
    row.most = Math.max(...samples.map((sample) => sample[field]));
    if (!isJudged || warm.length < FEWEST_SAMPLES) return row;
    const value = (sample) => sample[field] - aDatabase * (sample.databases - first.databases);
    const { slope, error } = slopeOf(warm.map((sample) => [(sample.at - from) / HOUR_MS, value(sample)]));
    const isTooMuch = mayGrow !== undefined && slope - DEVIATIONS * error > mayGrow;
    return { ...row, anHour: slope, error, isTooMuch };
  });
}
