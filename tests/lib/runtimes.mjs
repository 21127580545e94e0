// Runtimes that the npm packages are tried in, beside the Node and the workerd that are locked
// anyway: those that npm has, and a browser.

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { onTestFinished } from "vitest";
import { environment, root } from "../../scripts/lib/process.mjs";

const FOLDER = join(root, "tests/runtimes");
const MODULES = join(FOLDER, "node_modules");

/** What a program prints; throws with what it said when it fails. */
export function printed(command, args, { cwd = root, env = {} } = {}) {
  const options = { cwd, encoding: "utf8", env: { ...environment(), ...env }, timeout: 60_000 };
  const { status, stdout, stderr, error } = spawnSync(command, args, options);
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? `${stdout}${stderr}`}`);
}

/** A folder until the test has finished. */
export function folder() {
  const made = mkdtempSync(join(tmpdir(), "tollgate-runtime-"));
  // What a browser's processes write while they end comes between.
  onTestFinished(() => rmSync(made, { recursive: true, force: true, maxRetries: 10 }));
  return made;
}

/** Installs those of npm, where they are not there. */
export function installRuntimes() {
  const stamp = join(MODULES, ".tollgate");
  const lock = readFileSync(join(FOLDER, "package-lock.json"));
  const wanted = createHash("sha256").update(lock).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  const { status, stderr } = spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: FOLDER,
    encoding: "utf8",
    env: environment(),
  });
  if (status !== 0) throw new Error(`npm ci in ${FOLDER}: ${stderr}`);
  writeFileSync(stamp, wanted);
}

/** Where the package of npm is whose name begins so, and in it the program. */
const named = (parent, start, path) => () => {
  const all = existsSync(join(MODULES, parent)) ? readdirSync(join(MODULES, parent)) : [];
  const name = all.find((it) => it.startsWith(start));
  if (name === undefined) throw new Error(`there is no package ${parent}/${start}… for this machine`);
  return join(MODULES, parent, name, path);
};

/**
 * Those of npm. `path()` is the program, `args` what stands before a script, `version` what it
 * says.
 */
export const RUNTIMES = [
  { name: "Node 24", path: named("", "node-", "bin/node"), args: [], version: /^v24\./ },
  { name: "Bun", path: named("@oven", "bun-", "bin/bun"), args: [], version: /^1\./ },
  {
    name: "Deno",
    path: named("@deno", "", "deno"),
    args: ["run", "--allow-read", "--allow-env", "--allow-net=127.0.0.1", "--no-lock"],
    version: /^deno 2\./,
  },
];

/** The browser of this machine, if it has one. */
export const chromium = ["chromium", "chromium-browser", "google-chrome"].find(
  (name) => spawnSync(name, ["--version"]).status === 0,
);
if (chromium === undefined) process.stderr.write("\nSKIPPED: the packages in a browser: there is no chromium here\n");

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".json": "application/json" };

/**
 * What the page posts to `/told` that a browser finds at `/`; and what it asks for. `page` is its
 * text, undefined where the folder has an index.html; `files` are the folder's. `begins` learns the
 * page's origin before the browser does.
 */
export async function inBrowser(page, files, begins = async (_origin) => {}) {
  const asked = [];
  let tell;
  const told = new Promise((resolve) => {
    tell = resolve;
  });
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://127.0.0.1");
    asked.push(pathname);
    const folder = pathname.startsWith("/tests/fixtures/") ? root : files;
    const file = join(folder, pathname === "/" ? "index.html" : pathname);
    if (request.method === "POST") {
      let text = "";
      for await (const part of request) text += part;
      tell(text);
      response.end();
    } else if (pathname === "/" && page !== undefined) {
      response.setHeader("content-type", "text/html").end(page);
    } else if (existsSync(file)) {
      // Of wasm no type: a server need not know it.
      response.setHeader("content-type", TYPES[extname(file)] ?? "application/octet-stream");
      response.end(readFileSync(file));
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const origin = `http://127.0.0.1:${server.address().port}`;
  await begins(origin);
  // Without a sandbox, because CI may run it as root; the page is ours.
  const options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", `--user-data-dir=${folder()}`];
  const browser = spawn(chromium, [...options, `${origin}/`], { stdio: "ignore", detached: true });
  const ended = new Promise((resolve) => browser.once("exit", resolve));
  try {
    return { told: JSON.parse(await told), asked };
  } finally {
    process.kill(-browser.pid, "SIGKILL"); // and all that it has started
    await ended;
    server.closeAllConnections();
  }
}
