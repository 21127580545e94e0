// What runtimes bring along of which the compiler is told no more.

declare module "node:fs" {
  export function readFileSync(path: URL): Uint8Array<ArrayBuffer>;
}

/** In workerd a wasm file is imported as its module. */
declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
