// Each middleware in the real framework, over HTTP, against the built Worker.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { server } from "../../tests/outside/lib/server.mjs";
import { Limiter } from "../dist/index.js";
import { tollgate as forExpress } from "../dist/middleware/express.js";
import { tollgate as forFastify } from "../dist/middleware/fastify.js";
import { callerOf, protect } from "../dist/middleware/fetch.js";
import { tollgate as forHono } from "../dist/middleware/hono.js";
import { tollgate as forNext } from "../dist/middleware/next.js";

let running: Awaited<ReturnType<typeof server>>;
let limiter: Limiter;
beforeAll(async () => {
  running = await server();
  await running.start();
  limiter = new Limiter({ url: running.url, token: "test-admin" });
});
afterAll(() => running?.remove());

let made = 0;
const rule = (limit = 2) => ({ scope: `middleware${made++}`, limit, window: "1h" as const });
const urlOf = (listening: Server) => `http://127.0.0.1:${(listening.address() as AddressInfo).port}/`;
const listens = (listening: Server) => new Promise<void>((resolve) => void listening.once("listening", resolve));

/** A server of each kind that greets whoever is admitted. */
const kinds: Record<string, (options: never) => Promise<{ url: string; close: () => void }>> = {
  express: async (options) => {
    const app = express();
    app.use(forExpress(options));
    app.get("/", (request, response) => {
      response.send(`left ${(request as unknown as { rateLimit: { remaining: number } }).rateLimit?.remaining}`);
    });
    const listening = app.listen(0, "127.0.0.1");
    await listens(listening);
    return { url: urlOf(listening), close: () => listening.close() };
  },
  fastify: async (options) => {
    const app = fastify();
    app.addHook("onRequest", forFastify(options));
    app.get(
      "/",
      async (request) => `left ${(request as never as { rateLimit: { remaining: number } }).rateLimit?.remaining}`,
    );
    await app.listen({ port: 0, host: "127.0.0.1" });
    return { url: urlOf(app.server), close: () => void app.close() };
  },
  hono: async (options) => {
    const app = new Hono<{ Variables: { rateLimit: { remaining: number } } }>();
    app.use(forHono(options) as never);
    app.get("/", (c) => c.text(`left ${c.get("rateLimit")?.remaining}`));
    const listening = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }) as Server;
    await listens(listening);
    return { url: urlOf(listening), close: () => listening.close() };
  },
};

describe.each(Object.keys(kinds))("%s", (kind) => {
  const serving = (options: Record<string, unknown>) =>
    (kinds[kind] as (typeof kinds)[string])({ limiter, ...options } as never);

  test("limits each address, passes the headers on, and says when to come back", async () => {
    const { url, close } = await serving({ rule: rule() });
    const first = await fetch(url);
    expect([first.status, await first.text()]).toEqual([200, "left 1"]);
    expect(first.headers.get("x-ratelimit-remaining")).toBe("1");
    expect(first.headers.get("ratelimit-policy")).toBe('"2/1h";q=2;w=3600');
    await fetch(url);
    const refused = await fetch(url);
    expect(refused.status).toBe(429);
    expect(await refused.text()).toContain("Too Many Requests");
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    // What anybody can send makes nobody else.
    const spoofed = await fetch(url, { headers: { "cf-connecting-ip": "192.0.2.1", "x-forwarded-for": "192.0.2.1" } });
    expect(spoofed.status).toBe(429);
    close();
  });

  test("believes a proxy that is named, and only its own word", async () => {
    const trustProxy = { header: "x-forwarded-for" };
    const { url, close } = await serving({ rule: rule(1), trustProxy });
    const from = async (addresses: string) => (await fetch(url, { headers: { "x-forwarded-for": addresses } })).status;
    expect(await from("192.0.2.1")).toBe(200);
    expect(await from("192.0.2.2")).toBe(200);
    expect(await from("10.9.9.9, 192.0.2.1")).toBe(429);
    expect(await from("2001:db8:1:2:3::1")).toBe(200);
    expect(await from("2001:db8:1:2:4::9")).toBe(429);
    expect(await from("2001:db8:1:3::1")).toBe(200);
    // Without the header, or with nonsense in it, nobody knows who asks.
    expect((await fetch(url)).status).toBe(403);
    expect(await from("nonsense")).toBe(403);
    close();
    const open = await serving({ rule: rule(1), trustProxy, unknown: "allow" });
    expect((await fetch(open.url)).status).toBe(200);
    open.close();
  });

  test("does not begin with a number of proxies by which a caller's own word would be believed", async () => {
    for (const hops of [0, -1, 1.5, Number.NaN]) {
      const trustProxy = { header: "x-forwarded-for", hops };
      await expect(serving({ rule: rule(), trustProxy }), String(hops)).rejects.toThrow("`trustProxy.hops`");
    }
    for (const ipv6Prefix of [0, 129, Number.NaN]) {
      await expect(serving({ rule: rule(), ipv6Prefix }), String(ipv6Prefix)).rejects.toThrow("`ipv6Prefix`");
    }
    const trustProxy = { header: "x-forwarded-for", hops: 2 };
    const { url, close } = await serving({ rule: rule(1), trustProxy });
    const from = async (addresses: string) => (await fetch(url, { headers: { "x-forwarded-for": addresses } })).status;
    expect(await from("192.0.2.9, 192.0.2.1, 10.0.0.1")).toBe(200);
    expect(await from("192.0.2.8, 192.0.2.1, 10.0.0.1")).toBe(429);
    // Fewer than there are proxies: it came past one of them.
    expect(await from("192.0.2.7")).toBe(403);
    close();
  });

  test("takes another key, and lets through when the server is away", async () => {
    const key = () => "the key";
    const { url, close } = await serving({ rule: rule(1), key });
    expect((await fetch(url)).status).toBe(200);
    expect((await fetch(url)).status).toBe(429);
    close();
    // Visitors are not told what is between this server and that one.
    const wrong = await serving({ rule: rule(1), key, limiter: new Limiter({ url: running.url, token: "wrong" }) });
    expect((await fetch(wrong.url)).status).toBe(500);
    wrong.close();
    const missing = await serving({ rule: { policy: "no.such.policy" }, key });
    expect((await fetch(missing.url)).status).toBe(500);
    missing.close();
    const nobody = await serving({ rule: rule(1), key: () => null });
    expect((await fetch(nobody.url)).status).toBe(403);
    nobody.close();
    const away = new Limiter({ url: "http://127.0.0.1:9", token: "none", timeout: 500 });
    const alone = await serving({ rule: rule(1), key, limiter: away });
    expect((await fetch(alone.url)).status).toBe(200);
    alone.close();
  });
});

