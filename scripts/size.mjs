// The size of the Worker, which is what the first request in a new isolate waits for, against its
// budget.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "./build.mjs";
import { fail, isMain, root } from "./lib/process.mjs";

// Bytes of compressed wasm. What a cold start waits for is the functions that the first request
// runs, and not the file (docs/benchmarks.md), so this only notices what came in unseen: a
// dependency, a second formatter of floats. 20 kB are the description of the API: data that no
// request waits for, and that beside the wasm would be a third file for wrangler, workerd and every
// test to know.
const BUDGET = 940_000;

/** The sizes of the built wasm in bytes, and whether the compressed one is within the budget. */
export function wasmSize() {
  const wasm = readFileSync(join(root, "build/index_bg.wasm"));
  const gzipped = gzipSync(wasm, { level: 9 }).length;
  return { raw: wasm.length, gzipped, budget: BUDGET, fits: gzipped <= BUDGET };
}

if (isMain(import.meta)) {
  build();
  const { raw, gzipped, budget, fits } = wasmSize();
  const text = `wasm: ${gzipped} bytes gzipped of ${budget}, ${raw} raw`;
  if (!fits) fail(`${text}. It is ${gzipped - budget} bytes too large: a new dependency, or float formatting?`);
  console.log(text);
}
