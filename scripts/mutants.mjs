// `npm run mutants`: breaks each guarantee on purpose, one small change of the source at a time, in
// a copy of the tree, and runs the tests that promise to notice. A mutant that survives, or that no
// longer fits the source, is a failure: either a guarantee has lost its test, or the list has to
// follow the code. The list is in `mutants/`, a file for each area of the source.

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { fail, root } from "./lib/process.mjs";

const areas = await Promise.all(readdirSync(join(root, "scripts/mutants")).sort().map(areaIn));
const mutants = areas.flatMap((area) => area.mutants);

/** An area is named as its file; `SOURCES` is what it is about, `MUTANTS` its part of the list. */
async function areaIn(file) {
  const area = basename(file, ".mjs");
  const { SOURCES, MUTANTS } = await import(pathToFileURL(join(root, "scripts/mutants", file)));
  // `binary`: the tests that have to fail, by the name of their binary, with the name of the crate
  // in front where that is not the core; "lib" are the tests beside the code.
  const named = MUTANTS.map(([guarantee, path, from, to, binary]) => ({ area, guarantee, path, from, to, binary }));
  return { area, sources: SOURCES, mutants: named };
}

/** The area that a file of the source belongs to: of those that have it the narrowest. */
function areaOf(path) {
  const holds = (source) => path === source || path.startsWith(`${source}/`);
  const found = areas.flatMap(({ area, sources }) => sources.filter(holds).map((source) => ({ area, source })));
  return found.sort((a, b) => b.source.length - a.source.length)[0]?.area;
}

const tree = join(root, "target/mutants-tree");

/** A copy of what the core's tests need; made anew, so that nothing of an earlier run is left. */
function copyTree() {
  rmSync(tree, { recursive: true, force: true });
  mkdirSync(tree, { recursive: true });
  for (const path of ["Cargo.lock", "crates", "clippy.toml", "schemas", "presets", "tests/fixtures"]) {
    cpSync(join(root, path), join(tree, path), { recursive: true, filter: (from) => !from.includes("node_modules") });
  }
  const workspace = readFileSync(join(root, "Cargo.toml"), "utf8");
  const shared = workspace.slice(workspace.indexOf("[workspace.package]"), workspace.indexOf("[package]"));
  const profiles = workspace.slice(workspace.indexOf("[profile.dev"), workspace.indexOf("[profile.release]"));
  writeFileSync(
    join(tree, "Cargo.toml"),
    `[workspace]\nmembers = ["crates/cli", "crates/core", "crates/core-wasm", "crates/feedback", "crates/policies", "crates/protocols", "crates/records"]\nresolver = "2"\n\n${shared}\n${profiles}`,
  );
}

function testsPass(binary) {
  const [name, crate = "core"] = binary.split("/").reverse();
  const of = name === "lib" ? ["--lib"] : ["--test", name];
  const args = ["test", "--quiet", "-p", `tollgate-${crate}`, ...of];
  const env = {
    ...process.env,
    CARGO_TARGET_DIR: join(root, "target/mutants"),
    // A mutant fails at once on a kept case or in the first few hundred; the sound tree has passed
    // all of them before.
    PROPTEST_MAX_SHRINK_ITERS: "0",
    RUST_BACKTRACE: "0",
  };
  return spawnSync("cargo", args, { cwd: tree, env, encoding: "utf8" });
}

/** What is wrong with an entry, in a sentence; undefined if nothing is. */
function faultOf({ area, guarantee, path, from }) {
  if (mutants.filter((mutant) => mutant.guarantee === guarantee).length > 1) return "has a title that is taken";
  if (areaOf(path) !== area) return `belongs into the area ${areaOf(path)}`;
  const source = existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : "";
  const times = source.split(from).length - 1;
  return times === 1 ? undefined : `stands there ${times} times`;
}

/** With `--fit` alone: only whether the list is sound and fits the source, which takes no time. */
if (process.argv[2] === "--fit") {
  const faults = mutants.map((mutant) => [faultOf(mutant), mutant]).filter(([fault]) => fault !== undefined);
  for (const [fault, { guarantee, path, area }] of faults) console.log(`${fault}: ${guarantee} (${path}, in ${area})`);
  process.exit(faults.length > 0 ? 1 : 0);
}

/** With words: the areas of these names, and whose title, file or tests have one in it. */
const words = process.argv.slice(2);
const isAbout = ({ area, guarantee, path, binary }, word) =>
  area === word || [guarantee, path, binary].some((text) => text.includes(word));
const chosen = mutants.filter((mutant) => words.length === 0 || words.some((word) => isAbout(mutant, word)));
if (chosen.length === 0) {
  fail(`No mutant is about ${words.join(" or ")}. There are the areas ${areas.map(({ area }) => area).join(", ")}.`);
}

copyTree();
const binaries = [...new Set(chosen.map(({ binary }) => binary))];
for (const binary of binaries) {
  const { status, stdout, stderr } = testsPass(binary);
  if (status !== 0) fail(`The tests "${binary}" fail without any mutation:\n${stdout}\n${stderr}`);
}

let wrong = 0;
for (const { guarantee, path, from, to, binary } of chosen) {
  const file = join(tree, path);
  const sound = readFileSync(file, "utf8");
  let verdict;
  if (sound.split(from).length !== 2) {
    verdict = "does not fit the source any more";
  } else {
    writeFileSync(
      file,
      sound.replace(from, () => to),
    );
    const { status, stderr } = testsPass(binary);
    if (/could not compile/.test(stderr)) verdict = "does not compile";
    else if (status === 0) verdict = "SURVIVED";
    writeFileSync(file, sound);
  }
  if (verdict !== undefined) wrong++;
  console.log(`${verdict ?? "noticed"}: ${guarantee} (${path})`);
}
console.log(`\n${chosen.length - wrong} of ${chosen.length} mutants noticed`);
if (wrong > 0) process.exit(1);
