// Turns src/ and crates/ into build/, the Worker that workerd runs. `wrangler dev` and `wrangler deploy` call this too
// (wrangler.toml). A build whose inputs have not changed is left alone: comparing them takes 50 ms, worker-build a
// second, and every command would wait for it.

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isMain, packagesBin, read, root, run, toolsBin } from "./lib/process.mjs";
import { setup } from "./setup.mjs";

// Whatever the Worker embeds has to lie below these, or a change of it goes unnoticed.
const INPUTS = ["Cargo.toml", "Cargo.lock", "build.rs", "src", "crates"].filter((path) => existsSync(join(root, path)));

/** Sets up and builds, each only where needed. */
export function build() {
  setup();
  compile("build", []);
}

/** The same Worker as its next version will be, as far as messages and rows go: for the test that runs both at once. */
export function buildNext() {
  setup();
  compile("build-next", ["--features", "next-version"]);
}

function compile(folder, options) {
  const stamp = join(root, folder, ".inputs");
  const inputs = fingerprint();
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === inputs) return;
  console.log(`build: compiling the Worker into ${folder}/`);
  rmSync(stamp, { force: true }); // a build that is broken off must not look finished
  // These two point worker-build at the tools that are here; without them it downloads others.
  const tools = { ESBUILD_BIN: join(packagesBin, "esbuild"), WASM_BINDGEN_BIN: join(toolsBin, "wasm-bindgen") };
  // The compiler's own message is what helps; a backtrace of worker-build would bury it.
  run(join(toolsBin, "worker-build"), ["--release", "--out-dir", folder, ".", ...options], {
    ...tools,
    RUST_BACKTRACE: "0",
  });
  writeFileSync(stamp, inputs);
}

/** Hashes the content of every input and the version of the compiler; file times say little after a checkout. */
function fingerprint() {
  const hash = createHash("sha256").update(`${read("rustc", "--version")} ${process.env.RUSTFLAGS ?? ""}`);
  for (const path of INPUTS.flatMap(filesIn).sort()) {
    hash.update(`\0${path}\0`).update(readFileSync(join(root, path)));
  }
  return hash.digest("hex");
}

function filesIn(path) {
  if (!statSync(join(root, path)).isDirectory()) return [path];
  return readdirSync(join(root, path)).flatMap((name) => filesIn(`${path}/${name}`));
}

if (isMain(import.meta)) build();
