// The stores in the real libraries, over HTTP, against the built Worker.

import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import rateLimit from "@fastify/rate-limit";
import express from "express";
import { rateLimit as forExpress } from "express-rate-limit";
import fastify from "fastify";
import { Hono } from "hono";
import { rateLimiter as forHono } from "hono-rate-limiter";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { server } from "../../tests/outside/lib/server.mjs";
import { Limiter } from "../dist/index.js";
import { fastifyStore, HitStore } from "../dist/stores/index.js";

const HOUR = 3_600_000;
let running: Awaited<ReturnType<typeof server>>;
let limiter: Limiter;
beforeAll(async () => {
  running = await server();
  await running.start();
  // No more than a caller's token is needed, also to reset a key.
  limiter = new Limiter({ url: running.url, token: "test-check" });
});
afterAll(() => running?.remove());

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

let made = 0;
const fresh = () => `stores${made++}:`;
/** A limiter behind which there is nobody. */
const away = () => new Limiter({ url: "http://127.0.0.1:9", token: "none", timeout: 500 });

/** A store that was told its window. */
function store(options: { prefix?: string; windowMs?: number; limit?: unknown; limiter?: Limiter } = {}) {
  const { prefix = fresh(), windowMs = HOUR, limit = 2 } = options;
  const made = new HitStore({ limiter: options.limiter ?? limiter, prefix });
  made.init({ windowMs, limit });
  return made;
}

describe("a store", () => {
  test("opens a window with the first hit, and counts beyond the limit", async () => {
    const hits = store();
    expect(await hits.get("anna")).toBeUndefined();
    const before = Date.now();
    const first = await hits.increment("anna");
    expect(first.totalHits).toBe(1);
    expect(first.resetTime.getTime()).toBeGreaterThanOrEqual(before + HOUR);
    expect(first.resetTime.getTime()).toBeLessThanOrEqual(Date.now() + HOUR);
    for (let hit = 2; hit <= 9; hit++) {
      expect(await hits.increment("anna")).toEqual({ totalHits: hit, resetTime: first.resetTime });
    }
    expect(await hits.get("anna")).toEqual({ totalHits: 9, resetTime: first.resetTime });
    expect((await hits.increment("berta")).totalHits).toBe(1);
  });

  test("opens another window with the next hit after the end", async () => {
    const hits = store({ windowMs: 1 });
    const first = await hits.increment("anna");
    await expect.poll(() => hits.get("anna")).toBeUndefined();
    const second = await hits.increment("anna");
    expect(second.totalHits).toBe(1);
    expect(second.resetTime.getTime()).toBeGreaterThan(first.resetTime.getTime());
  });

  test("takes hits back, never below none", async () => {
    const hits = store();
    await hits.decrement("anna");
    expect(await hits.get("anna")).toBeUndefined();
    for (let hit = 0; hit < 7; hit++) await hits.increment("anna");
    await hits.decrement("anna");
    // Also of those beyond the limit.
    expect((await hits.get("anna"))?.totalHits).toBe(6);
    for (let hit = 0; hit < 9; hit++) await hits.decrement("anna");
    expect(await hits.get("anna")).toBeUndefined();
    expect((await hits.increment("anna")).totalHits).toBe(1);
  });

  test("resets a key, and no other", async () => {
    const hits = store();
    for (const key of ["anna", "anna", "berta"]) await hits.increment(key);
    await hits.resetKey("anna");
    expect(await hits.get("anna")).toBeUndefined();
    expect((await hits.get("berta"))?.totalHits).toBe(1);
  });

  test("shares counts with another instance, and with none of another prefix", async () => {
    const prefix = fresh();
    const [here, there] = [store({ prefix }), store({ prefix, limit: () => 9 })];
    await Promise.all(Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? here : there).increment("anna")));
    expect((await here.get("anna"))?.totalHits).toBe(20);
    expect(await there.get("anna")).toEqual(await here.get("anna"));
    expect(await store().get("anna")).toBeUndefined();
    expect([here.localKeys, here.prefix]).toEqual([false, prefix]);
  });

  test("goes on counting when the window's length changes", async () => {
    const prefix = fresh();
    const [minutes, hours] = [store({ prefix, windowMs: 600_000 }), store({ prefix })];
    for (let hit = 0; hit < 3; hit++) await minutes.increment("anna");
    const { totalHits, resetTime } = await hours.increment("anna");
    expect(totalHits).toBe(4);
    expect(resetTime.getTime()).toBeGreaterThan(Date.now() + 600_000);
    await hours.resetKey("anna");
    expect(await hours.get("anna")).toBeUndefined();
  });

  test("counts every hit of many at once", async () => {
    const hits = store({ limit: 1_000 });
    const all = await Promise.all(Array.from({ length: 60 }, () => hits.increment("anna")));
    expect(all.map(({ totalHits }) => totalHits).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 60 }, (_, at) => at + 1),
    );
  });

  test("counts under any number as the limit", async () => {
    for (const limit of [0, -5, 0.5, 1e6, 2 ** 53, 1e300, Number.POSITIVE_INFINITY, Number.NaN]) {
      expect(await store({ limit }).increment("anna"), String(limit)).toMatchObject({ totalHits: 1 });
    }
  });

  test("throws without a count, and without a window", async () => {
    await expect(store({ limiter: away() }).increment("anna")).rejects.toMatchObject({ code: "noCount" });
    await expect(new HitStore({ limiter }).increment("anna")).rejects.toMatchObject({ code: "noWindow" });
  });

  test("has more hits than any limit of a key that is blocked", async () => {
    const hits = store();
    const admin = new Limiter({ url: running.url, token: "test-admin" });
    await admin.block({ scope: hits.prefix, identifier: "anna" }, "1m");
    const { totalHits, resetTime } = await hits.increment("anna");
    expect(totalHits).toBe(2 ** 53);
    expect(resetTime.getTime()).toBeGreaterThan(Date.now());
  });
});

