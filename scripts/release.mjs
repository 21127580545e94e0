// `npm run release`: makes a release and checks it: one version everywhere, a clean tree, what
// changed, the built Worker, the npm packages with nothing in them but what is pinned, the command
// line. It publishes nothing: the last lines say how, and what that needs.
//
//   npm run release                      all of it, and leaves nothing behind (--dry-run)
//   npm run release -- --make            the same, and keeps it in release/, with checksums
//   npm run release -- --version 1.2.3   writes a version everywhere, to be committed
//   npm run release -- --pack            packs whatever is here, also between releases
//   npm run release -- --pin             pins the files that the packages have now
//
// `npm run check -- release` is the part that holds at any time: version, changelog, pinned files.

import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { build } from "./build.mjs";
import { fail, isMain, read, root, run } from "./lib/process.mjs";
import { PACKAGES } from "./release/packages.mjs";
import * as rules from "./release/rules.mjs";

const MODES = ["dry-run", "make", "pack", "pin", "check"];

function main() {
  const { values, problem } = options();
  if (problem) fail(problem);
  if (values.version !== undefined) return stamp(values.version);
  const mode = MODES.find((name) => values[name]) ?? "dry-run";
  const { version, problem: differing } = rules.version();
  if (differing) fail(differing);
  if (mode !== "pack" && mode !== "pin") checkChangelog(version, mode !== "check");
  if (mode === "dry-run" || mode === "make") checkTree(version);

  build();
  for (const { folder, build: make } of PACKAGES) {
    rmSync(join(root, folder, "dist"), { recursive: true, force: true }); // also of files whose source is gone
    make();
  }
  if (mode === "pin") return pinAll();
  const keeps = mode === "make" || mode === "pack";
  const out = keeps ? emptied(join(root, "release")) : mkdtempSync(join(tmpdir(), "tollgate-release-"));
  process.on("exit", () => keeps || rmSync(out, { recursive: true, force: true }));
  const files = PACKAGES.map(({ folder }) => pack(folder, out));
  if (mode === "check") return console.log(`release: ${version} everywhere, ${files.length} package as pinned`);
  if (mode !== "pack") files.push(commandLine(version, out));
  console.log(`\n${checksums(out, files)}`);
  console.log(keeps ? `release: made in ${out}` : "release: a dry run; npm run release -- --make keeps these files");
  if (mode !== "pack") console.log(publishing(version, files));
}

function options() {
  try {
    const known = { version: { type: "string" } };
    for (const mode of MODES) known[mode] = { type: "boolean" };
    const { values } = parseArgs({ options: known });
    const given = Object.keys(values);
    return given.length > 1 ? { problem: `Only one of --${given.join(" and --")} at a time.` } : { values };
  } catch (error) {
    return { problem: error.message };
  }
}

function stamp(version) {
  const { problem } = rules.setVersion(version, new Date().toISOString().slice(0, 10));
  if (problem) fail(problem);
  console.log(`release: ${version} everywhere. Look at it, commit it, then: npm run release`);
}

function checkChangelog(version, releasing) {
  const problem = rules.changelogProblem(readFileSync(join(root, "CHANGELOG.md"), "utf8"), version, releasing);
  if (problem) fail(problem);
}

/** What is released is what is committed, and a tag is never given twice. */
function checkTree(version) {
  const changes = read("git", "status", "--porcelain");
  if (changes === undefined) fail("A release is made in a checkout of git.");
  if (changes !== "") fail(`The tree is not clean; commit or remove:\n\n${changes}`);
  const tagged = read("git", "rev-parse", "--verify", "--quiet", `v${version}^{commit}`);
  if (tagged && tagged !== read("git", "rev-parse", "HEAD")) fail(`v${version} is the tag of another commit.`);
}

function emptied(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  return folder;
}

/** The files that npm would publish of a package, sorted. */
function filesOf(folder, ...args) {
  const text = read("npm", "pack", `./${folder}`, "--json", "--ignore-scripts", ...args);
  if (text === undefined) fail(`npm pack ./${folder} failed: run it to see why.`);
  const packed = JSON.parse(text);
  // npm 11 gives a list, later ones an object by name.
  const [{ filename, files, size, unpackedSize }] = Array.isArray(packed) ? packed : Object.values(packed);
  return { filename, size, unpackedSize, files: files.map(({ path }) => path).sort() };
}

function pinAll() {
  for (const { folder } of PACKAGES) {
    const { files } = filesOf(folder, "--dry-run");
    rules.pin(folder, files);
    console.log(`release: pinned ${files.length} files in ${folder}/contents.txt; look at the difference`);
  }
}

/** Packs a package whose files are the pinned ones, and nothing else; its archive. */
function pack(folder, out) {
  const { filename, files, size, unpackedSize } = filesOf(folder, "--pack-destination", out);
  const differing = rules.difference(files, rules.pinnedFiles(folder));
  if (differing.length > 0) {
    const cure = "Where that is meant: npm run release -- --pin";
    fail(`${folder}/contents.txt pins other files than npm would publish:\n\n${differing.join("\n")}\n\n${cure}`);
  }
  const why = files.map((file) => rules.forbidden(file, readFileSync(join(root, folder, file), "latin1")));
  if (why.some(Boolean)) fail(`Not for publishing:\n\n${why.filter(Boolean).join("\n")}`);
  const bytes = `${size.toLocaleString("en")} bytes, unpacked ${unpackedSize.toLocaleString("en")}`;
  console.log(`release: ${filename}: ${files.length} files, ${bytes}`);
  return filename;
}

/** Builds the command line for this machine; its name in `out`. */
function commandLine(version, out) {
  run("cargo", ["build", "--release", "--locked", "--quiet", "-p", "tollgate-cli"]);
  const program = join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "release/tollgate");
  const said = read(program, "--version");
  if (said !== `tollgate ${version}`) fail(`The command line says that it is "${said}", and not ${version}.`);
  const name = `tollgate-${version}-${process.platform}-${process.arch}`;
  copyFileSync(program, join(out, name));
  return name;
}

/** Writes SHA256SUMS, which `sha256sum --check` reads. */
function checksums(out, files) {
  const sum = (file) =>
    createHash("sha256")
      .update(readFileSync(join(out, file)))
      .digest("hex");
  const text = files.map((file) => `${sum(file)}  ${basename(file)}\n`).join("");
  writeFileSync(join(out, "SHA256SUMS"), text);
  return text;
}

function publishing(version, files) {
  const archives = files.filter((file) => file.endsWith(".tgz"));
  const publish = archives.map((file) => `  npm publish --access public release/${file}\n`).join("");
  return `
Nothing was published. That is done by hand, after CI has passed on this commit:

  git tag --annotate v${version} --message v${version} && git push origin v${version}
${publish}  npm run deploy

npm needs \`npm login\` by an owner of the packages (and a one-time password where the account asks
for one), deploying \`npx wrangler login\`. The section of the changelog, the command lines of each
platform and SHA256SUMS belong to the release on the page of the repository.
`;
}

if (isMain(import.meta)) main();
