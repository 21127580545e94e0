// `npx tollgate init [folder]`: writes a project that `npx wrangler deploy` puts online. All files
// or none: they are written beside their places first, and moved when all of them are there.

import { lstatSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { ensureTokens } from "./dev-vars.js";
import { Problem, WRONG_USE } from "./problem.js";
import { FILES, template, versions } from "./project.js";
import { word } from "./shell.js";

const TOKENS = ".dev.vars";
const WHY = {
  EACCES: "this user may not write there",
  EPERM: "this user may not write there",
  EROFS: "it cannot be written to",
  ENOTDIR: "a part of its path is a file",
  ENOSPC: "the disk is full",
};

/** Writes the project; `force` also over files that are there, but for package.json. */
export function init(folder, { force = false } = {}) {
  const at = resolve(folder);
  try {
    if (statSync(at, { throwIfNoEntry: false })?.isFile()) {
      throw new Problem(`${at} is a file; name a folder.`, WRONG_USE);
    }
    const names = Object.keys(FILES).filter((name) => name !== "package.json" || !isThere(join(at, name)));
    refuse(at, names, force);
    write(at, names);
    console.log(told(folder, at, names));
  } catch (error) {
    throw explained(error, at);
  }
}

function isThere(path) {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Throws where something stands in the way, before anything is written. */
function refuse(at, names, force) {
  const folders = [...names, TOKENS].filter((name) =>
    lstatSync(join(at, name), { throwIfNoEntry: false })?.isDirectory(),
  );
  if (folders.length > 0) {
    throw new Problem(`In ${at} there are folders in the places of files: ${folders.join(", ")}.`, WRONG_USE);
  }
  const taken = names.filter((name) => isThere(join(at, name)));
  if (taken.length === 0 || force) return;
  const line = "Name another folder, or write over them: npx tollgate init --force";
  throw new Problem(`${at} has ${taken.join(", ")} already, and nothing was written. ${line}`, WRONG_USE);
}

function write(at, names) {
  const made = [];
  try {
    made.push(mkdirSync(at, { recursive: true }));
    made.push(mkdirSync(join(at, "src"), { recursive: true }));
    const draft = mkdtempSync(join(at, ".tollgate-"));
    made.push(draft);
    for (const name of names) {
      mkdirSync(dirname(join(draft, name)), { recursive: true });
      writeFileSync(join(draft, name), template(FILES[name]));
    }
    const fresh = names.filter((name) => !isThere(join(at, name))).map((name) => join(at, name));
    made.push(...fresh);
    for (const name of names) renameSync(join(draft, name), join(at, name));
    if (!isThere(join(at, TOKENS))) made.push(join(at, TOKENS));
    ensureTokens(join(at, TOKENS));
    rmSync(draft, { recursive: true });
  } catch (error) {
    for (const path of made.reverse()) if (path) rmSync(path, { recursive: true, force: true });
    throw error;
  }
}

/** The same error as a sentence, where the system did not let us. */
function explained(error, at) {
  if (error instanceof Problem) return error;
  return new Problem(`Nothing was written in ${at}: ${WHY[error.code] ?? error.message}.`);
}

function told(folder, at, names) {
  const steps = [
    ...(at === process.cwd() ? [] : [`cd ${word(folder)}`]),
    ...(names.includes("package.json") ? ["npm install"] : missingPackages(at)),
    "npx tollgate dev                           # on this machine",
    "npx wrangler login",
    "npx wrangler secret put TOLLGATE_TOKENS    # README.md says what to enter",
    "npx wrangler deploy",
  ];
  const kept = names.includes("package.json") ? "" : " package.json is yours and stays as it is.";
  const next = steps.map((step) => `  ${step}\n`).join("");
  return `Wrote ${[...names, TOKENS].join(", ")} in ${at}.${kept} Next:\n\n${next}`;
}

/** The commands that install what the project's own package.json does not name. */
function missingPackages(at) {
  const { dependencies, devDependencies } = manifestIn(at);
  const named = { ...dependencies, ...devDependencies };
  const { tollgate, wrangler } = versions();
  const tollgateLine = named.tollgate ? [] : [`npm install tollgate@${tollgate}`];
  return named.wrangler ? tollgateLine : [...tollgateLine, `npm install --save-dev --save-exact wrangler@${wrangler}`];
}

function manifestIn(at) {
  try {
    return JSON.parse(readFileSync(join(at, "package.json"), "utf8"));
  } catch {
    return {}; // npm says better what is wrong with it
  }
}
