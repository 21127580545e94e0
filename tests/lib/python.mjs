// Programs of other languages, and Python packages from the registry, as tests need them.

import { spawnSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { environment, root } from "../../scripts/lib/process.mjs";

/** Makes a virtual environment with these packages, once; answers its interpreter. */
export function pythonWith(folder, packages) {
  const python = join(folder, "bin/python");
  if (existsSync(join(folder, ".tollgate"))) return python;
  rmSync(folder, { recursive: true, force: true });
  program("python3", ["-m", "venv", folder], {});
  program(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...packages], {});
  writeFileSync(join(folder, ".tollgate"), packages.join(" "));
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
