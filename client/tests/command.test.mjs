// `npx tollgate`, on a machine without Rust: a project is written, would be deployed, is served,
// and limits; what goes wrong is a sentence and an exit code, and leaves nothing behind.

import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../../scripts/lib/workerd.mjs";
import { install } from "./lib/installed.mjs";

const WRITTEN = [".dev.vars", ".gitignore", "README.md", "src", "wrangler.toml"];
const CLASSES = ["RateLimitDO", "DirectoryDO", "KeyspaceDO", "PolicyDO", "RecordDO"];

let machine;
let project;
/** One that nobody serves on, for what ends before it serves. */
let port;
beforeAll(async () => {
  port = String(await freePort());
  machine = install();
  project = machine.folder("a project's (odd) folder");
  const { status, text } = machine.run(project, "npx", ["tollgate", "init"]);
  if (status !== 0) throw new Error(text);
});
afterAll(() => machine?.remove());

// wrangler starts in two seconds, or in ten of a machine that is busy.
const SERVING = 240_000;

const tollgate = (folder, args, options) => {
  const bin = join(project, "node_modules/tollgate/bin/tollgate.js");
  return machine.run(folder, "node", [...(options?.node ?? []), bin, ...args], options);
};

let made = 0;
function empty() {
  const folder = machine.at(`empty${made++}`);
  mkdirSync(folder);
  return folder;
}

/** A project's folder with a changed configuration. */
function changed(change, name = "wrangler.toml") {
  const folder = empty();
  const text = change(readFileSync(join(project, "wrangler.toml"), "utf8"));
  writeFileSync(join(folder, name), text);
  return folder;
}

/** The texts of a folder's files by their names. */
function texts(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((file) => join(file.parentPath, file.name)).filter((path) => !path.includes("node_modules"));
  return Object.fromEntries(paths.map((path) => [path, readFileSync(path, "utf8")]));
}

test("there is no Rust on this machine, and the package is complete without it", () => {
  expect(readdirSync(machine.at("bin")).sort()).toEqual(["node", "npm", "npx", "sh"]);
  expect(machine.run(project, "sh", ["-c", "command -v cargo || command -v rustc"]).status).not.toBe(0);
  const { version } = JSON.parse(readFileSync("client/package.json", "utf8"));
  expect(machine.run(project, "npx", ["tollgate", "--version"]).stdout).toBe(`tollgate ${version}\n`);
});

