// A request over several subjects that is always refused keeps nobody out for longer than it takes to be taken back.

import { afterAll, beforeAll, expect, test } from "vitest";
import { server } from "./lib/server.mjs";

let tollgate;
beforeAll(async () => {
  tollgate = await (await server()).start();
});
afterAll(() => tollgate?.remove());

// Twice the deadline: so long an object keeps what may yet be taken back.
const YOUNG_MS = 2_000;

const post = (path, body) => tollgate.call("POST", path, body);
const tenant = { identifier: "tenant", algorithm: "fixedWindow", limit: 40, window: "52w" };
const cluster = { identifier: "cluster", algorithm: "concurrency", limit: 1, ttl: "1h" };

test("who asks for what nobody uses is refused for a moment at most, and never from memory", async () => {
  expect((await post("/limit", cluster)).status).toBe(200);
  let refusing = true;
  const refuse = async () => {
    while (refusing) {
      const { status } = await post("/limit/multi", { limits: [{ ...tenant, cost: 40 }, cluster] });
      expect(status).toBe(429);
    }
  };
  const refused = Promise.all(Array.from({ length: 4 }, refuse));
  let admitted = 0;
  for (let i = 0; i < 300 && admitted < 20; i++) {
    const { status, json } = await post("/limit", tenant);
    if (status === 200) admitted++;
    else expect([json.source, json.retryAfter <= YOUNG_MS]).toEqual(["object", true]);
  }
  refusing = false;
  await refused;
  expect(admitted).toBe(20);
  const { json } = await tollgate.call("GET", "/limit?identifier=tenant");
  expect(json.limits[0].remaining).toBe(20);
});
