import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root } from "../lib/process.mjs";
import { changelogProblem, difference, forbidden, released } from "./rules.mjs";

const HEAD = "# Changelog\n\n";
const UNRELEASED = `${HEAD}## Unreleased\n\n- worker: a change\n\n`;
const OLD = "## 0.1.0 - 2026-10-01\n\n- all of it\n";

describe("a version in the changelog", () => {
  it("takes over what is unreleased", () => {
    const { text } = released(UNRELEASED + OLD, "0.2.0", "2026-11-27");
    expect(text).toBe(`${HEAD}## Unreleased\n\n## 0.2.0 - 2026-11-27\n\n- worker: a change\n\n${OLD}`);
    expect(changelogProblem(text, "0.2.0", true)).toBeUndefined();
  });

  it.each([
    ["0.1.0", "0.1.0 does not come after 0.1.0"],
    ["0.0.9", "0.0.9 does not come after 0.1.0"],
    ["0.1.0-beta.1", "0.1.0-beta.1 does not come after 0.1.0"],
    ["v0.2.0", '"v0.2.0" is no version such as 1.2.3.'],
    ["0.2", '"0.2" is no version'],
  ])("is not %s after 0.1.0", (version, problem) => {
    expect(released(UNRELEASED + OLD, version, "2026-11-27").problem).toContain(problem);
  });

  it("comes after by numbers, and after its own betas", () => {
    const beta = "## 0.9.0-beta.2 - 2026-10-01\n\n- all of it\n";
    for (const version of ["0.9.0", "0.10.0", "1.0.0", "0.9.0-beta.3", "0.9.0-beta.10", "0.9.0-rc.1"]) {
      expect(released(UNRELEASED + beta, version, "2026-11-27").problem).toBeUndefined();
    }
  });

  it("needs something that changed", () => {
    expect(released(`${HEAD}## Unreleased\n\n${OLD}`, "0.2.0", "2026-11-27").problem).toContain(
      "Nothing is unreleased",
    );
    expect(released(HEAD + OLD, "0.2.0", "2026-11-27").problem).toContain('no section "Unreleased"');
  });
});

describe("the changelog", () => {
  it("may have unreleased changes until a release is made", () => {
    expect(changelogProblem(UNRELEASED, "0.1.0", false)).toBeUndefined();
    expect(changelogProblem(UNRELEASED, "0.1.0", true)).toContain("no section for 0.1.0");
    expect(changelogProblem(UNRELEASED + OLD, "0.1.0", false)).toBeUndefined();
    expect(changelogProblem(UNRELEASED + OLD, "0.1.0", true)).toContain("still has something unreleased");
  });

  it("has the version of everything else, with a day and a text", () => {
    expect(changelogProblem(UNRELEASED + OLD, "0.2.0", false)).toContain("begins with 0.1.0; all else is 0.2.0");
    const section = (text) => changelogProblem(`${HEAD}## Unreleased\n\n${text}`, "0.2.0", false);
    expect(section("## 0.2.0\n\n- a change\n")).toContain("has no day");
    expect(section("## 0.2.0 - 2026-11-27\n\n## 0.1.0 - 2026-10-01\n\n- all\n")).toContain("is empty");
    expect(changelogProblem(HEAD + OLD, "0.1.0", false)).toContain('no section "Unreleased"');
  });
});

describe("a package", () => {
  it("has the pinned files, and is told of every other", () => {
    expect(difference(["a", "b"], ["b", "a"])).toEqual([]);
    expect(difference(["a", "c"], ["a", "b"])).toEqual(["+ c", "- b"]);
  });

  it.each([
    ["dist/index.js.map", "", "is a source map"],
    ["dist/index.js", "//# sourceMappingURL=index.js.map", "points to a source map"],
    ["tests/limiter.js", "", "is a test"],
    ["dist/limiter.test.js", "", "is a test"],
    ["dist/project/.dev.vars", "", "is what may hold secrets"],
    [".npmrc", "", "is what may hold secrets"],
    ["dist/server.key", "", "is what may hold secrets"],
    ["dist/a.js", "-----BEGIN EC PRIVATE KEY-----", "holds a secret"],
    ["dist/a.js", "//example.org/:_authToken=abc", "holds a secret"],
    ["dist/a.js", `import "${root}src/a.js"`, "names a folder of this machine"],
  ])("has no %s with %j", (file, text, why) => {
    expect(forbidden(file, text)).toBe(`${file} ${why}`);
  });

  it("may have everything else", () => {
    expect(forbidden("dist/latest/tests.js", "export const contests = 1;")).toBeUndefined();
  });
});

