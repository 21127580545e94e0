import { describe, expect, it } from "vitest";
import { atLeast, explain, findMissing, oldestRust } from "./prerequisites.mjs";

const asks = { needsOpenssl: true, rust: "1.91", command: "npm start" };

// A machine where everything is installed, but for the commands named in `without`.
function machine(without = [], rest = {}) {
  const programs = {
    "rustc --version": "rustc 1.95.0 (59807616e 2026-04-14)",
    "cargo --version": "cargo 1.95.0",
    "rustup --version": "rustup 1.29.0",
    "cc --version": "cc 12",
    "pkg-config --exists openssl": "",
    "apt-get --version": "apt 2.6",
    "curl --version": "curl 8",
  };
  for (const name of without) delete programs[name];
  const read = (...words) => programs[words.join(" ")];
  return { platform: "linux", nodeVersion: "20.20.2", isRoot: false, env: {}, exists: () => false, read, ...rest };
}

// The one line that a message offers for copying.
const copied = (text) => text.split("\n").at(-3).trim();
const message = (here) => explain(findMissing(here, asks), here);

describe("prerequisites", () => {
  it("finds nothing missing on a complete machine", () => {
    expect(findMissing(machine(), asks)).toEqual([]);
  });

  it("joins everything the system lacks into one line to copy", () => {
    const text = message(machine(["cc --version", "pkg-config --exists openssl"]));
    expect(text).toContain("a C compiler");
    expect(copied(text)).toBe("sudo apt-get update && sudo apt-get install -y build-essential pkg-config libssl-dev");
  });

  it("leaves sudo out for root", () => {
    expect(message(machine(["cc --version"], { isRoot: true }))).toContain(
      "  apt-get update && apt-get install -y build",
    );
  });

  it("does not ask for OpenSSL where nothing links to it", () => {
    const here = machine(["pkg-config --exists openssl"]);
    expect(findMissing(here, { ...asks, needsOpenssl: false })).toEqual([]);
    expect(findMissing({ ...here, platform: "darwin" }, asks)).toEqual([]);
    expect(findMissing({ ...here, env: { OPENSSL_DIR: "/opt/openssl" } }, asks)).toEqual([]);
  });

  it("says what is missing also where it does not know the package manager", () => {
    const text = message(machine(["cc --version", "apt-get --version"]));
    expect(text).toContain("a C compiler");
    expect(text).toMatch(/Install it, then run the same command again\.$/);
  });

  it("points at the compiler of macOS", () => {
    expect(message(machine(["cc --version"], { platform: "darwin" }))).toContain("xcode-select --install");
  });

  it("updates an old Rust with rustup and installs one where there is none", () => {
    const old = machine();
    const read = (...words) => (words[0] === "rustc" ? "rustc 1.90.0 (x)" : old.read(...words));
    expect(message({ ...old, read })).toMatch(/Rust 1\.91 or newer \(this is 1\.90\.0\)[\s\S]*rustup update stable/);
    expect(message(machine(["rustc --version", "cargo --version"]))).toContain("sh.rustup.rs");
    expect(message(machine(["rustup --version"]))).toContain("wasm32-unknown-unknown");
    expect(message(machine(["rustc --version"], { exists: () => true }))).toContain('. "$HOME/.cargo/env"');
  });

  it("gets curl first where Rust has to be fetched without one", () => {
    expect(copied(message(machine(["rustc --version", "curl --version"])))).toMatch(
      /^sudo apt-get update && sudo apt-get install -y curl && curl --proto/,
    );
  });

  it("brings a Node where the present one is too old", () => {
    expect(message(machine([], { nodeVersion: "16.20.0" }))).toContain("npm exec --yes --package=node@22 -- npm start");
  });

  it("compares versions by number", () => {
    for (const version of ["1.91.0", "1.91", "1.100.0", "2.0.0"]) expect(atLeast(version, "1.91")).toBe(true);
    for (const version of ["1.90.9", "1.9.1", "0.99.0"]) expect(atLeast(version, "1.91")).toBe(false);
  });

  it("reads the oldest Rust from the manifest", () => {
    expect(oldestRust()).toMatch(/^1\.\d+/);
  });
});
