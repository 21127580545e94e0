// A connector syncs Salesforce and GitHub for many customers: the providers' limits from presets,
// points by the cost of each query, and one process's 429 that holds for all.

import { main } from "./client.mjs";

export async function run(call) {
  await call("POST", "/presets/salesforce?reason=connector");
  await call("POST", "/presets/github?reason=connector");

  // Each organization has its own limit, and is asked in order with the others' calls: who cannot
  // go yet is told how long to wait.
  const first = await call("POST", "/limit", { policy: "salesforce.api", identifier: "org-1", maxDelay: "30s" });
  const other = await call("POST", "/limit", { policy: "salesforce.api", identifier: "org-2" });

  // GraphQL is counted in points: the estimate is charged, and what was not used is given back.
  const before = await call("POST", "/limit", { policy: "github.graphql", identifier: "user-1", cost: 50 });
  const after = await call("POST", "/limit", { policy: "github.graphql", identifier: "user-1", cost: -38 });

  // The API answered 429 with `Retry-After: 90`: nobody calls it for this organization until then.
  const subject = await call("GET", "/limit?policy=salesforce.api&identifier=org-1");
  const { provider, scope, identifier } = subject.json.subject;
  await call("POST", "/limit/block", { provider, scope, identifier, duration: "90s", reason: "429, Retry-After 90" });
  const blocked = await call("POST", "/limit", { policy: "salesforce.api", identifier: "org-1" });

  return {
    admitted: [first.json.success, other.json.success],
    points: [before.json.remaining, after.json.remaining],
    blocked: [blocked.status, blocked.json.reason, blocked.json.retryAfter],
  };
}

await main(import.meta, run);
