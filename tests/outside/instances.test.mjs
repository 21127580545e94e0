// What an object that may have been replaced by another instance does, on a real disk: it writes
// while it refuses, which alone would tell it, and when its writes fail nothing that it decided
// leaves.

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { server } from "./lib/server.mjs";

/** Longer than an isolate remembers a refusal. */
const FORGOTTEN = 1_050;
/** Longer than an object refuses without a write. */
const UNTIL_WRITTEN = 13_000;

const HOUR_5 = { algorithm: "fixedWindow", limit: 5, window: "1h", failMode: "closed" };

let tollgate;
beforeAll(async () => {
  // A program that may write no more gets a signal first, which would end it.
  const through = ["sh", "-c", 'trap "" XFSZ; exec "$@"', "sh"];
  tollgate = await (await server({ through })).start();
});
afterAll(() => tollgate?.remove());

const limit = (body) => tollgate.call("POST", "/limit", body);

/** What the logs of writes hold of the subjects' databases. */
function logs() {
  const files = readdirSync(tollgate.directory, { recursive: true });
  const found = files.filter((file) => /RateLimitDO\/[0-9a-f]{64}\.sqlite-wal$/.test(file));
  const hash = createHash("sha256");
  for (const file of found) hash.update(readFileSync(join(tollgate.directory, file)));
  return hash.digest("hex");
}

test("a subject that is blocked reaches the disk again while it is refused", { timeout: 60_000 }, async () => {
  const body = { identifier: "blocked", ...HOUR_5 };
  await tollgate.call("POST", "/limit/block", { identifier: "blocked", duration: "1h" });
  // Afterwards the directory has been told, which is noted.
  await sleep(FORGOTTEN);
  const before = logs();
  const end = Date.now() + UNTIL_WRITTEN;
  while (Date.now() < end && logs() === before) {
    expect((await limit(body)).json).toMatchObject({ success: false, reason: "blocked" });
    await sleep(FORGOTTEN);
  }
  expect(logs()).not.toBe(before);
});

test.skipIf(!existsSync("/usr/bin/prlimit"))(
  "nothing leaves that an object decided whose writes fail, and the next instance goes on",
  {
    timeout: 60_000,
  },
  async () => {
    const body = { identifier: "failing", ...HOUR_5 };
    expect((await limit({ ...body, cost: 4 })).json).toMatchObject({ success: true, remaining: 1 });
    tollgate.limitFiles("1");
    for (const cost of [1, 2, 2, 1, 5]) {
      expect(await limit({ ...body, cost })).toMatchObject({ status: 503, json: { code: "objectUnavailable" } });
      await sleep(FORGOTTEN);
    }
    tollgate.limitFiles("unlimited");
    const recovered = async () => (await limit({ ...body, cost: 2 })).status === 429;
    await expect.poll(recovered, { timeout: 20_000, interval: 500 }).toBe(true);
    expect((await limit(body)).json).toMatchObject({ success: true, remaining: 0 });
  },
);
