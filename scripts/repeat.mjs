// `npm run test:repeat -- 10`: the whole suite so many times in a row, to find tests that pass only
// mostly; with file names behind the number only those of vitest's:
// `npm run test:repeat -- 10 idle`. Prints one line a run while it goes, and at the end how often
// each test failed. What a part printed that failed is kept below target/repeat/.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "./build.mjs";
import { buildClient } from "./client.mjs";
import { buildCore } from "./core.mjs";
import { capture, fail, root } from "./lib/process.mjs";
import { chosen, PARTS, runPart } from "./lib/suite.mjs";
import { sum, words } from "./lib/totals.mjs";
import { setup } from "./setup.mjs";

const [count, ...filters] = process.argv.slice(2);
const runs = Number(count);
if (!Number.isInteger(runs) || runs < 1) fail("Say how many times: npm run test:repeat -- 10");

setup({ tests: true });
build();
buildClient();
buildCore();
if (filters.length === 0) await capture("node", ["tests/upstash/scripts.mjs"]);
const kept = join(root, "target/repeat");
rmSync(kept, { recursive: true, force: true });

const often = new Map();
let green = 0;
for (let run = 1; run <= runs; run++) {
  const results = [];
  for (const part of filters.length > 0 ? [chosen(filters)] : PARTS) {
    const result = await runPart(part, { show: false });
    results.push(result);
    if (result.status !== 0) note(run, result);
  }
  if (results.every(({ status }) => status === 0)) green += 1;
  const parts = results.map(({ name, seconds }) => `${name} ${seconds.toFixed(0)} s`).join(", ");
  console.log(`repeat: run ${run} of ${runs}: ${words(sum(results.map(({ totals }) => totals)))} (${parts})`);
}
for (const [name, times] of often) console.log(`repeat: failed ${times} of ${runs} times: ${name}`);
console.log(`repeat: ${green} of ${runs} runs were green`);
if (green < runs) fail(`What the parts that failed have printed is in ${kept}.`);

/** Counts the tests that failed, and keeps what their part printed. */
function note(run, { name, failed, text }) {
  // A part that could not even start names no test.
  for (const test of failed.length > 0 ? failed : [name]) often.set(test, (often.get(test) ?? 0) + 1);
  mkdirSync(kept, { recursive: true });
  writeFileSync(join(kept, `${run}-${name.replaceAll(/\W+/g, "-")}.log`), text);
}
