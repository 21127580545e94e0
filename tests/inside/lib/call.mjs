// One request to the Worker inside the test's isolate.

import { exports } from "cloudflare:workers";

/** A request of an admin, as JSON both ways. */
export async function call(method, path, body) {
  const request = new Request(`https://tollgate${path}`, {
    method,
    headers: { authorization: "Bearer test-admin" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const response = await exports.default.fetch(request);
  return { status: response.status, json: await response.json() };
}
