// What a process of workerd uses: memory, descriptors, bytes and rows on its disk. Linux only.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** V8 reserves this much for each wasm memory, and a little less for its own heaps. */
const RESERVED = 2 ** 32;
/** A Worker's limits are told by what it stores; these are tables of workerd's own. */
const NOT_OURS = ["_cf_METADATA", "sqlite_sequence"];

/** One look: `{ at, rss, wasm, descriptors, bytes, databases, rows }`, sizes in bytes. */
export function sample({ pid, storage }) {
  const { bytes, databases, rows } = onDisk(storage);
  return {
    at: Date.now(),
    rss: residentOf(readFileSync(`/proc/${pid}/status`, "utf8")),
    wasm: wasmOf(readFileSync(`/proc/${pid}/maps`, "utf8")),
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    bytes,
    databases,
    rows: Object.values(rows).reduce((sum, count) => sum + count, 0),
  };
}

function residentOf(status) {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)[1]) * 1024;
}

/**
 * The memory of all wasm instances: behind what an instance has asked for, which may be read and
 * written, V8 keeps the rest of four gibibytes from everybody. Another small region may touch it.
 */
export function wasmOf(maps) {
  const line = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ 0\s*$/;
  let [sum, before] = [0, undefined];
  for (const text of maps.split("\n")) {
    const [, from, to, rights] = line.exec(text) ?? [];
    const region = from && { size: Number.parseInt(to, 16) - Number.parseInt(from, 16), rights };
    const isRest = region?.rights.startsWith("---") && before?.rights.startsWith("rw");
    if (isRest && before.size + region.size >= RESERVED) sum += before.size;
    before = region;
  }
  return sum;
}

/** What objects have stored, `rows` by class and table. */
export function onDisk(storage) {
  const found = { bytes: 0, databases: 0, rows: {} };
  for (const folder of storage) {
    for (const file of readdirSync(folder, { recursive: true })) {
      const path = join(folder, file);
      found.bytes += sizeOf(path);
      const [, className] = /-(\w+)\/[0-9a-f]{64}\.sqlite$/.exec(path) ?? [];
      if (!className) continue;
      found.databases += 1;
      for (const [table, count] of rowsOf(path)) {
        const name = `${className}.${table}`;
        found.rows[name] = (found.rows[name] ?? 0) + count;
      }
    }
  }
  return found;
}

/** An object may delete its files while one looks. */
function sizeOf(path) {
  const found = statSync(path, { throwIfNoEntry: false });
  return found?.isFile() ? found.size : 0;
}

function rowsOf(path) {
  let database;
  try {
    database = new DatabaseSync(path, { readOnly: true });
    const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
    return tables
      .filter(({ name }) => !NOT_OURS.includes(name))
      .map(({ name }) => [name, database.prepare(`SELECT count(*) AS count FROM "${name}"`).get().count]);
  } catch {
    return []; // gone, or busy this moment
  } finally {
    database?.close();
  }
}
