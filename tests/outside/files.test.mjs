// `tollgate policies`: the built command line against a server.

import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { server } from "./lib/server.mjs";

const TOKENS = JSON.stringify([
  ...["main", "dumped", "drift", "foreign", "prune", "moved", "broken", "static"].map((namespace) => ({
    token: namespace,
    name: "ci",
    role: "admin",
    namespace,
  })),
  { token: "bob", name: "bob", role: "admin", namespace: "drift" },
  { token: "checker", role: "check", namespace: "main" },
]);
const BINARY = join(process.env.CARGO_TARGET_DIR ?? "target", "debug/tollgate");

let main;
let folder;
beforeAll(async () => {
  execFileSync("cargo", ["build", "--quiet", "--locked", "-p", "tollgate-cli"], { stdio: "inherit" });
  main = await (await server({ tokens: TOKENS })).start();
}, 600_000);
afterAll(() => main?.remove());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tollgate-files-"));
  return () => rmSync(folder, { recursive: true });
});

/** Runs a verb over `folder`. */
function tollgate(token, verb, ...args) {
  return run({ TOLLGATE_URL: main.url, TOLLGATE_TOKEN: token }, ["policies", verb, folder, ...args]);
}

function run(variables, args) {
  return new Promise((resolve) => {
    const child = spawn(BINARY, args, { env: { PATH: process.env.PATH, ...variables } });
    const out = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"]) child[name].on("data", (data) => (out[name] += data));
    child.once("close", (code) => resolve({ code, ...out }));
  });
}

const file = (name, text) => writeFileSync(join(folder, name), text);
const hour = (limit, more = "") =>
  `${more}limits:\n  - name: hour\n    algorithm: fixedWindow\n    limit: ${limit}\n    window: 1h\n`;
const get = (token, path) => main.call("GET", path, undefined, { token });
const put = (token, name, policy) => main.call("PUT", `/policies/${name}`, policy, { token });
const names = async (token) => (await get(token, "/policies")).json.policies.map(({ name }) => name);

