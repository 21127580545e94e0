// Tollgate called by another Worker over a service binding: no request and no response.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { server } from "./lib/server.mjs";

const PROPS = { namespace: "shop", role: "check", name: "mailer" };
const bound = (binding, props) => ({ binding, of: "T", entrypoint: "Tollgate", props });
const caller = {
  id: "caller",
  modules: ["tests/outside/lib/rpc.js", "tests/outside/lib/odd.js"],
  objects: [],
  services: [
    bound("PLAIN"),
    bound("SHOP", PROPS),
    bound("ADMIN", { role: "admin", name: "operator" }),
    bound("NAMED_ONLY", { role: "check", inline: false }),
    bound("WRONG", { role: "king" }),
    bound("UNKNOWN", { role: "check", colour: "red" }),
  ],
};

async function serving(texts) {
  const tollgate = await server({ texts, variants: [caller] });
  await tollgate.start();
  const call = async (asked) => {
    const body = JSON.stringify(asked);
    const { value, error } = await (await fetch(tollgate.urlOf("caller"), { method: "POST", body })).json();
    if (error) throw Object.assign(new Error(error.message), error);
    return value;
  };
  const rpc = (binding, method, ...args) => call({ binding, method, args });
  const odd = (odd, method) => call({ binding: "PLAIN", method, odd, args: ["test-admin"] });
  return { ...tollgate, rpc, odd };
}

let made = 0;
const fresh = () => `rpc${made++}`;
const window = (limit) => ({ limit, window: "1h" });

describe("with a token", () => {
  let tollgate;
  let rpc;
  beforeAll(async () => {
    tollgate = await serving({});
    rpc = tollgate.rpc;
  });
  afterAll(() => tollgate?.remove());
  const admin = (method, ...args) => rpc("PLAIN", method, ...args, "test-admin");

  test("each method answers as its route does", async () => {
    const check = { identifier: fresh(), ...window(2) };
    const overHttp = await tollgate.call("POST", "/limit", { ...check, peek: true });
    expect(await admin("peek", check)).toEqual({ ...overHttp.json, reset: expect.any(Number) });
    expect(await admin("limit", check)).toMatchObject({ success: true, remaining: 1, source: "object" });
    await admin("limit", check);
    const refused = await admin("limit", check);
    expect(refused).toMatchObject({ success: false, reason: "limit", limitedBy: "2/1h" });
    expect(refused.retryAfter).toBeGreaterThan(0);
    const { identifier } = check;
    expect((await admin("status", { identifier })).limits).toMatchObject([{ used: 2 }]);
    expect(await admin("reset", { identifier })).toEqual({ success: true });
    const blocked = { identifier: fresh(), duration: "1h" };
    expect(await admin("block", blocked)).toEqual({ success: true });
    const asked = { identifier: blocked.identifier, ...window(2) };
    expect(await admin("limit", asked)).toMatchObject({ success: false, reason: "blocked" });
    const two = [fresh(), fresh()].map((identifier) => ({ identifier, ...window(1) }));
    expect(await admin("multi", two)).toMatchObject({ success: true, results: [{}, {}] });
    expect(await admin("multi", { limits: two })).toMatchObject({ success: false });
  });

  test("a permit is taken, topped up, renewed, settled and released", async () => {
    const check = { identifier: fresh(), ...window(10), cost: 4, hold: "1m" };
    const { permit } = await admin("limit", check);
    expect(await admin("topup", { permit, cost: 6 })).toMatchObject({ success: true });
    expect(await admin("renew", { permit, hold: "5m" })).toMatchObject({ success: true });
    expect(await admin("settle", { permit, cost: 5 })).toMatchObject({ state: "settled" });
    expect(await admin("peek", { ...check, hold: undefined, cost: 0 })).toMatchObject({ remaining: 5 });
    const other = await admin("limit", check);
    expect(await admin("release", { permit: other.permit })).toEqual({ success: true });
    const told = { identifier: check.identifier, ...window(10), status: 429, headers: { "Retry-After": "60" } };
    expect(await admin("report", told)).toMatchObject({ refused: true, closedBy: "told" });
  });

  test("`wait` is held until the turn has come", async () => {
    const bucket = { algorithm: "tokenBucket", capacity: 1, refill: { amount: 1, interval: "300ms" } };
    const check = { identifier: fresh(), ...bucket, wait: "5s" };
    await admin("limit", check);
    expect((await admin("limit", check)).waited).toBeGreaterThan(200);
  });

  test("what is wrong is thrown with its code and field, and charges nothing", async () => {
    const wrong = [
      [{ identifier: fresh(), limit: 1.5, window: "1h" }, "invalidField", "limit"],
      [{ ...window(1) }, "invalidField", "identifier"],
      ["text", "invalidField"],
      [null, "invalidField"],
      [{ policy: "none", identifier: "x" }, "unknownPolicy"],
      [{ identifier: "x".repeat(70_000), ...window(1) }, "bodyTooLarge"],
    ];
    for (const [question, code] of wrong) {
      const error = await admin("limit", question).catch((error) => error);
      expect(error.message, JSON.stringify(question)?.slice(0, 80)).toMatch(/^\w+: .+/);
      expect(error.message.split(":")[0]).toBe(code);
    }
    await expect(admin("settle", { permit: "p1.nonsense", cost: 1 })).rejects.toThrow(/^unknownPermit: /);
    await expect(admin("status", { identifier: "x", colour: "red" })).rejects.toThrow(/^invalidField: /);
  });

  test("what JSON cannot say is the caller's fault, whatever is asked, and nobody else's", async () => {
    const wrong = {
      nothing: /^invalidJson: /,
      bigInt: /^invalidJson: The question must be one that JSON can say/,
      circle: /^invalidJson: /,
      function: /^invalidJson: /,
      "a toJSON of its own": /^invalidJson: /,
      "a long text": /^bodyTooLarge: /,
      "a long list": /^bodyTooLarge: /,
      "a long field": /^bodyTooLarge: /,
      "half a pair": /^invalidField: .*half a surrogate pair/,
    };
    for (const [name, said] of Object.entries(wrong)) {
      for (const method of ["limit", "peek", "status", "reset"]) {
        await expect(tollgate.odd(name, method), `${method} ${name}`).rejects.toThrow(said);
      }
    }
    expect(tollgate.log()).not.toContain("a fault ended the wasm instance");
  });

  test("who is asked about has to be said in texts; what is undefined is not said", async () => {
    const check = { identifier: "odd", ...window(5) };
    await admin("limit", check);
    const { subject, limits } = await tollgate.odd("what is not said", "status");
    expect(subject).toEqual({ provider: "default", scope: "", identifier: "odd" });
    expect(limits).toMatchObject([{ used: 1 }]);
    expect(await tollgate.odd("what is not said", "reset")).toEqual({ success: true });
    expect((await admin("status", { identifier: "odd" })).limits).toEqual([]);
    const wrong = [
      [{ identifier: 5 }, "identifier"],
      [{ identifier: "odd", scope: null }, "scope"],
      [{ identifier: "odd", policy: {} }, "policy"],
      ["identifier=odd", "body"],
      [[["identifier", "odd"]], "body"],
    ];
    for (const [question, field] of wrong) {
      for (const method of ["status", "reset"]) {
        await expect(admin(method, question), field).rejects.toThrow(new RegExp(`^invalidField: \`${field}\` `));
      }
    }
  });

  test("a token that is no text is nobody's, and ends nothing", async () => {
    const check = { identifier: fresh(), ...window(5) };
    for (const token of [5, true, null, {}, { length: 100 }, ["test-admin"], "x".repeat(1_000_000)]) {
      for (let i = 0; i < 3; i++) await expect(rpc("PLAIN", "limit", check, token)).rejects.toThrow(/^unauthorized: /);
    }
    expect(await admin("limit", check)).toMatchObject({ success: true, remaining: 4 });
    expect(tollgate.log()).not.toContain("a fault ended the wasm instance");
  });

  test("nobody asks without one, beyond its role, or by `props` that are not believed", async () => {
    const check = { identifier: fresh(), ...window(1) };
    await expect(rpc("PLAIN", "limit", check)).rejects.toThrow(/^unauthorized: .*second argument/);
    await expect(rpc("PLAIN", "limit", check, "wrong")).rejects.toThrow(/^unauthorized: /);
    await expect(rpc("PLAIN", "limit", check, "test-read")).rejects.toThrow(/^forbidden: /);
    await expect(rpc("SHOP", "limit", check)).rejects.toThrow(/^unauthorized: .*TOLLGATE_BINDINGS/);
    await expect(rpc("PLAIN", "constructor", check)).rejects.toThrow();
    await expect(rpc("PLAIN", "call", check)).rejects.toThrow();
  });
});

