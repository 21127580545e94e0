// The recipes for other languages, each run as its user would run it: exact waits, and an answer
// that is lost on the way is asked for again and charged once.

import { execFile, spawnSync } from "node:child_process";
import { createServer } from "node:http";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../../scripts/lib/process.mjs";
import { pythonWith } from "../lib/python.mjs";
import { server } from "./lib/server.mjs";

const run = promisify(execFile);
const GO = spawnSync("go", ["version"]).status === 0;
/** Go compiles what it is given, and its library with it the first time. */
const COMPILING = 300_000;

let tollgate;
let proxy;
/** What came through the proxy: when, and how it was answered. */
let seen;
/** The calls, by their number, whose answers the proxy keeps. */
let lost;
beforeAll(async () => {
  tollgate = await (await server()).start();
  proxy = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const headers = { authorization: request.headers.authorization };
    const body = Buffer.concat(chunks);
    const answer = await fetch(tollgate.url + request.url, { method: "POST", headers, body });
    const text = await answer.text();
    seen.push({ status: answer.status, question: JSON.parse(body), answer: JSON.parse(text) });
    if (lost.includes(seen.length)) return request.socket.destroy();
    return response.writeHead(answer.status, { "content-type": "application/json" }).end(text);
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  proxy?.close();
  await tollgate?.remove();
});

/** Two at once, then one every 400 ms. */
const BUCKET = { algorithm: "tokenBucket", capacity: 2, refill: { amount: 1, interval: "400ms" } };

async function through(command, args, { token = "test-check", keeps = [] } = {}) {
  seen = [];
  lost = keeps;
  const { port } = proxy.address();
  const env = { ...process.env, TOLLGATE_URL: `http://127.0.0.1:${port}`, TOLLGATE_TOKEN: token };
  return (await run(command, args, { env, cwd: root })).stdout.trim().split("\n");
}

async function waits(name, command, ...file) {
  const policy = `recipe.${name}`;
  const put = await tollgate.call("PUT", `/policies/${policy}`, BUCKET);
  expect(put.status).toBe(201);
  const lines = await through(command, [...file, policy, "u1", "5"], { keeps: [1, 4] });
  expect(lines).toHaveLength(5);
  // Of each operation one answer counts: asked again it is the same.
  const operations = new Map();
  for (const { question, answer } of seen) {
    const before = operations.get(question.operation);
    if (before) expect(answer.success).toBe(before.success);
    operations.set(question.operation, answer);
  }
  const answers = [...operations.values()];
  expect(seen.length - answers.length).toBe(2);
  expect(answers.filter(({ success }) => success)).toHaveLength(5);
  // Whoever comes when he is told to is admitted: no refusal follows another.
  const successes = answers.map(({ success }) => success);
  expect(successes.some((success, i) => !success && successes[i + 1] === false)).toBe(false);
  expect(successes).toContain(false);
  const wrong = await through(command, [...file, "recipe.none", "u1", "1"]).catch((error) => error);
  expect(wrong.stderr).toContain("unknownPolicy");
  expect(seen).toHaveLength(1);
}

test("Python, with httpx", { timeout: COMPILING }, async () => {
  await waits(
    "python",
    pythonWith(join(root, "target/recipes/python"), ["httpx==0.28.1"]),
    "examples/recipes/limited.py",
  );
});

describe.skipIf(!GO)("Go, with net/http (where Go is installed)", () => {
  test("waits for its turn; Allow, Wait and Reserve", { timeout: COMPILING }, async () => {
    const program = join(root, "target/recipes/limited");
    await run("go", ["build", "-o", program, "examples/recipes/limited.go"], { cwd: root });
    await waits("go", program);
    const lines = await through(program, ["recipe.go", "u2", "2", "all"]);
    expect(lines).toEqual(["1", "0", "false true true true"]);
  });
});
