// Rate limiters for Express, Hono and Fastify with their own Redis stores, unmodified, against
// Tollgate. What each store asks of its Redis client is a function or two, which docs/upstash.md
// shows.

import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PYTHON } from "../upstash/packages.mjs";
import { extract } from "../upstash/scripts.mjs";
import { load, noModules, noPython } from "../upstash/sdk.mjs";
import { server } from "./lib/server.mjs";

let tollgate;
beforeAll(async () => {
  tollgate = await (await server()).start();
});
afterAll(() => tollgate?.remove());

/** One command, as docs/upstash.md shows it for rate-limit-redis. */
async function sendCommand(...command) {
  const response = await fetch(tollgate.url, {
    method: "POST",
    headers: { authorization: "Bearer test-check" },
    body: JSON.stringify(command),
  });
  const { result, error } = await response.json();
  if (error) throw new Error(error);
  return result;
}

/**
 * What @fastify/rate-limit needs of ioredis: commands out of scripts. As docs/upstash.md shows it.
 */
const redis = {
  defineCommand(name, { numberOfKeys, lua }) {
    redis[name] = (...args) => {
      const done = args.pop();
      sendCommand("EVAL", lua, numberOfKeys, ...args).then((result) => done(null, result), done);
    };
  },
};

const WINDOW = 3_600_000;
const FOREVER = 2 ** 53 - 1;

/** The status of so many requests, one after the other. */
async function statuses(ask, count) {
  const seen = [];
  for (let i = 0; i < count; i++) seen.push((await ask()).status);
  return seen;
}

/** How many of so many requests at once are admitted. */
async function admitted(ask, count) {
  const answers = await Promise.all(Array.from({ length: count }, ask));
  return answers.filter(({ status }) => status === 200).length;
}

// 4.2.0, 4.2.2, 5.0.0 and 6.0.1 are the four forms that the script has had since 4.0.0.
for (const version of ["4.2.0", "4.2.2", "5.0.0", "6.0.1"]) {
  describe.skipIf(noModules)(`rate-limit-redis ${version} with express-rate-limit`, () => {
    const running = [];
    afterAll(() => {
      for (const listening of running) listening.close();
    });

    /** A server with a limiter of its own; asks it as a user. */
    async function serve({ limit = 3, store = {}, ...options } = {}) {
      const express = load("express");
      const { rateLimit } = load("express-rate-limit");
      const { RedisStore } = load(`rate-limit-redis-${version}`);
      const limiter = rateLimit({
        windowMs: WINDOW,
        limit,
        standardHeaders: "draft-6",
        keyGenerator: (request) => request.get("x-user"),
        store: new RedisStore({ sendCommand, prefix: `rl-${version}:`, ...store }),
        ...options,
      });
      const app = express().use(limiter);
      app.get("/", (request, response) => response.sendStatus(Number(request.get("x-status") ?? 200)));
      const listening = app.listen(0, "127.0.0.1");
      running.push(listening);
      await once(listening, "listening");
      const url = `http://127.0.0.1:${listening.address().port}`;
      const ask = (user, status = 200) => fetch(url, { headers: { "x-user": user, "x-status": String(status) } });
      return { limiter, ask };
    }

    it("counts for all servers together, tells what remains, and starts anew after a reset", async () => {
      const [first, second] = [await serve(), await serve()];
      expect(await statuses(() => first.ask("user"), 2)).toEqual([200, 200]);
      const third = await second.ask("user");
      expect([third.status, third.headers.get("ratelimit-remaining")]).toEqual([200, "0"]);
      expect(Number(third.headers.get("ratelimit-reset"))).toBeGreaterThan(WINDOW / 1000 - 60);
      expect((await first.ask("user")).status).toBe(429);
      expect((await first.ask("another")).status).toBe(200);
      const { totalHits, resetTime } = await first.limiter.getKey("user");
      expect(totalHits).toBe(4);
      expect(resetTime.getTime()).toBeGreaterThan(Date.now() + WINDOW - 60_000);
      await second.limiter.resetKey("user");
      expect(await statuses(() => first.ask("user"), 4)).toEqual([200, 200, 200, 429]);
    });

    it("admits exactly as many of 100 at once as the limit allows, for identifiers of every kind", async () => {
      const { ask } = await serve({ limit: 20 });
      for (const user of ["parallel", "42", "{42}", "2001:db8::1"]) {
        expect(await admitted(() => ask(user), 100), user).toBe(20);
      }
    });

    it("takes back what it does not count", async () => {
      const { ask } = await serve({ skipFailedRequests: true });
      for (const user of ["failing", "7", "{7}"]) {
        expect(await statuses(() => ask(user, 500), 5)).toEqual([500, 500, 500, 500, 500]);
        // The hit is taken back behind the answer.
        await expect.poll(() => sendCommand("GET", `rl-${version}:${user}`)).toBe("0");
        expect(await statuses(() => ask(user), 4), user).toEqual([200, 200, 200, 429]);
      }
    });

    // Since 6.0.0 no release can be asked to.
    if (version < "6") {
      it("begins the window anew with every hit where it is asked to", async () => {
        const { ask } = await serve({ store: { resetExpiryOnChange: true } });
        const key = `rl-${version}:renewing`;
        await ask("renewing");
        await sendCommand("PEXPIRE", key, 100_000);
        await ask("renewing");
        expect(await sendCommand("PTTL", key)).toBeGreaterThan(WINDOW - 60_000);
      });
    }
  });
}

