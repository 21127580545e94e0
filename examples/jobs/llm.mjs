// A service answers with a language model. Nobody knows beforehand how long an answer gets: each
// call holds an estimate of its tokens and cents, holds more while the answer streams, and settles
// what it really was. Tokens per minute, requests per minute and cents per day are one decision.

import { main } from "./client.mjs";

const LIMITS = [
  { name: "tokens", algorithm: "fixedWindow", limit: 6_000, window: "52w" }, // a minute, in real life
  { name: "requests", algorithm: "fixedWindow", limit: 30, window: "52w" },
  { name: "cents", algorithm: "quota", limit: 90, period: "year", timeZone: "UTC" },
];
const ESTIMATE = 300;
const CHUNK = 100;

/** An answer of a model: chunks of tokens, so many in all. */
async function* stream(tokens) {
  for (let sent = 0; sent < tokens; sent += CHUNK) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    yield Math.min(CHUNK, tokens - sent);
  }
}

export async function run(call) {
  await call("PUT", "/policies/llm", { provider: "openai", limits: LIMITS });
  let most = 0;

  /** One answer of so many tokens; how it went, and what it was. */
  async function answer(tokens) {
    const costs = { tokens: ESTIMATE, cents: 3 };
    const hold = await call("POST", "/limit", { policy: "llm", identifier: "acme", costs, hold: "1m" });
    if (!hold.json.success) return { how: "refused", tokens: 0 };
    const { permit } = hold.json;
    let [spent, held] = [0, ESTIMATE];
    for await (const chunk of stream(tokens)) {
      if (spent + chunk > held) {
        const more = await call("POST", "/limit/topup", { permit, costs: { tokens: held + ESTIMATE } });
        if (!more.json.success) break; // what has been said so far is the answer
        held += ESTIMATE;
      }
      spent += chunk;
    }
    const cents = Math.ceil(spent / 100);
    await call("POST", "/limit/settle", { permit, costs: { tokens: spent, cents } });
    return { how: spent === tokens ? "whole" : "cut", tokens: spent, cents };
  }

  /** What the limits have in use, looked at while everybody is at it. */
  async function look() {
    const { json } = await call("GET", "/limit?provider=openai&identifier=acme&policy=llm");
    const used = Object.fromEntries(json.limits.map(({ name, used, debt = 0 }) => [name, used + debt]));
    most = Math.max(most, used.tokens ?? 0);
    return used;
  }

  const asked = Array.from({ length: 40 }, (_, i) => answer(150 + 35 * (i % 12)));
  for (let i = 0; i < 5; i++) await look();
  const answers = await Promise.all(asked);
  const sum = (of) => answers.reduce((sum, it) => sum + (it[of] ?? 0), 0);
  const count = (how) => answers.filter((it) => it.how === how).length;
  return {
    answers: { whole: count("whole"), cut: count("cut"), refused: count("refused") },
    spent: { tokens: sum("tokens"), cents: sum("cents") },
    used: await look(),
    most,
  };
}

await main(import.meta, run);
