// `npm run fuzz -- --minutes 10`: Schemathesis asks the built Worker whatever its description lets
// one ask, and more, follows the links of the description from answer to question, and compares
// each answer with what is described: no status, type, header or field beside. Two minutes unless
// said.
// `--seed N` repeats a run; what stands behind `--` is Schemathesis' own.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { shaped } from "../tests/fuzz/shapes.mjs";
import { build } from "./build.mjs";
import { capture, fail, root, run } from "./lib/process.mjs";
import { prepare, start, tollgate } from "./lib/workerd.mjs";
import { setup } from "./setup.mjs";

// Schemathesis, and all that it stands on, in the versions that were tried.
const REQUIREMENTS = join(root, "tests/fuzz/requirements.txt");
const FOLDER = join(root, "target/schemathesis");
const TOKENS = [
  { token: "fuzz-main", role: "admin", namespace: "main", name: "main" },
  { token: "fuzz-aside", role: "admin", namespace: "aside", name: "aside" },
];

// Broad questions find what is read that is not described, or not read that is; narrow ones reach
// what stands behind the readers, and by the links what becomes of it. Narrow ones are not all that
// is described, so that another one is no wrong one.
const NARROW = ["--mode", "positive", "--exclude-checks", "negative_data_rejection"];
// Lists seldom have a next page: most of the time would go into asking for the first once more.
const LISTS = ["audit", "overrides", "policies", "presets", "subjects"].flatMap((id) => ["--exclude-operation-id", id]);
const PASSES = [
  { shape: "broad", share: 0.45, options: ["--phases", "examples,coverage,fuzzing"] },
  { shape: "narrow", share: 0.25, options: ["--phases", "fuzzing", ...NARROW] },
  { shape: "narrow", share: 0.3, options: ["--phases", "stateful", ...NARROW, ...LISTS] },
];
const env = {
  TOLLGATE_FUZZ_ASIDE: TOKENS[1].token,
  PYTHONPATH: join(root, "tests/fuzz"),
  SCHEMATHESIS_HOOKS: "hooks",
  HYPOTHESIS_STORAGE_DIRECTORY: join(FOLDER, "hypothesis"),
};

const { values, positionals } = parseArgs({
  options: { minutes: { type: "string", default: "2" }, seed: { type: "string" } },
  allowPositionals: true,
});
const minutes = Number(values.minutes);
if (!(minutes > 0 && minutes <= 1_440)) fail("Say for how many minutes: npm run fuzz -- --minutes 10");

setup();
build();
const program = install();
const directory = mkdtempSync(join(tmpdir(), "tollgate-fuzz-"));
const texts = [{ name: "TOLLGATE_TOKENS", text: JSON.stringify(TOKENS) }];
const server = await start(await prepare([tollgate({ texts })], join(directory, "server")));
const url = `http://127.0.0.1:${server.ports.T}`;
const document = await (await fetch(`${url}/openapi.json`)).json();
const passed = [];
for (const { shape, share, options } of PASSES) passed.push(await asks(shape, share, options));
await server.stop();
rmSync(directory, { recursive: true, force: true });
if (passed.includes(false)) fail("What is above was answered as it should not be.");

/** Asks for its share of the time; whether all was answered as it should be. */
async function asks(shape, share, options) {
  const description = join(directory, `${shape}.json`);
  writeFileSync(description, JSON.stringify(shaped(document, shape)));
  console.log(`\nfuzz: ${shape} questions for ${(minutes * share).toFixed(1)} min`);
  const given = ["--url", url, "--max-time", String(Math.ceil(minutes * 60 * share)), ...options];
  if (values.seed) given.push("--seed", values.seed);
  const header = ["--header", `Authorization: Bearer ${TOKENS[0].token}`];
  const args = [
    "--config-file",
    "tests/fuzz/schemathesis.toml",
    "run",
    description,
    ...given,
    ...header,
    ...positionals,
  ];
  const { status } = await capture(program, args, { show: true, env });
  return status === 0;
}

/** Makes a virtual environment where there is none of these versions; its command. */
function install() {
  const command = join(FOLDER, "bin/schemathesis");
  const stamp = join(FOLDER, ".tollgate");
  const wanted = readFileSync(REQUIREMENTS, "utf8");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return command;
  console.log("fuzz: installing Schemathesis (about 15 s)");
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(join(root, "target"), { recursive: true });
  run("python3", ["-m", "venv", FOLDER]);
  const quiet = ["--quiet", "--disable-pip-version-check"];
  run(join(FOLDER, "bin/python"), ["-m", "pip", "install", ...quiet, "--requirement", REQUIREMENTS]);
  writeFileSync(stamp, wanted);
  return command;
}