const urlOf = (listening: Server) => `http://127.0.0.1:${(listening.address() as AddressInfo).port}/`;

/** An app of Express behind the library; `/bad` fails. */
async function anExpress(options: Record<string, unknown>): Promise<string> {
  const app = express();
  app.use(forExpress({ windowMs: HOUR, keyGenerator: () => "anna", ...options }));
  app.get("/bad", (_, response) => void response.status(500).send("bad"));
  app.get("/", (_, response) => void response.send("good"));
  const listening = app.listen(0, "127.0.0.1");
  await new Promise((resolve) => listening.once("listening", resolve));
  closing.push(() => listening.close());
  return urlOf(listening);
}

const statuses = async (url: string, count: number) => {
  const all: number[] = [];
  for (let at = 0; at < count; at++) all.push((await fetch(url)).status);
  return all;
};

describe("express-rate-limit", () => {
  test("limits, tells when, and counts on", async () => {
    const hits = new HitStore({ limiter, prefix: fresh() });
    const url = await anExpress({ limit: 2, store: hits, standardHeaders: "draft-7", legacyHeaders: true });
    expect(await statuses(url, 4)).toEqual([200, 200, 429, 429]);
    expect((await hits.get("anna"))?.totalHits).toBe(4);
    const refused = await fetch(url);
    expect(refused.headers.get("x-ratelimit-remaining")).toBe("0");
    const reset = Number(/reset=(\d+)/.exec(refused.headers.get("ratelimit") ?? "")?.[1]);
    expect(reset).toBeGreaterThan(3_500);
    expect(reset).toBeLessThanOrEqual(3_600);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(3_500);
  });

  test("two apps share one limit, which may be a function", async () => {
    const prefix = fresh();
    const app = () => anExpress({ limit: () => 3, store: new HitStore({ limiter, prefix }) });
    const [one, other] = [await app(), await app()];
    expect(await statuses(one, 2)).toEqual([200, 200]);
    expect(await statuses(other, 2)).toEqual([200, 429]);
  });

  test("what failed counts not, beyond the limit either", async () => {
    const hits = new HitStore({ limiter, prefix: fresh() });
    const url = await anExpress({ limit: 2, store: hits, skipFailedRequests: true });
    expect(await statuses(`${url}bad`, 5)).toEqual([500, 500, 500, 500, 500]);
    await expect.poll(() => hits.get("anna")).toBeUndefined();
    expect(await statuses(url, 2)).toEqual([200, 200]);
    // More than twice the limit at once, all of which is taken back: no more room than there was.
    await Promise.all(Array.from({ length: 12 }, () => fetch(url)));
    await expect.poll(async () => (await hits.get("anna"))?.totalHits).toBe(2);
    expect(await statuses(url, 1)).toEqual([429]);
  });

  test("visitors are not told the status that the server has answered to the store", async () => {
    const wrong = new HitStore({ limiter: new Limiter({ url: running.url, token: "wrong" }), prefix: fresh() });
    expect(await statuses(await anExpress({ limit: 1, store: wrong }), 1)).toEqual([500]);
    wrong.init({ windowMs: HOUR });
    await expect(wrong.increment("anna")).rejects.toMatchObject({ code: "noCount", status: 0, cause: { status: 401 } });
  });

  test("without the server, what passOnStoreError says", async () => {
    const app = (passOnStoreError: boolean) =>
      anExpress({ limit: 1, store: new HitStore({ limiter: away() }), passOnStoreError, logger: silent });
    const silent = { error: () => {}, warn: () => {}, debug: () => {} };
    expect(await statuses(await app(true), 2)).toEqual([200, 200]);
    expect(await statuses(await app(false), 1)).toEqual([500]);
  });
});

