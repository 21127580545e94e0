// The npm package of the core beside the Worker, on one simulated clock: whatever is asked of both,
// in sequences drawn at random, both answer alike, to the last field. Only the bits of permits are
// each one's own.

import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test, vi } from "vitest";
import { createLimiter } from "../../core/dist/workerd.js";
import { call as send } from "./lib/call.mjs";
import { startAt } from "./lib/time.mjs";

const START = Date.UTC(2027, 0, 4);
const STEPS = 120;
const SEQUENCES = 10;

startAt(START);

/** Numbers from 0 to below 1, the same for the same seed. */
function drawn(seed) {
  let state = seed * 2_654_435_761;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The Worker's answer: its JSON, or of an error what is no matter of HTTP. */
async function worker(method, path, body) {
  const { json } = await send(method, path, body);
  return json.code === undefined ? json : { code: json.code, field: json.field, detail: json.detail };
}

/**
 * The alarms of subjects' objects, which the test has ring when they are due: workerd's own clock
 * is not the test's.
 */
class Alarms {
  #due = new Map();

  async ring() {
    for (const [name, at] of this.#due) {
      if (at === null || at > Date.now()) continue;
      await runDurableObjectAlarm(env.RATE_LIMIT.getByName(name));
      await this.#read(name);
    }
  }

  /** A question was asked of these subjects; without any, of one that a permit names. */
  async asked(subjects = []) {
    const names = subjects.map(({ policy, provider = "default", identifier }) => {
      const of = policy === "lower" ? "llm:eu" : provider;
      return `rate-limit:${of}:${encodeURIComponent(identifier)}`;
    });
    for (const name of names.length > 0 ? names : this.#due.keys()) await this.#read(name);
  }

  async #read(name) {
    const object = env.RATE_LIMIT.getByName(name);
    this.#due.set(name, await runInDurableObject(object, (_object, { storage }) => storage.getAlarm()));
  }
}

/** The package's answer, in the same form: what has none is done. */
function packaged(call) {
  try {
    return call() ?? { success: true };
  } catch (error) {
    if (error.code === undefined) throw error;
    return { code: error.code, field: error.field, detail: error.message };
  }
}

/**
 * The answer without what is each one's own: the bits of permits; that an isolate has refused by
 * itself what it has seen refused less than a second ago, of which the object then knows nothing;
 * and limits that are idle, which are shown until an alarm that may be set for something else.
 */
function shown(answer) {
  const own = { permit: "p1", source: "object", recentDenials: [] };
  const inUse = ({ used, held, debt }) => used !== 0 || held > 0 || debt > 0;
  const without = (key, value) => own[key] ?? (key === "limits" ? value.filter(inUse) : value);
  return JSON.parse(JSON.stringify(answer, without));
}

const inline = [
  { algorithm: "fixedWindow", limit: 5, window: "10s" },
  { algorithm: "fixedWindow", limit: 5, window: "10s", start: "firstUse" },
  { limit: 10, window: "1m" },
  { algorithm: "slidingLog", limit: 4, window: "30s" },
  { algorithm: "tokenBucket", capacity: 10, refill: { amount: 1.5, interval: "1s" } },
  { algorithm: "tokenBucket", capacity: 8, refill: { amount: 2, interval: "5s" }, stepped: true },
  { algorithm: "leakyBucket", capacity: 6, leak: { amount: 1, interval: "2s" } },
  { algorithm: "quota", limit: 7, period: "day", timeZone: "Europe/Berlin" },
  { algorithm: "quota", limit: 9, period: "hour", timeZone: "Asia/Kolkata" },
  { algorithm: "concurrency", limit: 2, ttl: "20s" },
  {
    limits: [
      { name: "second", algorithm: "fixedWindow", limit: 3, window: "1s" },
      { name: "hour", algorithm: "slidingWindow", limit: 30, window: "1h" },
    ],
  },
];
const policies = {
  plain: { algorithm: "fixedWindow", limit: 6, window: "1m" },
  base: { limits: [{ name: "tokens", algorithm: "tokenBucket", capacity: 20, refill: { amount: 1, interval: "1s" } }] },
  lower: { extends: "base", provider: "llm", scope: "eu", overage: "debt", onExpiry: "giveBack" },
  capped: { algorithm: "fixedWindow", limit: 10, window: "30s", overage: "cap" },
  shadow: { limit: 3, window: "20s", shadow: true },
  shared: {
    algorithm: "tokenBucket",
    capacity: 12,
    refill: { amount: 2, interval: "1s" },
    weights: { high: 3, low: 1 },
  },
  punishing: {
    algorithm: "fixedWindow",
    limit: 2,
    window: "5s",
    penalty: { after: 3, within: "1m", block: ["10s", "1m"] },
  },
};
const versions = [4, 6, 9].map((limit) => ({ algorithm: "fixedWindow", limit, window: "1m" }));

/** One step: what is asked of the Worker, and of the package. */
function step(random, { subjects, rules }, limiter, permits) {
  const upTo = (n) => Math.floor(random() * n);
  const one = (list) => list[upTo(list.length)];
  const maybe = (share, fields) => (random() < share ? fields() : {});
  const subject = () => one(subjects);
  const rule = () => one(rules);
  const terms = () => ({
    ...maybe(0.6, () => ({ cost: one([0, 1, 1, 2, 2, 3, 3, 4, 8, 25, -1]) })),
    ...maybe(0.1, () => ({ peek: true })),
    ...maybe(0.15, () => ({ maxDelay: one([0, 500, "3s", "1m"]) })),
    ...maybe(0.2, () => ({ hold: one(["1s", "15s", "2m"]) })),
    ...maybe(0.05, () => ({ overage: one(["cap", "debt"]) })),
    ...maybe(0.05, () => ({ record: true })),
    ...maybe(0.1, () => ({ pressure: true })),
    ...maybe(0.1, () => ({ priority: one(["high", "low", "other"]) })),
    ...maybe(0.1, () => ({ idempotencyKey: one(["k", "l"]) })),
    ...maybe(0.05, () => ({ operation: one(["o", "q"]) })),
  });
  const post = (path, body, call) => ({ worker: ["POST", path, body], call });
  const kinds = {
    limit() {
      const check = { ...subject(), ...rule(), ...terms() };
      return { ...post("/limit", check, () => limiter.limit(check)), check, subjects: [check] };
    },
    wrong() {
      const check = {
        ...subject(),
        ...one(inline),
        ...one([{ cost: "1" }, { limit: -1 }, { hue: 1 }, { policy: "x" }]),
      };
      return post("/limit", check, () => limiter.limit(check));
    },
    multi() {
      const entry = (identifier) => {
        const { hold, maxDelay, operation, idempotencyKey, ...rest } = terms();
        const fields = one(rules.filter(({ policy }) => policy !== "shadow")); // which a server alone asks so
        return { identifier, ...fields, ...rest };
      };
      const body = { limits: [entry("a"), entry("b")], ...maybe(0.2, () => ({ idempotencyKey: one(["m", "n"]) })) };
      return { ...post("/limit/multi", body, () => limiter.multi(body)), subjects: body.limits };
    },
    status() {
      const about = { ...subject(), ...maybe(0.3, () => ({ policy: one(Object.keys(policies)) })) };
      return { worker: ["GET", `/limit?${new URLSearchParams(about)}`], call: () => limiter.status(about) };
    },
    reset() {
      const about = { ...subject(), ...maybe(0.5, () => ({ policy: one(Object.keys(policies)) })) };
      return {
        worker: ["DELETE", `/limit?${new URLSearchParams(about)}`],
        call: () => limiter.reset(about),
        subjects: [about],
      };
    },
    block() {
      const about = { ...subject(), ...maybe(0.5, () => ({ policy: one(Object.keys(policies)) })) };
      const duration = one([0, 0, "2s", "20s"]);
      return {
        ...post("/limit/block", { ...about, duration }, () => limiter.block(about, duration)),
        subjects: [about],
      };
    },
    report() {
      const headers = one([{ "retry-after": "7" }, { "x-ratelimit-limit": "6", "x-ratelimit-remaining": "1" }]);
      const body = { ...subject(), ...rule(), status: 429, headers };
      return { ...post("/limit/report", body, () => limiter.report(body)), subjects: [body] };
    },
    change() {
      const policy = one(versions);
      return {
        worker: ["PUT", "/policies/plain", policy],
        call: () => limiter.setPolicy("plain", policy),
        isQuiet: true,
      };
    },
    permit() {
      const { theirs, ours } = one(permits.slice(-3)) ?? { theirs: "p1.x", ours: "p1.x" };
      const total = one([{ cost: 2 }, { cost: 9 }, { costs: { tokens: 3 } }, { cost: 0 }]);
      const ways = [
        post("/limit/settle", { permit: theirs, ...total }, () => limiter.settle(ours, total)),
        post("/limit/topup", { permit: theirs, ...total }, () => limiter.topup(ours, total)),
        post("/limit/renew", { permit: theirs, hold: "30s" }, () => limiter.renew(ours, "30s")),
        post("/limit/release", { permit: theirs }, () => limiter.release(ours)),
      ];
      return { ...one(ways), subjects: [] };
    },
  };
  const often = ["limit", "limit", "limit", "limit", "limit", "limit", "limit", "multi", "status", "permit", "permit"];
  const kind = one([...often, ...Object.keys(kinds)]);
  return { kind, ...kinds[kind]() };
}

const passing = [0, 0, 0, 0, 1, 10, 50, 300, 700, 1_000, 3_000, 10_000, 61_000, 1_800_000, 86_400_000];

/** Whom a sequence asks about, and by which limits: few, so that they come to their ends. */
function scene(random) {
  const drawn = (list) => list[Math.floor(random() * list.length)];
  const named = () => ({ policy: drawn(Object.keys(policies)) });
  return {
    subjects: [
      { identifier: "a" },
      { identifier: "a" },
      drawn([{ identifier: "2001:db8::1", provider: "p" }, { identifier: "b" }]),
    ],
    rules: [drawn(inline), drawn(inline), named(), named(), { policy: "plain" }],
  };
}

/** What both were asked and answered, of all sequences: that it was not always the same. */
const seen = new Map();
const see = (word) => seen.set(word, (seen.get(word) ?? 0) + 1);

test.each(Array.from({ length: SEQUENCES }, (_, i) => i + 1))(
  "sequence %i",
  async (seed) => {
    const random = drawn(seed);
    const limiter = createLimiter({ now: START, seed: `${seed}` });
    for (const [name, policy] of Object.entries(policies)) {
      await worker("PUT", `/policies/${name}`, policy);
      limiter.setPolicy(name, policy);
    }
    const asking = scene(random);
    const alarms = new Alarms();
    const permits = [];
    const log = [];
    let mayFree = false;
    for (let i = 0; i < STEPS; i++) {
      limiter.advance(passing[Math.floor(random() * passing.length)]);
      const { kind, worker: asked, call, check, subjects, isQuiet } = step(random, asking, limiter, permits);
      // After what may free units, and where refusals count, no isolate remembers one any more.
      limiter.advance(mayFree || check?.policy === "punishing" ? 1_001 : 0);
      mayFree = !["limit", "wrong", "status"].includes(kind) || check?.cost < 0;
      vi.setSystemTime(limiter.now);
      await alarms.ring();
      const theirs = await worker(...asked);
      const ours = packaged(call);
      if (subjects) await alarms.asked(subjects);
      log.push(`${limiter.now - START} ${JSON.stringify(asked)} ${JSON.stringify(theirs)}`);
      if (isQuiet) continue;
      see(kind);
      see(theirs.code ?? `${kind} ${theirs.success ?? "shown"} ${theirs.reason ?? ""}`);
      expect(shown(ours), log.slice(-12).join("\n")).toEqual(shown(theirs));
      if (theirs.permit && kind !== "permit") permits.push({ theirs: theirs.permit, ours: ours.permit });
    }
  },
  60_000,
);

test("the sequences have reached what can be asked and answered", () => {
  const words = [
    ...["limit", "multi", "status", "reset", "block", "report", "permit", "wrong"],
    ...["limit true ", "limit false limit", "limit false costExceedsCapacity", "limit false blocked"],
    ...["limit false coolDown", "multi true ", "multi false ", "permit true ", "permit false "],
    ...["invalidField", "unknownPermit", "permitEnded", "idempotencyKeyReused"],
  ];
  expect(words.filter((word) => !seen.has(word))).toEqual([]);
});
