// Turns src/ and crates/ into build/, the Worker that workerd runs. `wrangler dev` and
// `wrangler deploy` call this too (wrangler.toml). A build whose inputs have not changed is left
// alone: comparing them takes 50 ms, cargo and the bundler a second, and every command would wait
// for them.

import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { WASM_TARGET } from "./lib/prerequisites.mjs";
import { isMain, packagesBin, read, root, run, toolsBin } from "./lib/process.mjs";
import { setup } from "./setup.mjs";

// Whatever the Worker embeds has to lie below these, or a change of it goes unnoticed.
const INPUTS = [
  "Cargo.toml",
  "Cargo.lock",
  "build.rs",
  "src",
  "crates",
  "schemas",
  "docs/openapi.yaml",
  "presets",
  "scripts/build.mjs",
].filter((path) => existsSync(join(root, path)));
// The command line, the npm package of the core and the simulator are no part of the Worker.
const OUTSIDE = ["crates/cli", "crates/core-wasm", "crates/simulation"];

/** Sets up and builds, each only where needed. */
export function build() {
  setup();
  compile("build", []);
}

/**
 * The same Worker as a later build will be, as far as the versions of messages and rows go: for the
 * tests that run several builds at once. It writes forms that are `written` versions later than
 * today's, and reads them up to `newest` versions later. The folder that it is in.
 */
export function buildOf(written, newest = written) {
  setup();
  compile("build-versions", ["--features", "other-versions"]);
  const folder = `build-versions/${written}-${newest}`;
  mkdirSync(join(root, folder), { recursive: true });
  const script = readFileSync(join(root, "build-versions/index.js"), "utf8");
  writeFileSync(join(root, folder, "index.js"), `globalThis.__tollgateVersions = [${written}, ${newest}];\n${script}`);
  copyFileSync(join(root, "build-versions/index_bg.wasm"), join(root, folder, "index_bg.wasm"));
  return folder;
}

function compile(folder, options) {
  const stamp = join(root, folder, ".inputs");
  const inputs = fingerprint(INPUTS, OUTSIDE);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === inputs) return;
  console.log(`build: compiling the Worker into ${folder}/`);
  rmSync(stamp, { force: true }); // a build that is broken off must not look finished
  run("cargo", ["build", "--release", "--locked", "--lib", "--target", WASM_TARGET, ...options]);
  rmSync(join(root, folder), { recursive: true, force: true });
  const bound = join(root, folder, "bound");
  bind(join(targetFolder(), WASM_TARGET, "release/tollgate_worker.wasm"), bound);
  bundle(bound, join(root, folder));
  rmSync(bound, { recursive: true });
  writeFileSync(stamp, inputs);
}

/** Where cargo builds. */
export const targetFolder = () => process.env.CARGO_TARGET_DIR ?? join(root, "target");

/** Writes the JavaScript around a wasm into `out`: `index.js`, and `index_bg.wasm` beside it. */
export function bindings(wasm, out, options) {
  const names = ["--no-typescript", "--out-name", "index", "--out-dir", out];
  run(join(toolsBin, "wasm-bindgen"), [wasm, ...names, ...options]);
}

/**
 * Writes the JavaScript around the wasm, with what src/entry.js needs to follow a panic with a new
 * instance.
 */
function bind(wasm, out) {
  const ending = ["--experimental-reset-state-function", "--force-enable-abort-handler"];
  bindings(wasm, out, ["--target", "module", ...ending]);
  // workerd gives the module where the standard says `source`.
  const script = join(out, "index.js");
  writeFileSync(script, readFileSync(script, "utf8").replace("import source ", "import "));
}

/** One script and one wasm file. */
function bundle(bound, out) {
  run(join(packagesBin, "esbuild"), [
    join(root, "src/entry.js"),
    `--alias:tollgate-worker=${join(bound, "index.js")}`,
    "--external:./index_bg.wasm",
    "--external:cloudflare:*",
    "--bundle",
    "--format=esm",
    "--minify",
    "--log-level=warning",
    `--outfile=${join(out, "index.js")}`,
  ]);
  renameSync(join(bound, "index_bg.wasm"), join(out, "index_bg.wasm"));
}

/**
 * Hashes the content of every input, but for those in folders `outside`, and the version of the
 * compiler; file times say little after a checkout.
 */
export function fingerprint(inputs, outside = []) {
  const hash = createHash("sha256").update(`${read("rustc", "--version")} ${process.env.RUSTFLAGS ?? ""}`);
  for (const path of inputs.flatMap((path) => filesIn(path, outside)).sort()) {
    hash.update(`\0${path}\0`).update(readFileSync(join(root, path)));
  }
  return hash.digest("hex");
}

function filesIn(path, outside) {
  if (outside.includes(path)) return [];
  if (!statSync(join(root, path)).isDirectory()) return [path];
  return readdirSync(join(root, path)).flatMap((name) => filesIn(`${path}/${name}`, outside));
}

if (isMain(import.meta)) build();
