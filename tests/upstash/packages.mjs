// The published packages of both SDKs, as the tests need them: the JavaScript ones beside this
// file, the Python ones below target/. Installed once, from the registries, in the versions that
// are pinned here and in package-lock.json.

import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../scripts/lib/process.mjs";
import { program, pythonWith } from "../lib/python.mjs";

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
  const packages = [`upstash-ratelimit==${version}`, `upstash-redis==${PYTHON_CLIENT[version]}`];
  return pythonWith(join(pythons, version), packages);
}
