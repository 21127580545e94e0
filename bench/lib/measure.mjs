// Takes the measurements: scenarios in turn and in rounds, cold starts in pairs, sizes. Judges
// nothing.

import { readFileSync, rmSync, statfsSync } from "node:fs";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { root } from "../../scripts/lib/process.mjs";
import { openFilesLimit, prepare, start } from "../../scripts/lib/workerd.mjs";
import { coldStart, drive } from "./driver.mjs";
import { sameShape } from "./probe.mjs";
import { affordableKeys, makePolicies, scenarios } from "./scenarios.mjs";
import { orderOf } from "./statistics.mjs";
import { variants } from "./variants.mjs";

// The magic number of a file system that lives in memory.
const TMPFS = 0x01021994;

/** Where a scenario keeps its state; the process id keeps two benchmarks apart. */
export function stateDirectory(storage, options) {
  const parent = storage === "tmpfs" ? "/dev/shm" : (options.state ?? join(root, "target"));
  const isTmpfs = statfsSync(parent).type === TMPFS;
  if (isTmpfs !== (storage === "tmpfs")) {
    throw new Error(`${parent} is ${isTmpfs ? "in memory" : "no tmpfs"}, but the scenario is to run on ${storage}.`);
  }
  return join(parent, `tollgate-bench-${process.pid}`);
}

/**
 * One scenario: every variant once per round, in an order that balances who follows whom, until
 * `isEnough(samples)` or the most rounds allowed. Gives
 * `{ keys, rounds, samples: { id: [per round] } }`.
 */
export async function measureScenario(scenario, options, { isEnough, onRound }) {
  const contestants = variants(scenario.ids, options.beside);
  const directory = stateDirectory(scenario.storage, options);
  const server = await start(await prepare(contestants, directory));
  const forget = onExit(() => process.kill(server.pid, "SIGKILL"), directory);
  try {
    await makePolicies(contestants, scenario, server);
    await sameShape(contestants, scenario, server);
    const withObjects = contestants.filter(({ objects }) => objects.length > 0).length;
    const keys = scenario.many ? affordableKeys(options.keys, openFilesLimit(server.pid), withObjects) : 1;
    const turn = (variant, seconds) =>
      drive(variant, scenario, { ...options, port: server.ports[variant.id], pid: server.pid, keys, seconds }).catch(
        (error) => Promise.reject(new Error(`${scenario.id}, variant ${variant.id}: ${error.message}`)),
      );
    // Compilers and caches warm up before anything counts, and every key's storage is made.
    for (const variant of contestants) await turn(variant, scenario.many ? options.seconds : options.warmUpSeconds);
    const samples = Object.fromEntries(contestants.map(({ id }) => [id, []]));
    let round = 0;
    while (round < options.rounds || (round < options.maxRounds && !isEnough(samples))) {
      for (const variant of orderOf(contestants, round)) samples[variant.id].push(await turn(variant, options.seconds));
      round += 1;
      onRound(round, samples);
    }
    return { keys, rounds: round, samples };
  } finally {
    await server.stop();
    forget();
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * Leaves neither process nor files behind when the benchmark is broken off. Gives the function that
 * calls it off.
 */
function onExit(end, directory) {
  const leave = () => {
    try {
      end(); // throws when the server has ended already
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  };
  process.once("exit", leave);
  return () => process.off("exit", leave);
}

/**
 * From starting the process to the first answer, for each variant alone, in turn. Gives
 * `{ id: [milliseconds] }`.
 */
export async function measureColdStarts(options) {
  const scenario = scenarios().find(({ id }) => id === "hot-allowed-tmpfs");
  const contestants = variants(scenario.ids, options.beside);
  const directory = stateDirectory("tmpfs", options);
  const times = Object.fromEntries(contestants.map(({ id }) => [id, []]));
  const forget = onExit(() => {}, directory);
  try {
    for (let round = 0; round < options.coldStarts + 1; round += 1) {
      for (const variant of orderOf(contestants, round)) {
        const { command, ports } = await prepare([variant], directory);
        const time = await coldStart(variant, scenario, { command, port: ports[variant.id] });
        // The first round reads files into the machine's memory.
        if (round > 0) times[variant.id].push(time);
      }
    }
  } finally {
    forget();
    rmSync(directory, { recursive: true, force: true });
  }
  return times;
}

/** The built Worker's files, as they are and compressed as `gzip -9` does. */
export function measureSize() {
  const [{ modules }] = variants(["T"]);
  const files = modules.map((path) => {
    const content = readFileSync(join(root, path));
    return { file: basename(path), bytes: content.length, gzipped: gzipSync(content, { level: 9 }).length };
  });
  return { files, gzipped: files.reduce((sum, file) => sum + file.gzipped, 0) };
}
