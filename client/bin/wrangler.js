// Where wrangler is. The package does not depend on it: whoever only imports the client would
// download a runtime of 100 MB along with it. A project that `init` wrote has it.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Problem } from "./problem.js";
import { versions } from "./project.js";

/**
 * What every start of wrangler is told: neither to ask the network for a sample `request.cf`, nor
 * to send usage data, nor to print a banner.
 */
export const QUIET = {
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_SEND_METRICS: "false",
};

/** The program of the wrangler that `folder`, or else this package, has; undefined without one. */
export function wranglerOf(folder) {
  const path = manifestNear(folder);
  if (path === undefined) return undefined;
  return join(dirname(path), JSON.parse(readFileSync(path, "utf8")).bin.wrangler);
}

/**
 * wrangler's own reader of configuration, `(path, environment) => configuration`: the project's
 * wrangler reads the file as it will deploy it.
 */
export function configReaderOf(folder) {
  const path = manifestNear(folder);
  if (path === undefined) throw new Problem(`wrangler is not installed in ${folder}: npm install`);
  const { unstable_readConfig: read } = createRequire(path)(dirname(path));
  if (typeof read !== "function") {
    throw new Problem(`This wrangler cannot be asked for its configuration; take ${versions().wrangler}.`);
  }
  return (config, env) => {
    try {
      return read({ config, env }, { hideWarnings: true });
    } catch (error) {
      const at = error.location ? `:${error.location.line}` : "";
      throw new Problem(`${config}${at} cannot be read: ${error.text ?? error.message}`);
    }
  };
}

function manifestNear(folder) {
  for (const from of [join(folder, "package.json"), import.meta.url]) {
    try {
      return createRequire(from).resolve("wrangler/package.json");
    } catch {
      // Not here: the next place.
    }
  }
  return undefined;
}

/** The program of a wrangler that npm keeps in its cache, fetched where it is not there yet. */
export function fetchedWrangler() {
  const { wrangler } = versions();
  console.log(`tollgate: wrangler is not installed here; npm brings wrangler ${wrangler} (once, about 100 MB)`);
  const args = ["exec", "--yes", `--package=wrangler@${wrangler}`, "--call", "command -v wrangler"];
  const { status, stdout, error } = spawnSync("npm", args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  const link = stdout?.trim().split("\n").at(-1);
  if (error || status !== 0 || !link || !existsSync(link)) {
    const why = error ? `npm could not be started (${error.code})` : "npm could not bring it";
    throw new Problem(`${why}. Install wrangler yourself: npm install --save-dev wrangler@${wrangler}`);
  }
  return realpathSync(link);
}
