// A job queue: tenants below a ceiling for all, one of them with ten times as much until Friday,
// and a change that is tried before it is made.

import { main } from "./client.mjs";

/** The next Friday's end, in UTC. */
function friday(now) {
  const days = (5 - now.getUTCDay() + 7) % 7;
  return Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate() + days + 1);
}

export async function run(call) {
  await call("PUT", "/policies/cluster", {
    provider: "cluster",
    limits: [{ algorithm: "fixedWindow", limit: 15, window: "366d" }],
  });
  const tenant = (limit) => ({
    provider: "tenant",
    parent: { policy: "cluster" },
    limits: [{ name: "jobs", algorithm: "fixedWindow", limit, window: "366d" }],
  });
  await call("PUT", "/policies/tenant", tenant(2));

  const jobs = async (identifier, count) => {
    let admitted = 0;
    for (let i = 0; i < count; i++) {
      const { json } = await call("POST", "/limit", { policy: "tenant", identifier });
      admitted += json.success;
    }
    return admitted;
  };
  const usual = await jobs("small", 4);
  await call("PUT", "/overrides/subject:tenant//big/scale", {
    factor: 10,
    until: friday(new Date()),
    reason: "their launch",
  });
  // Ten times two, and below the ceiling all the same.
  const vip = await jobs("big", 20);
  const tried = await call("PUT", "/policies/tenant?dryRun=true", tenant(3));

  return { usual, vip, tried: tried.json.changed, preview: tried.json.preview };
}

await main(import.meta, run);