describe.skipIf(noModules)("hono-rate-limiter 0.5.4 with @upstash/redis", () => {
  function serve(options = {}) {
    const { Hono } = load("hono");
    const { Redis } = load("@upstash/redis");
    const { RedisStore, rateLimiter } = load("hono-rate-limiter-0.5.4");
    const store = new RedisStore({ client: new Redis({ url: tollgate.url, token: "test-check" }), ...options.store });
    const app = new Hono();
    app.use(
      rateLimiter({ windowMs: WINDOW, limit: 3, keyGenerator: (c) => c.req.header("x-user"), ...options, store }),
    );
    app.get("/", (c) => c.body(null, Number(c.req.header("x-status"))));
    const ask = (user, status = 200) => app.request("/", { headers: { "x-user": user, "x-status": String(status) } });
    return { store, ask };
  }

  it("counts, denies, tells what remains, and starts anew after a reset", async () => {
    const [first, second] = [serve(), serve()];
    expect(await statuses(() => first.ask("user"), 2)).toEqual([200, 200]);
    const third = await second.ask("user");
    expect([third.status, third.headers.get("ratelimit-remaining")]).toEqual([200, "0"]);
    expect((await first.ask("user")).status).toBe(429);
    expect(await first.store.get("user")).toMatchObject({ totalHits: 4 });
    await second.store.resetKey("user");
    expect(await statuses(() => first.ask("user"), 4)).toEqual([200, 200, 200, 429]);
    expect(await admitted(() => first.ask("parallel"), 100)).toBe(3);
  });

  it("takes back what it does not count, and never goes below zero", async () => {
    const { store, ask } = serve({ skipFailedRequests: true });
    expect(await statuses(() => ask("failing", 500), 5)).toEqual([500, 500, 500, 500, 500]);
    await store.decrement("failing");
    await store.decrement("nobody");
    expect(await sendCommand("MGET", "hrl:failing", "hrl:nobody")).toEqual(["0", null]);
    expect(await statuses(() => ask("failing"), 4)).toEqual([200, 200, 200, 429]);
  });

  it("begins the window anew with every hit where it is asked to", async () => {
    const { ask } = serve({ store: { resetExpiryOnChange: true } });
    await ask("renewing");
    await sendCommand("PEXPIRE", "hrl:renewing", 100_000);
    await ask("renewing");
    expect(await sendCommand("PTTL", "hrl:renewing")).toBeGreaterThan(WINDOW - 60_000);
  });
});

