// An object that fails, in the way that HOW names. It stands where Tollgate's own object would,
// under its class name.

import { DurableObject } from "cloudflare:workers";

export class RateLimitDO extends DurableObject {
  call() {
    switch (this.env.HOW) {
      case "silent":
        return new Promise(() => setTimeout(() => {}, 60_000));
      case "broken":
        throw new Error("broken");
      case "garbled":
        return "7 decided";
      default:
        return "1 refused code=unavailable detail=no";
    }
  }
}

export default { fetch: () => new Response() };
