// Stands between a Worker and the object that keeps its policies, counts the calls that reach it,
// and fails in the way it is told over HTTP: `PUT /?how=silent|broken|well` begins a new count,
// `GET /` tells the count.

import { DurableObject } from "cloudflare:workers";

let how = "well";
let reached = 0;

export class PolicyDO extends DurableObject {
  async call(text) {
    reached++;
    if (how === "silent") return new Promise((resolve) => setTimeout(resolve, 60_000));
    if (how === "broken") throw new Error("broken");
    return this.env.REAL.getByName(this.ctx.id.name).call(text);
  }
}

export default {
  fetch(request) {
    if (request.method === "PUT") {
      how = new URL(request.url).searchParams.get("how");
      reached = 0;
    }
    return new Response(String(reached));
  },
};
