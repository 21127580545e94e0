// The verbs of `npx tollgate`, their options and exit codes: 0 done; 1 it could not be done, or
// `doctor` found that something lacks; 2 wrong use, and nothing was written.

import { parseArgs } from "node:util";
import { dev } from "./dev.js";
import { doctor } from "./doctor.js";
import { init } from "./init.js";
import { DEFAULT_PORT, parsePort } from "./port.js";
import { Problem, WRONG_USE } from "./problem.js";
import { versions } from "./project.js";

const HELP = `npx tollgate <verb>

  dev                 serves Tollgate on 127.0.0.1 until Ctrl-C: the project in this folder, if it
                      is one of Tollgate's, or else the Worker of this package
    --port <number>     ${DEFAULT_PORT} unless said
    --persist <folder>  keeps what is stored there (outside a project it is forgotten else)
    --no-install        does not let npm bring wrangler where it is not installed
  init [folder]       writes a project for \`npx wrangler deploy\`, in this folder unless said
    --force             also over files that are there (never over package.json and tokens)
  doctor [folder]     tells what a project's configuration lacks after an update
    --env <name>        of this environment of wrangler
  --help, --version

Policies as files (\`tollgate policies …\`) are the native command line's: docs/cli.md.
Exit codes: 0 done, 1 could not be done or \`doctor\` found something, 2 wrong use.`;

const VERBS = {
  dev: {
    folders: 0,
    options: { port: { type: "string" }, persist: { type: "string" }, "no-install": { type: "boolean" } },
    run: (_, options) => {
      const { port, problem } = parsePort(options.port ?? String(DEFAULT_PORT), "npx tollgate dev --port 8787");
      if (problem) throw new Problem(problem, WRONG_USE);
      return dev({ port, persist: named(options.persist, "--persist"), install: !options["no-install"] });
    },
  },
  init: {
    folders: 1,
    options: { force: { type: "boolean" } },
    run: ([folder = "."], options) => init(named(folder, "init"), options),
  },
  doctor: {
    folders: 1,
    options: { env: { type: "string" } },
    run: ([folder = "."], options) => doctor(named(folder, "doctor"), options),
  },
};

/** Does what the arguments say and sets the exit code. */
export async function main(args) {
  try {
    await run(args);
  } catch (error) {
    // What the system has refused is no fault of this program's, so its stack would tell nothing.
    if (!(error instanceof Problem) && error.syscall === undefined) throw error;
    console.error(`\ntollgate: ${error.message}\n`);
    // Not just the exit code: a server may still be ending.
    process.exit(error instanceof Problem ? error.code : 1);
  }
}

async function run([verb, ...rest]) {
  if (verb === "--version" || verb === "-V") return console.log(`tollgate ${versions().tollgate}`);
  if (verb === undefined || verb === "--help" || verb === "-h" || verb === "help") return console.log(HELP);
  if (!Object.hasOwn(VERBS, verb)) throw new Problem(unknown(verb), WRONG_USE);
  const { folders, options, run } = VERBS[verb];
  const { values, positionals } = parsed(rest, options);
  if (values.help) return console.log(HELP);
  if (positionals.length > folders) {
    throw new Problem(`${verb} does not know "${positionals[folders]}": npx tollgate --help`, WRONG_USE);
  }
  return run(positionals, values);
}

function parsed(args, options) {
  try {
    return parseArgs({ args, options: { ...options, help: { type: "boolean", short: "h" } }, allowPositionals: true });
  } catch (error) {
    throw new Problem(`${error.message.split(". ")[0]}: npx tollgate --help`, WRONG_USE);
  }
}

/** A folder as it was typed, unless it is none. */
function named(folder, where) {
  if (folder === "") throw new Problem(`${where} wants the name of a folder, not "".`, WRONG_USE);
  return folder;
}

function unknown(verb) {
  if (verb === "policies") {
    return "policies is a verb of the native command line, which docs/cli.md of the repository tells how to build.";
  }
  return `There is no "${verb}": npx tollgate --help`;
}
