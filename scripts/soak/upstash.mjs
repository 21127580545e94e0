// What Upstash's SDK asks for a `limit()` of a fixed window, and how it reads the answer.

/** Its script, by the hash that it sends. */
export const HASH = "b2efc02798c8e9b471a10f9b1d5745db89923ff3";

/** The script tells what is used, this request included; the SDK admits up to the limit. */
export function readUpstash({ status, json }) {
  const used = json?.[0]?.result?.[0];
  if (status !== 200 || !Number.isInteger(used)) return { problem: "no number of units used" };
  return { admitted: used <= 20 };
}
