// Stands between a Worker and the object that keeps its policies, counts the calls that reach it,
// and fails in the way it is told over HTTP: `PUT /?how=silent|broken|slow|well` begins a new
// count, `GET /` tells the count. With `&after=n` the next n calls get through first.

import { DurableObject } from "cloudflare:workers";

let how = "well";
let after = 0;
let reached = 0;

export class PolicyDO extends DurableObject {
  async call(text) {
    reached++;
    if (reached <= after) return this.env.REAL.getByName(this.ctx.id.name).call(text);
    if (how === "silent") return new Promise((resolve) => setTimeout(resolve, 60_000));
    if (how === "broken") throw new Error("broken");
    if (how === "slow") await new Promise((resolve) => setTimeout(resolve, 150));
    return this.env.REAL.getByName(this.ctx.id.name).call(text);
  }
}

export default {
  fetch(request) {
    if (request.method === "PUT") {
      const { searchParams } = new URL(request.url);
      how = searchParams.get("how");
      after = Number(searchParams.get("after") ?? 0);
      reached = 0;
    }
    return new Response(String(reached));
  },
};
