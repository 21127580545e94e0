// Before anything is timed: one answer of every variant is read in full. The yardstick Bt is worth
// something only while it answers exactly what Tollgate answers, so a difference between the two
// ends the benchmark.

import { exchange, headers } from "./scenarios.mjs";

/**
 * Asks every variant once, with keys of their own, and compares T with Bt. Throws where an answer
 * is wrong.
 */
export async function sameShape(variants, scenario, { ports }) {
  const shapes = {};
  for (const variant of variants) {
    shapes[variant.id] = shapeOf(await answerOf(variant, scenario, ports[variant.id]));
  }
  if (shapes.T && shapes.Bt && shapes.T !== shapes.Bt) {
    throw new Error(
      `${scenario.id}: Bt no longer answers as Tollgate does.\nTollgate: ${shapes.T}\nBt:       ${shapes.Bt}`,
    );
  }
}

async function answerOf(variant, scenario, port) {
  const { path, body, ...expected } = exchange(variant, scenario);
  const key = `${scenario.prefix}probe`;
  const fill = (text) => text.replaceAll("$KEY", key);
  const all = Object.entries(headers()).map(([name, value]) => [name, fill(value)]);
  const ask = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}${fill(path)}`, {
      method: "POST",
      headers: all,
      body: fill(body),
    });
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  };
  let answer = await ask();
  // A limit that is to refuse has to be used up first.
  for (let asked = 0; answer.status !== expected.status && asked < 1_000; asked += 1) answer = await ask();
  if (answer.status !== expected.status || !answer.text.includes(expected.contains)) {
    throw new Error(
      `${scenario.id}, variant ${variant.id}: expected ${JSON.stringify(expected)}, got ${answer.status} ${answer.text}`,
    );
  }
  return answer;
}

/**
 * All of an answer but the numbers that depend on state and time: what two answers of one kind have
 * in common.
 */
export function shapeOf({ status, headers: given, text }) {
  const lines = [...given].filter(([name]) => name !== "content-length").map(([name, value]) => `${name}: ${value}`);
  return [status, ...lines.sort(), text].join(" | ").replace(CHANGING, "$1…");
}

const CHANGING = /("(?:remaining|reset|retryAfter)":|\b[rt]=|x-ratelimit-(?:remaining|reset): |retry-after: )\d+/g;
