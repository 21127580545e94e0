// One workerd process that serves several Workers, each on a socket and with a storage directory of
// its own: for the benchmark and for the tests from outside. Raw workerd and no development server:
// `wrangler dev` would measure its proxy, and would hide a killed process behind another one.

import { spawn } from "node:child_process";
import { mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { basename, join, relative } from "node:path";
import workerd from "workerd";
import { root } from "./process.mjs";

// The program itself: the package's command may be a launcher, which would be timed along with it.
const WORKERD = workerd.default ?? workerd;

// The name of the socket by which the KV namespace is told how to be: lib/kv.js.
const KV = "kv";

// workerd listens after a fraction of a second; a machine this slow measures nothing.
const PATIENCE_MS = 20_000;

/**
 * Tollgate as wrangler.toml describes it, so that what is tested and measured is what is deployed.
 * `texts` are its variables and secrets. An object with `of` is served by the class of that name in
 * the variant with that id.
 */
export function tollgate({ id = "T", texts = [], folder = "build" } = {}) {
  const objects = [...wrangler().matchAll(/\{ name = "(\w+)", class_name = "(\w+)" \}/g)];
  const kv = [...wrangler().matchAll(/\[\[kv_namespaces\]\]\s+binding = "(\w+)"/g)];
  return {
    id,
    modules: workerBuild(folder),
    objects: objects.map(([, binding, className]) => ({ binding, className })),
    texts,
    kv: kv.map(([, binding]) => binding),
  };
}

/** What a build made: the entry, in which all scripts are bundled, and the wasm. */
export function workerBuild(folder) {
  return [join(folder, "index.js"), join(folder, "index_bg.wasm")];
}

/** The compatibility flags of wrangler.toml, for every variant. */
function compatibilityFlags() {
  return /^compatibility_flags = (\[.*\])$/m.exec(wrangler())[1];
}

/** The compatibility date of wrangler.toml, for every variant. */
function compatibilityDate() {
  return /^compatibility_date = "([\d-]+)"/m.exec(wrangler())[1];
}

function wrangler() {
  return readFileSync(join(root, "wrangler.toml"), "utf8");
}

/**
 * Writes the configuration into `directory`, with fresh storage beside it. Gives the command and
 * the ports by id.
 */
export async function prepare(variants, directory) {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const ids = [...variants.map(({ id }) => id), KV];
  const ports = Object.fromEntries(await Promise.all(ids.map(async (id) => [id, await freePort()])));
  for (const { id } of variants) mkdirSync(join(directory, `storage-${id}`));
  const file = join(directory, "workerd.capnp");
  writeFileSync(file, configuration(variants, ports, directory));
  return { command: [WORKERD, "serve", file], ports, directory };
}

/**
 * The configuration in workerd's own language. What a Worker fetches may be anywhere in the
 * internet; where it says that it `reaches` "private" instead, on this machine and around it.
 */
export function configuration(variants, ports, directory) {
  const services = variants.flatMap(({ id }) => [
    `    (name = "worker-${id}", worker = .worker${id}),`,
    `    (name = "storage-${id}", disk = (path = "${join(directory, `storage-${id}`)}", writable = true)),`,
  ]);
  const reached = new Set(variants.flatMap(({ reaches }) => reaches ?? []));
  for (const kind of reached) services.push(`    (name = "network-${kind}", network = (allow = ["${kind}"])),`);
  const socket = (id, service) =>
    `    (name = "${id}", address = "127.0.0.1:${ports[id]}", http = (), service = "${service}"),`;
  const sockets = [...variants.map(({ id }) => socket(id, `worker-${id}`)), socket(KV, "kv")];
  return `# Made by scripts/lib/workerd.mjs.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
${services.join("\n")}
    (name = "kv", worker = .kv),
  ],
  sockets = [
${sockets.join("\n")}
  ],
);

const kv :Workerd.Worker = (
  compatibilityDate = "${compatibilityDate()}",
  modules = [(name = "kv.js", esModule = embed "${relative(directory, join(root, "scripts/lib/kv.js"))}")],
);
${variants.map((variant) => worker(variant, directory)).join("")}`;
}

function worker({ id, modules, objects, texts = [], kv = [], services = [], reaches }, directory) {
  const lines = modules.map((path) => {
    const kind = path.endsWith(".wasm") ? "wasm" : "esModule";
    return `    (name = "${basename(path)}", ${kind} = embed "${relative(directory, join(root, path))}"),`;
  });
  const own = objects.filter(({ of }) => of === undefined);
  const classes = own.map(
    ({ className }) => `    (className = "${className}", uniqueKey = "${id}-${className}", enableSql = true),`,
  );
  const namespace = ({ className, of }) =>
    of === undefined ? `"${className}"` : `(className = "${className}", serviceName = "worker-${of}")`;
  const bindings = [
    ...objects.map((object) => `    (name = "${object.binding}", durableObjectNamespace = ${namespace(object)}),`),
    ...services.map((service) => `    (name = "${service.binding}", service = ${designator(service)}),`),
    ...texts.map(({ name, text }) => `    (name = "${name}", text = ${JSON.stringify(text)}),`),
    ...kv.map((binding) => `    (name = "${binding}", kvNamespace = "kv"),`),
  ];
  return `
const worker${id} :Workerd.Worker = (
  compatibilityDate = "${compatibilityDate()}",
  compatibilityFlags = ${compatibilityFlags()},
  modules = [
${lines.join("\n")}
  ],
  durableObjectNamespaces = [
${classes.join("\n")}
  ],
  durableObjectStorage = (localDisk = "storage-${id}"),${reaches ? `\n  globalOutbound = "network-${reaches}",` : ""}
  bindings = [
${bindings.join("\n")}
  ],
);
`;
}

/** Another Worker: its usual entry, or one of its own with what it is told of who calls. */
function designator({ of, entrypoint, props }) {
  if (entrypoint === undefined) return `"worker-${of}"`;
  const told = props === undefined ? "" : `, props = (json = ${JSON.stringify(JSON.stringify(props))})`;
  return `(name = "worker-${of}", entrypoint = "${entrypoint}"${told})`;
}

/**
 * Starts the process and waits until every socket listens. Its errors go to a file beside its
 * configuration, and so do its log events if they are to be kept.
 */
export async function start({ command, ports, directory }, { keepsEvents = false } = {}) {
  const log = join(directory, "workerd.log");
  const events = keepsEvents ? join(directory, "events.log") : "/dev/null";
  const stdio = ["ignore", openSync(events, "w"), openSync(log, "w")];
  const [program, ...args] = command;
  const child = spawn(program, args, { stdio });
  const ended = new Promise((resolve) => {
    child.once("error", resolve);
    child.once("exit", resolve);
  });
  const server = { pid: child.pid, ports, directory, stop: () => stop(child, ended) };
  try {
    for (const port of Object.values(ports)) await listening(port, child);
  } catch (error) {
    await server.stop();
    throw new Error(`workerd did not start: ${error.message}\n${readFileSync(log, "utf8")}`);
  }
  return server;
}

async function stop(child, ended) {
  child.kill("SIGKILL"); // its storage is thrown away, so there is nothing to save
  await ended;
}

async function listening(port, child) {
  const end = Date.now() + PATIENCE_MS;
  while (Date.now() < end) {
    if (child.exitCode !== null || child.pid === undefined) throw new Error("it ended at once");
    const connected = await new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (connected) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`no one listens on port ${port}`);
}

/** A port that no one listens on now. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** How many files the process may have open: every live object holds three. */
export function openFilesLimit(pid) {
  const limits = readFileSync(`/proc/${pid}/limits`, "utf8");
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
}