describe("hono-rate-limiter", () => {
  const app = (options: Record<string, unknown>) => {
    const made = new Hono();
    made.use(forHono({ windowMs: HOUR, keyGenerator: () => "anna", limit: 2, ...options } as never));
    made.get("/", (c) => c.text("good"));
    made.get("/bad", (c) => c.text("bad", 500));
    return async (path = "/") => (await made.request(path)).status;
  };

  test("limits, and counts on", async () => {
    const hits = new HitStore({ limiter, prefix: fresh() });
    const ask = app({ store: hits });
    expect([await ask(), await ask(), await ask(), await ask()]).toEqual([200, 200, 429, 429]);
    expect((await hits.get("anna"))?.totalHits).toBe(4);
    await hits.resetKey("anna");
    expect(await ask()).toBe(200);
  });

  test("what failed counts not, and a limit may be a function", async () => {
    const hits = new HitStore({ limiter, prefix: fresh() });
    const ask = app({ store: hits, limit: async () => 1, skipFailedRequests: true });
    expect([await ask("/bad"), await ask("/bad"), await ask()]).toEqual([500, 500, 200]);
    expect((await hits.get("anna"))?.totalHits).toBe(1);
    expect(await ask()).toBe(429);
  });

  test("without the server the request fails", async () => {
    expect(await app({ store: new HitStore({ limiter: away() }) })()).toBe(500);
  });
});

describe("@fastify/rate-limit", () => {
  async function app(options: Record<string, unknown>, routes: (made: ReturnType<typeof fastify>) => void = () => {}) {
    const made = fastify();
    await made.register(rateLimit, { timeWindow: HOUR, max: 2, keyGenerator: () => "anna", ...options } as never);
    made.get("/", async () => "good");
    routes(made);
    closing.push(() => made.close());
    return (url = "/") => made.inject({ method: "GET", url });
  }
  const statusesOf = async (ask: (url?: string) => Promise<{ statusCode: number }>, urls: string[]) => {
    const all: number[] = [];
    for (const url of urls) all.push((await ask(url)).statusCode);
    return all;
  };

  test("limits, tells when, and bans by hits beyond twice the limit", async () => {
    const ask = await app({ store: fastifyStore({ limiter, prefix: fresh() }), ban: 4 });
    const urls = (count: number) => Array.from({ length: count }, () => "/");
    expect(await statusesOf(ask, urls(2))).toEqual([200, 200]);
    const refused = await ask();
    expect(refused.statusCode).toBe(429);
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(3_500);
    expect(Number(refused.headers["retry-after"])).toBeLessThanOrEqual(3_600);
    expect(await statusesOf(ask, urls(4))).toEqual([429, 429, 429, 403]);
  });

  test("routes with numbers of their own have counts of their own, groups share theirs", async () => {
    const Store = fastifyStore({ limiter, prefix: fresh() });
    const ask = await app({ store: Store }, (made) => {
      const of = (rateLimit: object) => ({ config: { rateLimit } }) as never;
      made.get("/own", of({ max: 1 }), async () => "good");
      made.get("/a", of({ max: 2, groupId: "g" }), async () => "good");
      made.get("/b", of({ max: 2, groupId: "g" }), async () => "good");
    });
    expect(await statusesOf(ask, ["/", "/own", "/own", "/", "/"])).toEqual([200, 200, 429, 200, 429]);
    expect(await statusesOf(ask, ["/a", "/b", "/a"])).toEqual([200, 200, 429]);
  });

  test("two apps share, and a limit may be a function", async () => {
    const options = { store: fastifyStore({ limiter, prefix: fresh() }), max: async () => 2 };
    const [one, other] = [await app(options), await app(options)];
    expect(await statusesOf(one, ["/", "/"])).toEqual([200, 200]);
    expect(await statusesOf(other, ["/"])).toEqual([429]);
  });

  test("looks without counting", async () => {
    const made = fastify();
    closing.push(() => made.close());
    const options = { global: false, store: fastifyStore({ limiter, prefix: fresh() }), keyGenerator: () => "anna" };
    await made.register(rateLimit, options as never);
    const check = made.createRateLimit({ max: 2, timeWindow: HOUR } as never);
    made.get("/look", (request) => check(request, { increment: false }));
    made.get("/hit", (request) => check(request));
    const ask = async (url: string) => (await made.inject({ method: "GET", url })).json();
    expect(await ask("/look")).toMatchObject({ remaining: 2, ttl: 0, isExceeded: false });
    expect(await ask("/hit")).toMatchObject({ remaining: 1 });
    expect(await ask("/look")).toMatchObject({ remaining: 1 });
  });

  test("without the server, what skipOnError says; what is not possible is told", async () => {
    const store = fastifyStore({ limiter: away() });
    expect((await (await app({ store, skipOnError: true }))()).statusCode).toBe(200);
    expect((await (await app({ store }))()).statusCode).toBe(500);
    const wrong = fastifyStore({ limiter: new Limiter({ url: running.url, token: "wrong" }), prefix: fresh() });
    expect((await (await app({ store: wrong }))()).statusCode).toBe(500);
    await expect(app({ store, continueExceeding: true })).rejects.toThrow("`continueExceeding` is not possible");
    await expect(app({ store, exponentialBackoff: true })).rejects.toThrow("`exponentialBackoff` is not possible");
  });
});
