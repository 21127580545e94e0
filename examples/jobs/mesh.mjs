// Services ask by the name of a rule. A base holds what all of them have in common; a change of it
// reaches them without a deploy, and is undone in one call.

import { main } from "./client.mjs";

export async function run(call) {
  await call("PUT", "/policies/base", {
    failMode: "open",
    limits: [
      { name: "burst", algorithm: "tokenBucket", capacity: 20, refill: { amount: 10, interval: "1s" } },
      { name: "minute", algorithm: "slidingWindow", limit: 300, window: "1m" },
    ],
  });
  await call("PUT", "/policies/orders", { extends: "base", provider: "orders" });
  await call("PUT", "/policies/search", {
    extends: "base",
    provider: "search",
    limits: [{ name: "minute", limit: 600 }],
  });

  const limits = async (policy) => {
    const { json } = await call("POST", "/limit", { policy, identifier: "checkout" });
    return json.limits.map(({ name, limit }) => [name, limit]);
  };
  const orders = await limits("orders");
  const search = await limits("search");

  const changed = await call("PUT", "/policies/base?reason=too%20tight", {
    limits: [{ name: "minute", algorithm: "slidingWindow", limit: 500, window: "1m" }],
  });
  const undone = await call("POST", "/policies/base/rollback", { version: 1, reason: "not that" });
  const explained = await call("GET", "/policies/search/explain");

  return {
    orders,
    search,
    changed: changed.json.changed.map(({ name, version }) => [name, version]),
    undone: undone.json.version,
    worst: explained.json.limits.map(({ name }) => name),
  };
}

await main(import.meta, run);
