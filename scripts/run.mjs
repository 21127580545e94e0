// Sets up and builds, then runs the command that follows, with the locked Node and the locked
// tools: `node scripts/run.mjs wrangler deploy`.

import { build } from "./build.mjs";
import { fail, run } from "./lib/process.mjs";

const [command, ...args] = process.argv.slice(2);
if (!command) fail("Say what to run: node scripts/run.mjs <command> [arguments]");
build();
run(command, args);
