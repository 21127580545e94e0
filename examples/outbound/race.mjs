// The race: three ways to get the same jobs done at the same upstream, each with three Workers.
//
//   node scripts/run.mjs node examples/outbound/race.mjs --seeds 20 --minute 12
//
// A minute of the race takes so many seconds. Prints the table of docs/outbound.md.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { freePort, prepare, start, tollgate } from "../../scripts/lib/workerd.mjs";

export const WAYS = ["tollgate", "backoff", "nothing"];
export const WORKERS = 3;
/** How many jobs one Worker has. */
export const JOBS = 40;
/** How many of them it works on at once. */
const AT_ONCE = 8;
/** A way that takes longer than so many minutes has failed. */
const PATIENCE = 20;
/** How many seeds race at once, each with a Tollgate of its own. */
const LANES = 4;

/** Begins with what the upstream announces, and finds out what it bears. */
const policy = (minute) => ({
  provider: "upstream",
  limits: [{ name: "minute", algorithm: "tokenBucket", capacity: 60, refill: { amount: 60, interval: minute } }],
  maxCoolDown: minute,
  pace: true,
  adapt: { floor: 6, increase: 1, decrease: 0.75 },
});

/**
 * Starts Tollgate and the Workers of each way; a minute takes so many milliseconds. `run` lets a
 * way race.
 */
export async function arena(minute) {
  const directory = mkdtempSync(join(tmpdir(), "tollgate-race-"));
  const ports = Object.fromEntries(await Promise.all(WAYS.map(async (way) => [way, await freePort()])));
  const workers = WAYS.flatMap((way) =>
    Array.from({ length: WORKERS }, (_, n) => worker(way, n, { port: ports[way], minute })),
  );
  const tokens = JSON.stringify([{ token: "race", role: "admin" }]);
  const main = tollgate({ texts: [{ name: "TOLLGATE_TOKENS", text: tokens }] });
  const server = await start(await prepare([main, ...workers], directory));
  const urlOf = (id) => `http://127.0.0.1:${server.ports[id]}`;
  await put(`${urlOf("T")}/policies/upstream`, policy(minute));
  return {
    /** What the upstream of this seed has seen, and how many minutes it took. */
    async run(way, seed) {
      const upstream = await startUpstream(ports[way], minute, seed);
      try {
        const began = performance.now();
        const account = `${way}-${seed}`;
        const signal = AbortSignal.timeout(PATIENCE * minute);
        const urls = Array.from({ length: WORKERS }, (_, n) => `${urlOf(way + n)}/?account=${account}`);
        await Promise.all(urls.map((url) => work(url, signal)));
        const minutes = (performance.now() - began) / minute;
        const counts = await fetch(`http://127.0.0.1:${ports[way]}/counts`);
        return { ...(await counts.json()), minutes };
      } finally {
        upstream.kill();
        await once(upstream, "exit");
      }
    },
    async end() {
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function worker(way, n, { port, minute }) {
  const texts = {
    UPSTREAM: `http://127.0.0.1:${port}/`,
    MINUTE_MS: minute,
    WAIT: `${minute / 2}ms`,
    TOLLGATE_TOKEN: "race",
  };
  return {
    id: `${way}${n}`,
    modules: [`examples/outbound/src/${way}.js`],
    objects: [],
    texts: Object.entries(texts).map(([name, text]) => ({ name, text: String(text) })),
    services: [{ binding: "TOLLGATE", of: "T" }],
    reaches: "private", // the upstream is on this machine
  };
}

async function put(url, policy) {
  const headers = { authorization: "Bearer race" };
  const answer = await fetch(url, { method: "PUT", headers, body: JSON.stringify(policy) });
  if (!answer.ok) throw new Error(await answer.text());
}

async function startUpstream(port, minute, seed) {
  const file = join(import.meta.dirname, "upstream.mjs");
  const child = spawn(process.execPath, [file, port, minute, seed], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  return child;
}

/** Gets the jobs of one Worker done, so many at once. */
async function work(url, signal) {
  let left = JOBS;
  const oneAfterTheOther = async () => {
    while (left-- > 0) {
      const answer = await fetch(url, { signal });
      if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, oneAfterTheOther));
}

/** Mean and standard deviation of a figure. */
function told(runs, field, digits) {
  const numbers = runs.map((it) => it[field]);
  const mean = numbers.reduce((sum, it) => sum + it, 0) / numbers.length;
  const squares = numbers.reduce((sum, it) => sum + (it - mean) ** 2, 0);
  const spread = Math.sqrt(squares / Math.max(1, numbers.length - 1));
  return `${mean.toFixed(digits)} ± ${spread.toFixed(digits)}`;
}

/** Races every way with each seed; the results of each way. */
async function raceAll(seeds, minute) {
  const results = Object.fromEntries(WAYS.map((way) => [way, []]));
  const lane = async () => {
    const race = await arena(minute);
    try {
      for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
        const all = await Promise.all(WAYS.map((way) => race.run(way, seed)));
        for (const [i, way] of WAYS.entries()) results[way].push(all[i]);
        console.error(`seed ${seed}: ${WAYS.map((way, i) => `${way} ${JSON.stringify(all[i])}`).join(" ")}`);
      }
    } finally {
      await race.end();
    }
  };
  await Promise.all(Array.from({ length: Math.min(LANES, seeds.length) }, lane));
  return results;
}

async function main() {
  const options = { seeds: { type: "string", default: "1" }, minute: { type: "string", default: "12" } };
  const { values } = parseArgs({ options });
  const seeds = Array.from({ length: Number(values.seeds) }, (_, i) => i + 1);
  const results = await raceAll(seeds, Number(values.minute) * 1_000);
  console.log("| way | 429s | requests sent | minutes |\n|---|---|---|---|");
  for (const [way, runs] of Object.entries(results)) {
    const cells = [told(runs, "refused", 1), told(runs, "sent", 1), told(runs, "minutes", 2)];
    console.log(`| ${way} | ${cells.join(" | ")} |`);
  }
}

if (process.argv[1] === import.meta.filename) await main();
