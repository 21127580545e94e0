// What a release is checked by: where the version stands, what the changelog says, what may be in a
// package. It reads and writes texts; scripts/release.mjs runs the programs.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../lib/process.mjs";
import { PACKAGES } from "./packages.mjs";

const MANIFEST = /^ {2}"version": "([^"]+)"/m;
// npm says it twice in a lock file: of the file, and of the package that it locks.
const LOCKED = /^ {4}"": \{\n {6}"name": "[^"]+",\n {6}"version": "([^"]+)"/m;

const manifests = (folder) => [
  { file: join(folder, "package.json"), pattern: MANIFEST },
  { file: join(folder, "package-lock.json"), pattern: MANIFEST },
  { file: join(folder, "package-lock.json"), pattern: LOCKED },
];
/** Where the version stands, of those files that there are: not each package has a lock file. */
const PLACES = [
  ...manifests("."),
  ...PACKAGES.flatMap(({ folder }) => manifests(folder)),
  { file: "Cargo.toml", pattern: /^\[workspace\.package\]\nversion = "([^"]+)"/m },
  { file: "docs/openapi.yaml", pattern: /^info:\n(?: {2}.*\n)*? {2}version: (\S+)$/m },
].filter(({ file }) => existsSync(join(root, file)));
// Cargo's lock files say it of each crate of the workspace: those without a source.
const CARGO_LOCKS = ["Cargo.lock", "bench/Cargo.lock"];
const CRATE = /^(name = "tollgate[\w-]*"\nversion = )"([^"]+)"(?!\nsource)/gm;

const CHANGELOG = "CHANGELOG.md";
const HEADING = /^## (.+)$/gm;

const textOf = (file) => readFileSync(join(root, file), "utf8");

/** The version, where all places agree; else a list of them in `problem`. */
export function version() {
  const places = PLACES.map(({ file, pattern }) => ({ file, found: pattern.exec(textOf(file))?.[1] ?? "none" }));
  const crates = CARGO_LOCKS.flatMap((file) =>
    [...textOf(file).matchAll(CRATE)].map(([, , found]) => ({ file, found })),
  );
  const all = [...places, ...crates];
  if (all.every(({ found }) => found === all[0].found)) return { version: all[0].found };
  const lines = new Set(all.map(({ file, found }) => `  ${found}  ${file}\n`));
  return { problem: `The version is not the same everywhere:\n\n${[...lines].join("")}` };
}

/** Writes the version everywhere, and makes what is unreleased in the changelog its section. */
export function setVersion(version, day) {
  const changelog = released(textOf(CHANGELOG), version, day);
  if (changelog.problem) return changelog;
  for (const { file, pattern } of PLACES) {
    const put = (match, old) => match.replace(old, version);
    writeFileSync(join(root, file), textOf(file).replace(pattern, put));
  }
  for (const file of CARGO_LOCKS) writeFileSync(join(root, file), textOf(file).replace(CRATE, `$1"${version}"`));
  writeFileSync(join(root, CHANGELOG), changelog.text);
  return {};
}

/** The changelog with what is unreleased under `version`, or a `problem`. */
export function released(changelog, version, day) {
  if (!/^\d+\.\d+\.\d+(-[0-9a-z.]+)?$/.test(version)) return { problem: `"${version}" is no version such as 1.2.3.` };
  const { unreleased, sections } = read(changelog);
  if (unreleased === undefined) return { problem: `${CHANGELOG} has no section "Unreleased".` };
  if (unreleased === "") return { problem: `Nothing is unreleased in ${CHANGELOG}.` };
  const newest = sections[0]?.version;
  if (newest !== undefined && !isNewer(version, newest)) {
    return { problem: `${version} does not come after ${newest}, the newest version of ${CHANGELOG}.` };
  }
  return { text: changelog.replace("## Unreleased\n", `## Unreleased\n\n## ${version} - ${day}\n`) };
}

/** By their numbers; of two with the same numbers the one without a suffix is newer. */
function isNewer(version, than) {
  const parts = (text) => text.split("-")[0].split(".").map(Number);
  const [a, b] = [parts(version), parts(than)];
  const at = a.findIndex((number, index) => number !== b[index]);
  if (at !== -1) return a[at] > b[at];
  const [[, mine], [, other]] = [version.split("-"), than.split("-")];
  // By the numbers in it as well: beta.10 comes after beta.9.
  return other !== undefined && (mine === undefined || mine.localeCompare(other, "en", { numeric: true }) > 0);
}

/** What is unreleased, and each released version with what changed in it, newest first. */
function read(changelog) {
  const headings = [...changelog.matchAll(HEADING)];
  const sections = headings.map(({ 0: line, 1: title, index }, at) => ({
    title,
    version: title.split(" - ")[0],
    text: changelog.slice(index + line.length, headings[at + 1]?.index).trim(),
  }));
  const [first, ...others] = sections;
  return first?.title === "Unreleased" ? { unreleased: first.text, sections: others } : { sections };
}

/**
 * What is wrong with the changelog of `version`, where that is the version in the making
 * (`releasing` false), or the one that is released.
 */
export function changelogProblem(changelog, version, releasing) {
  const { unreleased, sections } = read(changelog);
  if (unreleased === undefined) return `${CHANGELOG} has no section "Unreleased" at its top.`;
  const [newest] = sections;
  if (newest && newest.version !== version)
    return `${CHANGELOG} begins with ${newest.version}; all else is ${version}.`;
  if (newest && !/^\S+ - \d{4}-\d\d-\d\d$/.test(newest.title)) return `"## ${newest.title}" has no day behind " - ".`;
  if (newest?.text === "") return `The section ${newest.title} of ${CHANGELOG} is empty.`;
  if (!releasing) return undefined;
  const line = `npm run release -- --version ${version}`;
  if (newest === undefined) return `${CHANGELOG} has no section for ${version}. This makes it: ${line}`;
  return unreleased === "" ? undefined : `${CHANGELOG} still has something unreleased: move it, or take a new version.`;
}

/** How the files of a package differ from those that are pinned; nothing where they do not. */
export function difference(files, pinned) {
  const more = files.filter((file) => !pinned.includes(file));
  const fewer = pinned.filter((file) => !files.includes(file));
  return [...more.map((file) => `+ ${file}`), ...fewer.map((file) => `- ${file}`)];
}

// Never published, whatever is pinned.
const FORBIDDEN_NAMES = [
  [/\.map$/, "a source map"],
  [/(^|\/)tests?\/|\.test\./, "a test"],
  [/(^|\/)(\.env|\.dev\.vars|\.npmrc|\.wrangler)|\.(pem|key)$/, "what may hold secrets"],
];
const FORBIDDEN_TEXTS = [
  [/\/\/# sourceMappingURL=/, "points to a source map"],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----|_authToken\s*=/, "holds a secret"],
];

/** Why a file is not for publishing; undefined where it is. */
export function forbidden(file, text) {
  const name = FORBIDDEN_NAMES.find(([pattern]) => pattern.test(file));
  if (name) return `${file} is ${name[1]}`;
  if (text.includes(root)) return `${file} names a folder of this machine`;
  const content = FORBIDDEN_TEXTS.find(([pattern]) => pattern.test(text));
  return content && `${file} ${content[1]}`;
}

/** The pinned files of a package. */
export function pinnedFiles(folder) {
  return readFileSync(pinOf(folder), "utf8").trim().split("\n");
}

/** Pins the files that a package has now. */
export function pin(folder, files) {
  writeFileSync(pinOf(folder), `${files.join("\n")}\n`);
}

const pinOf = (folder) => join(root, folder, "contents.txt");
