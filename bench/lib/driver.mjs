// The door to the Rust load driver (bench/load) and the other programs of the benchmark's own
// workspace.

import { execFile, spawnSync } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { environment, fail, packagesBin, root, toolsBin } from "../../scripts/lib/process.mjs";
import { exchange, headers } from "./scenarios.mjs";

const TARGET = process.env.CARGO_TARGET_DIR ?? join(root, "target/bench");
const program = (name) => join(TARGET, "release", name);
const execute = promisify(execFile);

/**
 * Compiles the driver, the core's timings and the naive baseline, each only where something has
 * changed.
 */
export function compile() {
  const env = environment({
    CARGO_TARGET_DIR: TARGET,
    ESBUILD_BIN: join(packagesBin, "esbuild"),
    WASM_BINDGEN_BIN: join(toolsBin, "wasm-bindgen"),
  });
  const step = (cwd, command, ...args) => {
    const { status, stderr, error } = spawnSync(command, args, { cwd, env, encoding: "utf8" });
    if (error || status !== 0) fail(`"${command} ${args.join(" ")}" failed in ${cwd}:\n${error ?? stderr}`);
  };
  console.log("bench: compiling the load driver and the baselines (the first time about a minute)");
  step(join(root, "bench"), "cargo", "build", "--release", "--locked");
  step(join(root, "bench/baselines/naive"), join(toolsBin, "worker-build"), "--release");
}

async function report(name, ...args) {
  try {
    const { stdout } = await execute(program(name), args.map(String), { maxBuffer: 1 << 24 });
    return JSON.parse(stdout);
  } catch (error) {
    throw new Error(error.stderr?.trim() || error.message);
  }
}

/** What is asked of one variant: where, what, and which answer is right. */
function load(variant, scenario, port) {
  const { path, body, status, contains } = exchange(variant, scenario);
  const words = ["--address", `127.0.0.1:${port}`, "--path", path, "--prefix", scenario.prefix];
  words.push("--body", body, "--status", status, "--contains", contains);
  for (const [name, value] of Object.entries(headers())) words.push("--header", `${name}: ${value}`);
  return words;
}

/**
 * Drives one variant: `{ requests, seconds, serverCpuSeconds, driverCpuSeconds, p50Us, p99Us }`.
 * Throws on a wrong answer.
 */
export function drive(variant, scenario, { port, pid, keys, connections, warmUpSeconds, seconds }) {
  const words = [...load(variant, scenario, port), "--pid", pid, "--keys", keys, "--connections", connections];
  words.push("--warm-up-ms", Math.round(warmUpSeconds * 1e3), "--measured-ms", Math.round(seconds * 1e3));
  // A limit that is to refuse has to be used up first.
  if (!scenario.allowed) words.push("--warm-up-status", 200);
  return report("bench-load", "drive", ...words);
}

/** Starts the server by its command and gives the milliseconds to its first right answer. */
export async function coldStart(variant, scenario, { command, port }) {
  const { milliseconds } = await report("bench-load", "cold", ...load(variant, scenario, port), "--", ...command);
  return milliseconds;
}

/**
 * The core: `{ subjects: [{ name, ns: [per round] }], written }`, and what 10,000 calls of each
 * kind write.
 */
export function timeCore({ coreRounds, coreSteps }) {
  return report("bench-core", coreRounds, coreSteps);
}
