// The loads: which limit, how many keys, where the state lies. Each is the same for every variant.

import { ADMIN, POLICY, TOKEN, WAYS } from "./variants.mjs";

const DAY_MS = 86_400_000;

// Buckets throughout: they have no window that could turn over in the middle of a run.
const bucket = (capacity, amount, interval) => ({ algorithm: "tokenBucket", capacity, refill: { amount, interval } });

/** Tollgate beside its baselines. */
const BASELINES = ["A", "B", "Bt", "C", "D", "T"];

/** Where state can lie. */
const STORAGES = ["tmpfs", "disk"];

/**
 * What is asked. `ids`: of which variants; `storages`: on which; `allowed`: the right answer of a
 * variant that decides.
 */
const LOADS = {
  // Far above what one thread of workerd answers, so that every request is admitted; and as every
  // admission finds the bucket full again after moments, one that makes a limiter write often.
  "hot-allowed": { what: "one key, every request admitted", limit: bucket(100_000, 100_000, 1_000), allowed: true },
  // Used up while warming up, and one unit a day does not bring it back.
  "hot-refused": { what: "one key, every request refused", limit: bucket(100, 1, DAY_MS), allowed: false },
  "many-allowed": {
    what: "many keys by chance, every request admitted",
    limit: bucket(10_000, 10_000, 3_600_000),
    allowed: true,
  },
  // No object and no storage: in memory alone says it all.
  "eventual-allowed": {
    what: "one key, every request admitted, counted through KV",
    limit: { algorithm: "fixedWindow", limit: 1_000_000_000, window: DAY_MS, consistency: "eventual" },
    allowed: true,
    ids: ["A", "T"],
    storages: ["tmpfs"],
  },
  // The same bucket thrice: brought along, and as a policy asked in two ways.
  "named-allowed": {
    what: "one key, every request admitted, by a limit in the request and by a policy's name",
    limit: bucket(100_000, 100_000, 1_000),
    allowed: true,
    ids: ["T", "P", "Q"],
    storages: ["tmpfs"],
  },
  // The same bucket, strong and leased, beside no object and the tutorial. In memory alone: what is
  // spent from a lease is not stored.
  "leased-allowed": {
    what: "one key, every request admitted, by units that the isolate was lent",
    limit: bucket(100_000, 100_000, 1_000),
    allowed: true,
    ids: ["A", "C", "T", "L", "M"],
    storages: ["tmpfs"],
  },
  // Each caller of Tollgate beside the one that asks the tutorial in the same way.
  "called-allowed": {
    what: "one key, every request admitted, asked by another Worker in each of the ways there are",
    limit: bucket(100_000, 100_000, 1_000),
    allowed: true,
    ids: ["T", "C", ...WAYS.flatMap(({ ids }) => ids)],
  },
  "sdk-allowed": {
    what: "one key, every request admitted, natively and as the Upstash SDK asks",
    limit: { algorithm: "fixedWindow", limit: 1_000_000_000, window: DAY_MS },
    allowed: true,
    ids: ["T", "U"],
  },
};

/** Every load on the kinds of storage that it is for. */
export function scenarios() {
  return Object.entries(LOADS).flatMap(([load, { what, limit, allowed, ids = BASELINES, storages = STORAGES }]) =>
    storages.map((storage) => ({
      id: `${load}-${storage}`,
      what,
      ids,
      storage,
      many: load.startsWith("many"),
      allowed,
      // `$KEY` is put in by the driver. Refused keys say so in their name: a hop that counts
      // nothing has to know.
      prefix: allowed ? "user-" : "refused-",
      limit,
      body: JSON.stringify({ identifier: "$KEY", ...limit }),
    })),
  );
}

/** Makes the policy that some variants ask by its name, each in its own namespace. */
export async function makePolicies(variants, { limit }, { ports }) {
  for (const { id, settings } of variants.filter(({ asksPolicy }) => asksPolicy)) {
    const answer = await fetch(`http://127.0.0.1:${ports[id]}/policies/${POLICY}`, {
      method: "PUT",
      headers: { authorization: `Bearer ${ADMIN}` },
      body: JSON.stringify({ ...limit, ...settings }),
    });
    if (!answer.ok) throw new Error(`the policy was not made: ${answer.status} ${await answer.text()}`);
  }
}

/** The headers of every request. `x-bench-key` is for the hop that does not read its body. */
export function headers() {
  return { authorization: `Bearer ${TOKEN}`, "content-type": "application/json", "x-bench-key": "$KEY" };
}

/** What a variant is sent, and what its answer has to be. */
export function exchange({ decides, asks, settings }, { allowed, body: asked }) {
  const success = allowed || !decides;
  const body = settings === undefined ? asked : JSON.stringify({ ...JSON.parse(asked), ...settings });
  return { path: "/limit", body, status: success ? 200 : 429, contains: `"success":${success}`, ...asks };
}

/**
 * How many keys the process can keep alive: every object holds three descriptors, and objects of
 * several variants are alive at once. A reserve is left for sockets and modules.
 */
export function affordableKeys(wanted, openFiles, variantsWithObjects) {
  return Math.max(1, Math.min(wanted, Math.floor((openFiles - 500) / 3 / variantsWithObjects)));
}
