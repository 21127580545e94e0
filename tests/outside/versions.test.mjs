// Several builds side by side lose nothing. Each build here writes forms of rows and messages that
// no older one can read: it marks them with its version. docs/deploy.md says what follows for who
// deploys and goes back.

import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { buildOf } from "../../scripts/build.mjs";
import { tollgate as describeTollgate } from "../../scripts/lib/workerd.mjs";
import { algorithms, call, server } from "./lib/server.mjs";

/** A build: the version of the forms that it writes, and the newest that it reads. */
const build = (writes, reads = writes) => buildOf(writes - 1, reads - 1);

beforeAll(() => build(1), 600_000);

const LIMITS = Object.entries(algorithms(100));
const UNREADABLE = /^ERR (stored data has a form|the keys could not be reached)/;
// Many enough to lie in several rows, of which one is written at a time.
const FIELDS = Array.from({ length: 200 }, (_, i) => [`f${i}`, "v".repeat(20)]).flat();

// An isolate tells what it has counted, and reads what others have, within ten seconds; a busy
// machine takes longer.
const WAIT = { timeout: 20_000, interval: 100 };

/** What is counted and stored, and asked for again by each build. */
class Ledger {
  constructor(tollgate) {
    this.tollgate = tollgate;
    this.used = 0;
    this.fields = 0;
  }

  limit(body) {
    return this.tollgate.call("POST", "/limit", body);
  }

  redis(...command) {
    return this.tollgate.call("POST", "/", command);
  }

  /** Serves another build on the same disk, which finds everything there and adds to it. */
  async continueWith(folder) {
    await this.serve(folder);
    this.used += 7;
    for (const [identifier, limit] of LIMITS) {
      const { status, json } = await this.limit({ identifier, ...limit, cost: 7, failMode: "closed" });
      expect([folder, identifier, status, json.remaining]).toEqual([folder, identifier, 200, 100 - this.used]);
    }
    if (this.fields === 0) {
      expect((await this.limit({ identifier: "blocked", limit: 1, window: "1h" })).status).toBe(200);
      expect((await this.tollgate.call("POST", "/limit/block", { identifier: "blocked", duration: "1d" })).status).toBe(
        200,
      );
      expect((await this.redis("HSET", "hash", ...FIELDS)).json).toEqual({ result: 200 });
      expect((await this.redis("SET", "still", "there")).json).toEqual({ result: "OK" });
    }
    expect((await this.limit({ identifier: "blocked", limit: 1, window: "1h" })).json.reason).toBe("blocked");
    expect((await this.redis("INCRBY", "count", "7")).json).toEqual({ result: this.used });
    expect((await this.redis("HSET", "hash", `f${this.fields}`, "changed")).json).toEqual({ result: 0 });
    this.fields += 1;
    const { result } = (await this.redis("HVALS", "hash")).json;
    expect(result.filter((value) => value === "changed").length).toBe(this.fields);
    expect(result.length).toBe(200);
    expect((await this.redis("GET", "still")).json).toEqual({ result: "there" });
    // The directory tells which objects have keys.
    expect((await this.redis("KEYS", "*")).json.result.sort()).toEqual(["count", "hash", "still"]);
  }

