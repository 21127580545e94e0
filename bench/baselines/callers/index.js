// Callers: Workers that ask a limiter of another Worker, Tollgate or the tutorial's (C), each in
// the same way. Which way and which limiter the variable CALLS says.

const JSON_POST = (question) => ({ method: "POST", body: JSON.stringify(question) });

/** The object that Tollgate has for a subject without a provider. */
const objectOf = (env, { identifier }) => env.RATE_LIMIT.getByName(`rate-limit:default:${identifier}`);

const WAYS = {
  "tollgate object rpc": (env, question) => objectOf(env, question).limit(question),
  "tutorial object rpc": (env, { identifier, capacity, refill, cost = 1 }) =>
    env.LIMITER.getByName(identifier).check(capacity, refill, cost),
  "tollgate object fetch": async (env, question) =>
    (await objectOf(env, question).fetch("https://object/limit", JSON_POST(question))).json(),
  "tutorial object fetch": async (env, question) =>
    (await env.LIMITER.getByName(question.identifier).fetch("https://object/", JSON_POST(question))).json(),
  "tollgate service rpc": (env, question) => env.TOLLGATE.limit(question, env.TOKEN),
  "tutorial service rpc": (env, question) => env.TUTORIAL.limit(question),
  "tollgate service fetch": async (env, question) => {
    const headers = { authorization: `Bearer ${env.TOKEN}` };
    return (await env.TOLLGATE.fetch("https://tollgate/limit", { ...JSON_POST(question), headers })).json();
  },
  "tutorial service fetch": async (env, question) =>
    (await env.TUTORIAL.fetch("https://tutorial/limit", JSON_POST(question))).json(),
};

export default {
  async fetch(request, env) {
    const decision = await WAYS[env.CALLS](env, await request.json());
    return Response.json(decision, { status: decision.success ? 200 : 429 });
  },
};
