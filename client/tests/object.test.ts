// `tollgate/object` inside workerd, against objects of the built Worker.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { buildSync } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { server } from "../../tests/outside/lib/server.mjs";
import { objectName } from "../dist/object.js";

const folder = mkdtempSync(join(tmpdir(), "tollgate-object-"));

/** Answers what `code` comes to, with the package and the binding in reach. */
const CALLER = `
import * as client from ${JSON.stringify(join(import.meta.dirname, "../dist/index.js"))};
import { objectLimiter, objectName } from ${JSON.stringify(join(import.meta.dirname, "../dist/object.js"))};

const asks = {
  async all(env, subject) {
    const limiter = objectLimiter(env.RATE_LIMIT, subject);
    const check = { ...subject, limit: 3, window: "1h" };
    const answers = [await limiter.limit(check), await limiter.peek(check), await limiter.acquire(check)];
    const permit = await limiter.hold({ ...check, hold: "1m" });
    const refused = await limiter.acquire(check).catch((error) => error);
    await permit.settle({ cost: 0 });
    const { limits } = await limiter.status(subject);
    await limiter.reset(subject);
    const after = await limiter.remaining(check);
    return { answers, refused: [refused instanceof client.RateLimitedError, refused.retryAfter > 0], limits, after };
  },
  async other(env, subject) {
    const limiter = objectLimiter(env.RATE_LIMIT, subject);
    const error = await limiter.limit({ ...subject, identifier: "another", limit: 3, window: "1h" }).catch((it) => it);
    return [error instanceof client.TollgateError, error.status, error.code];
  },
  async gone(env, subject) {
    const never = { getByName: () => ({ fetch: () => Promise.reject(new Error("Network connection lost.")) }) };
    const check = { ...subject, limit: 3, window: "1h" };
    const open = await objectLimiter(never, subject).limit(check);
    const closed = await objectLimiter(never, subject, { failMode: "closed" }).limit(check);
    return [open, closed];
  },
  rpc: (env, subject) =>
    env.RATE_LIMIT.getByName(objectName(subject)).tokenBucket(subject.identifier, {
      capacity: 5,
      refill: { amount: 1, interval: "1h" },
    }),
};

export default {
  async fetch(request, env) {
    const { ask, subject } = await request.json();
    return Response.json(await asks[ask](env, subject));
  },
};
`;

let tollgate: Awaited<ReturnType<typeof server>>;
beforeAll(async () => {
  const [source, bundled] = [join(folder, "source.js"), join(folder, "caller.js")];
  writeFileSync(source, CALLER);
  buildSync({ entryPoints: [source], outfile: bundled, bundle: true, format: "esm" });
  const objects = [{ binding: "RATE_LIMIT", className: "RateLimitDO", of: "T" }];
  tollgate = await server({ variants: [{ id: "caller", modules: [relative(process.cwd(), bundled)], objects }] });
  await tollgate.start();
});
afterAll(async () => {
  await tollgate?.remove();
  rmSync(folder, { recursive: true, force: true });
});

async function ask(what: string, subject: object) {
  const body = JSON.stringify({ ask: what, subject });
  return (await fetch(tollgate.urlOf("caller"), { method: "POST", body })).json();
}

test("a limiter over an object asks it what a limiter asks the Worker", async () => {
  for (const subject of [
    { identifier: "u1" },
    { provider: "git hub", scope: "eu/west:1", identifier: "ü&?#%" },
    { provider: "p", scope: "", identifier: "!'()*~" },
  ]) {
    const { answers, refused, limits, after } = await ask("all", subject);
    expect(answers).toMatchObject([{ remaining: 2, source: "object" }, { remaining: 2 }, { remaining: 1 }]);
    expect(refused).toEqual([true, true]);
    expect(limits).toMatchObject([{ used: 2 }]);
    expect(after).toBe(3);
    const { json } = await tollgate.call("POST", "/limit", { ...subject, limit: 3, window: "1h" });
    expect(json).toMatchObject({ remaining: 2 });
  }
});

test("what is not the object's is a typed error, and an object out of reach a failure mode", async () => {
  expect(await ask("other", { identifier: "u2" })).toEqual([true, 409, "otherSubject"]);
  const degraded = { reason: "degraded", source: "client" };
  expect(await ask("gone", { identifier: "u2" })).toEqual([
    { success: true, ...degraded },
    { success: false, ...degraded },
  ]);
  expect(await ask("rpc", { provider: "p", identifier: "u 3" })).toMatchObject({ success: true, remaining: 4 });
});

test("names are those that the Worker gives its objects", () => {
  expect(objectName({ identifier: "u1" })).toBe("rate-limit:default:u1");
  expect(objectName({ provider: "a b", scope: "c:d", identifier: "e/f" }, "shop")).toBe(
    "shop/rate-limit:a%20b:c%3Ad:e%2Ff",
  );
  expect(objectName({ identifier: "u1", scope: "" }, "default")).toBe("rate-limit:default:u1");
});
