// Stands between a Worker and the object that keeps its policies, counts the calls that reach it,
// and fails in the way it is told over HTTP: `PUT /?how=silent|broken|slow|strange|well` begins a
// new count, `GET /` tells the count. With `&after=n` the next n calls get through first, with
// `&until=n` those behind the first n; `&ms=` says how slow. A strange answer is of a generation
// that nobody has begun.

import { DurableObject } from "cloudflare:workers";

let how = "well";
let after = 0;
let until = Number.POSITIVE_INFINITY;
let ms = 150;
let reached = 0;

export class PolicyDO extends DurableObject {
  async call(text) {
    reached++;
    const real = this.env.REAL.getByName(this.ctx.id.name);
    if (reached <= after || reached > until) return real.call(text);
    if (how === "silent") return new Promise((resolve) => setTimeout(resolve, 60_000));
    if (how === "broken") throw new Error("broken");
    if (how === "slow") await new Promise((resolve) => setTimeout(resolve, ms));
    const answer = await real.call(text);
    return how === "strange" ? answer.replace(/generation=(\d+)/, "generation=1$1") : answer;
  }
}

export default {
  fetch(request) {
    if (request.method === "PUT") {
      const { searchParams } = new URL(request.url);
      how = searchParams.get("how");
      after = Number(searchParams.get("after") ?? 0);
      until = Number(searchParams.get("until") ?? Number.POSITIVE_INFINITY);
      ms = Number(searchParams.get("ms") ?? 150);
      reached = 0;
    }
    return new Response(String(reached));
  },
};
