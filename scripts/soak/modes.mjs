// The modes and how each is asked, a row each. Another mode is another row:
//
// `name`, `pattern`: see patterns.mjs; `sources`: what its answers may name as theirs; `isolates`:
// the Workers that are asked by turns (world.mjs), both of those that share their objects unless
// said; `rules`: by name, what is promised (rules.mjs) and how much of the ideal is admitted
// `atLeast`; `ask({ number, seconds, random })`: the question, with whom it `counts` for by rule;
// `read(answer)`: what was decided, where that is not told as usual; `afterwards(permit, tools)`:
// what is done with a permit.

import { herd, onOff, pauses, ramp, steady, surge } from "./patterns.mjs";
import { aligned, anyWindow, bucket, shaper, sliding, slots } from "./rules.mjs";
import { HASH, readUpstash } from "./upstash.mjs";

const HOUR_MS = 3_600_000;
/** Of the ideal, where nothing but noise in the times of arrival is between. */
const NEARLY_ALL = 0.95;
/** Of the ideal, where a refusal of one subject keeps units of others for a moment. */
const TOGETHER = 0.7;
/** A key is a second's, and lives so long that a late question finds it still there. */
const LATE_MS = 60_000;
/** Held units keep others out, for longer where answers are slow. */
const HELD = 0.5;
/** Some limits fill within minutes, and begin anew with another subject. */
const TURN_SECONDS = 60;

/** Units lie in one isolate for a second while another is refused. */
const LENT = { atLeast: 0.9, sources: ["object", "lease", "cache"] };

/** Refused rather than let through when its object does not answer: that would be no adherence. */
const limit = (algorithm, rest) => ({ algorithm, failMode: "closed", ...rest });
const fixed = (units, window, rest) => limit("fixedWindow", { limit: units, window, ...rest });
const perSecond = (amount) => ({ amount, interval: "1s" });

/** A row with one subject and one rule. */
function single(name, pattern, body, rule, { atLeast = NEARLY_ALL, cost = () => 1, subject, ...rest } = {}) {
  const identifier = name.replaceAll(" ", "-");
  return {
    name,
    pattern,
    rules: { limit: { rule, atLeast } },
    ask(turn) {
      const key = subject ? `${identifier}-${subject(turn)}` : identifier;
      const units = cost(turn);
      return { body: { identifier: key, ...body, cost: units }, units, counts: { limit: key } };
    },
    ...rest,
  };
}

const everyMinute = ({ seconds }) => Math.floor(seconds / TURN_SECONDS);
const oneToFive = ({ random }) => 1 + Math.floor(random() * 5);
const broken = { isolates: ["F"] };

/** Nothing is asked of what it admits. */
const all = () => ({
  allowed: Number.POSITIVE_INFINITY,
  most: () => 0,
  ideal: (asked) => asked.reduce((sum, { units }) => sum + units, 0),
});

