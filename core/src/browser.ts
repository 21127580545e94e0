// Browsers: the wasm is fetched from beside this file, where a bundler puts what `new URL` names.

import { initSync } from "./glue.js";

// Not `compileStreaming`, which wants a server that knows the type `application/wasm`.
const response = await fetch(new URL("./core.wasm", import.meta.url));
if (!response.ok) throw new Error(`@tollgate/core: ${response.url} was answered with ${response.status}.`);
initSync({ module: await WebAssembly.compile(await response.arrayBuffer()) });

export * from "./index.js";
