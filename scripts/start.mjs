// `npm start`: Tollgate on this machine. Sets up, builds, writes a token where there is none,
// serves with `wrangler dev` on 127.0.0.1, and ends with a curl line that works.
// `npm start -- --port N` takes another port.
//
// The server runs in a process group of its own, and every way to stop this script stops that
// group: wrangler starts workerd as a child, and a workerd left behind would hold the port.

import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { build } from "./build.mjs";
import { ensureTokens, readableToken } from "./lib/dev-vars.mjs";
import { portOf } from "./lib/port.mjs";
import { environment, fail, root } from "./lib/process.mjs";

const HOST = "127.0.0.1";
const DEV_VARS = join(root, ".dev.vars");
// wrangler takes two to four seconds; a loaded machine several times that.
const START_SECONDS = 30;
// wrangler flushes its state in well under a second when asked to end.
const STOP_SECONDS = 5;

const { port, problem } = portOf(process.argv.slice(2), process.env.npm_config_port);
if (problem) fail(problem);
await requireFree(port);
build();
if (ensureTokens(DEV_VARS)) console.log("start: wrote .dev.vars with a random admin token");

const server = serve();
if (await isAlive()) console.log(welcome());

/** Ends the script when the port cannot be had; asked before anything is compiled. */
async function requireFree(wanted) {
  const error = await tryPort(wanted);
  if (!error) return;
  if (error.code === "EACCES")
    fail(`This user may not serve on port ${wanted}. Take one from 1024 up: npm start -- --port 8787`);
  if (error.code !== "EADDRINUSE") fail(`Port ${wanted} cannot be used: ${error.message}`);
  let free = wanted + 1;
  while (free < 65_535 && (await tryPort(free))) free += 1;
  fail(`Port ${wanted} is in use by another program. Stop it, or take a free port:\n\n  npm start -- --port ${free}`);
}

function tryPort(wanted) {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", resolve);
    probe.listen(wanted, HOST, () => probe.close(() => resolve(undefined)));
  });
}

function serve() {
  const args = ["dev", "--ip", HOST, "--port", String(port), "--show-interactive-dev-session=false"];
  const child = spawn("wrangler", args, {
    cwd: root,
    detached: true, // leads its own group
    env: environment(),
    stdio: ["ignore", "inherit", "inherit"],
  });
  child.on("error", (error) => fail(`wrangler could not be started: ${error.message}`));
  child.on("exit", (status, signal) => {
    if (child.stopping) process.exit(0);
    endGroup(child, "SIGKILL"); // what it may have left behind
    fail(`The server ended by itself (${signal ?? `status ${status}`}); the lines above say why.`);
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => stop(child));
  process.on("exit", () => endGroup(child, "SIGKILL"));
  return child;
}

function stop(child) {
  if (child.stopping) return;
  child.stopping = true;
  endGroup(child, "SIGTERM");
  // Past this the group is killed by the exit handler.
  setTimeout(() => process.exit(0), STOP_SECONDS * 1000);
}

function endGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone already, which is what was wanted.
  }
}

/** Waits until the Worker itself answers. */
async function isAlive() {
  const deadline = Date.now() + START_SECONDS * 1000;
  let last = "no answer";
  while (Date.now() < deadline && !server.stopping) {
    const answer = await fetch(`http://${HOST}:${port}/healthz`, { signal: AbortSignal.timeout(5000) }).catch(
      () => undefined,
    );
    if (answer?.ok) return true;
    if (answer) last = `status ${answer.status}`;
    await sleep(100);
  }
  if (!server.stopping) fail(`GET /healthz had ${last} for ${START_SECONDS} s; the lines above may say why.`);
  return false;
}

function welcome() {
  const token = readableToken(DEV_VARS);
  const body = { identifier: "octocat", limit: 5, window: "1m" };
  const lines = [
    `curl -i http://${HOST}:${port}/limit`,
    `-H 'Authorization: Bearer ${token ?? "<your token>"}'`,
    "-H 'Content-Type: application/json'",
    `-d '${JSON.stringify(body)}'`,
  ];
  const hint = token ? "" : "\n(.dev.vars has no token in clear that may check limits, so put in your own.)\n";
  return `\nTollgate is ready on http://${HOST}:${port}. Ask it for a decision:\n\n${lines.join(" ")}\n${hint}\nCtrl-C stops it.\n`;
}
