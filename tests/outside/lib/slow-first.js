// Stands between a Worker and its real objects: one whose name ends with "slow" answers a
// quarter of a second late.

import { DurableObject } from "cloudflare:workers";

export class RateLimitDO extends DurableObject {
  async call(text) {
    const answer = await this.env.REAL.getByName(this.ctx.id.name).call(text);
    if (this.ctx.id.name.endsWith("slow")) await new Promise((resolve) => setTimeout(resolve, 250));
    return answer;
  }
}

export default { fetch: () => new Response() };
