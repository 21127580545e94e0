// The machine and the versions that the figures belong to.

import { readFileSync, statfsSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";
import { read, root } from "../../scripts/lib/process.mjs";

/** What a reader needs to judge the figures. */
export function machine() {
  const pkg = (name) => JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8")).version;
  const mounted = read("findmnt", "-no", "FSTYPE", "-T", join(root, "target"));
  return {
    cpu: `${cpus()[0]?.model.trim() || "unknown"}, ${cpus().length} cores`,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `Linux ${release()}`,
    diskFileSystem: mounted ?? `type 0x${statfsSync(join(root, "target")).type.toString(16)}`,
    workerd: pkg("workerd"),
    node: process.versions.node,
    rustc: read("rustc", "--version")?.split(" ")[1] ?? "unknown",
  };
}

/** When a part is measured, of which commit, and how busy the machine is just then. */
export function moment() {
  const measured = ["src", "crates", "Cargo.toml", "Cargo.lock", "bench", ":!bench/results.json"];
  const dirty = read("git", "status", "--porcelain", "--untracked-files=no", "--", ...measured);
  return {
    at: new Date().toISOString(),
    commit: (read("git", "rev-parse", "--short=12", "HEAD") ?? "unknown") + (dirty ? " with changes" : ""),
    loadAverage: Number(loadavg()[0].toFixed(2)),
  };
}
