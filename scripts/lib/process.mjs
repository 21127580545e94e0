// How the scripts start other programs: always from the root of the repository, with the locked npm
// packages (of the root and of tests/) and the tools of `.tools` first in PATH. So `wrangler`,
// `vitest` and `node` are the locked ones (wrangler needs a newer Node than many machines have),
// also when a script was started without npm.

import { spawn, spawnSync } from "node:child_process";
import { realpathSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { QUIET } from "../../client/bin/wrangler.js";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const toolsBin = join(root, ".tools/bin");
export const packagesBin = join(root, "node_modules/.bin");
/** What only the tests and the gates run: vitest and biome. */
const testsBin = join(root, "tests/node_modules/.bin");

/** The environment that every program gets; `extra` wins over it. */
export function environment(extra = {}) {
  return {
    ...process.env,
    // The root's first: both have wrangler and workerd, and what is deployed is what is tested.
    PATH: [packagesBin, testsBin, toolsBin, process.env.PATH].join(delimiter),
    ...QUIET,
    ...extra,
  };
}

/** What a program prints, trimmed; undefined where it is missing or fails. */
export function read(command, ...args) {
  const { status, stdout } = spawnSync(command, args, { cwd: root, encoding: "utf8", env: environment() });
  return status === 0 ? stdout.trim() : undefined;
}

/** Ends the script with a sentence for the reader, without a stack trace. */
export function fail(message) {
  console.error(`\n${message}\n`);
  process.exit(1);
}

/** Runs a program in the reader's sight; ends the script when it fails. */
export function run(command, args, extraEnvironment) {
  const options = { cwd: root, stdio: "inherit", env: environment(extraEnvironment) };
  const { status, signal, error } = spawnSync(command, args, options);
  if (error) fail(`"${command}" could not be started: ${error.message}`);
  if (signal) process.exit(1); // stopped on purpose, there is nothing to explain
  if (status !== 0) fail(`"${[command, ...args].join(" ")}" failed with status ${status}; the lines above say why.`);
}

/**
 * Runs a program and keeps what it prints, which `show` makes visible while it runs.
 * Resolves with its status (1 when it could not be started) and both its streams as one text.
 */
export function capture(command, args, { show = false, env = {} } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], env: environment(env) });
    const parts = [];
    const keep = (shown) => (part) => {
      parts.push(part);
      if (show) shown.write(part);
    };
    child.stdout.on("data", keep(process.stdout));
    child.stderr.on("data", keep(process.stderr));
    child.on("error", (error) => resolve({ status: 1, text: `"${command}" could not be started: ${error.message}\n` }));
    child.on("close", (status) => resolve({ status: status ?? 1, text: Buffer.concat(parts).toString("utf8") }));
  });
}

/** True in the file that was started, false in one that was imported. */
export function isMain(meta) {
  // The first is as typed, the second has its symbolic links resolved.
  return realpathSync(process.argv[1]) === fileURLToPath(meta.url);
}
