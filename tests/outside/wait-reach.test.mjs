// Callers who wait for several turns while one of the objects is out of reach: what its failure
// mode gives out is charged to it only if they go ahead.

import net from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { switchedServer } from "./lib/switched.mjs";

let main;
beforeAll(async () => {
  main = await switchedServer();
});
afterAll(() => main?.remove());

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const send = (path, body) => main.call("POST", path, body);
/** A bucket of one token, which is full again after so many milliseconds. */
const every = (identifier, interval) => ({
  identifier,
  algorithm: "tokenBucket",
  capacity: 1,
  refill: { amount: 1, interval },
});
const open = (identifier) => ({ identifier, algorithm: "fixedWindow", limit: 10, window: "52w", failMode: "open" });
/** Has the object answer again, which is charged then what it is owed; what is left there. */
async function leftOf(identifier, expected) {
  const left = async () => (await send("/limit", { ...open(identifier), peek: true })).json.remaining;
  for (let tries = 0; tries < 20 && (await left()) !== expected; tries++) await sleep(100);
  await sleep(300);
  return left();
}

/** A caller who is gone after so long: his connection is reset, as by a crash. */
function gone(body, ms) {
  const { hostname, port } = new URL(main.url);
  const text = JSON.stringify(body);
  const head = `POST /limit/multi HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer test-admin\r\ncontent-length: ${text.length}\r\n\r\n`;
  const socket = net.connect(Number(port), hostname, () => socket.write(head + text));
  socket.on("error", () => {});
  return sleep(ms).then(() => socket.resetAndDestroy());
}

test("who goes away is not charged what a failure mode gave him", { timeout: 30_000 }, async () => {
  expect((await send("/limit", every("slow-a", 4_000))).json.success).toBe(true);
  await main.become("broken&only=open-a&times=2");
  await gone({ wait: "9s", limits: [open("open-a"), every("slow-a", 4_000)] }, 600);
  await sleep(300);
  await main.become("well");
  expect(await leftOf("open-a", 10)).toBe(10);
});

test("who is shut out is not charged it either", { timeout: 30_000 }, async () => {
  expect((await send("/limit", every("slow-b", 3_000))).json.success).toBe(true);
  await main.become("broken&only=open-b&times=2");
  const waiting = send("/limit/multi", { wait: "9s", limits: [open("open-b"), every("slow-b", 3_000)] });
  await sleep(600);
  await main.become("well");
  await send("/limit/block", { identifier: "slow-b", duration: "1m", reason: "abuse" });
  expect((await waiting).status).toBe(429);
  expect(await leftOf("open-b", 10)).toBe(10);
});

test("who goes ahead is charged it", { timeout: 30_000 }, async () => {
  for (const [identifier, interval] of [
    ["open-c", 600],
    ["open-d", 10],
  ]) {
    const slow = every(`beside-${identifier}`, interval);
    expect((await send("/limit", slow)).json.success).toBe(true);
    await sleep(interval === 10 ? 100 : 0);
    await main.become(`broken&only=${identifier}&times=2`);
    const answer = await send("/limit/multi", { wait: "9s", limits: [open(identifier), slow] });
    expect(answer.status).toBe(200);
    await main.become("well");
    expect(await leftOf(identifier, 9)).toBe(9);
  }
});
