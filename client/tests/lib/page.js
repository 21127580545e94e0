// A page with the package in it, as it stands.

import { visit } from "./visit.js";

let wrong;
try {
  const [client, flow, compat] = await Promise.all([
    import("tollgate"),
    import("tollgate/flow"),
    import("tollgate/compat"),
  ]);
  const { url, token, identifier } = Object.fromEntries(new URLSearchParams(document.body.dataset.server));
  wrong = await visit({ client, flow, compat }, { url, token, identifier });
} catch (error) {
  wrong = [String(error)];
}
await fetch("/told", { method: "POST", body: JSON.stringify(wrong) });
