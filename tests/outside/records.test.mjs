// Recorded use, while the process is killed and while nobody hears that it was kept: what a preview
// has shown is there after the kill, nothing is kept twice or by half, and recording goes on.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { server } from "./lib/server.mjs";

const KILLS = 5;
const CALLERS = 6;
const LIMIT = 20;
const POLICY = { algorithm: "fixedWindow", limit: LIMIT, window: "1d", record: { share: 1, days: 1 } };

const put = async (tollgate, name, policy) => {
  const { status, json } = await tollgate.call("PUT", `/policies/${name}`, policy);
  expect(status, JSON.stringify(json)).toBeLessThan(300);
};
async function preview(tollgate, policy = POLICY) {
  const { status, json } = await tollgate.call("PUT", "/policies/api?dryRun=true", policy);
  expect(status).toBe(200);
  return json.preview;
}

/** Asks until the process is gone, each caller for subjects of its own; counts the answers. */
async function load(tollgate, life, seen) {
  const caller = async (of) => {
    for (let i = 0; ; i++) {
      const identifier = `life${life}-caller${of}-${i % 3}`;
      try {
        await tollgate.call("POST", "/limit", { policy: "api", identifier }, { token: "test-check" });
        seen.answered++;
      } catch {
        return; // the connection broke
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, (_, of) => caller(of)));
}

/** The tables of the object that keeps recorded use, on the disk. Only while nothing runs. */
function kept(directory) {
  const files = readdirSync(directory, { recursive: true });
  for (const file of files.filter((it) => /RecordDO\/[0-9a-f]{64}\.sqlite$/.test(it))) {
    const database = new DatabaseSync(join(directory, file));
    expect(database.prepare("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
    const chunks = database.prepare("SELECT events, text FROM chunks ORDER BY id").all();
    const statement = database.prepare("SELECT id, sequence FROM isolates");
    const isolates = statement.all().map(({ id, sequence }) => [BigInt(`0x${id}`).toString(), sequence]);
    database.close();
    return { chunks, isolates: new Map(isolates) };
  }
  return { chunks: [], isolates: new Map() };
}

const events = ({ chunks }) => chunks.reduce((sum, chunk) => sum + chunk.events, 0);

/** That each chunk is whole, and that there is one for each parcel that was received. */
function isWhole({ chunks, isolates }) {
  const received = new Map();
  for (const { events, text } of chunks) {
    const [, isolate] = /^1 chunk isolate=(\d+) /.exec(text);
    received.set(isolate, (received.get(isolate) ?? 0) + 1);
    expect(text.match(/^e /gm)).toHaveLength(events);
  }
  expect(received).toEqual(isolates);
}

describe("a process that is killed", () => {
  let tollgate;
  beforeAll(async () => {
    tollgate = await (await server()).start();
    await put(tollgate, "api", POLICY);
  });
  afterAll(() => tollgate?.remove());

  test(`forgets nothing that was kept, over ${KILLS} kills, and goes on`, { timeout: 240_000 }, async () => {
    let [total, before] = [0, 0];
    for (let life = 0; life < KILLS; life++) {
      const seen = { answered: 0 };
      const callers = load(tollgate, life, seen);
      let shown = 0;
      // Killed some time after something was kept, before and while more is sent.
      await vi.waitFor(
        async () => {
          shown = (await preview(tollgate)).recorded;
          expect(shown).toBeGreaterThan(before);
        },
        { timeout: 30_000, interval: 100 },
      );
      await new Promise((resolve) => setTimeout(resolve, life * 2_600));
      shown = (await preview(tollgate)).recorded;
      await tollgate.kill();
      await callers;
      total += seen.answered;
      const disk = kept(tollgate.directory);
      isWhole(disk);
      expect(events(disk)).toBeGreaterThanOrEqual(shown);
      // At most what each caller had on its way was answered to nobody.
      expect(events(disk)).toBeLessThanOrEqual(total + CALLERS * KILLS);
      await tollgate.start();
      const after = await preview(tollgate);
      expect(after).toMatchObject({ recorded: events(disk), skipped: 0, gaps: 0, newlyDenied: 0, newlyAdmitted: 0 });
      expect(after.before.admitted).toBe(after.after.admitted);
      before = after.recorded;
    }
    expect(await preview(tollgate, { ...POLICY, limit: 1 })).toMatchObject({ subjectsChanged: KILLS * CALLERS * 3 });
    await tollgate.kill();
    const { chunks } = kept(tollgate.directory);
    const bytes = chunks.reduce((sum, { text }) => sum + text.length, 0);
    console.log(
      `${before} of ${total} answered requests recorded over ${KILLS} kills: ${chunks.length} parcels, ${bytes} bytes`,
    );
  });
});

const unheard = (main) => ({ ...main, modules: ["tests/outside/lib/unheard.js", ...main.modules] });

test("an isolate that can send nothing decides all the same, when it has no room left", { timeout: 120_000 }, async ({
  onTestFinished,
}) => {
  const tollgate = await (await server({ change: unheard, texts: { UNHEARD: "1" } })).start();
  onTestFinished(() => tollgate.remove());
  await put(tollgate, "api", POLICY);
  // Four times as much as there is room for, at fifty bytes each.
  const [SUBJECTS, EACH] = [100, 200];
  const admitted = await Promise.all(
    Array.from({ length: SUBJECTS }, async (_, i) => {
      let admitted = 0;
      for (let j = 0; j < EACH; j++) {
        const { status } = await tollgate.call("POST", "/limit", { policy: "api", identifier: `u${i}` });
        expect([200, 429]).toContain(status);
        admitted += status === 200;
      }
      return admitted;
    }),
  );
  expect(admitted).toEqual(Array.from({ length: SUBJECTS }, () => LIMIT));
  expect(await preview(tollgate)).toMatchObject({ recorded: 0, why: expect.any(String) });
});

test("requests that the object did not decide are told apart", { timeout: 60_000 }, async ({ onTestFinished }) => {
  const failing = {
    id: "failing",
    modules: ["tests/outside/lib/failing.js"],
    objects: [{ binding: "SELF", className: "RateLimitDO" }],
    texts: [{ name: "HOW", text: "broken" }],
  };
  const ofFailing = (object) => (object.className === "RateLimitDO" ? { ...object, of: "failing" } : object);
  const change = (main) => ({ ...main, objects: main.objects.map(ofFailing) });
  const tollgate = await (await server({ variants: [failing], change })).start();
  onTestFinished(() => tollgate.remove());
  await put(tollgate, "api", POLICY);
  for (let i = 0; i < 7; i++) {
    const { json } = await tollgate.call("POST", "/limit", { policy: "api", identifier: "u1" });
    expect(json).toMatchObject({ success: true, source: "fallback" });
  }
  await vi.waitFor(
    async () => expect(await preview(tollgate)).toMatchObject({ recorded: 0, elsewhere: 7, stopped: 0 }),
    {
      timeout: 30_000,
      interval: 500,
    },
  );
});

describe("answers that are lost", () => {
  let tollgate;
  beforeAll(async () => {
    tollgate = await (await server({ change: unheard })).start();
    await put(tollgate, "api", POLICY);
  });
  afterAll(() => tollgate?.remove());

  test("make no event count twice, before and after a kill", { timeout: 120_000 }, async () => {
    const ask = (identifier) => tollgate.call("POST", "/limit", { policy: "api", identifier });
    for (let i = 0; i < 5; i++) await ask("first");
    const poke = async (recorded) => {
      await tollgate.call("GET", "/policies/api");
      await ask("first");
      expect((await preview(tollgate)).recorded).toBeGreaterThanOrEqual(recorded);
    };
    // The first parcel is sent once more after five seconds, and the second one after it.
    await vi.waitFor(() => poke(8), { timeout: 60_000, interval: 2_500 });
    const { recorded, before } = await preview(tollgate);
    expect(before).toEqual({ admitted: recorded, denied: 0 });
    await tollgate.kill();
    const disk = kept(tollgate.directory);
    isWhole(disk);
    expect(events(disk)).toBe(recorded);
    expect(Math.max(...disk.isolates.values())).toBeGreaterThan(1);
    await tollgate.start();
    expect((await preview(tollgate)).recorded).toBe(recorded);
    await ask("second");
    await vi.waitFor(async () => expect((await preview(tollgate)).subjects).toBe(2), {
      timeout: 30_000,
      interval: 500,
    });
  });
});
