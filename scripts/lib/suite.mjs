// The parts of the test suite, and how each is run: the native tests of the workspace, then
// vitest's projects (the scripts, the Worker from inside workerd, the Worker from outside). One
// part after the other: servers under load and `kill -9` share the machine's cores with nobody.

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { capture } from "./process.mjs";
import { cargoFailures, cargoTotals, vitestFailures, vitestTotals } from "./totals.mjs";

const VITEST = ["run", "--config", "tests/vitest.config.mjs"];

export const PARTS = [
  { name: "cargo test", run: cargoTests },
  ...["scripts", "inside", "outside", "waiting", "client", "core"].map((name) => ({
    name,
    run: (show) => vitestPart(["--project", name], show),
  })),
];

/**
 * Runs one part. `show` prints while it runs. Resolves with its name, status, seconds, totals, the
 * names of the tests that failed, and all that it printed.
 */
export async function runPart({ name, run }, { show }) {
  const start = performance.now();
  const result = await run(show);
  return { name, ...result, seconds: (performance.now() - start) / 1000 };
}

/**
 * The tests of vitest that `filters` name, as a part: file names or parts of them, and vitest's own
 * options.
 */
export function chosen(filters) {
  return { name: filters.join(" "), run: (show) => vitestPart(filters, show) };
}

async function cargoTests(show) {
  const { status, text } = await capture("cargo", ["test", "--workspace", "--quiet", "--no-fail-fast"], { show });
  return { status, text, totals: cargoTotals(text), failed: cargoFailures(text) };
}

async function vitestPart(args, show) {
  const folder = mkdtempSync(join(tmpdir(), "tollgate-test-"));
  const file = join(folder, "vitest.json");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
  const { status, text } = await capture("vitest", [...VITEST, ...args, ...reporters], { show });
  // vitest writes no report when it cannot even start.
  const report = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
  rmSync(folder, { recursive: true });
  return { status, text, totals: vitestTotals(report), failed: vitestFailures(report) };
}
