// Webhooks go to destinations of very different size: 100 a second with a burst of 10 for each,
// other numbers for some, and instants for deliveries that have to wait.

import { main } from "./client.mjs";

export async function run(call) {
  await call("POST", "/presets/webhook?reason=deliveries");
  // This one asked for less.
  await call("PUT", "/overrides/prefix:webhook/destination/slow.*/replace", {
    limits: [{ algorithm: "tokenBucket", capacity: 1, refill: { amount: 1, interval: "1m" } }],
    reason: "a small server",
  });

  const deliver = (identifier, more) => call("POST", "/limit", { policy: "webhook.destination", identifier, ...more });
  const burst = await deliver("fast.example", { cost: 10 });
  const small = await deliver("slow.example", { cost: 1 });
  // It is not failed: it goes at its own instant, and no two at the same.
  const waits = [];
  for (let i = 0; i < 3; i++) waits.push((await deliver("slow.example", { maxDelay: "1h" })).json.delay);

  return { burst: burst.status, small: small.json.limit, waits };
}

await main(import.meta, run);