describe.skipIf(noModules)("@fastify/rate-limit 11.2.0", () => {
  const running = [];
  afterAll(() => Promise.all(running.map((app) => app.close())));

  async function serve(nameSpace, options = {}) {
    const app = load("fastify")();
    running.push(app);
    const keyGenerator = (request) => request.headers["x-user"];
    await app.register(load("fastify-rate-limit-11.2.0"), {
      ...{ max: 3, timeWindow: WINDOW, redis, nameSpace, keyGenerator },
      ...options,
    });
    app.get("/", (_, reply) => reply.send("ok"));
    const look = app.createRateLimit();
    app.get("/look", { config: { rateLimit: false } }, (request) => look(request, { increment: false }));
    const ask = async (user, url = "/") => {
      const { statusCode, headers, body } = await app.inject({ url, headers: { "x-user": user } });
      return { status: statusCode, headers, body };
    };
    return { ask, look: async (user) => JSON.parse((await ask(user, "/look")).body) };
  }

  it("counts for all servers together and denies", async () => {
    const [first, second] = [await serve("fixed-"), await serve("fixed-")];
    expect(await first.look("user")).toMatchObject({ remaining: 3, isExceeded: false });
    expect(await statuses(() => first.ask("user"), 2)).toEqual([200, 200]);
    const third = await second.ask("user");
    expect([third.status, third.headers["x-ratelimit-remaining"]]).toEqual([200, "0"]);
    expect((await first.ask("user")).status).toBe(429);
    const { isExceeded, ttl } = await second.look("user");
    expect(isExceeded).toBe(true);
    expect(ttl).toBeGreaterThan(WINDOW - 60_000);
    expect(await second.look("user"), "looking counts nothing").toMatchObject({ isExceeded: true });
    expect(await sendCommand("GET", "fixed-user")).toBe("4");
    expect(await admitted(() => first.ask("parallel"), 100)).toBe(3);
  });

  it("begins the window anew above the limit where it is asked to", async () => {
    const { ask } = await serve("continue-", { continueExceeding: true });
    expect(await statuses(() => ask("user"), 2)).toEqual([200, 200]);
    await sendCommand("PEXPIRE", "continue-user", 100_000);
    expect((await ask("user")).status).toBe(200);
    expect(await sendCommand("PTTL", "continue-user")).toBeLessThanOrEqual(100_000);
    expect((await ask("user")).status).toBe(429);
    expect(await sendCommand("PTTL", "continue-user")).toBeGreaterThan(WINDOW - 60_000);
  });

  it("doubles the window with each hit above the limit where it is asked to", async () => {
    const { ask } = await serve("backoff-", { exponentialBackoff: true });
    const left = () => sendCommand("PTTL", "backoff-user");
    expect(await statuses(() => ask("user"), 3)).toEqual([200, 200, 200]);
    for (const factor of [1, 2, 4, 8]) {
      expect((await ask("user")).status).toBe(429);
      expect((await left()) / WINDOW).toBeGreaterThan(factor * 0.9);
      expect((await left()) / WINDOW).toBeLessThanOrEqual(factor);
    }
    await statuses(() => ask("user"), 40);
    expect(await left()).toBeGreaterThan(FOREVER / 2);
    expect(await left()).toBeLessThanOrEqual(FOREVER);
  });
});

it.skipIf(noModules || PYTHON.some(noPython))(
  "every script of every package is known by its hash and its text",
  async () => {
    const scripts = await extract();
    expect(scripts).toHaveLength(76);
    const hashes = scripts.map(({ sha1 }) => sha1);
    expect(await sendCommand("SCRIPT", "EXISTS", ...hashes)).toEqual(hashes.map(() => 1));
    for (const { sha1, text, from } of scripts) {
      expect(await sendCommand("SCRIPT", "LOAD", text), [...from].join()).toBe(sha1);
      // Without keys each of them fails in its own way, which tells that it was found; an unknown
      // one is named.
      for (const command of [
        ["EVAL", text, 0],
        ["EVALSHA", sha1, 0],
      ]) {
        await expect(sendCommand(...command), sha1).rejects.toThrow(/^ERR (?!unknown Lua script)/);
      }
    }
    await expect(sendCommand("EVALSHA", "0".repeat(40), 0)).rejects.toThrow(/^NOSCRIPT/);
    await expect(sendCommand("EVAL", "return 1", 0)).rejects.toThrow(/^ERR unknown Lua script/);
  },
);
