// Gets a job done at an upstream with a limit that nobody knows: asks Tollgate for a turn, calls,
// and tells Tollgate what the upstream answered, so that all other Workers know it too.

export default {
  async fetch(request, env) {
    const account = new URL(request.url).searchParams.get("account");
    for (;;) {
      await turn(env, account);
      const answer = await fetch(env.UPSTREAM);
      await ask(env, "/limit/report", {
        policy: "upstream",
        identifier: account,
        status: answer.status,
        headers: Object.fromEntries(answer.headers),
      });
      if (answer.status !== 429) return answer;
    }
  },
};

/** Comes back when it is this caller's turn. */
async function turn(env, account) {
  for (;;) {
    const decision = await ask(env, "/limit", { policy: "upstream", identifier: account, wait: env.WAIT ?? "30s" });
    if (decision.success) return;
    await new Promise((resolve) => setTimeout(resolve, decision.retryAfter));
  }
}

async function ask(env, path, body) {
  const response = await env.TOLLGATE.fetch(`https://tollgate${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${env.TOLLGATE_TOKEN}` },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  // A refusal is an answer; anything else is a fault of ours, such as a wrong token.
  if (response.status !== 200 && response.status !== 429) throw new Error(answer.detail);
  return answer;
}
