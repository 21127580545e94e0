// Stands between Tollgate and its real objects, counts the calls that reach it, and fails in the
// way it is told over HTTP: `PUT /?how=silent|broken|overloaded|well` begins a new count, `GET /`
// tells the count. With `&only=…` just the object whose name ends so fails.

import { DurableObject } from "cloudflare:workers";

let how = "well";
let only = "";
let reached = 0;

export class RateLimitDO extends DurableObject {
  async call(text) {
    reached++;
    switch (this.ctx.id.name.endsWith(only) ? how : "well") {
      case "silent":
        return new Promise((resolve) => setTimeout(resolve, 60_000));
      case "broken":
        throw new Error("broken");
      case "overloaded":
        throw Object.assign(new Error("too much to do"), { overloaded: true });
      default:
        return this.env.REAL.getByName(this.ctx.id.name).call(text);
    }
  }
}

export default {
  fetch(request) {
    if (request.method === "PUT") {
      const { searchParams } = new URL(request.url);
      how = searchParams.get("how");
      only = searchParams.get("only") ?? "";
      reached = 0;
    }
    return new Response(String(reached));
  },
};
