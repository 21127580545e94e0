// What a caller is told when the subject's object is slow, broken or overloaded: within the
// deadline, by the policy's failure mode, and never as if it had been decided.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { algorithms, server } from "./lib/server.mjs";

const DEADLINE_MS = 200;

describe.each(["silent", "broken", "garbled", "unavailable"])("an object that is %s", (how) => {
  let tollgate;
  beforeAll(async () => {
    const failing = {
      id: "failing",
      modules: ["tests/outside/lib/failing.js"],
      objects: [{ binding: "SELF", className: "RateLimitDO" }],
      texts: [{ name: "HOW", text: how }],
    };
    const change = (main) => ({
      ...main,
      objects: main.objects.map((object) =>
        object.className === "RateLimitDO" ? { ...object, of: "failing" } : object,
      ),
    });
    tollgate = await server({ variants: [failing], change, texts: { TOLLGATE_DEADLINE_MS: String(DEADLINE_MS) } });
    await tollgate.start();
  });
  afterAll(() => tollgate?.remove());

  const ask = (rest) => tollgate.call("POST", "/limit", { identifier: "u1", ...algorithms(1000).fixedWindow, ...rest });

  test("open: admitted, said to be degraded, no number invented", async () => {
    for (const { status, json, headers } of await Promise.all(Array.from({ length: 20 }, () => ask()))) {
      expect(status).toBe(200);
      expect(json).toEqual({ success: true, reason: "degraded", source: "fallback" });
      expect(headers.get("ratelimit")).toBeNull();
    }
  });

  test("closed: 503, and when to try again", async () => {
    const { status, json, headers } = await ask({ failMode: "closed" });
    expect([status, json.code]).toEqual([503, "objectUnavailable"]);
    expect(headers.get("retry-after")).toBe("1");
  });

  test("share: one percent of the limit, then refused", async () => {
    const body = { identifier: "shared", failMode: "share" };
    const answers = await Promise.all(Array.from({ length: 30 }, () => ask(body)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(10);
    const refused = answers.find(({ status }) => status === 429);
    expect(refused.json).toEqual({ success: false, reason: "degraded", source: "fallback" });
  });

  test("several subjects, and what only the object knows, are answered too", async () => {
    const entry = (identifier) => ({ identifier, ...algorithms(10).tokenBucket });
    const multi = await tollgate.call("POST", "/limit/multi", { limits: [entry("a"), entry("b")] });
    expect(multi.status).toBe(200);
    expect(multi.json.results.map(({ source }) => source)).toEqual(["fallback", "fallback"]);
    const shown = await tollgate.call("GET", "/limit?identifier=u1");
    expect([shown.status, shown.json.code]).toEqual([503, "objectUnavailable"]);
  });
});
