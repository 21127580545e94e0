// The package as its users have it: packed by npm, installed by npm in a folder outside the
// repository, on a machine with Node and npm alone. wrangler is linked from the repository, because
// downloading 80 MB shows nothing; no test here reaches the network.

import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { root } from "../../../scripts/lib/process.mjs";

// A server that should not have started serves for ever.
const RUN_PATIENCE_MS = 45_000;
const START_PATIENCE_MS = 60_000;

/** Packs and installs; `folder(name)` makes folders that have the package. */
export function install() {
  const base = mkdtempSync(join(tmpdir(), "tollgate-npx-"));
  const at = (name) => join(base, name);
  for (const name of ["bin", "home", "tmp", "pack"]) mkdirSync(at(name));
  for (const name of ["npm", "npx", "sh"]) symlinkSync(realpathSync(which(name)), join(at("bin"), name));
  symlinkSync(process.execPath, join(at("bin"), "node"));
  const env = { HOME: at("home"), TMPDIR: at("tmp"), PATH: at("bin"), npm_config_offline: "true" };

  /** Runs a command to its end. */
  const run = (folder, command, args, { env: more, ...options } = {}) => {
    const { status, stdout, stderr, error } = spawnSync(join(at("bin"), command), args, {
      cwd: folder,
      encoding: "utf8",
      env: { ...env, ...more },
      timeout: RUN_PATIENCE_MS,
      ...options,
    });
    if (error) throw error;
    return { status, stdout, stderr, text: stdout + stderr };
  };
  const packed = (folder) => {
    const { status, stdout, text } = run(folder, "npm", [
      "pack",
      "--ignore-scripts",
      "--silent",
      "--pack-destination",
      at("pack"),
    ]);
    if (status !== 0) throw new Error(text);
    return join(at("pack"), stdout.trim());
  };
  const files = [packed(join(root, "client")), packed(join(root, "client/node_modules/cockatiel"))];

  return {
    env,
    at,
    run,
    /** A folder in which the package is installed, with wrangler beside it. */
    folder(name) {
      mkdirSync(at(name), { recursive: true });
      const { status, text } = run(at(name), "npm", ["install", "--no-audit", "--no-fund", ...files]);
      if (status !== 0) throw new Error(text);
      link(at(name), "wrangler");
      return at(name);
    },
    /** A program of Node in a folder; what it prints, as JSON. */
    program(folder, text, more) {
      const file = join(folder, "program.mjs");
      writeFileSync(file, text);
      const { status, stdout, stderr } = run(folder, "node", [file], { env: more });
      if (status !== 0) throw new Error(stderr);
      return JSON.parse(stdout);
    },
    /** Starts a command that serves, in a process group of its own as a terminal does. */
    serve: (folder, command, args) => serve(folder, join(at("bin"), command), args, env),
    remove: () => rmSync(base, { recursive: true, force: true, maxRetries: 5 }),
  };
}

function link(folder, name) {
  symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
  symlinkSync(`../${name}/bin/wrangler.js`, join(folder, "node_modules/.bin", name));
}

function which(name) {
  const { stdout } = spawnSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" });
  const path = stdout.trim();
  if (path === "") throw new Error(`${name} is not in ${process.env.PATH.split(delimiter).join(", ")}`);
  return path;
}

async function serve(folder, program, args, env) {
  const child = spawn(program, args, { cwd: folder, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part) => (text += part));
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const deadline = Date.now() + START_PATIENCE_MS;
  while (!text.includes("Ctrl-C stops it.")) {
    if (child.exitCode !== null || Date.now() > deadline) {
      signal(child, "SIGKILL");
      throw new Error(`It does not serve:\n${text}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    text: () => text,
    url: /TOLLGATE_URL=(\S+)/.exec(text)[1],
    token: /TOLLGATE_TOKEN=(\S+)/.exec(text)[1],
    /** Ctrl-C: every process of the group has the signal. */
    async stop() {
      signal(child, "SIGINT");
      await exited;
    },
  };
}

function signal(child, name) {
  try {
    process.kill(-child.pid, name);
  } catch {
    // All of them have ended.
  }
}
