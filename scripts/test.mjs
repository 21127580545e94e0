// `npm test`: every test there is, part after part (lib/suite.mjs). All parts run, also after one
// failed, and the last lines say what each found and how long it took. `npm test -- idle versions`
// runs the files of vitest that are named so; vitest's own options may follow.

import { build } from "./build.mjs";
import { buildClient } from "./client.mjs";
import { buildCore } from "./core.mjs";
import { capture, fail } from "./lib/process.mjs";
import { chosen, PARTS, runPart } from "./lib/suite.mjs";
import { line, sum, words } from "./lib/totals.mjs";
import { setup } from "./setup.mjs";

const start = performance.now();
setup({ tests: true });
build();
buildClient();
const filters = process.argv.slice(2);
// A minute, which a test of something else need not wait for.
if (filters.length === 0 || filters.some((it) => /core|inside/.test(it))) buildCore();
if (filters.length === 0) {
  // The published packages that the Upstash tests read. Two of those tests would else install them
  // at once, into the same folders, and the one that loses would skip itself. Where it cannot be
  // done, the tests say so.
  await capture("node", ["tests/upstash/scripts.mjs"]);
}
const seconds = (performance.now() - start) / 1000;

const results = [];
for (const part of filters.length > 0 ? [chosen(filters)] : PARTS) {
  console.log(`\ntest: ${part.name}`);
  results.push(await runPart(part, { show: true }));
}
const rows = results.map((result) => `  ${line(result.name, result.totals, result.seconds)}\n`).join("");
console.log(`\ntest totals\n  ${"set-up".padEnd(48)}${seconds.toFixed(0).padStart(5)} s\n${rows}`);
const failed = results.filter(({ status }) => status !== 0);
if (failed.length > 0) {
  const names = failed.flatMap(({ failed: tests }) => tests);
  console.log(`failed\n${names.map((name) => `  ${name}\n`).join("")}`);
}
console.log(`tests: ${words(sum(results.map(({ totals }) => totals)))}`);
if (failed.length > 0) fail(`Not passed: ${failed.map(({ name }) => name).join(" and ")}. What is above tells why.`);
