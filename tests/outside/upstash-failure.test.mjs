// Some objects of Redis keys fail: their commands say so within the deadline, and no others do.

import { afterAll, beforeAll, expect, test } from "vitest";
import { call, server } from "./lib/server.mjs";

const UNREACHABLE = { error: expect.stringMatching(/^ERR the keys could not be reached in time/) };

let tollgate;
beforeAll(async () => {
  const failing = {
    id: "failing",
    modules: ["tests/outside/lib/failing-keys.js"],
    objects: [
      { binding: "SELF", className: "KeyspaceDO" },
      { binding: "REAL", className: "KeyspaceDO", of: "T" },
    ],
  };
  // Tollgate asks the failing ones, and still serves its own class, under another binding.
  const change = (main) => ({
    ...main,
    objects: main.objects.flatMap((object) =>
      object.className === "KeyspaceDO"
        ? [
            { ...object, of: "failing" },
            { ...object, binding: "OWN" },
          ]
        : object,
    ),
  });
  tollgate = await server({ variants: [failing], change, texts: { TOLLGATE_DEADLINE_MS: "300" } });
  await tollgate.start();
});
afterAll(() => tollgate?.remove());

const post = (path, body) => call(tollgate.url, "POST", path, body);

test("in a pipeline only the commands on their keys fail", async () => {
  const { status, json } = await post("/pipeline", [
    ["SET", "good", "1"],
    ["SET", "silent", "1"],
    ["INCR", "good"],
    ["INCR", "broken"],
    ["GET", "good"],
  ]);
  expect(status).toBe(200);
  expect(json).toEqual([{ result: "OK" }, UNREACHABLE, { result: 2 }, UNREACHABLE, { result: "2" }]);
});

test("a single command fails with a status that clients read as an error", async () => {
  for (const key of ["silent", "broken"]) {
    const { status, json } = await post("/", ["GET", key]);
    expect([status, json]).toEqual([400, UNREACHABLE]);
  }
});

test("a command over several keys says that it may have been executed in part", async () => {
  const { json } = await post("/pipeline", [
    ["DEL", "good", "silent"],
    ["GET", "other"],
  ]);
  expect(json).toEqual([UNREACHABLE, { result: null }]);
});
