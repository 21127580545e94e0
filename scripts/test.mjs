// `npm test`: every test there is. The native tests of the workspace first, then vitest: the scripts, the Worker from
// inside workerd and from outside. Both always run, and the last lines add up what they found.

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "./build.mjs";
import { capture, fail } from "./lib/process.mjs";
import { cargoTotals, line, vitestTotals } from "./lib/totals.mjs";

if (process.argv.length > 2) {
  fail("npm test runs everything and takes no arguments. For a part: cargo test <name>, or npx vitest run <file>");
}

build();
// The published packages that the Upstash tests read. Two of those tests would else install them at once, into the same
// folders, and the one that loses would skip itself. Where it cannot be done, the tests say so.
await capture("node", ["tests/upstash/scripts.mjs"]);
const results = [await cargoTests(), await vitestTests()];
console.log(`\ntest totals\n${results.map(({ name, totals }) => `  ${line(name, totals)}\n`).join("")}`);
const failed = results.filter(({ status }) => status !== 0).map(({ name }) => name);
if (failed.length > 0) fail(`Not passed: ${failed.join(" and ")}. What is above tells which tests, and why.`);

async function cargoTests() {
  const { status, text } = await capture("cargo", ["test", "--workspace", "--quiet", "--no-fail-fast"], { show: true });
  return { name: "cargo test", status, totals: cargoTotals(text) };
}

async function vitestTests() {
  const folder = mkdtempSync(join(tmpdir(), "tollgate-test-"));
  const report = join(folder, "vitest.json");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const { status } = await capture("vitest", ["run", ...reporters], { show: true });
  // vitest writes no report when it cannot even start.
  const totals = vitestTotals(existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : {});
  rmSync(folder, { recursive: true });
  return { name: "vitest", status, totals };
}