  /**
   * Serves a build that cannot read what is stored: it says so, whatever it is asked, and leaves
   * every row as it is.
   */
  async isUnavailableWith(folder) {
    await this.tollgate.kill();
    const before = this.tollgate.rows();
    await this.serve(folder);
    const unavailable = { status: 503, json: { code: "objectUnavailable" } };
    for (const [identifier, limit] of LIMITS) {
      expect(await this.limit({ identifier, ...limit, failMode: "closed" })).toMatchObject(unavailable);
      const open = await this.limit({ identifier, ...limit });
      expect([open.status, open.json.reason]).toEqual([200, "degraded"]);
      const path = `/limit?identifier=${identifier}`;
      for (const method of ["GET", "DELETE"]) {
        expect(await this.tollgate.call(method, path)).toMatchObject(unavailable);
      }
      const block = { identifier, duration: "1d" };
      expect(await this.tollgate.call("POST", "/limit/block", block)).toMatchObject(unavailable);
    }
    for (const command of [
      ["GET", "count"],
      ["SET", "count", "0"],
      ["INCR", "count"],
      ["DEL", "count"],
      ["EXPIRE", "count", "1"],
      ["HSET", "hash", "f1", "lost"],
      ["HDEL", "hash", "f1"],
      ["KEYS", "*"],
      ["DBSIZE"],
      ["FLUSHDB"],
    ]) {
      const { json } = await this.redis(...command);
      expect([command[0], json]).toEqual([command[0], { error: expect.stringMatching(UNREADABLE) }]);
    }
    await this.tollgate.kill();
    expect(this.tollgate.rows()).toEqual(before);
  }

  async serve(folder) {
    await this.tollgate.kill();
    this.tollgate.serveBuild(folder);
    await this.tollgate.start();
  }
}

async function ledger() {
  const tollgate = await server();
  onTestFinished(() => tollgate.remove());
  return new Ledger(tollgate);
}

describe("rows", { timeout: 180_000 }, () => {
  test.each([
    ["are the same for today's build and one that is told its versions", ["today", [1], "today"]],
    ["go from one version to the next", [[1], [2], [3], [4]]],
    ["go on when a version is skipped", [[1], [3], [5]]],
    ["go back by one, to a build that reads the form before any writes it", [[1, 2], [2], [1, 2], [2]]],
    ["go back by two, to a build that reads the form before any writes it", [[1, 3], [3], [1, 3], [3], [2, 3]]],
  ])("%s", async (_what, builds) => {
    const rows = await ledger();
    for (const versions of builds) await rows.continueWith(versions === "today" ? "build" : build(...versions));
  });

  test.each([
    ["two versions were skipped", 1, 4, 3],
    ["a build goes back by one and does not read the form", 2, 1, 2],
    ["a build goes back by two and does not read the form", 3, 1, 4],
    ["a build goes back by three", 4, 1, 5],
  ])("stay as they are, and their subjects unavailable, when %s", async (_when, before, foreign, after) => {
    const rows = await ledger();
    await rows.continueWith(build(before));
    await rows.isUnavailableWith(build(foreign));
    await rows.continueWith(build(after));
  });
});

/** A Worker of one build and objects of another, whose directory is of the Worker's. */
async function mixed(worker, object) {
  const isDirectory = ({ binding }) => binding === "DIRECTORY";
  const objects = describeTollgate({ id: "object", folder: build(object) });
  objects.objects = objects.objects.map((known) => (isDirectory(known) ? { ...known, of: "T" } : known));
  const main = ({ texts }) => {
    const described = describeTollgate({ folder: build(worker), texts });
    const of = (known) => (isDirectory(known) ? known : { ...known, of: "object" });
    return { ...described, objects: described.objects.map(of) };
  };
  const both = await server({ change: main, variants: [objects] });
  onTestFinished(() => both.remove());
  return await both.start();
}

