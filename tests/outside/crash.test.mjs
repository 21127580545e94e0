// Nothing admitted is forgotten: the process is killed under load, started again on the same disk,
// and what it then admits together with what it had admitted before never passes the limit.

import { afterAll, beforeAll, expect, test } from "vitest";
import { algorithms, capacityOf, server } from "./lib/server.mjs";

const KILLS = 20;
const ACKNOWLEDGED = 500;
/**
 * At the larger limit a row may run ahead by 1 %, so that much may be refused too early after each
 * kill.
 */
const LIMITS = [100, 10_000];

let tollgate;
beforeAll(async () => {
  tollgate = await (await server()).start();
});
afterAll(() => tollgate?.remove());

/** Every algorithm at every limit, each with a subject of its own for this kill. */
function subjects(kill) {
  return LIMITS.flatMap((size) =>
    Object.entries(algorithms(size)).map(([name, limit]) => ({
      body: { identifier: `${name}-${size}-${kill}`, ...limit },
      // Large costs where the limit is large, so that the margin is passed over many times before
      // the end.
      cost: size > 1_000 && capacityOf(limit) > 1_000 ? 7 : 1,
      limit: capacityOf(limit),
      acknowledged: 0,
    })),
  );
}

const check = (subject, cost) => tollgate.call("POST", "/limit", { ...subject.body, cost }, { token: "test-check" });

/** Asks for all subjects in turn until the process is gone; only what was answered counts. */
async function load(all, offset, acknowledged) {
  for (let i = offset; ; i++) {
    const subject = all[i % all.length];
    try {
      const { status } = await check(subject, subject.cost);
      if (status !== 200) continue;
    } catch {
      return; // the connection broke: whether this one was counted, nobody was told
    }
    subject.acknowledged += subject.cost;
    acknowledged.count++;
    if (acknowledged.count === ACKNOWLEDGED) acknowledged.enough();
  }
}

/** Takes all that is left, in large steps and then in small ones. */
async function exhaust(subject) {
  let taken = 0;
  for (let cost = subject.limit; cost >= 1; cost = Math.floor(cost / 2)) {
    while ((await check(subject, cost)).status === 200) taken += cost;
  }
  return taken;
}

test(`no admission is forgotten by ${KILLS} kills, with every algorithm at limits ${LIMITS.join(" and ")}`, {
  timeout: 240_000,
}, async () => {
  let total = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const all = subjects(kill);
    const acknowledged = { count: 0 };
    const enough = new Promise((resolve) => {
      acknowledged.enough = resolve;
    });
    const callers = Array.from({ length: 16 }, (_, i) => load(all, i * 5, acknowledged));
    await enough;
    await tollgate.kill();
    await Promise.all(callers);
    total += acknowledged.count;
    expect(acknowledged.count).toBeGreaterThanOrEqual(ACKNOWLEDGED);
    await tollgate.start();
    for (const subject of all) {
      const taken = await exhaust(subject);
      const name = subject.body.identifier;
      expect(subject.acknowledged + taken, `${name}: never above the limit`).toBeLessThanOrEqual(subject.limit);
      // What was on its way when the process died may be counted as well: at most one check of each
      // caller.
      const margin = Math.max(0, Math.floor(subject.limit / 100) - 1) + 16 * subject.cost;
      expect(subject.acknowledged + taken, `${name}: not much below it`).toBeGreaterThanOrEqual(subject.limit - margin);
    }
  }
  console.log(`${total} acknowledged admissions over ${KILLS} kills, none forgotten`);
});

test("a subject's stages run on from its first admission, which a kill does not make it forget", async () => {
  const stages = [{ for: "3s", limit: 1 }, { limit: 3 }];
  const policy = { limits: [{ algorithm: "slidingLog", window: "1d", stages }] };
  const put = await tollgate.call("PUT", "/policies/warm", policy, { token: "test-admin" });
  expect(put.status).toBe(201);
  const ask = () => tollgate.call("POST", "/limit", { policy: "warm", identifier: "box" }, { token: "test-check" });
  expect((await ask()).status).toBe(200);
  await tollgate.kill();
  await tollgate.start();
  const { json } = await ask();
  // From a start that was forgotten the wait would be a whole step again, or none.
  if (!json.success) {
    expect(json.retryAfter).toBeLessThanOrEqual(3_000);
    await new Promise((resolve) => setTimeout(resolve, json.retryAfter));
    expect((await ask()).status).toBe(200);
  }
  expect((await ask()).status).toBe(200);
  expect((await ask()).status).toBe(429);
});
