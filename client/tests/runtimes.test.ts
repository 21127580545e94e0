// The built client in each runtime that it is for, against the built Worker. What it does in
// workerd is in object.test.ts.

import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../../scripts/lib/process.mjs";
import { chromium, inBrowser, installRuntimes, printed, RUNTIMES } from "../../tests/lib/runtimes.mjs";
import { server } from "../../tests/outside/lib/server.mjs";

const program = join(root, "client/tests/lib/program.js");
const TOKEN = "test-check";

let tollgate: Awaited<ReturnType<typeof server>>;
beforeAll(async () => {
  installRuntimes();
  tollgate = await server({ texts: { TOLLGATE_CORS_ORIGINS: "*" } });
  await tollgate.start();
}, 300_000);
afterAll(() => tollgate?.remove());

/** What was wrong in a runtime. */
function visited(command: string, args: string[], identifier: string): string[] {
  const env = { TOLLGATE_URL: tollgate.url, TOLLGATE_TOKEN: TOKEN, IDENTIFIER: identifier };
  return JSON.parse(printed(command, [...args, program], { env }));
}

test("the Node that is locked", () => {
  expect(visited("node", [], "node")).toEqual([]);
});

test.each(RUNTIMES)("$name", ({ name, path, args, version }) => {
  expect(printed(path(), ["--version"])).toMatch(version);
  expect(visited(path(), args, name)).toEqual([]);
});

describe.skipIf(chromium === undefined)("Chromium", () => {
  test("as modules, from another origin", async () => {
    const imports = {
      tollgate: "/client/dist/index.js",
      "tollgate/": "/client/dist/",
      "tollgate/flow": "/client/dist/flow/index.js",
      "tollgate/compat": "/client/dist/compat/index.js",
      cockatiel: "/client/node_modules/cockatiel/dist/index.js",
    };
    const asked = new URLSearchParams({ url: tollgate.url, token: TOKEN, identifier: "browser" });
    const page = `<!doctype html><body data-server="${asked.toString().replaceAll("&", "&amp;")}">
<script type="importmap">${JSON.stringify({ imports })}</script>
<script type="module" src="/client/tests/lib/page.js"></script>`;
    expect((await inBrowser(page, root)).told).toEqual([]);
  });
});