describe.each([
  [1, 2],
  [2, 1],
  [1, 3],
  [3, 1],
])("a Worker of version %i and objects of version %i", (worker, object) => {
  test("decide, hold, show, cancel, block and store together", async () => {
    const both = await mixed(worker, object);
    const ask = (path, body, method = "POST") => both.call(method, path, body);
    const window = { algorithm: "fixedWindow", limit: 3, window: "52w", failMode: "closed" };
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push((await ask("/limit", { identifier: "u1", ...window })).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    const slot = (await ask("/limit", { identifier: "u2", algorithm: "concurrency", limit: 1, ttl: "1h" })).json;
    expect((await ask("/limit/renew", { permit: slot.permit })).status).toBe(200);
    expect((await ask("/limit/release", { permit: slot.permit })).status).toBe(200);
    // Refused by its object, not from the Worker's memory: so what u3 was charged has to be
    // cancelled.
    expect((await ask("/limit", { identifier: "u4", ...window, cost: 3 })).status).toBe(200);
    const multi = await ask("/limit/multi", { ...window, limits: [{ identifier: "u3" }, { identifier: "u4" }] });
    expect(multi.status).toBe(429);
    expect((await ask("/limit?identifier=u3", undefined, "GET")).json.limits.map(({ used }) => used)).toEqual([0]);
    expect((await ask("/limit/block", { identifier: "u1", duration: "1h" })).status).toBe(200);
    expect((await ask("/limit?identifier=u1", undefined, "DELETE")).status).toBe(200);
    const pipeline = [
      ["SET", "a", "1"],
      ["INCR", "a"],
      ["HSET", "b", "f", "v"],
      ["GET", "a"],
    ];
    const results = (await ask("/pipeline", pipeline)).json.map(({ result }) => result);
    expect(results).toEqual(["OK", 2, 1, "2"]);
    expect((await ask("/", ["KEYS", "*"])).json.result.sort()).toEqual(["a", "b"]);
    expect((await ask("/", ["FLUSHDB"])).json).toEqual({ result: "OK" });
    expect((await ask("/", ["DBSIZE"])).json).toEqual({ result: 0 });
  });
});

test.each([
  [1, 4],
  [4, 1],
])(
  "a Worker of version %i cannot talk to objects of version %i: nothing is counted or stored",
  async (worker, object) => {
    const both = await mixed(worker, object);
    const window = { identifier: "u1", limit: 3, window: "1h" };
    expect(await both.call("POST", "/limit", { ...window, failMode: "closed" })).toMatchObject({ status: 503 });
    expect((await both.call("POST", "/limit", window)).json).toMatchObject({ success: true, reason: "degraded" });
    expect((await both.call("POST", "/", ["SET", "a", "1"])).json).toEqual({
      error: expect.stringMatching(UNREADABLE),
    });
    await both.kill();
    expect(both.rows()).toEqual({});
  },
);

test("isolates of two versions count together through KV, and know each other's blocks", async () => {
  const texts = [{ name: "TOLLGATE_TOKENS", text: readFileSync("tests/fixtures/tokens.json", "utf8") }];
  // One of them reads the form that the other one writes, but writes an older one itself.
  const older = describeTollgate({ id: "older", folder: build(1, 3), texts });
  older.objects = older.objects.map((known) => ({ ...known, of: "T" }));
  const both = await server({ change: () => describeTollgate({ folder: build(3), texts }), variants: [older] });
  onTestFinished(() => both.remove());
  await both.start();
  const limit = { algorithm: "fixedWindow", limit: 100, window: "52w", consistency: "eventual", identifier: "u1" };
  const ask = (id, body, path = "/limit") => call(both.urlOf(id), "POST", path, body);
  const used = async (id) => 100 - (await ask(id, { ...limit, peek: true })).json.remaining;
  expect((await ask("older", { ...limit, cost: 20 })).json).toMatchObject({ source: "kv", remaining: 80 });
  expect((await ask("T", { ...limit, cost: 30 })).json).toMatchObject({ source: "kv", remaining: 70 });
  // An isolate tells and reads within ten seconds, and takes what it read to go on for a while.
  await vi.waitFor(async () => expect(await used("T")).toBeGreaterThanOrEqual(50), WAIT);
  await vi.waitFor(async () => expect(await used("older")).toBeGreaterThanOrEqual(50), WAIT);
  for (const [id, other] of [
    ["older", "T"],
    ["T", "older"],
  ]) {
    const identifier = `blocked by ${id}`;
    expect((await ask(id, { identifier, duration: "1d" }, "/limit/block")).status).toBe(200);
    const reason = async () => (await ask(other, { ...limit, identifier })).json.reason;
    await vi.waitFor(async () => expect(await reason()).toBe("blocked"), WAIT);
  }
});
