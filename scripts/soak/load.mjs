// Asks: every mode at once, each by its pattern, and keeps what was asked and answered. An answer
// that is no answer of its mode is an error, of which the first few are kept in full.

import { Agent, request } from "node:http";
import { createHistogram } from "node:perf_hooks";
import { arrivals, randomFrom } from "./patterns.mjs";
import { TOKEN } from "./world.mjs";

/**
 * Arrivals are looked for so often. After a stall of this process, what was due meanwhile is not
 * sent at once.
 */
const TICK_MS = 5;
const LONGEST_TICK_MS = 50;
/**
 * Questions of a mode that wait for an answer at most, and connections to a Worker. On a machine
 * that is too slow, what is due above it is not sent: a queue that grows would look like a leak.
 */
const MOST_IN_FLIGHT = 64;
const CONNECTIONS = 128;
const SHOWN_ERRORS = 3;
const PATIENCE_MS = 30_000;

const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks all `modes` of a `world` for so many seconds. Gives, for each, what came of it. */
export async function load(modes, { urls }, { seconds, seed, speed, failed }) {
  const runs = modes.map((mode, index) => new Run(mode, urls, randomFrom(seed + index), speed));
  const start = performance.now();
  let last = start;
  while (last - start < seconds * 1000 && !failed()) {
    await sleep(TICK_MS);
    const now = performance.now();
    const lasted = Math.min(now - last, LONGEST_TICK_MS) / 1000;
    last = now;
    for (const run of runs) run.tick((now - start) / 1000, lasted);
  }
  await Promise.all(runs.flatMap(({ inFlight }) => [...inFlight]));
  return runs;
}

/** Lets go of the connections. */
export const hangUp = () => agent.destroy();

class Run {
  latencies = createHistogram({ highest: PATIENCE_MS * 1000 });
  /** What was asked, by rule and by whom it counts for. */
  asked = {};
  count = { asked: 0, admitted: 0, skipped: 0, errors: 0 };
  errors = [];
  inFlight = new Set();

  constructor(mode, urls, random, speed) {
    this.mode = mode;
    this.random = random;
    this.urls = (mode.isolates ?? ["T", "S"]).map((id) => urls[id]);
    this.due = arrivals(mode.pattern, random, speed);
    for (const rule of Object.keys(mode.rules)) this.asked[rule] = new Map();
  }

  tick(seconds, lasted) {
    for (let due = this.due(seconds, Date.now(), lasted); due > 0; due -= 1) {
      if (this.inFlight.size >= MOST_IN_FLIGHT) {
        this.count.skipped += 1;
        continue;
      }
      const turn = this.#ask(seconds).catch((error) => this.#fail(`no answer: ${error.message}`));
      this.inFlight.add(turn);
      turn.finally(() => this.inFlight.delete(turn));
    }
  }

  async #ask(seconds) {
    const { mode, random } = this;
    const number = this.count.asked;
    this.count.asked += 1;
    const { path = "/limit", body, units, counts } = mode.ask({ number, seconds, random });
    const url = this.urls[Math.floor(random() * this.urls.length)];
    const answer = await send(url, path, body);
    const { status, json, text, sent, answered, tookUs } = answer;
    this.latencies.record(Math.max(1, Math.round(tookUs)));
    const { admitted, delay = 0, problem } = (mode.read ?? readDecision)(answer, mode);
    if (problem) return this.#fail(`${problem}: ${status} ${text}`);
    if (admitted) this.count.admitted += 1;
    // Who is told to wait goes that much later.
    const asked = { sent: sent + delay, answered: answered + delay, delay, units, admitted };
    for (const [rule, key] of Object.entries(counts)) {
      const map = this.asked[rule];
      if (!map.has(key)) map.set(key, []);
      map.get(key).push(asked);
    }
    if (admitted && mode.afterwards) await this.#then(json.permit, url, asked);
  }

  async #then(permit, url, asked) {
    const further = async (path, body) => {
      const answer = await send(url, path, body);
      if (answer.status !== 200) this.#fail(`${path}: ${answer.status} ${answer.text}`);
      return answer;
    };
    await this.mode.afterwards(permit, { random: this.random, wait: sleep, send: further, asked });
  }

  #fail(message) {
    this.count.errors += 1;
    if (this.errors.length < SHOWN_ERRORS) this.errors.push(message.slice(0, 300));
  }
}

/** A decision as Tollgate tells it, from where the mode is decided. */
function readDecision({ status, json }, { sources = ["object", "cache"] }) {
  if (status !== 200 && status !== 429) return { problem: "neither admitted nor refused" };
  const admitted = json?.success;
  if (admitted !== (status === 200)) return { problem: "status and success differ" };
  for (const { source } of json.results ?? [json]) {
    // Of several, those that were not asked because another one had refused have none.
    if (source === undefined ? !json.results : !sources.includes(source)) {
      return { problem: `decided by ${source ?? "nobody"}` };
    }
  }
  return { admitted, delay: json.delay };
}

/**
 * One question; the instants by the clock that the server reads, the time it took by the monotonic
 * one.
 */
function send(url, path, body) {
  return new Promise((resolve, reject) => {
    const data = JSON.stringify(body);
    const headers = {
      authorization: `Bearer ${TOKEN}`,
      "content-type": "application/json",
      "content-length": Buffer.byteLength(data),
    };
    const [sent, begun] = [Date.now(), performance.now()];
    const asking = request(url + path, { method: "POST", agent, headers, timeout: PATIENCE_MS }, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => {
        const [answered, tookUs] = [Date.now(), (performance.now() - begun) * 1000];
        const text = Buffer.concat(parts).toString("utf8");
        resolve({ status: response.statusCode, text, json: parsed(text), sent, answered, tookUs });
      });
    });
    asking.on("timeout", () => asking.destroy(new Error(`none within ${PATIENCE_MS / 1000} s`)));
    asking.on("error", reject);
    asking.end(data);
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
