// A platform sends mail from many inboxes. Each warms up by stages, all together have a limit an
// hour, and one call stops all of them.

import { main } from "./client.mjs";

const WARM_UP = [{ for: "7d", limit: 2 }, { for: "7d", limit: 40 }, { limit: 80 }];

export async function run(call) {
  await call("PUT", "/policies/mail.all", {
    provider: "mail",
    limits: [{ name: "hour", algorithm: "fixedWindow", limit: 1000, window: "1h" }],
  });
  await call("PUT", "/policies/mail.inbox", {
    provider: "smtp",
    scope: "inbox",
    failMode: "closed",
    parent: { policy: "mail.all" },
    limits: [{ name: "day", algorithm: "quota", limit: 80, period: "day", timeZone: "UTC", stages: WARM_UP }],
  });

  const send = (inbox) => call("POST", `/limit?policy=mail.inbox&identifier=${encodeURIComponent(inbox)}`);
  const mails = [];
  for (let i = 0; i < 3; i++) mails.push(await send("anna@example.com"));
  mails.push(await send("ben@example.com"));

  // The provider rejects mail: everything stops, until somebody lifts it.
  await call("PUT", "/overrides/provider:smtp/pause", { reason: "rejected mail" });
  const paused = await send("ben@example.com");
  const affected = await call("GET", "/subjects?provider=smtp&state=paused");
  await call("DELETE", "/overrides/provider:smtp/pause?reason=talked%20to%20them");
  const resumed = await send("ben@example.com");

  return {
    mails: mails.map(({ status }) => status),
    paused: paused.json.reason,
    inboxes: affected.json.subjects.map(({ identifier }) => identifier),
    resumed: resumed.status,
  };
}

await main(import.meta, run);
