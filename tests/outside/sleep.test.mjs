// Whoever asks in bursts loses nothing: an object that nobody asks falls asleep after ten seconds,
// and wakes from rows that tell exactly what was used. Real sleeps, of all subjects at once.

import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { algorithms, capacityOf, server } from "./lib/server.mjs";

const BURST = 32;
const BURSTS = 3;
/** Longer than workerd keeps an idle object in memory. */
const ASLEEP = 11_500;
/** Longer than the object waits before it writes its rows exact. */
const CLOSED = 2_000;

let tollgate;
beforeAll(async () => {
  tollgate = await (await server()).start();
});
afterAll(() => tollgate?.remove());

const subjects = [5_000, 20_000].flatMap((size) =>
  Object.entries(algorithms(size)).map(([name, limit]) => ({
    query: `/limit?identifier=${name}-${size}`,
    body: { identifier: `${name}-${size}`, ...limit },
    limit: capacityOf(limit),
  })),
);

const check = (subject, cost = 1) => tollgate.call("POST", "/limit", { ...subject.body, cost });
const burst = (subject) => Promise.all(Array.from({ length: BURST }, () => check(subject)));
const used = async (subject) => {
  const { json } = await tollgate.call("GET", subject.query);
  return json.limits[0].used;
};

test(`${BURSTS} bursts of ${BURST} with a sleep between each are counted exactly, and so are they after a kill`, {
  timeout: 120_000,
}, async () => {
  for (let i = 1; i <= BURSTS; i++) {
    for (const subject of subjects) {
      const answers = await burst(subject);
      expect(new Set(answers.map((answer) => answer.status)), subject.query).toEqual(new Set([200]));
      // Remembered in memory only: whether it is still there tells whether the object slept.
      expect((await check(subject, subject.limit)).status).toBe(429);
    }
    await sleep(ASLEEP);
    for (const subject of subjects) {
      const { json } = await tollgate.call("GET", subject.query);
      expect(json.recentDenials, `${subject.query} slept`).toEqual([]);
      expect(json.limits[0].used, `${subject.query} after ${i} sleeps`).toBe(i * BURST);
    }
  }
  for (const subject of subjects) await burst(subject);
  await sleep(CLOSED);
  await tollgate.kill();
  await tollgate.start();
  for (const subject of subjects) expect(await used(subject), subject.query).toBe((BURSTS + 1) * BURST);
});
