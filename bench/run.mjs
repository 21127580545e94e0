// `npm run bench`: Tollgate beside its baselines on raw workerd, the core beside `governor`, size
// and cold start. Prints tables and JSON, and writes bench/results.json and the figures of
// docs/benchmarks.md. A wrong answer of any variant ends it with status 1; a missed target does
// not: a benchmark reports, the reader judges.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fail, root } from "../scripts/lib/process.mjs";
import { setup } from "../scripts/setup.mjs";
import { compile, timeCore } from "./lib/driver.mjs";
import { machine, moment } from "./lib/machine.mjs";
import { measureColdStarts, measureScenario, measureSize } from "./lib/measure.mjs";
import { parseOptions, USAGE } from "./lib/options.mjs";
import { coldTable, coreTable, figures, interval, scenarioTable, sizeTable, withFigures } from "./lib/report.mjs";
import { scenarios } from "./lib/scenarios.mjs";
import { relativeWidth } from "./lib/statistics.mjs";
import { judge, TARGETS } from "./lib/targets.mjs";

const RESULTS = join(root, "bench/results.json");
const PAGE = join(root, "docs/benchmarks.md");

// Rounds are added until the interval of every target is this narrow against its median. The width
// alone decides, and never the verdict: who stops once the verdict pleases finds what he looks for.
const NARROW = 0.06;

// Told to stop, it tidies up on its way out.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

const options = parseOptions(process.argv.slice(2));
if (options.problem) fail(options.problem);
if (options.help) console.log(USAGE);
else if (options.render || options.check) renderPage();
else await main().catch((error) => fail(`bench: ${error.message}`));

async function main() {
  if (process.platform !== "linux") fail("The benchmark reads processor times from /proc and needs Linux.");
  if (!existsSync(join(root, "build/index.js"))) fail("There is no build/ yet: `npm run bench` makes it.");
  setup({ baselines: true });
  compile();
  const results = { machine: machine(), parts: load().parts };
  for (const [id, measure] of chosenParts()) {
    console.log(`\nbench: ${id}`);
    const before = moment();
    results.parts[id] = { moment: before, ...(await measure()) };
    save(results); // an hour's work survives what comes after it
  }
  if (!options.beside) {
    console.log(`\n${figures(results)}\n`);
    console.log(JSON.stringify({ machine: results.machine, targets: judge(results.parts) }));
  }
  console.log(`\nbench: everything measured is in ${outputFile()}`);
}

/** The parts asked for, all of them when none is named. */
function chosenParts() {
  const parts = new Map([
    ["size", async () => shown(measureSize(), sizeTable)],
    ["core", async () => shown(await timeCore(options), coreTable)],
    ["cold", async () => shown({ times: await measureColdStarts(options) }, coldTable)],
    ...scenarios().map((scenario) => [scenario.id, () => runScenario(scenario)]),
  ]);
  const unknown = options.only?.filter((id) => !parts.has(id)) ?? [];
  if (unknown.length > 0) fail(`There is no part ${unknown.join(", ")}; there are ${[...parts.keys()].join(", ")}.`);
  return [...parts].filter(([id]) => options.only?.includes(id) ?? true);
}

async function runScenario(scenario) {
  const watched = options.beside ? [] : TARGETS.filter((target) => target.scenario === scenario.id);
  const ratio = (samples, target) => target.figure({ [scenario.id]: { samples } });
  const measured = await measureScenario(scenario, options, {
    isEnough: (samples) => watched.every((target) => relativeWidth(ratio(samples, target)) <= NARROW),
    onRound: (round, samples) => {
      const rates = Object.entries(samples).map(([id, taken]) => {
        const { requests, seconds } = taken.at(-1);
        return `${id} ${(requests / seconds).toFixed(0)}`;
      });
      console.log(`  round ${round}, requests/s: ${rates.join(", ")}`);
    },
  });
  const { seconds, connections } = options;
  const result = { seconds, connections, ...measured };
  for (const target of watched) console.log(`  ${target.name}: ${interval(ratio(result.samples, target), "x")}`);
  return shown(result, (part) => scenarioTable(scenario, part));
}

function shown(part, asTable) {
  console.log(`\n${asTable(part)}`);
  return part;
}

/** Where the results go. A smoke run leaves the repository alone. */
function outputFile() {
  if (options.output) return options.output;
  if (options.beside) return join(root, "target/bench/beside.json");
  return options.quick ? join(root, "target/bench/quick.json") : RESULTS;
}

/** Earlier results, into which a run of single parts is merged. A smoke run starts from nothing. */
function load() {
  return outputFile() === RESULTS ? published() : { parts: {} };
}

/** The results that the page is made from. */
function published() {
  return existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, "utf8")) : { parts: {} };
}

function save(results) {
  const file = outputFile();
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${compact(results)}\n`);
  if (file === RESULTS) writeFileSync(PAGE, withFigures(readFileSync(PAGE, "utf8"), results));
}

/**
 * JSON with one line for each sample and list of numbers, so that a change of figures is a readable
 * change.
 */
function compact(results) {
  return JSON.stringify(results, null, 1).replace(/[[{][^[\]{}]*[\]}]/g, (inner) => inner.replace(/\s*\n\s*/g, " "));
}

function renderPage() {
  const page = readFileSync(PAGE, "utf8");
  const fresh = withFigures(page, published());
  if (options.render) writeFileSync(PAGE, fresh);
  else if (fresh !== page) fail("docs/benchmarks.md is not what bench/results.json says: npm run bench -- --render");
}
