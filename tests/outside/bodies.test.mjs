// Answers that are given before the body was read, or because it is too large: a client that sends
// its whole body first and reads afterwards gets them all the same, on every route, and may go on
// using its connection.

import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { server } from "./lib/server.mjs";

const MB = 1 << 20;
// More than the runtime reads by itself after an answer, 64 KiB, and more than any route takes.
const LARGE = 2 * MB;
// What is drained at most. workerd reads another 64 KiB by itself.
const MAX_DRAINED = 8 * MB;
// Far more than that and what the system keeps between two programs.
const ENDLESS = 64 * MB;

let tollgate;
let unset;
beforeAll(async () => {
  tollgate = await (await server()).start();
  unset = await (await server({ tokens: null })).start();
});
afterAll(() => Promise.all([tollgate?.remove(), unset?.remove()]));

const PIECE = Buffer.alloc(64 * 1024, " ");

/** The pieces of a body of so many bytes: as they are, or each a chunk. */
function* pieces(bytes, chunked) {
  for (let left = bytes; left > 0; left -= PIECE.length) {
    const piece = PIECE.subarray(0, Math.min(left, PIECE.length));
    if (chunked) yield `${piece.length.toString(16)}\r\n`;
    yield piece;
    if (chunked) yield "\r\n";
  }
  if (chunked) yield "0\r\n\r\n";
}

/** A connection that reads nothing before it is told to, as clients do that send first. */
function client(url) {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.pause();
  const ended = new Promise((_, reject) => {
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("the connection was closed")));
  });
  ended.catch(() => {}); // whoever is waiting is told
  let received = "";
  const taken = (part) => new Promise((resolve) => socket.write(part, (error) => error ?? resolve()));
  const isWhole = () => {
    const [head, ...rest] = received.split("\r\n\r\n");
    const length = /^content-length: (\d+)$/im.exec(head)?.[1] ?? 0;
    return rest.length > 0 && received.length >= head.length + 4 + Number(length);
  };
  return {
    /** Sends, and comes back when the kernel has taken it all. */
    async send(parts) {
      for (const part of parts) await Promise.race([taken(part), ended]);
    },
    /** The next answer, read to its announced end. */
    async read() {
      received = "";
      const whole = new Promise((resolve) => {
        socket.on("data", (data) => {
          received += data.toString("latin1");
          if (isWhole()) resolve();
        });
      });
      socket.resume();
      await Promise.race([whole, ended]);
      socket.pause().removeAllListeners("data");
      const [head, body] = received.split("\r\n\r\n");
      return { status: Number(head.split(" ")[1]), body };
    },
    end: () => socket.destroy(),
  };
}

function head({ method = "POST", path, token = "test-admin", type = "application/json", bytes, chunked }) {
  const length = chunked ? "transfer-encoding: chunked" : `content-length: ${bytes}`;
  const authorization = token ? `authorization: Bearer ${token}\r\n` : "";
  return `${method} ${path} HTTP/1.1\r\nhost: t\r\n${authorization}content-type: ${type}\r\n${length}\r\n\r\n`;
}

/** Sends a request whole, reads its answer, and then another one on the same connection. */
async function sendFirst(url, request) {
  const it = client(url);
  try {
    await it.send([head(request), ...pieces(request.bytes, request.chunked)]);
    const answer = await it.read();
    await it.send(["GET /healthz HTTP/1.1\r\nhost: t\r\n\r\n"]);
    expect((await it.read()).status, "the next request").toBe(200);
    return answer;
  } finally {
    it.end();
  }
}

