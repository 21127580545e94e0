// workerd compiles no wasm at run time: the bundler brings it as a module.

import module from "./core.wasm";
import { initSync } from "./glue.js";

initSync({ module });

export * from "./index.js";
