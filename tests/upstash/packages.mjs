// The published packages of both SDKs, as the tests need them: the JavaScript ones beside this
// file, the Python ones below target/. Installed once, from the registries, in the versions that
// are pinned here and in package-lock.json.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { environment, root } from "../../scripts/lib/process.mjs";

const here = join(root, "tests/upstash");
export const modules = join(here, "node_modules");
const pythons = join(root, "target/upstash-python");

/**
 * One Python release for each form that its scripts have had. The newest and an old one are also
 * run.
 */
export const PYTHON = ["0.4.2", "1.0.0", "1.1.0", "1.2.0"];

// The clients of the time of each release: what its users had installed.
const PYTHON_CLIENT = { "0.4.2": "0.14.5", "1.0.0": "1.1.0", "1.1.0": "1.1.0", "1.2.0": "1.8.0" };

/** Installs the npm packages where they are not there; throws with the reason when that fails. */
export function installModules() {
  const stamp = join(modules, ".tollgate");
  const wanted = createHash("sha256")
    .update(readFileSync(join(here, "package-lock.json")))
    .digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  program("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: here });
  writeFileSync(stamp, wanted);
}

/** Makes a virtual environment with one Python release; answers its interpreter. */
export function installPython(version) {
  const folder = join(pythons, version);
  const python = join(folder, "bin/python");
  if (existsSync(join(folder, ".tollgate"))) return python;
  rmSync(folder, { recursive: true, force: true });
  program("python3", ["-m", "venv", folder], {});
  const packages = [`upstash-ratelimit==${version}`, `upstash-redis==${PYTHON_CLIENT[version]}`];
  program(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...packages], {});
  writeFileSync(join(folder, ".tollgate"), version);
  return python;
}

/** What a program prints; throws with what it said when it fails. */
export function program(command, args, options) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 1 << 26,
    env: environment(),
    ...options,
  });
  if (status === 0) return stdout;
  throw new Error(`${[command, ...args].join(" ").slice(0, 200)}: ${error?.message ?? stderr.trim().slice(-2000)}`);
}