const POSTS = ["/limit", "/limit/multi", "/limit/block", "/limit/renew", "/limit/release", "/acquire"];
const UPSTASH = ["/", "/pipeline", "/multi-exec", "/upstash", "/upstash/pipeline", "/upstash/set/k"];
const ANSWERS = [
  ...[...POSTS, ...UPSTASH].map((path) => [413, { path }]),
  ...[...POSTS, ...UPSTASH].map((path) => [401, { path, token: "nobody" }]),
  ...[...POSTS, "/"].map((path) => [401, { path, token: null }]),
  ...POSTS.map((path) => [403, { path, token: "test-read" }]),
  ...POSTS.map((path) => [415, { path, type: "text/html" }]),
  [404, { path: "/nothing" }],
  [405, { path: "/limit", method: "PUT" }],
  [405, { path: "/limit/multi", method: "PATCH" }],
  [405, { path: "/healthz" }],
  [405, { path: "/pipeline", method: "PUT" }],
  [400, { path: "/limit", method: "GET" }],
  [400, { path: "/limit", method: "DELETE" }],
  [200, { path: "/limit?identifier=nobody", method: "GET" }],
  [200, { path: "/healthz", method: "GET" }],
];
const name = ({ method = "POST", path, token = "test-admin", type }) =>
  [method, path, token === "test-admin" ? "" : `token ${token}`, type ?? ""].filter(Boolean).join(" ");

describe.each([
  ["of announced length", false],
  ["in chunks", true],
])("a body %s", (_, chunked) => {
  test.each(ANSWERS.map(([status, request]) => [status, name(request), request]))(
    "that is not read does not keep the answer %i from arriving: %s",
    async (status, _name, request) => {
      expect((await sendFirst(tollgate.url, { ...request, bytes: LARGE, chunked })).status).toBe(status);
    },
  );

  test.each([...POSTS, "/", "/pipeline"])("nor 503 of a Worker without tokens: %s", async (path) => {
    expect((await sendFirst(unset.url, { path, bytes: LARGE, chunked })).status).toBe(503);
  });

  test("is drained up to 8 MiB", async () => {
    const request = { path: "/limit", bytes: MAX_DRAINED, chunked };
    const answer = await sendFirst(tollgate.url, request);
    expect([answer.status, JSON.parse(answer.body).code]).toEqual([413, "bodyTooLarge"]);
  });

  test("of which the rest never comes gets its answer all the same", async () => {
    const it = client(tollgate.url);
    const [first, ...rest] = [...pieces(PIECE.length, chunked)];
    const begun = chunked ? [first, rest[0]] : [first];
    await it.send([head({ path: "/limit", token: null, bytes: LARGE, chunked }), ...begun]);
    expect((await it.read()).status).toBe(401);
    it.end();
  });

  // Then the connection is closed. A client that goes on writing may find that before it has read
  // the answer.
  test("without an end is let go after 8 MiB", async () => {
    const it = client(tollgate.url);
    const parts = pieces(ENDLESS, chunked);
    const endless = it.send([head({ path: "/limit", bytes: ENDLESS, chunked }), ...parts]);
    const isTaken = endless.then(
      () => true,
      () => false,
    );
    const answer = await it.read().catch(() => undefined);
    if (answer) expect(answer.status).toBe(413);
    it.end();
    expect(await isTaken, "all of it was read").toBe(false);
  });

  test("takes no memory while it is drained", async () => {
    if (tollgate.peak() === undefined) return; // the system does not tell
    const atOnce = 8;
    const request = { path: "/limit", bytes: MAX_DRAINED, chunked };
    const all = () => Promise.all(Array.from({ length: atOnce }, () => sendFirst(tollgate.url, request)));
    for (let i = 0; i < 3; i++) await all(); // what buffers and code take once
    const before = tollgate.peak();
    for (let i = 0; i < 3; i++) await all();
    expect(tollgate.peak() - before).toBeLessThan((atOnce * MAX_DRAINED) / 2);
  });
});

test("fetch reads 413, however large the body and however often", async () => {
  const identifier = "x".repeat(LARGE);
  for (let i = 0; i < 20; i++) {
    expect((await tollgate.call("POST", "/limit", { identifier })).status).toBe(413);
  }
});
