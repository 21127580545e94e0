// The stored rows of one object's keys, in its SQLite. One table, made at the first write:
// key (bytes), page, expires (Unix ms, of page 0, NULL for never), data (bytes).
// The row with the text 'listed' as its key, which no client's key is, holds the name under which the directory lists the
// object. Bound, and explained where it is used, in keyspace_store.rs.

const CREATE =
  "CREATE TABLE IF NOT EXISTS keys (key BLOB, page INTEGER, expires INTEGER, data BLOB NOT NULL, PRIMARY KEY (key, page)) WITHOUT ROWID";
const PUT = "INSERT OR REPLACE INTO keys (key, page, expires, data) VALUES (?, ?, ?, ?)";
const TRIM = "DELETE FROM keys WHERE key = ? AND page >= ?";
const WIPE = "DELETE FROM keys WHERE typeof(key) = 'blob'";
const KEYS = "FROM keys WHERE page = 0 AND typeof(key) = 'blob'";
const HEAD = "SELECT key, expires, substr(data, 1, 2)";

// The first byte of a row is the version of its form: rows of one that is not read are neither swept nor wiped.
let readable;
const isRead = () => `substr(data, 1, 1) BETWEEN x'${byte(readable[0])}' AND x'${byte(readable[1])}'`;
const byte = (number) => number.toString(16).padStart(2, "0");

/** Says which versions of rows are read: before anything else here is asked. */
export function reads(oldest, newest) {
  readable = [oldest, newest];
}

export const exists = (sql) =>
  sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'keys'").raw().toArray().length > 0;

export const create = (sql) => void sql.exec(CREATE);

/** Writes one row, or with no data deletes the key's rows from `page` on, or with no key every key. */
export function change(sql, key, page, expires, data) {
  if (key === undefined) wipe(sql);
  else if (data === undefined) sql.exec(TRIM, key, page);
  else sql.exec(PUT, key, page, expires ?? null, data);
}

function wipe(sql) {
  const others = sql.exec(`SELECT 1 FROM keys WHERE typeof(key) = 'blob' AND NOT ${isRead()} LIMIT 1`).raw().toArray();
  if (others.length > 0) throw new Error("there are keys of a version that this build does not read");
  sql.exec(WIPE);
}

/** Deletes the keys that have expired by `until`, so many at most. */
export function sweep(storage, until, most) {
  const statement = `SELECT key ${KEYS} AND expires <= ? AND ${isRead()} LIMIT ?`;
  const expired = storage.sql.exec(statement, until, most).raw().toArray();
  storage.transactionSync(() => {
    for (const [key] of expired) storage.sql.exec(TRIM, key, 0);
  });
}

/** Several of the above, all or none: `changes` is key, page, expires, data, key … */
export function changeAll(storage, changes) {
  storage.transactionSync(() => {
    for (let i = 0; i < changes.length; i += 4) change(storage.sql, ...changes.slice(i, i + 4));
  });
}

/** How many rows there are and their bytes, counted up to `most` rows. */
export const size = (sql, most) =>
  sql
    .exec("SELECT count(*), total(length(data)) FROM (SELECT data FROM keys WHERE typeof(key) = 'blob' LIMIT ?)", most)
    .raw()
    .toArray()[0];

/** Every row as [key, page, data], by key and page. */
export const all = (sql) =>
  sql.exec("SELECT key, page, data FROM keys WHERE typeof(key) = 'blob' ORDER BY key, page").raw().toArray();

/** The rows of one key as [page, data]; undefined when they are too large. */
export const read = (sql, key, most) =>
  upTo(most, sql.exec("SELECT page, data FROM keys WHERE key = ? ORDER BY page", key), ([, data]) => data);

/** Every key as [key, expires, the bytes of its version and type]; undefined when they are too large. */
export const list = (sql, most) => upTo(most, sql.exec(`${HEAD} ${KEYS}`), ([key]) => key);

/** One key as above, as a list. */
export const head = (sql, key) => sql.exec(`${HEAD} ${KEYS} AND key = ?`, key).raw().toArray();

// What a row takes here beside its bytes.
const ROW = 200;

/** The rows of a cursor, of which `bytesOf` has the bytes that count; undefined when they are more than `most`. */
function upTo(most, cursor, bytesOf) {
  const rows = [];
  for (const row of cursor.raw()) {
    most -= bytesOf(row).byteLength + ROW;
    if (most < 0) return undefined;
    rows.push(row);
  }
  return rows;
}

/** Whether any key is left, and the first expiry, null when none expires. */
export const left = (sql) =>
  sql.exec(`SELECT count(*) > 0, min(CASE WHEN ${isRead()} THEN expires END) ${KEYS}`).raw().toArray()[0];

export const listed = (sql) =>
  sql.exec("SELECT data FROM keys WHERE key = 'listed' AND page = 0").raw().toArray()[0]?.[0];

export const setListed = (sql, name) => void sql.exec(PUT, "listed", 0, null, name);
