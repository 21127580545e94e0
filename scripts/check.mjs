// `npm run check`: every gate but the tests. All of them run, also after one failed, and only a
// failed one is printed in full. `npm run check -- clippy biome` runs those whose names begin so.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { WASM_TARGET } from "./lib/prerequisites.mjs";
import { capture, fail, root } from "./lib/process.mjs";
import { setup } from "./setup.mjs";

const CLIPPY = ["clippy", "--quiet"];
// The benchmark's native programs are a workspace of their own; its naive Worker is a baseline,
// left as one would find it.
const BENCH = ["--manifest-path", "bench/Cargo.toml"];
// Named one by one: "--all" would go on into crates/ as well.
const BENCH_PACKAGES = ["bench-core", "bench-load", "bench-naive"].flatMap((name) => ["-p", name]);
const BENCH_BUILD = ["--locked", "--all-targets", "--target-dir", "target/bench"];
const STRICT = ["--", "-D", "warnings"];
const DOC = ["doc", "--quiet", "--no-deps", "--document-private-items"];
// Modules of these are for wasm32 alone.
const WASM_ONLY = ["-p", "tollgate-worker", "-p", "tollgate-core-wasm"];
// The documentation is built with the private items, so a link to one of them leads somewhere.
const STRICT_DOC = { RUSTDOCFLAGS: "-D warnings -A rustdoc::private_intra_doc_links" };

// It would tell its maker of each run, and look for a newer version of itself.
const QUIET_REDOCLY = { REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" };

// The modules that talk to the runtime exist on wasm32 only, so clippy looks at the root package
// twice, and rustdoc, which has to find whatever a comment links to, there alone.
const GATES = [
  // First, because the next cargo command would mend it silently.
  { name: "lock", command: ["cargo", "fetch", "--quiet", "--locked"] },
  { name: "rustfmt", command: ["cargo", "fmt", "--all", "--check"] },
  { name: "rustfmt-bench", command: ["cargo", "fmt", ...BENCH, ...BENCH_PACKAGES, "--check"] },
  { name: "biome", command: ["biome", "ci", "--colors=off", "."] },
  { name: "layers", command: ["node", "scripts/layers.mjs"] },
  { name: "openapi", command: ["redocly", "lint", "--format=stylish"], env: QUIET_REDOCLY },
  { name: "comments", command: ["node", "scripts/comments.mjs"] },
  { name: "mutants-fit", command: ["node", "scripts/mutants.mjs", "--fit"] },
  { name: "deny", command: ["cargo-deny", "--log-level=error", "check", "bans", "licenses", "sources"] },
  { name: "clippy-host", command: ["cargo", ...CLIPPY, "--workspace", "--all-targets", ...STRICT] },
  {
    name: "clippy-wasm",
    command: ["cargo", ...CLIPPY, ...WASM_ONLY, "--lib", "--target", WASM_TARGET, ...STRICT],
  },
  { name: "clippy-bench", command: ["cargo", ...CLIPPY, ...BENCH, ...BENCH_BUILD, ...STRICT] },
  { name: "rustdoc-host", command: ["cargo", ...DOC, "--workspace", "--exclude", "tollgate-worker"], env: STRICT_DOC },
  {
    name: "rustdoc-wasm",
    command: ["cargo", ...DOC, ...WASM_ONLY, "--target", WASM_TARGET],
    env: STRICT_DOC,
  },
  { name: "client", command: ["node", "scripts/client.mjs", "--check"] },
  { name: "release", command: ["node", "scripts/release.mjs", "--check"] },
  { name: "core", command: ["node", "scripts/core.mjs", "--check"] },
  { name: "bench-page", command: ["node", "bench/run.mjs", "--check"] },
  { name: "size", command: ["node", "scripts/size.mjs"] },
  { name: "deploy", command: ["wrangler", "deploy", "--dry-run"] },
  ...examples(),
];

const wanted = process.argv.slice(2);
const chosen = GATES.filter(({ name }) => wanted.length === 0 || wanted.some((start) => name.startsWith(start)));
if (chosen.length === 0) fail(`No such gate. There are: ${GATES.map(({ name }) => name).join(", ")}`);

const start = performance.now();
setup({ gates: true });
console.log(`check: ${"set-up".padEnd(14)} ok  ${secondsSince(start)}`);
const failed = [];
for (const gate of chosen) {
  if (!(await passes(gate))) failed.push(gate.name);
}
if (failed.length > 0)
  fail(`Not passed: ${failed.join(", ")}. To run only these: npm run check -- ${failed.join(" ")}`);
console.log(`check: ${chosen.length} gates passed`);

async function passes({ name, command: [command, ...args], env }) {
  const start = performance.now();
  const { status, text } = await capture(command, args, { env });
  console.log(`check: ${name.padEnd(14)} ${status === 0 ? "ok" : "FAILED"}  ${secondsSince(start)}`);
  if (status !== 0) console.log(`\n$ ${[command, ...args].join(" ")}\n${text}`);
  return status === 0;
}

function secondsSince(start) {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}

/** Each example that is a Worker has to bundle as it stands. */
function examples() {
  const folder = join(root, "examples");
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, "wrangler.toml")));
  return names.map((name) => {
    const config = `examples/${name}/wrangler.toml`;
    return { name: `example-${name}`, command: ["wrangler", "deploy", "--dry-run", "--config", config] };
  });
}