describe("with believed `props`", () => {
  let tollgate;
  let rpc;
  beforeAll(async () => {
    tollgate = await serving({ TOLLGATE_BINDINGS: "props" });
    rpc = tollgate.rpc;
  });
  afterAll(() => tollgate?.remove());

  test("they say in which namespace, and as what, the binding calls", async () => {
    const check = { identifier: fresh(), ...window(1) };
    expect(await rpc("SHOP", "limit", check)).toMatchObject({ success: true });
    expect(await rpc("SHOP", "limit", check)).toMatchObject({ success: false });
    expect(await rpc("ADMIN", "limit", check)).toMatchObject({ success: true });
    await expect(rpc("SHOP", "reset", { identifier: check.identifier })).rejects.toThrow(/^forbidden: /);
    expect(await rpc("ADMIN", "reset", { identifier: check.identifier })).toEqual({ success: true });
    await expect(rpc("NAMED_ONLY", "limit", check)).rejects.toThrow(/^inlineForbidden: /);
    // A token is stronger than what the binding says.
    expect(await rpc("SHOP", "limit", check, "test-admin")).toMatchObject({ success: true });
  });

  test("that are wrong are nobody's, and say why", async () => {
    const check = { identifier: fresh(), ...window(1) };
    await expect(rpc("WRONG", "limit", check)).rejects.toThrow(/^unauthorized: .*role/);
    await expect(rpc("UNKNOWN", "limit", check)).rejects.toThrow(/^unauthorized: .*colour/);
    await expect(rpc("PLAIN", "limit", check)).rejects.toThrow(/^unauthorized: /);
  });
});

test("a setting that is neither is refused, and says so in the log", async () => {
  const tollgate = await serving({ TOLLGATE_BINDINGS: "yes" });
  await expect(tollgate.rpc("PLAIN", "limit", {}, "test-admin")).rejects.toThrow(/^notConfigured: /);
  expect(tollgate.log()).toContain("TOLLGATE_BINDINGS must be `props` or `token`");
  await tollgate.remove();
});
