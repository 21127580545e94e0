// Two versions side by side lose nothing: the build of now, and one whose messages and rows say the next version. Each
// reads what the other wrote, and a Worker of one is answered by an object of the other.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildNext } from "../../scripts/build.mjs";
import { tollgate as describeTollgate } from "../../scripts/lib/workerd.mjs";
import { algorithms, call, server } from "./lib/server.mjs";

beforeAll(() => buildNext(), 600_000);

test("rows go from one version to the next and back, with all that was used", { timeout: 120_000 }, async () => {
  const tollgate = await (await server()).start();
  try {
    let used = 0;
    for (const folder of ["build", "build-next", "build", "build-next"]) {
      await tollgate.kill();
      tollgate.serveBuild(folder);
      await tollgate.start();
      used += 7;
      for (const [identifier, limit] of Object.entries(algorithms(100))) {
        const { status, json } = await tollgate.call("POST", "/limit", { identifier, ...limit, cost: 7 });
        expect([folder, identifier, status, json.remaining]).toEqual([folder, identifier, 200, 100 - used]);
      }
    }
  } finally {
    await tollgate.remove();
  }
});

describe.each([
  ["a new Worker and an old object", "build-next", "build"],
  ["an old Worker and a new object", "build", "build-next"],
])("%s", (_what, worker, object) => {
  let both;
  beforeAll(async () => {
    const change = () => {
      const main = describeTollgate({ folder: worker, texts: both.texts });
      return { ...main, objects: main.objects.map((known) => ({ ...known, of: "object" })) };
    };
    both = { texts: [] };
    both.server = await server({
      change: (main) => {
        both.texts = main.texts;
        return change();
      },
      variants: [{ ...describeTollgate({ folder: object }), id: "object" }],
    });
    await both.server.start();
  });
  afterAll(() => both.server?.remove());

  const ask = (path, body, method = "POST") => call(both.server.url, method, path, body);

  test("decide, hold, show and cancel together", async () => {
    const window = { algorithm: "fixedWindow", limit: 3, window: "52w" };
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push((await ask("/limit", { identifier: "u1", ...window })).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    const slot = (await ask("/limit", { identifier: "u2", algorithm: "concurrency", limit: 1, ttl: "1h" })).json;
    expect((await ask("/limit/renew", { permit: slot.permit })).status).toBe(200);
    expect((await ask("/limit/release", { permit: slot.permit })).status).toBe(200);
    // Refused by its object, not from the Worker's memory: so what u3 was charged has to be cancelled.
    expect((await ask("/limit", { identifier: "u4", ...window, cost: 3 })).status).toBe(200);
    const both = await ask("/limit/multi", { ...window, limits: [{ identifier: "u3" }, { identifier: "u4" }] });
    expect(both.status).toBe(429);
    expect((await ask("/limit?identifier=u3", undefined, "GET")).json.limits.map(({ used }) => used)).toEqual([0]);
    expect((await ask("/limit?identifier=u1", undefined, "DELETE")).status).toBe(200);
  });
});
