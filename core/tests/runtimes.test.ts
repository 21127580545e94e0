// The built package in each runtime that it is for: found by its name, as the runtime's own
// conditions say, and asked the shared vectors.

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join, relative } from "node:path";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { environment, root } from "../../scripts/lib/process.mjs";
import { prepare, start } from "../../scripts/lib/workerd.mjs";

const vectors = JSON.parse(readFileSync(join(root, "tests/fixtures/vectors.json"), "utf8")).length;
const asExpected = { vectors, wrong: [] };
const program = join(root, "core/tests/lib/program.js");
const runtimes = join(root, "core/tests/runtimes");

/** What a program prints; throws with what it said when it fails. */
function printed(command: string, args: string[], cwd = root): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: "utf8", env: environment() });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? `${stdout}${stderr}`}`);
}

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "tollgate-core-"));
  // What a browser's processes write while they end comes between.
  onTestFinished(() => rmSync(made, { recursive: true, force: true, maxRetries: 10 }));
  return made;
}

test("the Node that is locked", () => {
  expect(JSON.parse(printed("node", [program]))).toEqual(asExpected);
});

describe("other runtimes, as npm packages", () => {
  beforeAll(() => {
    const stamp = join(runtimes, "node_modules/.tollgate");
    const lock = readFileSync(join(runtimes, "package-lock.json"));
    const wanted = createHash("sha256").update(lock).digest("hex");
    if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
    printed("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], runtimes);
    writeFileSync(stamp, wanted);
  }, 300_000);

  const modules = join(runtimes, "node_modules");
  const named = (parent: string, start: string, path: string) => () => {
    const all = existsSync(join(modules, parent)) ? readdirSync(join(modules, parent)) : [];
    const name = all.find((it) => it.startsWith(start));
    if (name === undefined) throw new Error(`there is no package ${parent}/${start}… for this machine`);
    return join(modules, parent, name, path);
  };

  test.each([
    { name: "Node 24", path: named("", "node-", "bin/node"), args: [], version: /^v24\./ },
    { name: "Bun", path: named("@oven", "bun-", "bin/bun"), args: [], version: /^1\./ },
    {
      name: "Deno",
      path: named("@deno", "", "deno"),
      args: ["run", "--allow-read", "--no-lock"],
      version: /^deno 2\./,
    },
  ])("$name", ({ path, args, version }) => {
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

const chromium = ["chromium", "chromium-browser", "google-chrome"].find(
  (name) => spawnSync(name, ["--version"]).status === 0,
);
if (chromium === undefined) process.stderr.write("\nSKIPPED: the package in a browser: there is no chromium here\n");

/** What the page tells that a browser finds at `/`, where `files` are the folder's; and what it asks for. */
async function inBrowser(page: string | undefined, files: string) {
  const types = { ".html": "text/html", ".js": "text/javascript", ".json": "application/json" };
  const asked: string[] = [];
  let tell: (text: string) => void;
  const told = new Promise<string>((resolve) => {
    tell = resolve;
  });
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://127.0.0.1");
    asked.push(pathname);
    const file = join(
      pathname.startsWith("/tests/fixtures/") ? root : files,
      pathname === "/" ? "index.html" : pathname,
    );
    if (request.method === "POST") {
      let text = "";
      for await (const part of request) text += part;
      tell(text);
      response.end();
    } else if (pathname === "/" && page !== undefined) {
      response.setHeader("content-type", "text/html").end(page);
    } else if (existsSync(file)) {
      // Of wasm no type: a server need not know it.
      response.setHeader("content-type", types[extname(file) as keyof typeof types] ?? "application/octet-stream");
      response.end(readFileSync(file));
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  // Without a sandbox, because CI may run it as root; the page is ours.
  const options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", `--user-data-dir=${folder()}`];
  const browser = spawn(chromium as string, [...options, `http://127.0.0.1:${port}/`], {
    stdio: "ignore",
    detached: true,
  });
  const ended = new Promise((resolve) => browser.once("exit", resolve));
  try {
    return { told: JSON.parse(await told), asked };
  } finally {
    process.kill(-(browser.pid as number), "SIGKILL"); // and all that it has started
    await ended;
    server.closeAllConnections();
  }
}

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
