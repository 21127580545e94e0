// Baseline Bt: the hop of B, with everything around it that Tollgate does: the token is hashed and
// compared with every entry, the JSON body is read and checked, and the answer has Tollgate's body
// and headers. The object counts nothing: it answers as if the bucket had just been charged.
// bench/lib/probe.mjs ends the benchmark when the answers differ.

import { DurableObject } from "cloudflare:workers";

const encoder = new TextEncoder();
const RANK = { read: 0, check: 1, admin: 2 };

export class CheckedHop extends DurableObject {
  // One text, as in Tollgate: it crosses to the Worker faster than an array does.
  check(capacity, amount, interval, cost, refused) {
    const now = Date.now();
    const rate = amount / interval;
    if (refused) return `0 0 ${now + Math.ceil(capacity / rate)} ${Math.ceil(cost / rate)}`;
    return `1 ${capacity - cost} ${now + Math.ceil(cost / rate)} 0`;
  }
}

export default {
  async fetch(request, env) {
    if (request.method !== "POST" || !request.url.endsWith("/limit")) return problem(404, "notFound");
    const caller = await callerOf(request.headers.get("authorization"), env);
    if (caller === undefined || RANK[caller.role] < RANK.check) return problem(401, "unauthorized");
    const body = await bodyOf(request);
    if (body === undefined) return problem(400, "invalidBody");
    const { identifier, capacity, refill, cost = 1 } = body;
    const name = `rate-limit:default:${encodeURIComponent(identifier)}`;
    const place = caller.namespace === "default" ? name : `${caller.namespace}/${name}`;
    const refused = identifier.startsWith("refused");
    const stub = env.HOP.getByName(place);
    const text = await stub.check(capacity, refill.amount, refill.interval, cost, refused);
    const [success, remaining, reset, retryAfter] = text.split(" ").map(Number);
    const label = `${refill.amount}/${duration(refill.interval)}`;
    return answer(success === 1, label, capacity, remaining, reset, retryAfter);
  },
};

let entries;

/**
 * The entry of the presented token. All are compared, so that the time does not tell which one
 * nearly fits. (The synchronous hash of node:crypto was tried and is no faster.)
 */
async function callerOf(header, env) {
  if (!header?.startsWith("Bearer ")) return undefined;
  entries ??= await Promise.all(
    JSON.parse(env.TOLLGATE_TOKENS).map(async ({ token, ...entry }) => ({ ...entry, hash: await sha256(token) })),
  );
  const presented = await sha256(header.slice(7));
  let caller;
  for (const entry of entries) {
    if (crypto.subtle.timingSafeEqual(entry.hash, presented)) caller = entry;
  }
  return caller;
}

function sha256(text) {
  return crypto.subtle.digest("SHA-256", encoder.encode(text));
}

/** The body, if it is one that Tollgate would take. */
async function bodyOf(request) {
  const text = await request.text();
  if (text.length > 65_536) return undefined;
  const body = JSON.parse(text);
  const { identifier, algorithm, capacity, refill, cost = 1 } = body;
  const isCount = (value) => Number.isSafeInteger(value) && value >= 0;
  const isRight =
    typeof identifier === "string" &&
    identifier.length > 0 &&
    identifier.length <= 1_024 &&
    algorithm === "tokenBucket" &&
    isCount(capacity) &&
    isCount(refill?.amount) &&
    isCount(refill?.interval) &&
    Number.isSafeInteger(cost);
  return isRight ? body : undefined;
}

function answer(success, label, limit, remaining, reset, retryAfter) {
  const headers = {
    "content-type": "application/json",
    "ratelimit-policy": `"${label}";q=${limit}`,
    ratelimit: `"${label}";r=${remaining};t=${Math.ceil((reset - Date.now()) / 1_000)}`,
    "x-ratelimit-limit": String(limit),
    "x-ratelimit-remaining": String(remaining),
    "x-ratelimit-reset": String(Math.ceil(reset / 1_000)),
  };
  if (success) {
    const body = JSON.stringify({ success, limit, remaining, reset, source: "object" });
    return new Response(body, { headers });
  }
  headers["retry-after"] = String(Math.max(1, Math.ceil(retryAfter / 1_000)));
  const refusal = { success, limit, remaining, reset, retryAfter, reason: "limit", limitedBy: label, source: "object" };
  return new Response(JSON.stringify(refusal), { status: 429, headers });
}

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1],
];

/** The shortest exact text of a duration: `15m`. */
function duration(milliseconds) {
  const [unit, length] = UNITS.find(([, each]) => milliseconds % each === 0);
  return `${milliseconds / length}${unit}`;
}

function problem(status, code) {
  return new Response(JSON.stringify({ code, status }), {
    status,
    headers: { "content-type": "application/problem+json" },
  });
}
