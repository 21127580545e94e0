// What scripts/core.mjs makes of crates/core-wasm with wasm-bindgen: `dist/glue.js`.

export function initSync(options: { module: WebAssembly.Module }): unknown;

/** Questions and answers are JSON; what is thrown is the JSON of an error. */
export class Core {
  constructor(maxSubjects: number, seed: string);
  pass(now: number): number;
  putPolicy(name: string, text: string, now: number): number;
  deletePolicy(name: string, now: number): void;
  limit(body: string, now: number): string;
  multi(body: string, now: number): string;
  status(query: string, now: number): string;
  reset(query: string, now: number): void;
  block(body: string, now: number): void;
  report(body: string, now: number): string;
  settle(body: string, now: number): string;
  release(body: string, now: number): void;
  renew(body: string, now: number): string;
  topup(body: string, now: number): string;
}