describe("a set of files", () => {
  test("is validated, compared, applied in order, and then the same", async () => {
    cpSync("examples/policies", folder, { recursive: true });
    expect(await tollgate("main", "validate")).toMatchObject({ code: 0, stdout: "4 policies valid\n" });
    expect(await tollgate("main", "diff")).toMatchObject({ code: 1 });
    expect(await tollgate("main", "apply", "--dry-run")).toMatchObject({ code: 0 });
    expect(await names("main")).toEqual([]);
    expect(await tollgate("main", "apply", "--reason", "at & first")).toMatchObject({ code: 0, stderr: "" });
    expect(await tollgate("main", "diff")).toMatchObject({ code: 0, stdout: "Nothing is to be changed.\n" });
    expect((await get("main", "/policies/login")).json).toMatchObject({
      version: 1,
      author: "ci",
      reason: "at & first",
      policy: { source: expect.stringMatching(/^files:default#[0-9a-f]{12}$/) },
    });
    // A field that changes is told before and after, and nothing else is written.
    file("login.json", readFileSync(join(folder, "login.json"), "utf8").replace('"limit": 5', '"limit": 6'));
    const diff = await tollgate("main", "diff", "--json");
    expect(JSON.parse(diff.stdout).steps).toEqual([
      { name: "login", action: "change", version: 1, fields: [{ field: "limits[0].limit", before: 5, after: 6 }] },
    ]);
    expect(await tollgate("main", "apply")).toMatchObject({ code: 0 });
    const versions = (await get("main", "/policies")).json.policies.map(({ name, version }) => [name, version]);
    expect(versions).toEqual([
      ["cluster", 1],
      ["login", 2],
      ["tenant", 1],
      ["tenant.trial", 1],
    ]);
  });

  test("is what dump writes", async () => {
    await put("dumped", "alone", { name: "hour", algorithm: "fixedWindow", limit: 5, window: 3600000 });
    const text = { description: 'no: "é" \u2028 # \n ', provider: "no", scope: "1:30" };
    await put("dumped", "odd", { ...text, limits: [{ limit: 9007199254740992, window: "1 h" }] });
    const rate = { algorithm: "tokenBucket", capacity: 5, refill: { amount: 0.000000001, interval: "1d" } };
    await put("dumped", "rate", { limits: [rate], askedBy: ["a", "b"] });
    await put("dumped", "variant", { extends: "odd" });
    expect(await tollgate("dumped", "dump")).toMatchObject({ code: 0, stdout: "4 policies dumped\n" });
    expect(readdirSync(folder).sort()).toEqual(["alone.yaml", "odd.yaml", "rate.yaml", "variant.yaml"]);
    expect(await tollgate("dumped", "diff")).toMatchObject({ code: 0 });
    expect(await tollgate("dumped", "dump")).toMatchObject({ code: 2 });
    expect(await tollgate("dumped", "dump", "--force")).toMatchObject({ code: 0 });
  });
});

describe("somebody else's change", () => {
  test("since the last apply is told with its author, and overwritten only if that is said", async () => {
    file("mail.yaml", hour(10));
    file("other.yaml", hour(1));
    expect(await tollgate("drift", "apply")).toMatchObject({ code: 0 });
    const { policy } = (await get("drift", "/policies/mail")).json;
    policy.limits[0].limit = 99;
    await put("bob", "mail", policy);
    file("other.yaml", hour(2));
    const diff = await tollgate("drift", "diff");
    expect(diff.code).toBe(1);
    expect(diff.stdout).toMatch(/changed since the last apply; version 2 is by bob/);
    expect(await tollgate("drift", "apply")).toMatchObject({ code: 4 });
    expect((await get("drift", "/policies/mail")).json.policy.limits[0].limit).toBe(99);
    expect((await get("drift", "/policies/other")).json.version).toBe(1);
    expect(await tollgate("drift", "apply", "--take-over")).toMatchObject({ code: 0 });
    expect((await get("drift", "/policies/mail")).json.policy.limits[0].limit).toBe(10);
  });

  test("is not overwritten where nobody said whose the policy is", async () => {
    await put("foreign", "mail", { limit: 5, window: "1h" });
    file("mail.yaml", hour(10));
    expect(await tollgate("foreign", "apply")).toMatchObject({ code: 4 });
    expect((await get("foreign", "/policies/mail")).json.version).toBe(1);
    expect(await tollgate("foreign", "apply", "--take-over")).toMatchObject({ code: 0 });
    expect(await tollgate("foreign", "apply", "--set", "second")).toMatchObject({ code: 0 });
    file("mail.yaml", hour(11));
    expect(await tollgate("foreign", "apply", "--set", "second")).toMatchObject({ code: 4 });
  });
});

test("prune deletes what the files own alone, the lowest first", async () => {
  await put("prune", "by-hand", { limit: 5, window: "1h" });
  file("base.yaml", hour(10));
  file("child.yaml", "extends: base\n");
  expect(await tollgate("prune", "apply")).toMatchObject({ code: 0 });
  mkdirSync(join(folder, "second"));
  writeFileSync(join(folder, "second/second.yaml"), hour(3));
  const second = ["policies", "apply", join(folder, "second"), "--set", "second"];
  expect(await run({ TOLLGATE_URL: main.url, TOLLGATE_TOKEN: "prune" }, second)).toMatchObject({ code: 0 });
  rmSync(join(folder, "base.yaml"));
  rmSync(join(folder, "child.yaml"));
  expect(await tollgate("prune", "apply")).toMatchObject({ code: 0 });
  expect(await names("prune")).toEqual(["base", "by-hand", "child", "second"]);
  // That no file is left may be a slip: it is said once more.
  for (const args of [[], ["--take-over"], ["--json"]]) {
    const refused = await tollgate("prune", "apply", "--prune", ...args);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("--allow-empty")]);
  }
  const shown = await tollgate("prune", "apply", "--prune", "--dry-run");
  expect([shown.code, shown.stdout]).toEqual([0, expect.stringContaining("remove child\n")]);
  expect(await tollgate("prune", "apply", "--allow-empty")).toMatchObject({ code: 2 });
  expect(await names("prune")).toEqual(["base", "by-hand", "child", "second"]);
  expect(await tollgate("prune", "apply", "--prune", "--allow-empty")).toMatchObject({ code: 0 });
  expect(await names("prune")).toEqual(["by-hand", "second"]);
  expect(await tollgate("prune", "apply", "--prune")).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("Nothing"),
  });
});