// Each test starts programs, which takes its time on a busy machine.
const PATIENCE_MS = 60_000;

// The script itself, in a copy of this checkout, up to where it would compile.
describe("npm run release", { timeout: PATIENCE_MS }, () => {
  let copy;
  // What should have ended compiles for minutes.
  const run = (command, ...args) => spawnSync(command, args, { cwd: copy, encoding: "utf8", timeout: 20_000 });
  const git = (...args) => run("git", "-c", "user.name=a", "-c", "user.email=a@example.org", ...args);
  const release = (...args) => {
    const { status, stdout, stderr } = run("node", "scripts/release.mjs", ...args);
    return { status, text: stdout + stderr };
  };
  const change = (file, from, to) => {
    const text = readFileSync(join(copy, file), "utf8");
    expect(text).toContain(from);
    writeFileSync(join(copy, file), text.replace(from, to));
  };
  const restore = () => git("checkout", "--quiet", ".");

  beforeAll(() => {
    copy = mkdtempSync(join(tmpdir(), "tollgate-release-"));
    const { stdout } = spawnSync("git", ["ls-files", "-co", "--exclude-standard"], { cwd: root, encoding: "utf8" });
    // Those that are listed and gone have been removed and not yet committed.
    for (const file of stdout
      .trim()
      .split("\n")
      .filter((name) => existsSync(join(root, name)))) {
      mkdirSync(dirname(join(copy, file)), { recursive: true });
      cpSync(join(root, file), join(copy, file));
    }
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
    git("init", "--quiet");
    git("add", "--all");
    git("commit", "--quiet", "--message", "all");
  }, PATIENCE_MS);
  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  it("asks for a section of the changelog first", () => {
    const { status, text } = release();
    expect([status, text]).toEqual([1, expect.stringMatching(/no section for|still has something unreleased/)]);
  });

  it.each([
    ["package.json", '"version": "'],
    ["client/package.json", '"version": "'],
    ["client/package-lock.json", '"name": "tollgate",\n      "version": "'],
    ["package-lock.json", '"version": "'],
    ["Cargo.toml", '[workspace.package]\nversion = "'],
    ["bench/Cargo.lock", 'name = "tollgate-core"\nversion = "'],
  ])("notices another version in %s", (file, before) => {
    change(file, before, `${before}7`);
    for (const args of [[], ["--check"]]) {
      const { status, text } = release(...args);
      expect([status, text]).toEqual([1, expect.stringContaining("The version is not the same everywhere")]);
      expect(text).toMatch(new RegExp(`  7\\S+  ${file}\n`));
    }
    restore();
  });

  it("writes one version everywhere, and wants it committed and its tag free", () => {
    expect(release("--version", "7.0.0")).toMatchObject({ status: 0 });
    const { version } = JSON.parse(readFileSync(join(copy, "client/package.json"), "utf8"));
    expect(version).toBe("7.0.0");
    const changed = git("diff", "--name-only").stdout.trim().split("\n");
    const files = ["CHANGELOG.md", "Cargo.lock", "Cargo.toml", "bench/Cargo.lock"];
    const manifests = ["package-lock.json", "package.json"];
    expect(changed).toEqual(
      expect.arrayContaining([...files, ...manifests, ...manifests.map((name) => `client/${name}`)]),
    );
    // Cargo finds its lock file right, and so writes nothing.
    const cargo = ["metadata", "--locked", "--offline", "--format-version=1", "--filter-platform"];
    expect(run("cargo", ...cargo, "wasm32-unknown-unknown").status).toBe(0);
    expect(release()).toMatchObject({ status: 1, text: expect.stringContaining("The tree is not clean") });
    git("tag", "v7.0.0");
    git("commit", "--quiet", "--all", "--message", "7.0.0");
    expect(release()).toMatchObject({
      status: 1,
      text: expect.stringContaining("v7.0.0 is the tag of another commit"),
    });
    git("reset", "--quiet", "--hard", "HEAD~1");
  });

  it("refuses what it does not know", () => {
    expect(release("--publish")).toMatchObject({
      status: 1,
      text: expect.stringContaining("Unknown option '--publish'"),
    });
    expect(release("--make", "--pack")).toMatchObject({ status: 1, text: expect.stringContaining("Only one of") });
    expect(release("--version", "next")).toMatchObject({
      status: 1,
      text: expect.stringContaining("no version such as"),
    });
  });
});