describe("init", () => {
  test("writes a project beside the package.json that is there, with a token for its owner alone", () => {
    expect(
      readdirSync(project)
        .filter((name) => WRITTEN.includes(name))
        .sort(),
    ).toEqual(WRITTEN);
    expect(readdirSync(project).filter((name) => name.startsWith(".tollgate"))).toEqual([]);
    expect(statSync(join(project, ".dev.vars")).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(project, ".gitignore"), "utf8")).toContain(".dev.vars\n");
    expect(JSON.parse(readFileSync(join(project, "package.json"), "utf8")).name).toBeUndefined();
  });

  test("writes a package.json with the wrangler of this version where there is none", () => {
    const parent = empty();
    const { status, stdout } = tollgate(parent, ["init", "deep/limiter"]);
    expect([status, stdout]).toEqual([0, expect.stringContaining("cd deep/limiter\n  npm install\n")]);
    // What it says to enter can be entered.
    const odd = tollgate(parent, ["init", "it's $HOME"]);
    expect(odd.stdout).toContain("cd 'it'\\''s $HOME'\n");
    const manifest = JSON.parse(readFileSync(join(parent, "deep/limiter/package.json"), "utf8"));
    const root = JSON.parse(readFileSync("package.json", "utf8"));
    expect(manifest.devDependencies.wrangler).toBe(root.devDependencies.wrangler);
    expect(manifest.dependencies.tollgate).toBe(`^${root.version}`);
  });

  test("writes over nothing", () => {
    const before = texts(project);
    const { status, stderr } = machine.run(project, "npx", ["tollgate", "init"]);
    expect(status).toBe(2);
    expect(stderr).toContain("has wrangler.toml, src/index.js, .gitignore, README.md already, and nothing was written");
    expect(texts(project)).toEqual(before);
  });

  test("with --force writes over its files, and never over tokens and package.json", () => {
    const folder = empty();
    expect(tollgate(folder, ["init"]).status).toBe(0);
    const fresh = texts(folder);
    writeFileSync(join(folder, "package.json"), "{}");
    writeFileSync(join(folder, "wrangler.toml"), "mine");
    expect(tollgate(folder, ["init", "--force"]).status).toBe(0);
    expect(texts(folder)).toEqual({ ...fresh, [join(folder, "package.json")]: "{}" });
  });

  test("leaves nothing half-written where a part cannot be", () => {
    const folder = empty();
    writeFileSync(join(folder, "src"), "a file");
    expect(tollgate(folder, ["init"])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("Nothing was written"),
    });
    expect(readdirSync(folder)).toEqual(["src"]);
    const late = empty();
    symlinkSync("/nowhere/tokens", join(late, ".dev.vars")); // the last file that is written
    expect(tollgate(late, ["init"])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("Nothing was written"),
    });
    expect(readdirSync(late)).toEqual([".dev.vars"]);
    mkdirSync(join(folder, "taken/README.md"), { recursive: true });
    expect(tollgate(folder, ["init", "taken", "--force"])).toMatchObject({ status: 2 });
    expect(readdirSync(join(folder, "taken"))).toEqual(["README.md"]);
    expect(tollgate(folder, ["init", "src"])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("is a file"),
    });
    expect(tollgate(folder, ["init", "src/below"]).stderr).toContain("a part of its path is a file");
  });

  test("says that this user may not write", () => {
    const folder = empty();
    chmodSync(folder, 0o555);
    // Whoever runs everything as root may write everywhere.
    const user = process.getuid() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    for (const path of [machine.at("."), folder]) if (user.uid) chmodSync(path, 0o755);
    const { status, stderr } = tollgate(folder, ["init"], user);
    expect([status, stderr]).toEqual([1, expect.stringContaining("this user may not write there")]);
    expect(readdirSync(folder)).toEqual([]);
  });
});

test("wrangler would deploy it, with every object class and without building anything", () => {
  const out = join(project, "out");
  const { status, text } = machine.run(project, "npx", ["wrangler", "deploy", "--dry-run", "--outdir", out]);
  expect([status, text]).toEqual([0, expect.stringContaining("--dry-run: exiting now.")]);
  for (const name of CLASSES) expect(text).toContain(`(${name})`);
  expect(readdirSync(out).filter((name) => name.endsWith(".wasm"))).toHaveLength(1);
  rmSync(out, { recursive: true });
});