describe("a server that means harm", () => {
  let answer;
  let hostile;
  let url;
  beforeAll(async () => {
    hostile = createServer((request, response) => {
      const { status = 200, body } = answer(request.url);
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
    await new Promise((resolve) => hostile.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${hostile.address().port}`;
  });
  afterAll(() => hostile.close());

  const POLICY = { limit: 1, window: "1h", description: "hostile" };
  const one =
    (name, more = {}) =>
    (path) => ({
      body:
        path === "/policies"
          ? {
              policies: [
                { name: "fine", version: 1 },
                { name, version: 1 },
              ],
            }
          : { name, version: 1, policy: POLICY, ...more },
    });
  const verb = (name, ...args) =>
    run({ TOLLGATE_URL: url, TOLLGATE_TOKEN: "t" }, ["policies", name, join(folder, "a/b"), ...args]);

  test.each([
    "../../evil",
    "..",
    ".",
    "/tmp/evil",
    "a/b",
    "a\\b",
    "C:evil",
    "",
    "a\u0000b",
    "é",
    "x".repeat(65),
    "\u001b[2Jred",
  ])("writes no file by the name %j", async (name) => {
    answer = one(name);
    mkdirSync(join(folder, "a"));
    writeFileSync(join(folder, "evil.yaml"), "mine");
    for (const args of [[], ["--force"]]) {
      const { code, stderr } = await verb("dump", ...args);
      expect([code, stderr]).toEqual([3, expect.stringMatching(/which is no name of one/)]);
      expect(stderr).not.toMatch(/[^ -~\né]/);
    }
    expect(readdirSync(folder, { recursive: true }).sort()).toEqual(["a", "evil.yaml"]);
    expect(readFileSync(join(folder, "evil.yaml"), "utf8")).toBe("mine");
  });

  test("writes none where one is there already", async () => {
    answer = one("other");
    mkdirSync(join(folder, "a/b"), { recursive: true });
    writeFileSync(join(folder, "a/b/other.yaml"), "mine");
    const { code, stderr } = await verb("dump");
    expect([code, stderr]).toEqual([2, expect.stringMatching(/other\.yaml: it is there already.*--force/)]);
    expect(readdirSync(join(folder, "a/b"))).toEqual(["other.yaml"]);
    expect(await verb("dump", "--force")).toMatchObject({ code: 0 });
  });

  test("says nothing that a terminal acts upon", async () => {
    mkdirSync(join(folder, "a/b"), { recursive: true });
    writeFileSync(join(folder, "a/b/fine.yaml"), hour(1));
    const red = "\u001b[31m\u009b2J\r\u0007\u202e\u2066x\ntollgate: done";
    const harmless = /^[\n\x20-\x7e]*$/;
    answer = one("other", { author: red, reason: red, policy: { [red]: red, source: red, limit: 1, window: "1h" } });
    for (const args of [["diff"], ["diff", "--json"], ["apply"], ["apply", "--prune"]]) {
      const { stdout, stderr } = await verb(...args);
      expect(stdout + stderr).toMatch(harmless);
      expect(stdout + stderr).toContain("\\u001b[31m\\u009b2J");
      expect(stdout + stderr).not.toMatch(/^tollgate: done/m);
    }
    answer = () => ({ status: 403, body: { code: red, detail: red } });
    const { code, stderr } = await verb("diff");
    expect([code, stderr]).toEqual([3, expect.stringMatching(harmless)]);
    expect(stderr).not.toMatch(/^tollgate: done/m);
  });
});

test("a password in the address is told nowhere", async () => {
  file("a.yaml", hour(1));
  const { port } = new URL(main.url);
  for (const address of [
    `http://user:hunter2@127.0.0.1:${port}`,
    "https://user:hunter2@tollgate.invalid",
    "https://hunter2@tollgate.invalid/",
    "https://tollgate.invalid/?key=hunter2",
    "https://tollgate.invalid/#hunter2",
    "ftp://user:hunter2@tollgate.invalid",
    "http://user:hunter2@:x",
    "hunter2@",
  ]) {
    const variables = { TOLLGATE_URL: address, TOLLGATE_TOKEN: "main" };
    for (const args of [
      ["diff", folder],
      ["apply", folder],
      ["dump", join(folder, "x")],
    ]) {
      const { code, stdout, stderr } = await run(variables, ["policies", ...args]);
      expect([address, code]).toEqual([address, 2]);
      expect(stdout + stderr).not.toContain("hunter2");
    }
    const help = await run(variables, ["policies", "diff", "--help"]);
    expect(help.stdout + help.stderr).not.toContain("hunter2");
  }
  // What cannot be reached is told without the path.
  const gone = await run({ TOLLGATE_URL: "http://127.0.0.1:1/hunter2", TOLLGATE_TOKEN: "main" }, [
    "policies",
    "diff",
    folder,
  ]);
  expect([gone.code, gone.stderr]).toEqual([3, expect.stringContaining("http://127.0.0.1:1 cannot be reached")]);
  expect(gone.stderr).not.toContain("hunter2");
});

test("the mark that editors write in front of UTF-8 is no part of a file", async () => {
  file("a.yaml", `\ufeff${hour(1)}`);
  file("b.json", '\ufeff{"limit":1,"window":"1h"}');
  expect(await tollgate("moved", "validate")).toMatchObject({ code: 0, stdout: "2 policies valid\n" });
});

test("what stops in the middle says what was done, and goes on when it is run again", async () => {
  file("a.yaml", hour(1));
  file("b.yaml", "extends: a\n");
  file("c.yaml", hour(1));
  expect(await tollgate("broken", "apply")).toMatchObject({ code: 0 });
  for (const name of ["a", "c"]) file(`${name}.yaml`, hour(2));
  // Another hand changes `c` between plan and change: a proxy does so at the second PUT.
  let puts = 0;
  const proxy = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    if (request.method === "PUT" && ++puts === 2) {
      await put("broken", "c", { limit: 77, window: "1h" });
    }
    const { authorization, "if-match": matching, "if-none-match": other } = request.headers;
    const headers = {
      authorization,
      ...(matching && { "if-match": matching }),
      ...(other && { "if-none-match": other }),
    };
    const body = chunks.length > 0 ? Buffer.concat(chunks) : undefined;
    const answer = await fetch(main.url + request.url, { method: request.method, headers, body });
    response.writeHead(answer.status, { "content-type": "application/json" }).end(await answer.text());
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${proxy.address().port}`;
  const stopped = await run({ TOLLGATE_URL: url, TOLLGATE_TOKEN: "broken" }, ["policies", "apply", folder]);
  await new Promise((resolve) => proxy.close(resolve));
  expect(stopped.code).toBe(3);
  expect(stopped.stderr).toMatch(/409 Conflict versionMoved/);
  expect(stopped.stderr).toMatch(/Done: a\. Not done: c\./);
  expect((await get("broken", "/policies/c")).json.policy.limit).toBe(77);
  expect(await tollgate("broken", "apply", "--take-over")).toMatchObject({ code: 0 });
  expect(await tollgate("broken", "diff")).toMatchObject({ code: 0 });
});

test("what the deployment brings is neither dumped, deleted nor in the way of a file", async () => {
  const text = JSON.stringify({
    brought: { limit: 5, window: "1h" },
    other: { limit: 6, window: "1h", parent: { policy: "brought" } },
  });
  const deployed = await (await server({ tokens: TOKENS, texts: { TOLLGATE_POLICIES: text } })).start();
  try {
    const verb = (name, ...args) =>
      run({ TOLLGATE_URL: deployed.url, TOLLGATE_TOKEN: "static" }, ["policies", name, folder, ...args]);
    const origins = async () => {
      const { json } = await deployed.call("GET", "/policies", undefined, { token: "static" });
      return json.policies.map(({ name, origin, version }) => [name, origin, version]);
    };
    expect(await verb("dump")).toMatchObject({ code: 0, stdout: "0 policies dumped\n" });
    file("own.yaml", hour(1));
    expect(await verb("apply", "--prune")).toMatchObject({ code: 0, stderr: "" });
    const before = [
      ["brought", "static", 0],
      ["other", "static", 0],
      ["own", "stored", 1],
    ];
    expect(await origins()).toEqual(before);
    file("brought.yaml", hour(2));
    expect(await verb("diff")).toMatchObject({ code: 1 });
    expect(await verb("apply")).toMatchObject({ code: 0, stderr: "" });
    expect((await origins())[0]).toEqual(["brought", "stored", 1]);
    expect(await verb("diff")).toMatchObject({ code: 0 });
    rmSync(join(folder, "brought.yaml"));
    expect(await verb("apply", "--prune")).toMatchObject({ code: 0, stderr: "" });
    expect((await origins())[0]).toEqual(["brought", "static", 2]);
  } finally {
    await deployed.remove();
  }
});

describe("what cannot be done is told, and changes nothing", () => {
  test.each([
    ["an unknown field", hour(1, "shedd: 1\n"), /mail\.yaml:1: `mail`: `shedd`/],
    ["a text for a number", hour('"5"'), /mail\.yaml:4: `mail`: `limits\[0\]\.limit`/],
    ["a duration", hour(1).replace("1h", "1 year"), /mail\.yaml:5: .*limits\[0\]\.window/],
    ["a field twice", hour(1, "scope: a\nscope: b\n"), /mail\.yaml:2: `scope`/],
    ["a word of two meanings", hour(1, "refunds: no\n"), /mail\.yaml:1: `no`/],
    ["an anchor", "a: &a [1]\n", /mail\.yaml:1: /],
    ["a source of its own", hour(1, "source: x\n"), /mail\.yaml:1: `source`/],
    ["an unknown base", "extends: none\n", /`none`/],
    ["a circle", "extends: mail\n", /circle/],
    ["a scope that no path can hold", hour(1, "scope: ..\n"), /mail\.yaml:1: .*`scope` must be .*`\.\.`/],
    ["a name that no path can hold", `name: "."\n${hour(1)}`, /mail\.yaml:1: `name` must be .*`\.\.`/],
    ["two of one name", `name: a\n${hour(1)}---\nname: a\n${hour(1)}`, /`a` is also in/],
    ["nothing", "# nothing\n", /no policy/],
  ])("%s", async (_, text, expected) => {
    file("mail.yaml", text);
    for (const verb of ["validate", "apply"]) {
      const { code, stderr } = await tollgate("moved", verb);
      expect([code, stderr]).toEqual([2, expect.stringMatching(expected)]);
    }
    expect(await names("moved")).toEqual([]);
  });

  test("a server that refuses or is not there, and a token that is not sent", async () => {
    file("new.yaml", hour(1));
    const forbidden = await tollgate("checker", "apply");
    expect([forbidden.code, forbidden.stderr]).toEqual([3, expect.stringMatching(/ 403 /)]);
    const unknown = await tollgate("a-secret-nobody-sees", "diff");
    expect([unknown.code, unknown.stderr]).toEqual([3, expect.stringMatching(/ 401 /)]);
    expect(unknown.stderr + unknown.stdout).not.toContain("a-secret-nobody-sees");
    const gone = { TOLLGATE_URL: "http://127.0.0.1:1", TOLLGATE_TOKEN: "main" };
    expect((await run(gone, ["policies", "diff", folder])).code).toBe(3);
    const open = { ...gone, TOLLGATE_URL: "http://example.org" };
    expect((await run(open, ["policies", "diff", folder])).code).toBe(2);
    expect((await run({}, ["policies", "diff", folder])).code).toBe(2);
    expect((await run({}, ["policies", "wrong"])).code).toBe(2);
  });
});
