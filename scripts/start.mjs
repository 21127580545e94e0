// `npm start`: Tollgate on this machine. Sets up, builds, writes a token where there is none,
// serves with `wrangler dev` on 127.0.0.1, and ends with a curl line that works.
// `npm start -- --port N` takes another port.

import { join } from "node:path";
import { ensureTokens } from "../client/bin/dev-vars.js";
import { Problem } from "../client/bin/problem.js";
import { requireFree, serve } from "../client/bin/serve.js";
import { build } from "./build.mjs";
import { portOf } from "./lib/port.mjs";
import { environment, fail, root } from "./lib/process.mjs";

const DEV_VARS = join(root, ".dev.vars");

const { port, problem } = portOf(process.argv.slice(2), process.env.npm_config_port);
if (problem) fail(problem);
try {
  await requireFree(port, (other) => `npm start -- --port ${other}`); // before anything is compiled
  build();
  if (ensureTokens(DEV_VARS)) console.log("start: wrote .dev.vars with a random admin token");
  await serve({ wrangler: ["wrangler"], folder: root, devVars: DEV_VARS, env: environment(), port });
} catch (error) {
  if (!(error instanceof Problem)) throw error;
  fail(error.message);
}
