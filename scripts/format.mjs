// `npm run format`: puts every file of Rust, JavaScript and JSON into the form that `npm run check`
// asks for.

import { run } from "./lib/process.mjs";
import { setup } from "./setup.mjs";

setup({ tests: true });
run("cargo", ["fmt", "--all"]);
run("biome", ["check", "--write", "."]);