test("a handler of fetch, and Next's", async () => {
  const options = { limiter, rule: rule(1), key: (request: Request) => request.headers.get("x-user") ?? undefined };
  const handler = protect(options, async (_, greeting: string) => new Response(greeting));
  const request = () => new Request("http://site/", { headers: { "x-user": "anna" } });
  const first = await handler(request(), "hello");
  expect([first.status, await first.text(), first.headers.get("x-ratelimit-limit")]).toEqual([200, "hello", "1"]);
  expect((await handler(request(), "hello")).status).toBe(429);
  expect((await handler(new Request("http://site/"), "hello")).status).toBe(403);
  const next = forNext({ ...options, rule: rule(1) });
  expect(await next(request())).toBeNull();
  const refusal = await next(request());
  expect([refusal?.status, refusal?.headers.has("retry-after")]).toEqual([429, true]);
});

test("whose address it is", () => {
  const cases: [string, string | undefined][] = [
    ["192.0.2.1", "192.0.2.1"],
    ["192.0.2.1:8080", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::ffff:c000:201", "192.0.2.1"],
    ["2001:db8::1", "2001:db8:0:0:0:0:0:0/64"],
    ["2001:DB8:0:0:ffff::1", "2001:db8:0:0:0:0:0:0/64"],
    ["[2001:db8::1]:443", "2001:db8:0:0:0:0:0:0/64"],
    ["fe80::1%eth0", "fe80:0:0:0:0:0:0:0/64"],
    ["::", "0:0:0:0:0:0:0:0/64"],
    ["::1", "0:0:0:0:0:0:0:0/64"],
    ["64:ff9b::192.0.2.1", "64:ff9b:0:0:0:0:0:0/64"],
    ["256.0.0.1", undefined],
    ["1.2.3", undefined],
    ["2001:db8", undefined],
    ["1::2::3", undefined],
    ["1:2:3:4:5:6:7:8:9", undefined],
    ["1:2:3:4:5:6:7::8", undefined],
    ["g::1", undefined],
    ["unknown", undefined],
    ["", undefined],
  ];
  for (const [address, caller] of cases) expect(callerOf(address), address).toBe(caller);
  expect(callerOf("2001:db8:1:2:3:4:5:6", 56)).toBe("2001:db8:1:0:0:0:0:0/56");
  expect(callerOf("2001:db8:1:2:3:4:5:6", 128)).toBe("2001:db8:1:2:3:4:5:6/128");
});

test("an app that throws is not gone on with a second time", async () => {
  const middleware = forExpress({ limiter, rule: rule(9), key: () => "x" });
  const response = { statusCode: 200, setHeader: () => {}, end: () => {} };
  const went: unknown[] = [];
  const next = (error?: unknown) => {
    went.push(error);
    throw new Error("the app");
  };
  await expect(middleware({ headers: {}, socket: {} }, response, next)).rejects.toThrow("the app");
  expect(went).toEqual([undefined]);
});

test("an answer that streams is handed on as it comes, with its own headers", async () => {
  const options = { limiter, rule: rule(9), key: () => "x" };
  let end = () => {};
  const handler = protect(options, () => {
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode("first"));
        end = () => controller.close();
      },
    });
    const headers = new Headers([
      ["set-cookie", "a=1"],
      ["set-cookie", "b=2"],
    ]);
    return new Response(body, { status: 206, headers });
  });
  const response = await handler(new Request("http://site/"));
  expect([response.status, response.headers.getSetCookie()]).toEqual([206, ["a=1", "b=2"]]);
  const reader = response.body?.getReader();
  expect(new TextDecoder().decode((await reader?.read())?.value)).toBe("first");
  end();
  expect((await reader?.read())?.done).toBe(true);
  for (const status of [204, 304]) {
    const bare = protect(options, () => new Response(null, { status }));
    expect((await bare(new Request("http://site/", { method: "HEAD" }))).status).toBe(status);
  }
  const leads = protect(options, () => Response.redirect("http://site/other"));
  expect((await leads(new Request("http://site/"))).headers.get("location")).toBe("http://site/other");
});

test("a plain server of Node takes the middleware of Express", async () => {
  const middleware = forExpress({ limiter, rule: rule(1) });
  const listening = createServer((request, response) => {
    void middleware(request, response, () => response.end("well"));
  }).listen(0, "127.0.0.1");
  await listens(listening);
  expect(await (await fetch(urlOf(listening))).text()).toBe("well");
  expect((await fetch(urlOf(listening))).status).toBe(429);
  listening.close();
});
