// Objects of Redis keys of which one fails: the rest hand their calls on to Tollgate's own.

import { DurableObject } from "cloudflare:workers";

export class KeyspaceDO extends DurableObject {
  call(text) {
    const { name } = this.ctx.id;
    if (name.includes("silent")) return new Promise(() => setTimeout(() => {}, 60_000));
    if (name.includes("broken")) throw new Error("broken");
    return this.env.REAL.getByName(name).call(text);
  }
}

export default { fetch: () => new Response() };
