// Builds the npm package in core/ into core/dist: the pure core as wasm, and TypeScript around it.
// `--check` checks it as well: its size, what `npm pack` would publish, and whether every kind of
// importer finds its types.

import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { bindings, build, fingerprint, targetFolder } from "./build.mjs";
import { buildClient } from "./client.mjs";
import { WASM_TARGET } from "./lib/prerequisites.mjs";
import { fail, isMain, packagesBin, root, run } from "./lib/process.mjs";
import { setup } from "./setup.mjs";

const FOLDER = join(root, "core");
const DIST = join(FOLDER, "dist");
const INPUTS = [
  "Cargo.toml",
  "Cargo.lock",
  "crates",
  "presets",
  "src/hot.js",
  "client/src",
  "core/src",
  "core/tsconfig.json",
  "core/package.json",
  "scripts/core.mjs",
];
// What is asked and answered is written down once, in the client.
const OF_CLIENT = ["answers.d.ts", "durations.d.ts", "durations.js", "errors.d.ts", "errors.js", "questions.d.ts"];

// Bytes of compressed wasm, and of compressed JavaScript.
const WASM_BUDGET = 400_000;
const SCRIPT_BUDGET = 6_000;

/** Builds it, where anything has changed that it is made of. */
export function buildCore() {
  setup();
  const stamp = join(DIST, ".inputs");
  const inputs = fingerprint(INPUTS, ["crates/cli", "crates/protocols"]);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === inputs) return;
  console.log("core: compiling the package into core/dist/");
  build(); // which the client's package has in it
  buildClient();
  const options = ["build", "--release", "--locked", "-p", "tollgate-core-wasm", "--lib"];
  run("cargo", [...options, "--target", WASM_TARGET]);
  rmSync(DIST, { recursive: true, force: true });
  mkdirSync(DIST, { recursive: true });
  const bound = join(DIST, "bound");
  bindings(join(targetFolder(), WASM_TARGET, "release/tollgate_core_wasm.wasm"), bound, ["--target", "web"]);
  glue(join(bound, "index.js"));
  copyFileSync(join(bound, "index_bg.wasm"), join(DIST, "core.wasm"));
  rmSync(bound, { recursive: true });
  for (const name of OF_CLIENT) copyFileSync(join(root, "client/dist", name), join(DIST, name));
  run("tsc", ["--project", "core"]);
  writeFileSync(stamp, inputs);
}

/** The script around the wasm, with the Worker's time zones, and without what loads the wasm. */
function glue(bound) {
  const entry = join(bound, "../entry.js");
  writeFileSync(entry, 'export { Core, initSync } from "./index.js";\n');
  run(join(packagesBin, "esbuild"), [
    entry,
    `--alias:tollgate-zones=${join(root, "src/hot.js")}`,
    "--bundle",
    "--format=esm",
    "--target=es2022",
    "--legal-comments=none",
    "--log-level=warning",
    `--outfile=${join(DIST, "glue.js")}`,
  ]);
}

/** The sizes in bytes, compressed: of the wasm, and of all scripts as a bundler ships them. */
async function sizes() {
  const { buildSync } = await import("esbuild"); // not there before the set-up
  const options = { bundle: true, minify: true, format: "esm", write: false, external: ["./core.wasm"] };
  const { outputFiles } = buildSync({ ...options, entryPoints: [join(DIST, "workerd.js")] });
  const gzipped = (bytes) => gzipSync(bytes, { level: 9 }).length;
  return { wasm: gzipped(readFileSync(join(DIST, "core.wasm"))), script: gzipped(outputFiles[0].contents) };
}

if (isMain(import.meta)) {
  buildCore();
  if (process.argv.includes("--check")) {
    const { wasm, script } = await sizes();
    const text = `core: wasm ${wasm} bytes gzipped of ${WASM_BUDGET}, script ${script} of ${SCRIPT_BUDGET}`;
    if (wasm > WASM_BUDGET || script > SCRIPT_BUDGET) fail(`${text}: too large.`);
    run("tsc", ["--project", "core/tests"]);
    run("publint", ["core", "--strict", "--pack", "npm"]);
    run("attw", ["--pack", "core", "--profile", "esm-only", "--no-emoji"]);
    console.log(text);
  }
}
