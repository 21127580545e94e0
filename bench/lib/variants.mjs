// What is served side by side: Tollgate and its baselines, each a Worker of its own with its own
// socket and storage.

import { join } from "node:path";
import { tollgate, workerBuild } from "../../scripts/lib/workerd.mjs";

/** The token that every request presents; one of three, so that a check compares more than one. */
export const TOKEN = "bench-check-token-4f1b8c2d7e6a5930";

/** The token that makes policies. */
export const ADMIN = "bench-admin-token-0a9b8c7d6e5f4321";

/** The policy that some variants ask by its name. */
export const POLICY = "bench";

export const TOKENS = JSON.stringify([
  { token: ADMIN, role: "admin", namespace: "default" },
  { token: TOKEN, role: "check", namespace: "default" },
  { token: "bench-read-token-1122334455667788", role: "read", namespace: "default" },
]);

const baseline = (folder, file) => join("bench/baselines", folder, file);
const tokens = { name: "TOLLGATE_TOKENS", text: TOKENS };

/**
 * What the newest SDK sends for a `limit()` of a fixed window: one pipeline with one script, by its
 * hash.
 */
const SDK_LIMIT = [
  "EVALSHA",
  "b2efc02798c8e9b471a10f9b1d5745db89923ff3",
  2,
  "$KEY:1",
  "",
  1_000_000_000,
  86_400_000,
  1,
];

/** The ways in which another Worker asks: the ids of a caller of Tollgate and of one of C. */
export const WAYS = [
  { way: "object rpc", what: "the object itself, by a method", ids: ["To", "Co"] },
  { way: "object fetch", what: "the object itself, by `fetch`", ids: ["Tof", "Cof"] },
  { way: "service rpc", what: "over a service binding, by a method", ids: ["Ts", "Cs"] },
  { way: "service fetch", what: "over a service binding, by `fetch`", ids: ["Tsf", "Csf"] },
];

/** Workers that ask Tollgate (T) or the tutorial (C), served beside them. */
function callers() {
  const of = (limiter, { way, what, ids: [ofTollgate, ofTutorial] }) => {
    const asksTollgate = limiter === "tollgate";
    const isService = way.startsWith("service");
    const to = asksTollgate ? { binding: "TOLLGATE", of: "T" } : { binding: "TUTORIAL", of: "C" };
    const entrypoint = asksTollgate ? "Tollgate" : "Tutorial";
    const object = asksTollgate
      ? { binding: "RATE_LIMIT", className: "RateLimitDO", of: "T" }
      : { binding: "LIMITER", className: "Limiter", of: "C" };
    return {
      id: asksTollgate ? ofTollgate : ofTutorial,
      what: `a Worker that asks ${asksTollgate ? "Tollgate" : "the tutorial"} ${what}`,
      modules: [baseline("callers", "index.js")],
      objects: isService ? [] : [object],
      services: isService ? [way === "service rpc" ? { ...to, entrypoint } : to] : [],
      texts: [
        { name: "CALLS", text: `${limiter} ${way}` },
        { name: "TOKEN", text: TOKEN },
      ],
      decides: true,
    };
  };
  return WAYS.flatMap((way) => ["tollgate", "tutorial"].map((limiter) => of(limiter, way)));
}

/**
 * `id`: its letter in the tables; `what`: one line for the reader; `modules`: files of the Worker,
 * the first its entry; `objects`: its Durable Objects; `decides`: whether its answer depends on the
 * limit, or is always a success; `asksPolicy`: whether the limit is a policy; `settings`: what else
 * its limit says; `asks`: what it is sent where that is not the scenario's body to `/limit`. Only
 * those with the ids asked for; or, where another build is to stand `beside`, only both builds.
 */
export function variants(ids, beside) {
  if (beside === undefined) return all().filter(({ id }) => ids.includes(id));
  const other = { ...tollgate({ id: "O", texts: [tokens], folder: beside }), what: "another build", decides: true };
  return [...variants(["T"]), other];
}

function all() {
  return [
    {
      id: "A",
      what: "JavaScript, reads the JSON body and answers, no object",
      modules: [baseline("no-object", "index.js")],
      objects: [],
      decides: false,
    },
    {
      id: "B",
      what: "JavaScript, one call (RPC) to an object that does nothing; the body is not read",
      modules: [baseline("hop", "index.js")],
      objects: [{ binding: "HOP", className: "Hop" }],
      decides: false,
    },
    {
      id: "Bt",
      what: "B with Tollgate's token check, body parsing, answer body and headers, in JavaScript",
      modules: [baseline("checked-hop", "index.js")],
      objects: [{ binding: "HOP", className: "CheckedHop" }],
      texts: [tokens],
      decides: true,
    },
    {
      id: "C",
      what: "the usual tutorial in JavaScript: the object awaits get, then awaits put",
      modules: [baseline("tutorial", "index.js")],
      objects: [{ binding: "LIMITER", className: "Limiter" }],
      decides: true,
    },
    {
      id: "D",
      what: "the first limiter one writes with workers-rs: JSON to the object and back, awaited get and put",
      modules: workerBuild("bench/baselines/naive/build"),
      objects: [{ binding: "LIMITER", className: "Limiter" }],
      decides: true,
    },
    {
      ...tollgate({ texts: [tokens] }),
      what: "Tollgate: token check, strict parsing, exact durable decision, all headers",
      decides: true,
    },
    {
      ...tollgate({ id: "P", texts: [tokens] }),
      what: "Tollgate, asked for a policy by its name",
      decides: true,
      asksPolicy: true,
      asks: { body: JSON.stringify({ policy: POLICY, identifier: "$KEY" }) },
    },
    {
      ...tollgate({ id: "Q", texts: [tokens] }),
      what: "Tollgate, asked for a policy by its name, without a body",
      decides: true,
      asksPolicy: true,
      asks: { path: `/limit?policy=${POLICY}&identifier=$KEY`, body: "" },
    },
    {
      ...tollgate({ id: "L", texts: [tokens] }),
      what: "Tollgate, whose isolate spends units that it was lent",
      decides: true,
      settings: { consistency: "leased" },
    },
    {
      ...tollgate({ id: "M", texts: [tokens] }),
      what: "the same, asked for a policy by its name, without a body",
      decides: true,
      settings: { consistency: "leased" },
      asksPolicy: true,
      asks: { path: `/limit?policy=${POLICY}&identifier=$KEY`, body: "" },
    },
    ...callers(),
    {
      ...tollgate({ id: "U", texts: [tokens] }),
      what: "Tollgate, asked as the Upstash SDK asks: the script of a fixed window, by its hash",
      decides: true,
      asks: { path: "/pipeline", body: JSON.stringify([SDK_LIMIT]), contains: '[{"result":[' },
    },
  ];
}
