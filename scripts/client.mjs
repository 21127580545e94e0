// Builds the npm package in client/ into client/dist, with the built Worker and what a project that
// deploys it begins with. `--check` checks it as well: its size, what `npm pack` would publish, and
// whether every kind of importer finds its types.

import { copyFileSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "./build.mjs";
import { fail, isMain, root, run } from "./lib/process.mjs";
import { writeTemplates } from "./lib/project.mjs";
import { workerBuild } from "./lib/workerd.mjs";

const FOLDER = join(root, "client");
// Bytes of the core entry, bundled, minified and compressed.
const BUDGET = 4_096;

/** Compiles it, where a source is newer than what was made of it. The Worker has to be built. */
export function buildClient() {
  const newest = Math.max(...["src", "tsconfig.json", "package.json"].map(changedIn));
  if (newest >= oldestOf("dist")) {
    rmSync(join(FOLDER, "dist"), { recursive: true, force: true });
    run("tsc", ["--project", "client"]);
  }
  const worker = join(FOLDER, "dist/worker");
  mkdirSync(worker, { recursive: true });
  const files = [...workerBuild("build"), "client/src/worker/index.d.ts"];
  for (const file of files) copyFileSync(join(root, file), join(worker, basename(file)));
  writeTemplates(join(FOLDER, "dist/project"));
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
async function size() {
  const { buildSync } = await import("esbuild"); // not there before the set-up
  const options = { bundle: true, minify: true, format: "esm", write: false };
  const { outputFiles } = buildSync({ ...options, entryPoints: [join(FOLDER, "dist/index.js")] });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

if (isMain(import.meta)) {
  build();
  buildClient();
  if (process.argv.includes("--check")) {
    const bytes = await size();
    if (bytes > BUDGET) fail(`The core entry of the client is ${bytes} bytes gzipped, more than ${BUDGET}.`);
    run("tsc", ["--project", "client/tests"]);
    run("publint", ["client", "--strict", "--pack", "npm"]);
    run("attw", ["--pack", "client", "--profile", "esm-only", "--no-emoji"]);
    console.log(`client: ${bytes} bytes gzipped of ${BUDGET}`);
  }
}
