// Baseline B: one call from the Worker to an object that does nothing. What a hop costs.
// The object's name comes from a header that every variant is sent, so that no body has to be read.

import { DurableObject } from "cloudflare:workers";

export class Hop extends DurableObject {
  check() {
    return true;
  }
}

export default {
  async fetch(request, env) {
    const success = await env.HOP.getByName(request.headers.get("x-bench-key")).check();
    return Response.json({ success });
  },
};
