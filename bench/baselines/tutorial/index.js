// Baseline C: the usual tutorial's limiter. One object per identifier, which awaits a read of its
// storage, computes, and awaits a write. A refusal writes nothing. It stores `bucket`.

import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";

export class Limiter extends DurableObject {
  async check(capacity, refill, cost) {
    const now = Date.now();
    const bucket = (await this.ctx.storage.get("bucket")) ?? { tokens: capacity, time: now };
    const rate = refill.amount / refill.interval;
    let tokens = Math.min(capacity, bucket.tokens + (now - bucket.time) * rate);
    const success = tokens >= cost;
    const retryAfter = success ? undefined : Math.ceil((cost - tokens) / rate);
    if (success) {
      tokens -= cost;
      await this.ctx.storage.put("bucket", { tokens, time: now });
    }
    const reset = now + Math.ceil((capacity - tokens) / rate);
    return { success, limit: capacity, remaining: Math.floor(tokens), reset, retryAfter };
  }

  async fetch(request) {
    const { capacity, refill, cost = 1 } = await request.json();
    return Response.json(await this.check(capacity, refill, cost));
  }
}

export class Tutorial extends WorkerEntrypoint {
  limit({ identifier, capacity, refill, cost = 1 }) {
    return this.env.LIMITER.getByName(identifier).check(capacity, refill, cost);
  }
}

export default {
  async fetch(request, env) {
    const { identifier, capacity, refill, cost = 1 } = await request.json();
    const decision = await env.LIMITER.getByName(identifier).check(capacity, refill, cost);
    return Response.json(decision, { status: decision.success ? 200 : 429 });
  },
};
