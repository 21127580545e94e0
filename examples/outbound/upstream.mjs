// An upstream whose headers are wrong: it announces 60 requests a minute, admits 45, and from the
// second minute on 22.
//
//   node upstream.mjs port minute seed
//
// `minute` is how long one is, in milliseconds. The seed chooses when its minutes turn and how long
// each answer takes. Its clock starts with the first request; `GET /counts` tells what it has seen.

import { createServer } from "node:http";

const ANNOUNCED = 60;
const ENFORCED = [45, 22];

const [port, minute, seed] = process.argv.slice(2).map(Number);
const random = generator(seed);
const phase = random() * minute;
const counts = { sent: 0, refused: 0 };
let began;
let current = { index: -1, used: 0 };

createServer((request, response) => {
  if (request.url === "/counts") return response.end(JSON.stringify(counts));
  const [status, headers] = decide(Date.now());
  counts.sent += 1;
  if (status === 429) counts.refused += 1;
  // Between half a second and a tenth of it.
  const latency = (minute / 120) * (0.1 + 0.9 * random());
  setTimeout(() => response.writeHead(status, headers).end(), latency);
}).listen(port, "127.0.0.1", () => console.log("listening"));

/** Counts one request in the minute that it comes in. */
function decide(now) {
  began ??= now;
  const elapsed = now - began;
  const index = Math.floor((elapsed + phase) / minute);
  if (index !== current.index) current = { index, used: 0 };
  const ends = began - phase + (index + 1) * minute;
  const isAdmitted = current.used < ENFORCED[elapsed < minute ? 0 : 1];
  if (isAdmitted) current.used += 1;
  const headers = {
    "X-RateLimit-Limit": ANNOUNCED,
    "X-RateLimit-Remaining": ANNOUNCED - current.used,
    "X-RateLimit-Reset": Math.ceil(ends), // in Unix milliseconds: its minutes are short
  };
  if (isAdmitted) return [200, headers];
  return [429, { ...headers, "Retry-After": ((ends - now) / 1_000).toFixed(3) }];
}

/** Numbers from 0 to 1 that follow from the seed (mulberry32). */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
