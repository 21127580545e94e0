// What stays when nobody asks any more: alarms delete what is idle, objects sleep, and their files
// are closed.

import { onDisk } from "./samples.mjs";
import { subjectsLeft } from "./world.mjs";

/**
 * An alarm comes a minute after its subject was idle at the earliest, and the directory is told
 * after it.
 */
const PATIENCE_MS = 240_000;
const LOOKS_EVERY_MS = 5_000;
/** An object sleeps ten seconds after its last event. */
const ASLEEP_MS = 15_000;
/** What is kept for good, by class: policies, and the audit of them. */
const KEPT = ["PolicyDO."];
/** Descriptors of connections and of modules that were loaded on the way. */
const FEW_DESCRIPTORS = 100;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until no subject is listed any more; the subjects still listed, and how long it took. */
export async function untilIdle(world) {
  const begun = Date.now();
  let subjects;
  do {
    await sleep(LOOKS_EVERY_MS);
    subjects = await subjectsLeft(world);
  } while (subjects !== 0 && Date.now() - begun < PATIENCE_MS);
  const seconds = Math.round((Date.now() - begun) / 1000);
  await sleep(ASLEEP_MS);
  return { subjects, seconds };
}

/** What stayed, once the process has ended; `samples` of before. `problems` are its sentences. */
export function leftBy({ storage }, { subjects, seconds }, samples) {
  const [first, last] = [samples[0], samples.at(-1)];
  const { bytes, databases, rows } = onDisk(storage);
  const some = Object.entries(rows).filter(([, count]) => count > 0);
  const problems = some
    .filter(([table]) => !KEPT.some((kept) => table.startsWith(kept)))
    .map(([table, count]) => `idle storage: ${count} rows of ${table} stay`);
  if (subjects !== 0) problems.push(`idle storage: subjects are still listed after ${seconds} s`);
  if (last.descriptors > first.descriptors + FEW_DESCRIPTORS) {
    problems.push(`descriptors: ${last.descriptors} are open when all sleep, ${first.descriptors} at the start`);
  }
  const { rss, descriptors } = last;
  return { seconds, bytes, databases, rows: Object.fromEntries(some), rss, descriptors, problems };
}
