// Answers each visitor at most five times a minute, and passes on how long to wait.

/** The headers of a decision that a client understands. */
const PASSED_ON = ["ratelimit", "ratelimit-policy", "retry-after"];

export default {
  async fetch(request, env) {
    const decision = await check(env, request.headers.get("cf-connecting-ip") ?? "unknown");
    const headers = new Headers();
    for (const name of PASSED_ON) {
      const value = decision.headers.get(name);
      if (value !== null) headers.set(name, value);
    }
    if (decision.status === 429) return new Response("Too many requests\n", { status: 429, headers });
    // Anything else is a fault of ours, such as a wrong token: it must not look like a decision.
    if (decision.status !== 200) return new Response("The limiter did not answer\n", { status: 502 });
    return new Response("Welcome\n", { headers });
  },
};

function check(env, identifier) {
  return env.TOLLGATE.fetch("https://tollgate/limit", {
    method: "POST",
    headers: { authorization: `Bearer ${env.TOLLGATE_TOKEN}` },
    body: JSON.stringify({ provider: "visitors", identifier, limit: 5, window: "1m" }),
  });
}
