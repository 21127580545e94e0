// Builds the npm package in client/ into client/dist. `--check` checks it as well: its size, what
// `npm pack` would publish, and whether every kind of importer finds its types.

import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { buildSync } from "esbuild";
import { fail, isMain, root, run } from "./lib/process.mjs";

const FOLDER = join(root, "client");
// Bytes of the core entry, bundled, minified and compressed.
const BUDGET = 4_096;

/** Compiles it, where a source is newer than what was made of it. */
export function buildClient() {
  const newest = Math.max(...["src", "tsconfig.json", "package.json"].map(changedIn));
  if (newest < oldestOf("dist")) return;
  rmSync(join(FOLDER, "dist"), { recursive: true, force: true });
  run("tsc", ["--project", "client"]);
}

function changedIn(path) {
  const at = join(FOLDER, path);
  if (!statSync(at).isDirectory()) return statSync(at).mtimeMs;
  return Math.max(...readdirSync(at, { recursive: true }).map((name) => statSync(join(at, name)).mtimeMs));
}

function oldestOf(path) {
  const at = join(FOLDER, path);
  const found = statSync(at, { throwIfNoEntry: false });
  const files = found === undefined ? [] : readdirSync(at, { recursive: true, withFileTypes: true });
  const times = files.filter((file) => file.isFile()).map((file) => statSync(join(file.parentPath, file.name)).mtimeMs);
  return times.length === 0 ? 0 : Math.min(...times);
}

/** The size of the core entry in bytes, as a bundler ships it. */
function size() {
  const options = { bundle: true, minify: true, format: "esm", write: false };
  const { outputFiles } = buildSync({ ...options, entryPoints: [join(FOLDER, "dist/index.js")] });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

if (isMain(import.meta)) {
  buildClient();
  if (process.argv.includes("--check")) {
    const bytes = size();
    if (bytes > BUDGET) fail(`The core entry of the client is ${bytes} bytes gzipped, more than ${BUDGET}.`);
    run("tsc", ["--project", "client/tests"]);
    run("publint", ["client", "--strict", "--pack", "npm"]);
    run("attw", ["--pack", "client", "--profile", "esm-only", "--no-emoji"]);
    console.log(`client: ${bytes} bytes gzipped of ${BUDGET}`);
  }
}
