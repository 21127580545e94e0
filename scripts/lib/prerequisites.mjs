// What the machine itself has to bring: Node, Rust, a C compiler and, for the benchmark on Linux,
// OpenSSL. Asked for before anything is downloaded or compiled, so that a missing header does not
// show up as a linker error after two minutes. It looks and explains; it installs nothing.

import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { root } from "./process.mjs";

export const WASM_TARGET = "wasm32-unknown-unknown";

// With an older Node, npm leaves out packages that vitest needs. wrangler and the tests get the
// locked one.
const OLDEST_NODE = "20.19";

const INSTALL_RUST = `curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y && . "$HOME/.cargo/env"`;

// What each package manager calls the needs, in the order in which the managers are looked for. All
// call curl `curl`.
const MANAGERS = [
  {
    name: "apt-get",
    install: (sudo) => `${sudo}apt-get update && ${sudo}apt-get install -y`,
    cc: "build-essential",
    openssl: "pkg-config libssl-dev",
  },
  { name: "dnf", install: (sudo) => `${sudo}dnf install -y`, cc: "gcc", openssl: "pkgconf-pkg-config openssl-devel" },
  { name: "zypper", install: (sudo) => `${sudo}zypper install -y`, cc: "gcc", openssl: "pkgconf libopenssl-devel" },
  { name: "pacman", install: (sudo) => `${sudo}pacman -S --needed`, cc: "gcc", openssl: "pkgconf openssl" },
];

/** Compares dotted versions; true where `version` is at least `oldest`. */
export function atLeast(version, oldest) {
  const parts = (text) => text.split(".").map(Number);
  const [have, want] = [parts(version), parts(oldest)];
  const at = want.findIndex((number, index) => number !== (have[index] ?? 0));
  return at === -1 || (have[at] ?? 0) > want[at];
}

/** The oldest rustc that builds the workspace, as Cargo.toml says. */
export function oldestRust() {
  return /^rust-version = "([\d.]+)"/m.exec(readFileSync(join(root, "Cargo.toml"), "utf8"))[1];
}

/**
 * What is missing, as `{ problem, need }` or `{ problem, line }`: `need` is a key of MANAGERS,
 * `line` the command that helps. Empty where the machine has everything.
 *
 * `machine` is as `thisMachine` makes it. `needsOpenssl` is true where worker-build has still to be
 * compiled, the only step that needs it.
 */
export function findMissing(machine, { needsOpenssl, rust, command }) {
  if (machine.platform === "win32") {
    return [{ problem: "Linux or macOS: on Windows, run it inside WSL", line: "wsl --install" }];
  }
  return [...missingNode(machine, command), ...missingRust(machine, rust), ...missingPackages(machine, needsOpenssl)];
}

/**
 * Answers the questions of `findMissing`; `read` gives what a program prints, undefined where it is
 * not there.
 */
export function thisMachine(read) {
  return {
    platform: process.platform,
    nodeVersion: process.versions.node,
    isRoot: process.getuid?.() === 0,
    env: process.env,
    read,
    exists: existsSync,
  };
}

function missingNode({ nodeVersion }, command) {
  if (atLeast(nodeVersion, OLDEST_NODE)) return [];
  const line = `npm exec --yes --package=node@22 -- ${command}`;
  return [
    { problem: `Node ${OLDEST_NODE} or newer (this is ${nodeVersion}); npm can bring one for this command`, line },
  ];
}

function missingRust({ read, exists }, oldest) {
  const found = read("rustc", "--version")?.split(" ")[1];
  if (found && read("cargo", "--version")) {
    const hasRustup = read("rustup", "--version") !== undefined;
    if (!atLeast(found, oldest)) {
      const line = hasRustup ? "rustup update stable && rustup default stable" : INSTALL_RUST;
      return [{ problem: `Rust ${oldest} or newer (this is ${found})`, line }];
    }
    if (hasRustup || hasWasmTarget({ read, exists })) return [];
    return [{ problem: `Rust's ${WASM_TARGET} target, and rustup to add it`, line: INSTALL_RUST }];
  }
  if (exists(join(homedir(), ".cargo/bin/cargo"))) {
    return [{ problem: "Rust in PATH (it is installed in ~/.cargo/bin)", line: `. "$HOME/.cargo/env"` }];
  }
  return [{ problem: "Rust with cargo", line: INSTALL_RUST }];
}

/** True where rustc has the standard library that the Worker is compiled with. */
export function hasWasmTarget({ read, exists }) {
  const libraries = read("rustc", "--target", WASM_TARGET, "--print", "target-libdir");
  return Boolean(libraries) && exists(libraries);
}

function missingPackages({ platform, env, read }, needsOpenssl) {
  const missing = [];
  if (!read("cc", "--version")) missing.push({ problem: "a C compiler, `cc`: Rust links with it", need: "cc" });
  // macOS has its own TLS, which worker-build uses there.
  const looksForIt = platform === "linux" && !env.OPENSSL_DIR && !env.OPENSSL_LIB_DIR;
  if (needsOpenssl && looksForIt && read("pkg-config", "--exists", "openssl") === undefined) {
    missing.push({ problem: "pkg-config and the OpenSSL headers: worker-build links to OpenSSL", need: "openssl" });
  }
  return missing;
}

/** The message for what is missing, ending in one line to copy wherever this script knows one. */
export function explain(missing, machine) {
  const problems = missing.map(({ problem }) => `  - ${problem}\n`).join("");
  const lines = [installLine(missing, machine), ...missing.map(({ line }) => line)].filter(Boolean);
  const cure = lines.length === 0 ? "Install it, then" : `This line gets it:\n\n  ${lines.join(" && ")}\n\nThen`;
  return `This machine is missing:\n\n${problems}\n${cure} run the same command again.`;
}

function installLine(missing, { platform, isRoot, read }) {
  const needs = missing.flatMap(({ need }) => need ?? []);
  // A container may have no curl to fetch Rust with.
  const fetchesRust = missing.some(({ line }) => line === INSTALL_RUST);
  if (fetchesRust && read("curl", "--version") === undefined) needs.push("curl");
  if (needs.length === 0) return undefined;
  if (platform === "darwin") return "xcode-select --install";
  const manager = MANAGERS.find(({ name }) => read(name, "--version") !== undefined);
  return manager && [manager.install(isRoot ? "" : "sudo "), ...needs.map((need) => manager[need] ?? need)].join(" ");
}