describe("dev", () => {
  const CALL = `
    import { Limiter } from "tollgate";
    const limiter = new Limiter({ url: process.env.TOLLGATE_URL, token: process.env.TOLLGATE_TOKEN, failMode: "throw" });
    const answers = [];
    for (let call = 0; call < 3; call++) answers.push(await limiter.limit(JSON.parse(process.env.CHECK)));
    console.log(JSON.stringify(answers));
  `;
  const ask = async ({ url, token }, check) => {
    const headers = { authorization: `Bearer ${token}` };
    const answer = await fetch(`${url}/limit`, { method: "POST", headers, body: JSON.stringify(check) });
    return [answer.status, answer.headers.get("retry-after"), await answer.json()];
  };
  const answersOf = ({ url, token }, check) =>
    machine.program(project, CALL, { TOLLGATE_URL: url, TOLLGATE_TOKEN: token, CHECK: JSON.stringify(check) });
  const isFree = (port) =>
    new Promise((resolve) => {
      const probe = createServer().once("error", () => resolve(false));
      probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
    });

  test("serves a project until Ctrl-C: it limits, and nothing of it is left", { timeout: SERVING }, async () => {
    const server = await machine.serve(project, "npx", ["tollgate", "dev", "--port", port]);
    try {
      expect(server.url).toBe(`http://127.0.0.1:${port}`);
      expect(readFileSync(join(project, ".dev.vars"), "utf8")).toContain(server.token);
      expect(server.text()).toContain(
        `curl -i http://127.0.0.1:${port}/limit -H 'Authorization: Bearer ${server.token}'`,
      );
      const check = { identifier: "octocat", limit: 2, window: "52w" };
      const [first, second, third] = [await ask(server, check), await ask(server, check), await ask(server, check)];
      expect([first[0], second[0], third[0]]).toEqual([200, 200, 429]);
      expect(first[2]).toMatchObject({ success: true, remaining: 1, source: "object" });
      expect(Number(third[1])).toBeGreaterThan(0);
      const answers = answersOf(server, { ...check, identifier: "imported" });
      expect(answers.map(({ success }) => success)).toEqual([true, true, false]);
      expect(answers[2].retryAfter).toBeGreaterThan(0);

      const again = tollgate(project, ["dev", "--port", String(port)]);
      expect([again.status, again.stderr]).toEqual([
        1,
        expect.stringContaining(`Port ${port} is in use by another program`),
      ]);
      expect(again.stderr).toMatch(/npx tollgate dev --port \d+/);
    } finally {
      await server.stop();
    }
    expect(await isFree(port)).toBe(true);
  });

  test("elsewhere serves the Worker of the package, and keeps rows and token only where it is told to", {
    timeout: SERVING,
  }, async () => {
    const folder = empty();
    // A path that means something where a text is replaced.
    const packages = join(machine.at("$& $'"), "node_modules");
    cpSync(join(project, "node_modules"), packages, { recursive: true, verbatimSymlinks: true });
    const bin = join(packages, "tollgate/bin/tollgate.js");
    const check = { identifier: "octocat", limit: 5, window: "52w" };
    const serving = async (...options) =>
      machine.serve(folder, "node", [bin, "dev", "--port", String(await freePort()), ...options]);
    const remaining = [];
    const tokens = [];
    for (const options of [["--persist", "kept"], ["--persist", "kept"], []]) {
      const server = await serving(...options);
      try {
        remaining.push((await ask(server, check))[2].remaining);
        tokens.push(server.token);
      } finally {
        await server.stop();
      }
    }
    expect(remaining).toEqual([4, 3, 4]);
    expect(tokens[1]).toBe(tokens[0]);
    expect(tokens[2]).not.toBe(tokens[0]);
    expect(readdirSync(folder)).toEqual(["kept"]);
    expect(readFileSync(join(folder, "kept/.gitignore"), "utf8")).toBe("*\n");
    expect(statSync(join(folder, "kept/.dev.vars")).mode & 0o777).toBe(0o600);
    expect(readdirSync(machine.at("tmp")).filter((name) => name.startsWith("tollgate-dev"))).toEqual([]);
  });

  test("writes into no folder that has a configuration of its own", () => {
    const folder = empty();
    writeFileSync(join(folder, "wrangler.toml"), 'name = "mine"\n');
    const { status, stderr } = tollgate(empty(), ["dev", "--port", port, "--persist", folder]);
    expect([status, stderr]).toEqual([2, expect.stringContaining("has a wrangler.toml of its own")]);
    expect(texts(folder)).toEqual({ [join(folder, "wrangler.toml")]: 'name = "mine"\n' });
  });

  describe("without wrangler", () => {
    let bare;
    beforeAll(() => {
      bare = empty();
      cpSync(join(project, "node_modules/tollgate"), join(bare, "node_modules/tollgate"), { recursive: true });
    });
    const dev = (env, ...args) =>
      machine.run(bare, "node", ["node_modules/tollgate/bin/tollgate.js", "dev", "--port", port, ...args], { env });

    test("says how to get it", () => {
      const line = /npm install --save-dev wrangler@\d+\.\d+\.\d+/;
      const refused = dev({}, "--no-install");
      expect([refused.status, refused.stderr]).toEqual([1, expect.stringMatching(line)]);
      expect(refused.stdout).toBe(""); // npm is not even asked
      const offline = dev({});
      expect([offline.status, offline.stderr]).toEqual([1, expect.stringContaining("npm could not bring it")]);
      expect(offline.stderr).toMatch(line);
      const alone = dev({ PATH: "" });
      expect([alone.status, alone.stderr]).toEqual([1, expect.stringContaining("npm could not be started")]);
      expect(readdirSync(bare)).toEqual(["node_modules"]);
    });

    test("does not serve another Worker in place of a project's", () => {
      cpSync(join(project, "wrangler.toml"), join(bare, "wrangler.toml"));
      expect(dev({})).toMatchObject({ status: 1, stderr: expect.stringContaining("packages are not installed yet") });
      rmSync(join(bare, "wrangler.toml"));
    });
  });
});

