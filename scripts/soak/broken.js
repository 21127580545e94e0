// Objects of subjects that fail each call, under Tollgate's own class name: what failure modes are
// for.

import { DurableObject } from "cloudflare:workers";

export class RateLimitDO extends DurableObject {
  call() {
    throw new Error("broken on purpose");
  }
}

export default { fetch: () => new Response() };
