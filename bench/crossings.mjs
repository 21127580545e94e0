// Counts what one request makes: promises, and crossings between JavaScript and wasm, in the Worker
// and its object together. The build is served by workerd as the benchmark serves it, with its
// script counting: `node scripts/run.mjs node bench/crossings.mjs [--calls]`, which with `--calls`
// names each import and export as well. Counts, so that no load of the machine changes them.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { transform } from "esbuild";
import { root } from "../scripts/lib/process.mjs";
import { prepare, start, tollgate } from "../scripts/lib/workerd.mjs";
import { median } from "./lib/statistics.mjs";
import { ADMIN, POLICY, TOKEN, TOKENS } from "./lib/variants.mjs";

const DIRECTORY = "target/bench/crossings";
// What runs in the background joins some requests; the median is a request without it.
const REQUESTS = 31;
const BUCKET = { algorithm: "tokenBucket", capacity: 100_000, refill: { amount: 100_000, interval: 1_000 } };
const EMPTY = { algorithm: "tokenBucket", capacity: 1, refill: { amount: 1, interval: 86_400_000 } };
const COUNTED = { algorithm: "fixedWindow", limit: 1e9, window: 86_400_000, consistency: "eventual" };

const ASKED = [
  { what: "strong, admitted", path: "/limit", body: { identifier: "a", ...BUCKET } },
  { what: "the same by a policy's name, no body", path: `/limit?policy=${POLICY}&identifier=b` },
  { what: "a remembered refusal", path: "/limit", body: { identifier: "c", ...EMPTY }, success: false },
  { what: "eventual, admitted", path: "/limit", body: { identifier: "d", ...COUNTED } },
];

const SHOWN = ["promises made", "promises awaited", "promises of the runtime", "exported", "imported", "texts out"];

const ENTRY = `import worker from "./index.js";
export * from "./index.js";
export default {
  fetch(request, env, context) {
    if (new URL(request.url).pathname !== "/counted") return worker.fetch(request, env, context);
    const said = JSON.stringify(globalThis.counted);
    for (const name of Object.keys(globalThis.counted)) delete globalThis.counted[name];
    return new Response(said);
  },
};
`;

/** The build with its script counting: the modules of a variant. */
async function counting() {
  mkdirSync(join(root, DIRECTORY, "build"), { recursive: true });
  const script = readFileSync(join(root, "build/index.js"), "utf8");
  const before = readFileSync(join(root, "bench/lib/counting.js"), "utf8");
  const { code } = await transform(before + script, { supported: { "async-await": false } });
  const texts = { "counted.js": ENTRY, "index.js": code };
  for (const [name, text] of Object.entries(texts)) writeFileSync(join(root, DIRECTORY, "build", name), text);
  writeFileSync(join(root, DIRECTORY, "build/index_bg.wasm"), readFileSync(join(root, "build/index_bg.wasm")));
  return ["counted.js", "index.js", "index_bg.wasm"].map((name) => join(DIRECTORY, "build", name));
}

async function ask(address, { path, body, success = true }) {
  const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
  const answer = await fetch(address + path, { method: "POST", headers, body: body && JSON.stringify(body) });
  const decision = await answer.json();
  if (decision.success !== success) throw new Error(`${path}: ${answer.status} ${JSON.stringify(decision)}`);
}

/** The median of each count over the requests. */
async function counted(address, asked) {
  if (asked.success === false) await ask(address, { ...asked, success: true });
  for (let warm = 0; warm < 3; warm += 1) await ask(address, asked);
  const seen = [];
  for (let request = 0; request < REQUESTS; request += 1) {
    await fetch(`${address}/counted`);
    await ask(address, asked);
    seen.push(await (await fetch(`${address}/counted`)).json());
  }
  const names = [...new Set(seen.flatMap(Object.keys))].sort();
  return Object.fromEntries(names.map((name) => [name, median(seen.map((counts) => counts[name] ?? 0))]));
}

const variant = { ...tollgate({ texts: [{ name: "TOLLGATE_TOKENS", text: TOKENS }] }), modules: await counting() };
const server = await start(await prepare([variant], join(root, DIRECTORY, "state")));
try {
  const address = `http://127.0.0.1:${server.ports.T}`;
  const headers = { authorization: `Bearer ${ADMIN}`, "content-type": "application/json" };
  const made = await fetch(`${address}/policies/${POLICY}`, {
    method: "PUT",
    headers,
    body: JSON.stringify({ limits: [BUCKET] }),
  });
  if (!made.ok) throw new Error(await made.text());
  console.log(`| one request | ${SHOWN.join(" | ")} |\n|---|${SHOWN.map(() => "---|").join("")}`);
  for (const asked of ASKED) {
    const counts = await counted(address, asked);
    console.log(`| ${asked.what} | ${SHOWN.map((name) => counts[name] ?? 0).join(" | ")} |`);
    if (!process.argv.includes("--calls")) continue;
    for (const [name, times] of Object.entries(counts))
      if (name.includes(": ") && times > 0) console.log(`  ${times} ${name}`);
  }
} finally {
  await server.stop();
}
