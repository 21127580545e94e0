// Tollgate as a process of its own, on a disk that outlives it, seen over HTTP only.

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { prepare, start, tollgate } from "../../../scripts/lib/workerd.mjs";

const TOKENS = readFileSync("tests/fixtures/tokens.json", "utf8");

/**
 * Prepares a server: `texts` are further variables, `variants` further Workers, `change` alters
 * Tollgate's own description, `keepsEvents` keeps what `events` tells, and `through` stands before
 * the command that is run. Nothing runs before `start`.
 */
export async function server({
  texts = {},
  variants = [],
  change = (main) => main,
  tokens = TOKENS,
  keepsEvents = false,
  through = [],
} = {}) {
  const directory = await mkdtemp(join(tmpdir(), "tollgate-"));
  const variables = { ...(tokens === null ? {} : { TOLLGATE_TOKENS: tokens }), ...texts };
  const main = tollgate({ texts: Object.entries(variables).map(([name, text]) => ({ name, text })) });
  const prepared = await prepare([change(main), ...variants], join(directory, "server"));
  prepared.command = [...through, ...prepared.command];
  let running;
  const self = {
    urlOf: (id) => `http://127.0.0.1:${prepared.ports[id]}`,
    url: `http://127.0.0.1:${prepared.ports.T}`,
    /** Where its configuration and its disk are. */
    directory: prepared.directory,
    /** Starts the process, again on the same disk after it ended. */
    async start() {
      running = await start(prepared, { keepsEvents });
      return self;
    },
    /** Ends it without warning: SIGKILL, as `kill -9` does. */
    async kill() {
      await running?.stop();
      running = undefined;
    },
    /** Ends it and forgets its disk. */
    async remove() {
      await self.kill();
      rmSync(directory, { recursive: true, force: true });
    },
    /** How large the files may be that it writes, as `prlimit` takes it. */
    limitFiles(bytes) {
      execFileSync("prlimit", ["--pid", String(running.pid), `--fsize=${bytes}:`]);
    },
    /** Lets `peak` begin anew, where the system can. */
    forgetPeak() {
      const file = `/proc/${running.pid}/clear_refs`;
      if (existsSync(file)) writeFileSync(file, "5");
    },
    /**
     * The most memory that the process has had resident, in bytes; undefined where the system does
     * not tell.
     */
    peak() {
      const file = `/proc/${running.pid}/status`;
      const kilobytes = existsSync(file) && /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(file, "utf8"))?.[1];
      return kilobytes ? Number(kilobytes) * 1024 : undefined;
    },
    /** The log events since it was started last. */
    events() {
      const lines = readFileSync(join(prepared.directory, "events.log"), "utf8").split("\n");
      return lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
    },
    /** The errors that the process printed since it was started last. */
    log: () => readFileSync(join(prepared.directory, "workerd.log"), "utf8"),
    /** Every row that objects have stored, by file and table. Only while nothing runs. */
    rows: () => rowsBelow(prepared.directory),
    /**
     * How many objects of each class the Worker `id` has in memory now: workerd holds their
     * database open. Linux only.
     */
    liveObjects(id = "T") {
      const open = readdirSync(`/proc/${running.pid}/fd`).map((fd) => linkOf(`/proc/${running.pid}/fd/${fd}`));
      const live = {};
      for (const path of open) {
        const [, className] = new RegExp(`/storage-${id}/${id}-(\\w+)/[0-9a-f]{64}\\.sqlite$`).exec(path) ?? [];
        if (className) live[className] = (live[className] ?? 0) + 1;
      }
      return live;
    },
    /** Serves another build from the next start on. */
    serveBuild(folder) {
      const file = join(prepared.directory, "workerd.capnp");
      const text = readFileSync(file, "utf8").replaceAll(
        /embed "([^"]*)\/build[^"]*\/(index[^"/]*)"/g,
        `embed "$1/${folder}/$2"`,
      );
      writeFileSync(file, text);
    },
    /**
     * Tells KV how to be, if anything; what was done with it since it was told last. See
     * scripts/lib/kv.js.
     */
    async kv(how) {
      const body = how && JSON.stringify(how);
      return (await fetch(self.urlOf("kv"), { method: "POST", body })).json();
    },
    /** One request, as JSON both ways; the answer with its status and headers. */
    call: (method, path, body, options) => call(self.url, method, path, body, options),
  };
  return self;
}

function rowsBelow(directory) {
  const files = readdirSync(directory, { recursive: true }).filter((file) => /\/[0-9a-f]{64}\.sqlite$/.test(file));
  const rows = {};
  for (const file of files.sort()) {
    const database = new DatabaseSync(join(directory, file));
    const tables = database
      .prepare("SELECT name FROM sqlite_master WHERE name IN ('state', 'answers', 'keys', 'alive')")
      .all();
    for (const { name } of tables) rows[`${file} ${name}`] = database.prepare(`SELECT * FROM ${name}`).all();
    database.close();
  }
  return rows;
}

/** Where a link leads; nowhere when it is gone by now. */
function linkOf(path) {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** One request to any of the Workers. `token` null means none. */
export async function call(url, method, path, body, { token = "test-admin", headers = {} } = {}) {
  const response = await fetch(url + path, {
    method,
    headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...headers },
    body: body === undefined || typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body),
  });
  const text = await response.text();
  // The answer to HEAD is of the type of the body that it has not.
  const isJson = text !== "" && /json/.test(response.headers.get("content-type") ?? "");
  const json = isJson ? JSON.parse(text) : undefined;
  return { status: response.status, headers: response.headers, text, json };
}

/** Every algorithm with room for `limit` units and none coming back while a test runs. */
export function algorithms(limit) {
  const day = { amount: 1, interval: "1d" };
  return {
    fixedWindow: { algorithm: "fixedWindow", limit, window: "52w" },
    slidingWindow: { algorithm: "slidingWindow", limit, window: "52w" },
    slidingLog: { algorithm: "slidingLog", limit: Math.min(limit, 1000), window: "1d" },
    tokenBucket: { algorithm: "tokenBucket", capacity: limit, refill: day },
    leakyBucket: { algorithm: "leakyBucket", capacity: limit, leak: day },
    quota: { algorithm: "quota", limit, period: "year", timeZone: "Europe/Berlin" },
    concurrency: { algorithm: "concurrency", limit: Math.min(limit, 1000), ttl: "1d" },
  };
}

/** The units that an algorithm of the above has room for. */
export const capacityOf = (limit) => limit.capacity ?? limit.limit;
