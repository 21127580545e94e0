// The first screen of the README, as it stands there: its command, its imports, its service
// binding, in that order.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { root } from "../../scripts/lib/process.mjs";
import { call, server } from "../../tests/outside/lib/server.mjs";

const README = readFileSync(join(root, "README.md"), "utf8");
const SCREEN = README.slice(README.indexOf("\n## "), README.indexOf("\n## What it promises"));
const SNIPPETS = [...SCREEN.matchAll(/^```(sh|js)\n(.*?)^```$/gms)].map(([, , text]) => text);
const ADDRESS = "http://127.0.0.1:8787";
const TOKEN = "test-check";

let folder;
let running;
beforeAll(async () => {
  // Beside the repository's modules, so that the snippets import what a user would.
  folder = mkdtempSync(join(tmpdir(), "tollgate-readme-"));
  mkdirSync(join(folder, "node_modules"));
  for (const name of ["express", "express-rate-limit"]) link(`client/node_modules/${name}`, name);
  link("client", "tollgate");
  const caller = {
    id: "caller",
    modules: [module("caller.mjs", worker(SNIPPETS[3]))],
    objects: [],
    texts: [{ name: "TOLLGATE_TOKEN", text: TOKEN }],
    services: [{ binding: "TOLLGATE", of: "T", entrypoint: "Tollgate" }],
  };
  running = await (await server({ variants: [caller] })).start();
});
afterAll(async () => {
  await running?.remove();
  rmSync(folder, { recursive: true, force: true });
});

const link = (from, name) => symlinkSync(join(root, from), join(folder, "node_modules", name));

/** Writes a module; its path from the root. */
function module(name, text) {
  writeFileSync(join(folder, name), text);
  return relative(root, join(folder, name));
}

const worker = (snippet) =>
  `export default { async fetch(request, env) {\n${snippet}\nreturn Response.json({ success, retryAfter });\n} };`;

/** A snippet that asks this server, and what is done after it. */
const here = (snippet) => snippet.replaceAll(ADDRESS, running.url);

function node(name, text) {
  module(name, text);
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, name)], {
    encoding: "utf8",
    env: { ...process.env, TOLLGATE_TOKEN: TOKEN },
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

test("has four snippets", () => {
  expect(SNIPPETS).toHaveLength(4);
  expect(SNIPPETS[0].split("\n")[0]).toContain("npx tollgate dev ");
});

test("the command line answers as it is shown", () => {
  const [asked, shown] = SNIPPETS[0].slice(SNIPPETS[0].indexOf("curl ")).split("\n# ");
  const { stdout } = spawnSync("sh", ["-c", here(asked)], {
    encoding: "utf8",
    env: { ...process.env, TOLLGATE_TOKEN: TOKEN },
  });
  const { reset: _, ...answer } = JSON.parse(stdout);
  const { reset, ...said } = JSON.parse(shown);
  expect(answer).toEqual(said);
  expect(reset).toBeGreaterThan(0);
});

test("the import asks for a decision", () => {
  const after = "\nconsole.log(JSON.stringify({ success, retryAfter }));";
  expect(node("import.mjs", here(SNIPPETS[1]) + after)).toEqual({ success: true });
});

test("Express counts here", async () => {
  const before = `
    import express from "express";
    import { Limiter } from "tollgate";
    const app = express();
    const limiter = new Limiter({ url: "${running.url}", token: "${TOKEN}" });
  `;
  const after = `
    app.get("/", (_, response) => response.end());
    const serving = app.listen(0, "127.0.0.1");
    await new Promise((resolve) => serving.once("listening", resolve));
    const answers = [];
    for (let request = 0; request < 2; request++) {
      const { status, headers } = await fetch("http://127.0.0.1:" + serving.address().port);
      answers.push([status, headers.get("x-ratelimit-remaining")]);
    }
    serving.close();
    console.log(JSON.stringify(answers));
  `;
  expect(node("express.mjs", before + here(SNIPPETS[2]) + after)).toEqual([
    [200, "99"],
    [200, "98"],
  ]);
  const { json } = await call(running.url, "GET", "/limit?identifier=127.0.0.1&scope=api:", undefined, {
    token: "test-admin",
  });
  expect(json.limits).toHaveLength(1);
});

test("another Worker calls the method of its binding", async () => {
  const { status, json } = await call(running.urlOf("caller"), "GET", "/", undefined, { token: null });
  expect([status, json]).toEqual([200, { success: true }]);
});
