// Stands between Tollgate and its real objects, and has requests meet in the way it is told over
// HTTP. `PUT /?how=…`:
// - crossed: each of two requests has charged the object that it names first before any asks its
//   second one.
// - inside: a request without an operation asks while another has charged, and hears of its refusal
//   when that is taken back. The object "…last" answers when that request was refused.
// - well: nobody waits.
// - opens: calls without an operation fail, and the object "…last" answers after five of them.
// - late: the object "…last" takes nearly a second, and others with a refund a fifth of one.
// - broken: the object "…last" gives no answer.
// - uncancelled: cancellations never arrive.
// - slow: the object "…slow" takes a tenth of a second.
// - silent: refusals of the first operation are told as contended, and what changes nothing gets no
//   answer. `GET /` tells how often each object was asked to charge an operation's part since then,
//   `GET /calls` how often it was called at all.

import { DurableObject } from "cloudflare:workers";

let how = "well";
let asked = {};
let calls = {};
let operations = new Set();
let begun = 0;
let refused = 0;
let cancelled = 0;
let failed = 0;

// Polled, because a promise of one request may not be waited for in another.
const until = async (holds) => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
};

export class RateLimitDO extends DurableObject {
  async call(text) {
    const name = this.ctx.id.name;
    const operation = /\blimit operation=(\w+)/.exec(text)?.[1];
    const isFirst = operation !== undefined && !operations.has(operation);
    calls[name] = (calls[name] ?? 0) + 1;
    if (operation !== undefined) {
      operations.add(operation);
      asked[name] = (asked[name] ?? 0) + 1;
      if (how === "crossed" && !isFirst) await until(() => begun >= 2);
      if (how === "inside" && name.endsWith("last")) await until(() => refused > 0);
    } else if (how === "inside" && /\blimit\b/.test(text)) await until(() => begun > 0);
    const isCancel = /\bcancel operation=/.test(text);
    if (how === "broken" && name.endsWith("last")) throw new Error("no answer, as the test wants");
    if (how === "uncancelled" && isCancel) await new Promise(() => {});
    if (how === "slow" && name.endsWith("slow")) await new Promise((resolve) => setTimeout(resolve, 100));
    if (how === "opens" && operation === undefined && !isCancel) {
      failed++;
      throw new Error("no answer, as the test wants");
    }
    if (how === "opens" && name.endsWith("last")) await until(() => failed >= 5);
    if (how === "late") await new Promise((resolve) => setTimeout(resolve, name.endsWith("last") ? 980 : 200));
    if (how === "silent" && / peek=1\b/.test(text)) throw new Error("no answer, as the test wants");
    const answer = await this.env.REAL.getByName(name).call(text);
    if (how === "silent" && operations.size === 1) return answer.replace(/ cacheFor=\d+/, " cacheFor=0 contended=1");
    if (isFirst) begun++;
    if (isCancel) cancelled++;
    if (how === "inside" && operation === undefined && /\bcontended=1/.test(answer)) {
      refused++;
      await until(() => cancelled > 0);
    }
    return answer;
  }
}

export default {
  fetch(request) {
    if (request.url.endsWith("/calls")) return Response.json(calls);
    if (request.method !== "PUT") return Response.json(asked);
    how = new URL(request.url).searchParams.get("how");
    asked = {};
    calls = {};
    operations = new Set();
    begun = refused = cancelled = failed = 0;
    return new Response();
  },
};
