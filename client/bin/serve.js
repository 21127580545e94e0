// Serves Tollgate on this machine with `wrangler dev`, until somebody stops it: for `npx tollgate
// dev`, and for `npm start` in the repository.
//
// The server runs in a process group of its own, and every way to stop the command stops that
// group: wrangler starts workerd as a child, and a workerd left behind would hold the port.

import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { readableToken } from "./dev-vars.js";
import { Problem } from "./problem.js";

const HOST = "127.0.0.1";
// wrangler takes two to four seconds; a loaded machine several times that.
const START_SECONDS = 30;
// wrangler flushes its state in well under a second when asked to end.
const STOP_SECONDS = 5;

/** Throws where the port cannot be had. `again(port)` is the command with another port. */
export async function requireFree(wanted, again) {
  const error = await tryPort(wanted);
  if (!error) return;
  if (error.code === "EACCES")
    throw new Problem(`This user may not serve on port ${wanted}. Take one from 1024 up: ${again(8787)}`);
  if (error.code !== "EADDRINUSE") throw new Problem(`Port ${wanted} cannot be used: ${error.message}`);
  const free = await freeAfter(wanted);
  const line = free === undefined ? "" : `, or take a free port:\n\n  ${again(free)}`;
  throw new Problem(`Port ${wanted} is in use by another program. Stop it${line || "."}`);
}

async function freeAfter(wanted) {
  for (let port = wanted + 1; port <= 65_535; port++) if (!(await tryPort(port))) return port;
  return undefined;
}

function tryPort(wanted) {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", resolve);
    probe.listen(wanted, HOST, () => probe.close(() => resolve(undefined)));
  });
}

/**
 * Starts the server, shows how to ask it once it answers, and ends the process when it is stopped.
 * Throws where it does not start, and when it ends by itself.
 *
 * @param wrangler the program and the arguments in front of `dev`.
 * @param options further arguments.
 * @param folder where it runs, with the configuration.
 * @param devVars the file that has its tokens.
 * @param afterwards is called when all has ended.
 */
export async function serve({ wrangler, options = [], folder, devVars, env, port, afterwards = () => {} }) {
  const [program, ...first] = wrangler;
  const args = [...first, "dev", "--ip", HOST, "--port", String(port), "--show-interactive-dev-session=false"];
  const child = spawn(program, [...args, ...options], {
    cwd: folder,
    detached: true, // leads its own group
    env,
    stdio: ["ignore", "inherit", "inherit"],
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => stop(child));
  process.on("exit", () => {
    endGroup(child, "SIGKILL");
    afterwards();
  });
  const ended = endOf(child);
  if (await Promise.race([isAlive(child, port), ended])) console.log(welcome(port, readableToken(devVars)));
  await ended;
}

/** Throws when the server ends by itself; ends the process where it was asked to end. */
function endOf(child) {
  return new Promise((_, reject) => {
    child.on("error", (error) => reject(new Problem(`wrangler could not be started: ${error.message}`)));
    child.on("exit", (status, signal) => {
      if (child.stopping) process.exit(0);
      const how = signal ?? `status ${status}`;
      reject(new Problem(`The server ended by itself (${how}); the lines above say why.`));
    });
  });
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

/** Waits until the Worker itself answers; false where the server is stopped before. */
async function isAlive(child, port) {
  const deadline = Date.now() + START_SECONDS * 1000;
  let last = "no answer";
  while (Date.now() < deadline && !child.stopping) {
    const answer = await fetch(`http://${HOST}:${port}/healthz`, { signal: AbortSignal.timeout(5000) }).catch(
      () => undefined,
    );
    if (answer?.ok) return true;
    if (answer) last = `status ${answer.status}`;
    await sleep(100);
  }
  if (child.stopping) return false;
  throw new Problem(`GET /healthz had ${last} for ${START_SECONDS} s; the lines above may say why.`);
}

function welcome(port, token) {
  const address = `http://${HOST}:${port}`;
  const body = { identifier: "octocat", limit: 5, window: "1m" };
  const lines = [
    `curl -i ${address}/limit`,
    `-H 'Authorization: Bearer ${token ?? "<your token>"}'`,
    "-H 'Content-Type: application/json'",
    `-d '${JSON.stringify(body)}'`,
  ];
  const hint = token
    ? `\nFor programs: TOLLGATE_URL=${address} TOLLGATE_TOKEN=${token}\n`
    : "\n(.dev.vars has no token in clear that may check limits, so put in your own.)\n";
  return `\nTollgate is ready on ${address}. Ask it for a decision:\n\n${lines.join(" ")}\n${hint}\nCtrl-C stops it.\n`;
}
