// Names that paths take apart: nobody can be called `.` or `..`, and whoever can be limited is
// reached by the path of his name, encoded, and by no other's.

import { readdirSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { server } from "./lib/server.mjs";

let main;
beforeAll(async () => {
  main = await (await server()).start();
  await main.call("PUT", "/policies/named", { limit: 1000, window: "1d" });
});
afterAll(() => main?.remove());

const DOTS = [".", ".."];
const day = (more) => ({ algorithm: "fixedWindow", limit: 1000, window: "1d", ...more });
const overrides = async () => (await main.call("GET", "/overrides")).json.overrides;

/** A request whose path is sent as it stands: `fetch` would fold it. */
function sent(method, path, body = "", url = main.url) {
  const { hostname, port } = new URL(url);
  const headers = { authorization: "Bearer test-admin", "content-length": Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, method, path, headers }, async (response) => {
      let text = "";
      for await (const chunk of response) text += chunk;
      resolve({ status: response.statusCode, json: JSON.parse(text) });
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

describe("`.` and `..` are nobody's names", () => {
  const part = (name, dots) => ({ identifier: "a", [name]: dots });
  const query = (name, dots) => new URLSearchParams(part(name, dots)).toString();

  test.each(["provider", "scope", "identifier", "policy"])("as %s", async (name) => {
    for (const dots of DOTS) {
      const rule = name === "policy" ? {} : day();
      const asked = [
        ["POST", "/limit", { ...part(name, dots), ...rule }],
        ["POST", "/limit", { policy: "named", ...part(name, dots) }],
        ["POST", `/limit?${new URLSearchParams({ policy: "named", ...part(name, dots) })}`],
        [
          "POST",
          "/limit/multi",
          {
            limits: [
              { identifier: "b", ...day() },
              { ...part(name, dots), ...rule },
            ],
          },
        ],
        ["POST", "/limit/block", { ...part(name, dots), duration: "1h" }],
        ["GET", `/limit?${query(name, dots)}`],
        ["DELETE", `/limit?${query(name, dots)}`],
        ["DELETE", `/limit?${query(name, dots).replaceAll(".", "%2E")}`],
        ...(name === "identifier" ? [["POST", "/acquire", { identifier: dots, maxTokens: 1, refillRate: 1 }]] : []),
        ...(name === "identifier" ? [] : [["GET", `/subjects?${name}=${dots}`]]),
        ...(name === "policy" ? [] : [["GET", `/policies/named/explain?${query(name, dots)}`]]),
      ];
      for (const [method, path, body] of asked) {
        const { status, json } = await main.call(method, path, body);
        const at = `${method} ${path} ${JSON.stringify(body)}`;
        expect([at, status, json.code, json.field?.split(".").pop()]).toEqual([at, 400, "invalidField", name]);
      }
    }
  });

  test("of a policy and in it", async () => {
    for (const dots of DOTS) {
      const put = await sent("PUT", `/policies/${dots}`, JSON.stringify(day()));
      expect(put).toMatchObject({ status: 400, json: { code: "invalidField", field: "name" } });
      expect((await sent("POST", `/policies/${dots}/rollback`, '{"version":1}')).status).toBe(400);
      expect((await sent("GET", `/policies/${dots}`)).status).toBe(404);
      expect((await sent("POST", `/presets/${dots}`)).status).toBe(404);
      for (const [field, wrong] of [
        ["provider", { provider: dots }],
        ["scope", { scope: dots }],
        ["parent.identifier", { parent: { policy: "named", identifier: dots } }],
        ["limits[0].name", { limits: [day({ name: dots })] }],
      ]) {
        const policy = { ...(wrong.limits ? {} : day()), ...wrong };
        expect((await main.call("PUT", "/policies/x", policy)).json).toMatchObject({ code: "invalidField", field });
      }
    }
    // Nor is the subject above one of these, whoever stands below.
    const parent = { policy: "named", identifier: "{prefix}" };
    expect((await main.call("PUT", "/policies/below", { ...day(), parent })).status).toBe(201);
    const above = await main.call("POST", "/limit", { policy: "below", identifier: "..:x" });
    expect(above).toMatchObject({ status: 400, json: { field: "identifier" } });
    expect((await main.call("POST", "/limit", { policy: "below", identifier: "...:x" })).status).toBe(200);
  });

  test("of a target, in any spelling, and nothing is set", async () => {
    const before = await overrides();
    for (const dots of [...DOTS, "%2e", "%2E%2e", ".%2E"]) {
      for (const target of [
        `subject:p/${dots}/all`,
        `subject:p/s/${dots}`,
        `subject:${dots}/s/x`,
        `prefix:p/${dots}/all*`,
        `policy:${dots}`,
        `provider:${dots}`,
      ]) {
        for (const kind of ["deny", "bypass", "stage"]) {
          const set = await sent("PUT", `/overrides/${target}/${kind}`, kind === "stage" ? '{"paused":true}' : "{}");
          expect([target, set.status, set.json.field]).toEqual([target, 400, "target"]);
          expect(set.json.detail).toContain("`.` or `..`");
        }
        const except = await main.call("PUT", "/overrides/all/deny", { except: [target] });
        expect([target, except.status, except.json.field]).toEqual([target, 400, "except[0]"]);
      }
    }
    expect(await overrides()).toEqual(before);
    expect((await main.call("POST", "/limit", { identifier: "anybody", ...day() })).status).toBe(200);
  });
});

describe("everybody else is reached by the path of the name", () => {
  // What the parser of a URL folds, strips, encodes or takes for something else.
  const ODD = [
    ["p", "s", "../all"],
    ["p", "..a", "..."],
    ["p", "%2e%2e", "%2E"],
    ["p", "a/b", "c"],
    ["p", "a", "b/c"],
    ["p", "a\\b", "c\\..\\d"],
    ["p", "\t", "a\tb\n"],
    ["p", "ab", "ab"],
    ["p", " ", " a "],
    ["p", "?x=1", "#y"],
    ["p", "%", "%2F%zz"],
    ["p", "/", "/"],
    ["p", "", "//"],
    ["p", "", "all/deny"],
    ["p", "stage", "stage"],
    ["all", "deny", "all"],
    ["..%2f", "\r\n", "\u0000"],
    ["é:+&;", "漢字 🙂", "{}|^`\"<>'()*!~"],
  ];
  const path = (parts) => `/overrides/subject:${parts.map(encodeURIComponent).join("/")}/deny`;
  const ask = async ([provider, scope, identifier]) =>
    (await main.call("POST", "/limit", { provider, scope, identifier, ...day() })).json.reason;

  test("with fetch, each on its own", async () => {
    const denied = ODD.filter((_, i) => i % 2 === 0);
    for (const parts of ODD) expect([parts, await ask(parts)]).toEqual([parts, undefined]);
    for (const parts of denied) {
      const { status, json } = await main.call("PUT", path(parts), {});
      expect([parts, status]).toEqual([parts, 201]);
      expect(json.target).toBe(path(parts).slice("/overrides/".length, -"/deny".length));
    }
    for (const parts of ODD) {
      expect([parts, await ask(parts)]).toEqual([parts, denied.includes(parts) ? "override" : undefined]);
    }
    for (const parts of denied) expect((await main.call("DELETE", path(parts))).status).toBe(200);
    expect(await overrides()).toEqual([]);
  });
});

test("what an older build stored under such names is read, and can be deleted", async () => {
  const old = await (await server()).start();
  const raw = (method, path) => sent(method, path, "", old.url);
  try {
    const limits = [day({ name: "nn", limit: 5 })];
    await old.call("PUT", "/policies/mm", { limits, provider: "pp", scope: "ss" });
    await old.call("PUT", "/policies/kept", { limits });
    const deny = { except: ["subject:p/ss/y"], reason: "from before" };
    expect((await old.call("PUT", "/overrides/subject:p/ss/all/deny", deny)).status).toBe(201);
    expect((await old.call("POST", "/limit", { policy: "kept", identifier: "u", cost: 5 })).status).toBe(200);
    await old.kill();
    const edited = edit(old.directory, "overrides", [
      "UPDATE overrides SET target = replace(target, '/ss/', '/../'), effect = replace(effect, '/ss/', '/../')",
      "UPDATE policies SET name = '..' WHERE name = 'mm'",
      `UPDATE policies SET canonical = replace(replace(replace(canonical, '"ss"', '"."'), '"pp"', '".."'), '"nn"', '".."')`,
    ]);
    expect(edited).toBe(1);
    // The subject's object has rows of the limit under its older name.
    const renamed = "UPDATE state SET key = replace(key, 'nn', '..'), row = replace(row, 'nn', '..')";
    expect(edit(old.directory, "state", [renamed])).toBe(1);
    await old.start();

    const { overrides } = (await old.call("GET", "/overrides")).json;
    expect(overrides).toMatchObject([{ target: "subject:p/../all", except: ["subject:p/../y"] }]);
    expect((await old.call("GET", "/policies")).json.policies.map(({ name }) => name)).toEqual(["..", "kept"]);
    const refused = await old.call("POST", "/limit", { policy: "kept", identifier: "u" });
    expect(refused).toMatchObject({ status: 429, json: { limitedBy: "..", limit: 5, remaining: 0 } });
    expect((await old.call("POST", "/limit", { policy: "kept", identifier: "v" })).status).toBe(200);

    expect((await raw("DELETE", "/overrides/subject:p/../all/deny")).status).toBe(200);
    expect((await old.call("GET", "/overrides")).json.overrides).toEqual([]);
    expect((await raw("GET", "/policies/..")).json).toMatchObject({ name: "..", version: 1 });
    expect((await raw("DELETE", "/policies/..")).status).toBe(200);
    expect((await old.call("GET", "/policies")).json.policies.map(({ name }) => name)).toEqual(["kept"]);
  } finally {
    await old.remove();
  }
});

/** Changes the rows of all objects with a table; how many there are. Only while nothing runs. */
function edit(directory, table, statements) {
  const files = readdirSync(directory, { recursive: true });
  let edited = 0;
  for (const file of files.filter((name) => /[0-9a-f]{64}\.sqlite$/.test(name))) {
    const database = new DatabaseSync(join(directory, file));
    if (database.prepare("SELECT 1 FROM sqlite_master WHERE name = ?").get(table)) {
      for (const statement of statements) database.exec(statement);
      edited++;
    }
    database.close();
  }
  return edited;
}
