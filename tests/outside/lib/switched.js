// Stands between Tollgate and its real objects, counts the calls that reach it, and fails in the
// way it is told over HTTP: `PUT /?how=silent|broken|overloaded|slow|well` begins a new count,
// `GET /` tells the count. With `&only=…` just the object whose name ends so fails, with `&times=n`
// no more than n times; `&ms=` says how long slow ones take to answer what they have done.

import { DurableObject } from "cloudflare:workers";

let how = "well";
let only = "";
let times = Number.POSITIVE_INFINITY;
let ms = 0;
let reached = 0;

export class RateLimitDO extends DurableObject {
  async call(text) {
    reached++;
    const real = this.env.REAL.getByName(this.ctx.id.name);
    const fails = this.ctx.id.name.endsWith(only) && times-- > 0;
    switch (fails ? how : "well") {
      case "silent":
        return new Promise((resolve) => setTimeout(resolve, 60_000));
      case "broken":
        throw new Error("broken");
      case "overloaded":
        throw Object.assign(new Error("too much to do"), { overloaded: true });
      case "slow": {
        const answer = await real.call(text);
        await new Promise((resolve) => setTimeout(resolve, ms));
        return answer;
      }
      default:
        return real.call(text);
    }
  }
}

export default {
  fetch(request) {
    if (request.method === "PUT") {
      const { searchParams } = new URL(request.url);
      how = searchParams.get("how");
      only = searchParams.get("only") ?? "";
      times = Number(searchParams.get("times") ?? Number.POSITIVE_INFINITY);
      ms = Number(searchParams.get("ms") ?? 0);
      reached = 0;
    }
    return new Response(String(reached));
  },
};
