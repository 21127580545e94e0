// Node, Bun and Deno: the wasm is read from beside this file.

import { readFileSync } from "node:fs";
import { initSync } from "./glue.js";

initSync({ module: new WebAssembly.Module(readFileSync(new URL("./core.wasm", import.meta.url))) });

export * from "./index.js";
