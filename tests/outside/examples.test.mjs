// The examples of whole jobs: each runs against a server of its own namespace, as its user would
// run it.

import { afterAll, beforeAll, expect, test } from "vitest";
import { client } from "../../examples/jobs/client.mjs";
import { run as connector } from "../../examples/jobs/connector.mjs";
import { run as inboxes } from "../../examples/jobs/inboxes.mjs";
import { run as llm } from "../../examples/jobs/llm.mjs";
import { run as mesh } from "../../examples/jobs/mesh.mjs";
import { run as queue } from "../../examples/jobs/queue.mjs";
import { run as webhooks } from "../../examples/jobs/webhooks.mjs";
import { server } from "./lib/server.mjs";

const NAMESPACES = ["connector", "inboxes", "llm", "queue", "mesh", "webhooks"];
const TOKENS = JSON.stringify(NAMESPACES.map((namespace) => ({ token: namespace, role: "admin", namespace })));

let main;
beforeAll(async () => {
  main = await (await server({ tokens: TOKENS })).start();
});
afterAll(() => main?.remove());

test("a connector has each organization's limit, counts points, and stops for a 429", async () => {
  const { admitted, points, blocked } = await connector(client(main.url, "connector"));
  expect(admitted).toEqual([true, true]);
  expect(points[1] - points[0]).toBeGreaterThanOrEqual(38);
  expect(points[1] - points[0]).toBeLessThan(45); // and what has come back meanwhile
  expect(blocked.slice(0, 2)).toEqual([429, "blocked"]);
  expect(blocked[2]).toBeGreaterThan(80_000);
});

test("inboxes warm up each for itself, and one call stops all of them", async () => {
  expect(await inboxes(client(main.url, "inboxes"))).toEqual({
    mails: [200, 200, 429, 200],
    paused: "paused",
    inboxes: ["anna@example.com", "ben@example.com"],
    resumed: 200,
  });
});

test("a tenant has ten times as much until Friday, below the ceiling, and a change is tried", async () => {
  const { usual, vip, tried, preview } = await queue(client(main.url, "queue"));
  expect([usual, vip]).toEqual([2, 13]);
  expect(tried).toEqual([{ name: "tenant", version: 2 }]);
  expect(preview.recorded).toBe(0);
});

test("services inherit a base, which is changed and undone for all of them", async () => {
  expect(await mesh(client(main.url, "mesh"))).toEqual({
    orders: [
      ["burst", 20],
      ["minute", 300],
    ],
    search: [
      ["burst", 20],
      ["minute", 600],
    ],
    changed: [
      ["base", 2],
      ["orders", 2],
      ["search", 2],
    ],
    undone: 3,
    worst: ["burst", "minute"],
  });
});

test("webhooks burst where they may, and wait for instants of their own elsewhere", async () => {
  const { burst, small, waits } = await webhooks(client(main.url, "webhooks"));
  expect([burst, small]).toEqual([200, 1]);
  expect(waits[1] - waits[0]).toBeGreaterThan(50_000);
  expect(waits[2] - waits[1]).toBeGreaterThan(50_000);
});

test("answers of a model take tokens, requests and cents in one decision, and never above any", async () => {
  const { answers, spent, used, most } = await llm(client(main.url, "llm"));
  const admitted = answers.whole + answers.cut;
  expect(admitted + answers.refused).toBe(40);
  expect(answers.whole).toBeGreaterThan(5);
  expect(answers.refused).toBeGreaterThan(5);
  // Each is counted once, by what it really was, although all were estimated otherwise.
  expect(used).toEqual({ tokens: spent.tokens, requests: admitted, cents: spent.cents });
  expect(Math.max(used.tokens, most)).toBeLessThanOrEqual(6_000);
  expect(used.requests).toBeLessThanOrEqual(30);
});