/** Every mode. */
export const modes = () => [
  single("strong fixedWindow", herd(40, 1_000, 10), fixed(20, "1s"), aligned(20, 1_000)),
  single(
    "strong slidingWindow",
    surge(10, 20, 4),
    limit("slidingWindow", { limit: 80, window: "2s" }),
    sliding(80, 2_000),
  ),
  single(
    "strong slidingLog",
    onOff(60, 3, 4),
    limit("slidingLog", { limit: 100, window: "5s" }),
    anyWindow(100, 5_000),
  ),
  single(
    "strong tokenBucket",
    surge(8, 15, 2),
    limit("tokenBucket", { capacity: 20, refill: perSecond(20) }),
    bucket(20, 20),
  ),
  single(
    "strong tokenBucket, costs",
    steady(15),
    limit("tokenBucket", { capacity: 40, refill: perSecond(20) }),
    bucket(40, 20),
    { cost: oneToFive },
  ),
  single(
    "strong leakyBucket",
    ramp(60, 20),
    limit("leakyBucket", { capacity: 20, leak: perSecond(20) }),
    bucket(20, 20),
  ),
  single(
    "strong leakyBucket, maxDelay",
    steady(30),
    limit("leakyBucket", { capacity: 60, leak: perSecond(20), maxDelay: "2s" }),
    shaper(20, 2_000),
  ),
  single("strong quota", ramp(10, 30), limit("quota", { limit: 150, period: "minute" }), aligned(150, 60_000)),
  single("strong, asleep between", pauses(50, 13), fixed(60, "30s"), aligned(60, 30_000)),
  single(
    "strong concurrency",
    steady(40),
    { algorithm: "concurrency", limit: 6, ttl: "60s", failMode: "closed" },
    slots(6),
    {
      async afterwards(permit, { random, wait, send, asked }) {
        await wait(100 + random() * 200);
        asked.released = await send("/limit/release", { permit });
      },
    },
  ),
  single(
    "strong, permits settled",
    // An alarm forgets a hundred permits that have ended: more would stay for long after the end.
    steady(1.5),
    limit("tokenBucket", { capacity: 6, refill: perSecond(2), hold: "5s" }),
    bucket(6, 2),
    {
      atLeast: HELD,
      cost: () => 3,
      async afterwards(permit, { random, wait, send, asked }) {
        await wait(50 + random() * 200);
        asked.units = 1 + Math.floor(random() * 3);
        await send("/limit/settle", { permit, cost: asked.units });
      },
    },
  ),
  {
    name: "strong, several limits",
    pattern: steady(30),
    rules: {
      window: { rule: aligned(20, 1_000), atLeast: 0 },
      bucket: { rule: bucket(60, 15), atLeast: NEARLY_ALL },
    },
    ask() {
      const limits = [
        { algorithm: "fixedWindow", limit: 20, window: "1s" },
        { algorithm: "tokenBucket", capacity: 60, refill: perSecond(15) },
      ];
      const body = { identifier: "several", limits, failMode: "closed" };
      return { body, units: 1, counts: { window: "several", bucket: "several" } };
    },
  },
  single("strong, flood of subjects", steady(40), fixed(2, "10s"), aligned(2, 10_000), {
    subject: ({ number }) => Math.floor(number / 4),
  }),
  {
    name: "policy below a parent",
    pattern: onOff(60, 6, 3),
    rules: {
      queue: { rule: aligned(15, 1_000), atLeast: 0 },
      tenant: { rule: aligned(40, 1_000), atLeast: TOGETHER },
    },
    ask({ random }) {
      const identifier = `acme:${"abcd"[Math.floor(random() * 4)]}`;
      return { body: { policy: "soak.queue", identifier }, units: 1, counts: { queue: identifier, tenant: "acme" } };
    },
  },
  {
    name: "/limit/multi",
    pattern: steady(30),
    rules: {
      each: { rule: aligned(10, 1_000), atLeast: 0 },
      shared: { rule: bucket(20, 20), atLeast: TOGETHER },
    },
    ask({ random }) {
      const identifier = `multi-${Math.floor(random() * 3)}`;
      const shared = limit("tokenBucket", { identifier: "multi-all", capacity: 20, refill: perSecond(20) });
      const body = { limits: [{ identifier, ...fixed(10, "1s") }, shared] };
      return { path: "/limit/multi", body, units: 1, counts: { each: identifier, shared: "multi-all" } };
    },
  },
  {
    name: "Upstash, fixed window",
    pattern: herd(25, 1_000, 10),
    rules: { limit: { rule: aligned(20, HOUR_MS), atLeast: NEARLY_ALL } }, // a key is a window
    ask() {
      const key = `soak:${Math.floor(Date.now() / 1000)}`;
      return {
        path: "/pipeline",
        body: [["EVALSHA", HASH, 2, key, "", 20, LATE_MS, 1]],
        units: 1,
        counts: { limit: key },
      };
    },
    read: readUpstash,
  },
  single("leased fixedWindow", steady(60), fixed(400, "10s", { consistency: "leased" }), aligned(400, 10_000), LENT),
  single(
    "leased tokenBucket",
    surge(10, 20, 4),
    limit("tokenBucket", { capacity: 60, refill: perSecond(40), consistency: "leased" }),
    bucket(60, 40),
    LENT,
  ),
  single(
    "eventual, two isolates",
    steady(40),
    { algorithm: "fixedWindow", limit: 600, window: "1h", consistency: "eventual" },
    aligned(600, HOUR_MS, 2), // each admits at most the limit by itself
    { sources: ["kv"], subject: everyMinute },
  ),
  single(
    "eventual, one isolate",
    surge(5, 30, 5),
    { algorithm: "fixedWindow", limit: 300, window: "1h", consistency: "eventual" },
    aligned(300, HOUR_MS),
    { sources: ["kv"], isolates: ["T"], subject: everyMinute },
  ),
  single("local", steady(5), { ...fixed(20, "10s"), consistency: "local" }, aligned(20, 10_000), {
    sources: ["binding"],
  }),
  single(
    "shed before strong",
    steady(6),
    fixed(15, "10s", { shed: { limit: 20, window: "10s" } }),
    aligned(15, 10_000),
    { sources: ["object", "cache", "binding"] },
  ),
  single("object away, open", steady(4), fixed(5, "1s", { failMode: "open" }), all(), {
    ...broken,
    sources: ["fallback"],
    atLeast: 1,
  }),
  single("object away, closed", steady(4), fixed(5, "1s"), aligned(0, HOUR_MS), {
    ...broken,
    atLeast: 0,
    read({ status, json }) {
      if (status === 503 && json.code === "objectUnavailable") return { admitted: false };
      return { problem: "not 503 objectUnavailable" };
    },
  }),
  single(
    "object away, share",
    steady(6),
    fixed(1_000, "10s", { failMode: "share" }),
    anyWindow(10, 10_000, 2), // a hundredth, in windows that begin with their first use
    { ...broken, sources: ["fallback"] },
  ),
  single(
    "object away, eventual",
    steady(10),
    { algorithm: "fixedWindow", limit: 300, window: "1h", failMode: "eventual" },
    aligned(300, HOUR_MS),
    { ...broken, sources: ["kv"], subject: everyMinute },
  ),
];
