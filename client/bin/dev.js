// `npx tollgate dev`: serves Tollgate on this machine. In a project that `init` wrote it is the
// project; anywhere else it is the Worker of this package, with rows and a token that are forgotten
// at the end, or kept in a folder.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { ensureTokens } from "./dev-vars.js";
import { examine, servesTollgate } from "./doctor.js";
import { Problem, WRONG_USE } from "./problem.js";
import { configIn, template, versions, worker } from "./project.js";
import { requireFree, serve } from "./serve.js";
import { word } from "./shell.js";
import { configReaderOf, fetchedWrangler, QUIET, wranglerOf } from "./wrangler.js";

const MARK = "# Written by `tollgate dev`, anew at each start.";
const MAIN = /^main = .*$/m;

/** Serves until it is stopped. `persist` is the folder that keeps what is stored. */
export async function dev({ port, persist, install = true }) {
  const again = (other) =>
    `npx tollgate dev --port ${other}${persist === undefined ? "" : ` --persist ${word(persist)}`}`;
  await requireFree(port, again);
  const here = process.cwd();
  const installed = wranglerOf(here);
  if (installed === undefined && !install) {
    throw new Problem(`wrangler is not installed here: npm install --save-dev wrangler@${versions().wrangler}`);
  }
  const isProject = servesItself(here, installed);
  const wrangler = [process.execPath, installed ?? fetchedWrangler()];
  const env = { ...process.env, ...QUIET };
  if (isProject) {
    examine(here);
    const devVars = join(here, ".dev.vars");
    if (ensureTokens(devVars)) console.log("tollgate: wrote .dev.vars with a random admin token");
    const options = persist === undefined ? [] : ["--persist-to", resolve(persist)];
    return serve({ wrangler, options, folder: here, devVars, env, port });
  }
  const folder = folderFor(persist);
  const afterwards = () => persist === undefined && rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  console.log(
    persist === undefined
      ? "tollgate: what is stored, and the token, end with this command (--persist <folder> keeps them)"
      : `tollgate: what is stored, and the token, are kept in ${folder}`,
  );
  return serve({ wrangler, folder, devVars: join(folder, ".dev.vars"), env, port, afterwards });
}

/** True in a project of Tollgate's; throws in one whose packages are not there yet. */
function servesItself(folder, wrangler) {
  const config = configIn(folder);
  if (config === undefined) return false;
  if (wrangler !== undefined) return servesTollgate(configReaderOf(folder)(config));
  if (!readFileSync(config, "utf8").includes("RateLimitDO")) return false;
  throw new Problem(`${config} is a project whose packages are not installed yet: npm install`);
}

/** A folder with the configuration that serves this package's Worker, and a token. */
function folderFor(persist) {
  const folder = persist === undefined ? mkdtempSync(join(tmpdir(), "tollgate-dev-")) : resolve(persist);
  const config = join(folder, "wrangler.toml");
  try {
    const other = configIn(folder);
    if (other && (other !== config || !readFileSync(config, "utf8").startsWith(MARK))) {
      throw new Problem(`${folder} has a ${basename(other)} of its own; name another folder.`, WRONG_USE);
    }
    mkdirSync(folder, { recursive: true });
    if (!existsSync(join(folder, ".gitignore"))) writeFileSync(join(folder, ".gitignore"), "*\n");
    // By a function: in a text a path's `$&` would stand for something.
    const text = template("wrangler.toml").replace(MAIN, () => `main = ${JSON.stringify(worker)}`);
    writeFileSync(config, `${MARK}\n${text}`);
    ensureTokens(join(folder, ".dev.vars"));
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem(`${folder} cannot be written to: ${error.message}`);
  }
  return folder;
}