describe("doctor", () => {
  const WITHOUT_RECORDS = (toml) =>
    toml
      .replace('  { name = "RECORDS", class_name = "RecordDO" },\n', "")
      .replace('[[migrations]]\ntag = "v4"\nnew_sqlite_classes = ["RecordDO"]\n', "");

  test("finds nothing in a new project", () => {
    expect(machine.run(project, "npx", ["tollgate", "doctor"])).toMatchObject({ status: 0, stderr: "" });
  });

  test("tells a project of an older version the lines that it lacks, which are then enough", () => {
    const folder = changed(WITHOUT_RECORDS);
    const { status, stderr } = tollgate(folder, ["doctor"]);
    expect(status).toBe(1);
    const migration = '[[migrations]]\ntag = "v4"\nnew_sqlite_classes = ["RecordDO"]\n';
    const lines = stderr.replaceAll(/^ {6}/gm, "");
    expect(lines).toContain(migration);
    expect(lines).toContain('[durable_objects]\nbindings = [{ name = "RECORDS", class_name = "RecordDO" }]\n');
    expect(tollgate(folder, ["dev", "--port", port])).toMatchObject({ status: 1 });
    const binding = '{ name = "RECORDS", class_name = "RecordDO" }';
    const cured = changed((toml) => WITHOUT_RECORDS(toml).replace("\n]", `\n  ${binding},\n]`) + migration);
    expect(tollgate(cured, ["doctor"])).toMatchObject({ status: 0, stderr: "" });
  });

  test.each([
    ["a class without a migration", (toml) => toml.replace('"KeyspaceDO"]', '"Other"]'), "a migration for KeyspaceDO"],
    ["a class whose tag is taken", (toml) => toml.replace('"KeyspaceDO"]', '"Other"]'), 'tag = "tollgate-v2"'],
    [
      "rows outside SQLite",
      (toml) => toml.replace('new_sqlite_classes = ["PolicyDO"]', 'new_classes = ["PolicyDO"]'),
      "PolicyDO in new_sqlite_classes: it came with new_classes",
    ],
    [
      "a class that is deleted",
      (toml) => `${toml}\n[[migrations]]\ntag = "v5"\ndeleted_classes = ["PolicyDO"]\n`,
      "a migration for PolicyDO, behind the others",
    ],
    [
      "a class that is called otherwise now",
      (toml) => `${toml}\n[[migrations]]\ntag = "v5"\nrenamed_classes = [{ from = "PolicyDO", to = "Mine" }]\n`,
      "a migration for PolicyDO, behind the others",
    ],
    [
      "a binding of another class",
      (toml) =>
        toml.replace('name = "POLICIES", class_name = "PolicyDO"', 'name = "POLICIES", class_name = "RecordDO"'),
      "the binding POLICIES is of RecordDO, and has to be of PolicyDO",
    ],
    [
      "objects of another Worker",
      (toml) => toml.replace('"RecordDO" }', '"RecordDO", script_name = "other" }'),
      "the binding RECORDS is of RecordDO in other",
    ],
    [
      "an old runtime",
      (toml) => toml.replace("2026-10-01", "2025-01-01"),
      "a compatibility date of 2026-10-01 or later",
    ],
    [
      "no flag",
      (toml) => toml.replace("enable_request_signal", "nodejs_compat"),
      "compatibility flags: enable_request_signal",
    ],
    ["what is no configuration", () => "name = [", "cannot be read"],
  ])("finds %s", (_, change, sentence) => {
    const { status, stderr } = tollgate(changed(change), ["doctor"]);
    expect([status, stderr]).toEqual([1, expect.stringContaining(sentence)]);
  });

  test("reads each environment, and configuration in JSON", () => {
    const folder = changed((toml) => `${toml}\n[env.staging]\nname = "staging"\n`);
    expect(tollgate(folder, ["doctor"])).toMatchObject({ status: 0 });
    expect(tollgate(folder, ["doctor", "--env", "staging"]).stderr).toContain("the binding RATE_LIMIT");
    const json = changed(() => '{ "name": "limits", /* no more */ }', "wrangler.jsonc");
    const { status, stderr } = tollgate(json, ["doctor"]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/"migrations": \[\s+\{\s+"tag": "v1"/);
  });

  test("tells what is not needed apart", () => {
    const folder = changed((toml) => toml.replace('[[kv_namespaces]]\nbinding = "TOLLGATE_KV"\n', ""));
    const { status, stdout } = tollgate(folder, ["doctor"]);
    expect([status, stdout]).toEqual([0, expect.stringContaining("the binding TOLLGATE_KV: without it")]);
  });
});

describe("what is wrong is a sentence", () => {
  test.each([
    [["sereve"], 'There is no "sereve": npx tollgate --help'],
    [["policies", "apply"], "policies is a verb of the native command line"],
    [["dev", "--port", "0"], 'A port is a number from 1 to 65535, not "0": npx tollgate dev --port 8787'],
    [["dev", "--port", "80a"], 'not "80a"'],
    [["dev", "--port"], "--port <value>' argument missing"],
    [["dev", "--prot", "1"], "Unknown option '--prot'"],
    [["dev", "here"], 'dev does not know "here"'],
    [["dev", "--persist", ""], '--persist wants the name of a folder, not ""'],
    [["init", ""], 'init wants the name of a folder, not ""'],
    [["init", "a", "b"], 'init does not know "b"'],
    [["doctor"], "There is no wrangler.toml in"],
  ])("%j", (args, sentence) => {
    const folder = empty();
    const { status, stdout, stderr } = tollgate(folder, args);
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(sentence);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("where the system refuses: a folder that is gone", () => {
    const gone = empty();
    for (const verb of ["init", "doctor", "dev"]) {
      const bin = join(project, "node_modules/tollgate/bin/tollgate.js");
      const line = 'rmdir "$PWD" && exec node "$0" "$@"';
      const { status, stderr } = machine.run(gone, "sh", ["-c", line, bin, verb], { env: { PATH: process.env.PATH } });
      mkdirSync(gone, { recursive: true });
      expect([verb, status, stderr]).toEqual([verb, 1, expect.stringMatching(/^\ntollgate: .*uv_cwd.*\n\n$/)]);
    }
  });

  test("also for a Node that is too old", () => {
    const old = "data:text/javascript,Object.defineProperty(process.versions,'node',{value:'20.19.0'})";
    const { status, stderr } = tollgate(empty(), ["init"], { node: ["--import", old] });
    expect([status, stderr]).toEqual([1, expect.stringContaining("needs Node 22 or newer; this is 20.19.0")]);
  });

  test("help names every verb, and is no error", () => {
    for (const args of [[], ["--help"], ["dev", "--help"], ["help"]]) {
      const { status, stdout } = tollgate(empty(), args);
      expect(status).toBe(0);
      for (const word of ["dev", "init", "doctor", "--persist", "--force"]) expect(stdout).toContain(word);
    }
    expect(existsSync(join(project, "wrangler.toml"))).toBe(true);
  });
});
