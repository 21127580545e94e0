// `npm run soak`: all modes at once under patterned load for ten minutes, on raw workerd and the
// built Worker; then what they promise is judged from outside, and what memory, descriptors and
// disk did. Ends with status 1 when a promise was broken. scripts/soak/modes.mjs has the modes, a
// row each.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { machine, moment } from "../bench/lib/machine.mjs";
import { fail } from "./lib/process.mjs";
import { growthOf, watch } from "./soak/growth.mjs";
import { broken, figuresOf } from "./soak/judge.mjs";
import { leftBy, untilIdle } from "./soak/left.mjs";
import { hangUp, load } from "./soak/load.mjs";
import { modes } from "./soak/modes.mjs";
import { parseOptions, USAGE } from "./soak/options.mjs";
import { report } from "./soak/report.mjs";
import { world } from "./soak/world.mjs";

/** How often one looks at the process; more often in a short run, so that there are some looks. */
const LOOKS_EVERY_MS = 30_000;
const FEWEST_LOOKS = 10;
/** A smoke run goes through the cycles of the patterns so much faster. */
const QUICK_SPEED = 4;
/** Of few windows, the first and the last are a large part. */
const QUICK_PATIENCE = 0.75;

/**
 * Storage lies in memory where it can: how long a disk takes to sync would decide how much is
 * asked, and durability is for other tests.
 */
const STATE = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

const options = parseOptions(process.argv.slice(2));
if (options.problem) fail(options.problem);
if (options.help) console.log(USAGE);
else await main();

async function main() {
  if (process.platform !== "linux") fail("The soak reads memory and descriptors from /proc and needs Linux.");
  const directory = mkdtempSync(join(STATE, "tollgate-soak-"));
  // Whoever breaks it off leaves neither a process nor files: first the one, then the others.
  let pid;
  process.once("exit", () => {
    if (pid && existsSync(`/proc/${pid}`)) process.kill(pid, "SIGKILL");
    rmSync(directory, { recursive: true, force: true, maxRetries: 10 });
  });
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
  const serves = (now) => {
    pid = now;
  };
  const results = await soak(join(directory, "server"), serves).catch((error) => {
    const log = join(directory, "server/workerd.log");
    const said = existsSync(log) ? readFileSync(log, "utf8").slice(-2_000) : "";
    fail(`soak: ${error.message} (seed ${options.seed})\n${said}`);
  });
  console.log(`\n${report(results)}\n`);
  if (options.json) writeFileSync(options.json, `${JSON.stringify(results, null, 1)}\n`);
  const list = results.broken.map((sentence) => `  ${sentence}`).join("\n");
  if (results.broken.length > 0) fail(`soak: not kept (seed ${options.seed}):\n${list}`);
  console.log("soak: everything was kept");
}

/** `serves(pid)` learns the process that is to be ended, and undefined when it has ended. */
async function soak(directory, serves) {
  const { minutes, seed, quick, through } = options;
  const chosen = modes().filter(({ name }) => options.only?.some((word) => name.includes(word)) ?? true);
  if (chosen.length === 0)
    throw new Error(
      `there is no such mode; there are ${modes()
        .map(({ name }) => name)
        .join("; ")}`,
    );
  const { at, commit, loadAverage } = moment();
  console.log(`soak: seed ${seed}, ${minutes} min`);
  const served = await world(directory, { through, serves });
  const seconds = minutes * 60;
  const watching = watch(served, Math.min(LOOKS_EVERY_MS, (seconds * 1000) / FEWEST_LOOKS));
  const speed = quick ? QUICK_SPEED : 1;
  const runs = await load(chosen, served, { seconds, seed, speed, failed: watching.failed });
  hangUp();
  const samples = await watching.stop();
  const idle = quick ? undefined : await whenIdle(served);
  await served.stop();
  serves(undefined);
  const left = idle && leftBy(served, idle.until, [samples[0], idle.sample]);
  const results = { at, commit, loadAverage, machine: machine(), minutes, seed, modes: runs.map(figuresOf) };
  // Ten looks in twelve seconds tell of compilers and caches.
  Object.assign(results, { growth: growthOf(samples, { isJudged: !quick }), samples, left });
  return { ...results, broken: broken(results, quick ? QUICK_PATIENCE : 1) };
}

/** Waits until all sleep, and looks once more. */
async function whenIdle(served) {
  console.log("soak: waiting until all is idle");
  const until = await untilIdle(served);
  const [sample] = await watch(served, LOOKS_EVERY_MS).stop();
  return { until, sample };
}
