// Answers each visitor at most five times a minute, and passes on how long to wait. It asks
// Tollgate in one of the three ways that a Worker of the same account has: /fetch, /method or
// /object. All three count together.

const LIMIT = { provider: "visitors", limit: 5, window: "1m" };

const ways = {
  /** As from anywhere: a request and a response, with a token and all headers. */
  async fetch(env, identifier) {
    const answer = await env.TOLLGATE.fetch("https://tollgate/limit", {
      method: "POST",
      headers: { authorization: `Bearer ${env.TOLLGATE_TOKEN}` },
      body: JSON.stringify({ ...LIMIT, identifier }),
    });
    // Anything else is a fault of ours, such as a wrong token: it must not look like a decision.
    if (answer.status !== 200 && answer.status !== 429) throw new Error(await answer.text());
    return answer.json();
  },

  /** A method of the entrypoint `Tollgate`: values, and an error where the question is wrong. */
  method: (env, identifier) => env.TOLLGATE_RPC.limit({ ...LIMIT, identifier }, env.TOLLGATE_TOKEN),

  /** The visitor's object itself: one hop less, and no token. */
  object(env, identifier) {
    const name = ["rate-limit", LIMIT.provider, encodeURIComponent(identifier)].join(":");
    return env.RATE_LIMIT.getByName(name).limit({ ...LIMIT, identifier });
  },
};

export default {
  async fetch(request, env) {
    const way = ways[new URL(request.url).pathname.slice(1) || "fetch"];
    if (way === undefined) return new Response("Ask /fetch, /method or /object\n", { status: 404 });
    let decision;
    try {
      decision = await way(env, request.headers.get("cf-connecting-ip") ?? "unknown");
    } catch (error) {
      console.error(error);
      return new Response("The limiter did not answer\n", { status: 502 });
    }
    const headers = { "x-ratelimit-remaining": `${decision.remaining ?? ""}` };
    if (decision.success) return new Response("Welcome\n", { headers });
    headers["retry-after"] = `${Math.ceil((decision.retryAfter ?? 60_000) / 1000)}`;
    return new Response("Too many requests\n", { status: 429, headers });
  },
};
