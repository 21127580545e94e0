// The published SDKs, ready to be run by the tests, unmodified.

import { createRequire } from "node:module";
import { join } from "node:path";
import { installModules, installPython, modules } from "./packages.mjs";

const require = createRequire(join(modules, "tests.cjs"));

/**
 * Why the JavaScript packages are not here; undefined when they are. Says so, as a skipped test
 * says nothing by itself.
 */
export const noModules = reason(installModules);

/** The same for a Python release. */
export const noPython = (version) => reason(() => installPython(version));

export const pythonOf = installPython;

function reason(install) {
  try {
    install();
  } catch (error) {
    process.stderr.write(`\nSKIPPED: the published SDKs cannot be run: ${error.message}\n`);
    return error.message;
  }
}

/** A release of the rate limiter with the client that its users had. */
export function release(ratelimit, redis) {
  return { ...require(redis ? `redis-${redis}` : "@upstash/redis"), ...require(`ratelimit-${ratelimit}`) };
}

/** Any of the packages. */
export const load = (name) => require(name);

/** Counts the HTTP requests to `url` while `run` runs. */
export async function countRequests(url, run) {
  const real = globalThis.fetch;
  const seen = [];
  globalThis.fetch = (input, init) => {
    if (String(input).startsWith(url)) seen.push(new URL(input).pathname);
    return real(input, init);
  };
  try {
    await run();
  } finally {
    globalThis.fetch = real;
  }
  return seen;
}
