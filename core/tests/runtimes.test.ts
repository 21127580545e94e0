// The built package in each runtime that it is for: found by its name, as the runtime's own
// conditions say, and asked the shared vectors.

import { copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { extname, join, relative } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { root } from "../../scripts/lib/process.mjs";
import { prepare, start } from "../../scripts/lib/workerd.mjs";
import { chromium, folder, inBrowser, installRuntimes, printed, RUNTIMES } from "../../tests/lib/runtimes.mjs";

const vectors = JSON.parse(readFileSync(join(root, "tests/fixtures/vectors.json"), "utf8")).length;
const asExpected = { vectors, wrong: [] };
const program = join(root, "core/tests/lib/program.js");

test("the Node that is locked", () => {
  expect(JSON.parse(printed("node", [program]))).toEqual(asExpected);
});

describe("other runtimes, as npm packages", () => {
  beforeAll(installRuntimes, 300_000);

  test.each(RUNTIMES)("$name", ({ path, args, version }) => {
    expect(printed(path(), ["--version"])).toMatch(version);
    expect(JSON.parse(printed(path(), [...args, program]))).toEqual(asExpected);
  });
});

test("workerd, bundled by wrangler", async () => {
  const made = folder();
  const config = join(made, "wrangler.toml");
  const main = join(root, "core/tests/lib/worker.js");
  writeFileSync(config, `name = "core"\nmain = "${main}"\ncompatibility_date = "2026-01-01"\n`);
  printed("wrangler", ["deploy", "--dry-run", "--config", config, "--outdir", join(made, "out")]);
  const files = readdirSync(join(made, "out")).filter((name) => /\.(js|wasm)$/.test(name));
  // The entry comes first.
  const modules = files.sort((a, b) => extname(a).localeCompare(extname(b))).map((name) => join(made, "out", name));
  expect(modules.map((name) => extname(name))).toEqual([".js", ".wasm"]);
  const variant = { id: "T", modules: modules.map((name) => relative(root, name)), objects: [] };
  const server = await start(await prepare([variant], join(made, "workerd")));
  try {
    const answer = await fetch(`http://127.0.0.1:${server.ports.T}/`);
    expect(await answer.json()).toEqual(asExpected);
  } finally {
    await server.stop();
  }
});

describe.skipIf(chromium === undefined)("Chromium", () => {
  test("without a bundler", async () => {
    const map = JSON.stringify({ imports: { "@tollgate/core": "/core/dist/browser.js" } });
    const page = `<!doctype html><script type="importmap">${map}</script>
<script type="module" src="/core/tests/lib/page.js"></script>`;
    const { told, asked } = await inBrowser(page, root);
    expect(told).toEqual(asExpected);
    expect(asked).toContain("/core/dist/core.wasm");
  });

  test("bundled by Vite, from where npm would have put the package", async () => {
    const made = folder();
    mkdirSync(join(made, "node_modules/@tollgate"), { recursive: true });
    symlinkSync(join(root, "core"), join(made, "node_modules/@tollgate/core"));
    for (const name of ["page.js", "check.js", "vectors.js"]) {
      copyFileSync(join(root, "core/tests/lib", name), join(made, name));
    }
    writeFileSync(join(made, "index.html"), '<!doctype html><script type="module" src="./page.js"></script>');
    printed("vite", ["build", made, "--outDir", join(made, "dist"), "--logLevel", "warn"]);
    const { told, asked } = await inBrowser(undefined, join(made, "dist"));
    expect(told).toEqual(asExpected);
    expect(asked.filter((path) => /^\/assets\/core-[^/]+\.wasm$/.test(path))).toHaveLength(1);
  });
});
