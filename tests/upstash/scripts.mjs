// Takes the Lua scripts out of the published packages. They are nobody's to copy into this
// repository, which knows them by their hashes only: this file checks that
// crates/upstash/src/script/known.rs has each of them and no other, and with `--extract <folder>`
// lays the texts down for the differential test.

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { isMain, root } from "../../scripts/lib/process.mjs";
import { program } from "../lib/python.mjs";
import { installModules, installPython, modules, PYTHON } from "./packages.mjs";

const KNOWN = join(root, "crates/upstash/src/script/known.rs");

// Every string constant of the package that calls Redis, as JSON.
const PYTHON_CONSTANTS = `
import ast, json, os, upstash_ratelimit
found = []
for folder, _, files in os.walk(os.path.dirname(upstash_ratelimit.__file__)):
    for file in files:
        if file.endswith(".py"):
            for node in ast.walk(ast.parse(open(os.path.join(folder, file)).read())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and "redis.call" in node.value:
                    found.append(node.value)
print(json.dumps(found))`;

/** Every script text by its SHA1, with the packages that have it. */
export async function extract() {
  installModules();
  const found = new Map();
  const add = (text, from) => {
    const sha1 = hash(text);
    const script = found.get(sha1) ?? { sha1, text, from: new Set() };
    found.set(sha1, script);
    script.from.add(from);
  };
  for (const name of readdirSync(modules).filter((name) => /^(ratelimit|core-analytics)-/.test(name))) {
    for (const text of literals(readFileSync(join(modules, name, "dist/index.js"), "utf8"))) add(text, name);
  }
  const require = createRequire(join(modules, "scripts.cjs"));
  for (const [start, texts] of Object.entries(STORES)) {
    for (const name of readdirSync(modules).filter((name) => name.startsWith(start))) {
      for (const text of await texts(require, name)) add(text, name);
    }
  }
  for (const version of PYTHON) {
    const texts = JSON.parse(program(installPython(version), ["-c", PYTHON_CONSTANTS], {}));
    for (const text of texts) add(text, `python-${version}`);
  }
  return [...found.values()];
}

// The stores of other rate limiters put their texts together as they start, so what counts is what
// they then send.
const STORES = {
  "rate-limit-redis-": async (require, name) => {
    const { RedisStore } = require(name);
    const texts = [];
    const sendCommand = async (_, word, text) => {
      if (word === "LOAD") texts.push(text);
      return hash(text);
    };
    await new RedisStore({ sendCommand }).init({ windowMs: 1 });
    return texts;
  },
  "hono-rate-limiter-": async (require, name) => {
    const { RedisStore } = require(name);
    const texts = [];
    const scriptLoad = async (text) => {
      texts.push(text);
      return hash(text);
    };
    new RedisStore({ client: { scriptLoad } });
    return texts;
  },
  "fastify-rate-limit-": async (require, name) => {
    const RedisStore = require(`${name}/store/RedisStore.js`);
    const texts = [];
    const defineCommand = (_, { lua }) => texts.push(lua);
    new RedisStore(false, false, { defineCommand });
    return texts;
  },
};

/** The template literals of a bundle that call Redis, as the strings they become. */
function literals(source) {
  // The one constant that a script is put together with.
  const tokenBucketIdentifierNotFound = -1;
  return [...source.matchAll(/`((?:[^`\\]|\\.)*redis\.call(?:[^`\\]|\\.)*)`/gs)].map(([literal]) =>
    new Function("tokenBucketIdentifierNotFound", `return ${literal}`)(tokenBucketIdentifierNotFound),
  );
}

/** A text without its `#!` line, comments and white space: as the Worker compares it. */
export function normalize(text) {
  const lines = text.split("\n");
  if (lines[0].startsWith("#!")) lines.shift();
  return lines.map((line) => line.replace(/--.*/, "").replace(/[ \t\n\r\f]/g, "")).join("");
}

const hash = (text) => createHash("sha1").update(text).digest("hex");
const start = (text) => `0x${hash(text).slice(0, 16)}`;

/** What is wrong with the table, as sentences. */
function check(scripts) {
  const known = readFileSync(KNOWN, "utf8");
  const wrong = [];
  const rows = [...known.matchAll(/^ {4}\((0x[0-9a-f]{16}), Script::(\w+)\)/gm)].map(([, start, script]) => ({
    start,
    script,
  }));
  const find = (wanted) => rows.find((row) => row.start === wanted)?.script;
  for (const { sha1, text, from } of scripts) {
    const [exact, normal] = [find(start(text)), find(start(normalize(text)))];
    if (!exact || exact !== normal) wrong.push(`${sha1} of ${[...from]}: exact ${exact}, normalised ${normal}`);
  }
  const wanted = new Set(scripts.flatMap(({ text }) => [start(text), start(normalize(text))]));
  for (const { start, script } of rows) if (!wanted.has(start)) wrong.push(`${start} (${script}) is in no package`);
  return wrong;
}

if (isMain(import.meta)) {
  const scripts = await extract();
  const wrong = check(scripts);
  if (wrong.length > 0) {
    console.error(`The table of known scripts does not fit the packages:\n${wrong.join("\n")}`);
    process.exit(1);
  }
  const at = process.argv.indexOf("--extract");
  if (at > 0) {
    const folder = process.argv[at + 1];
    mkdirSync(folder, { recursive: true });
    for (const { sha1, text } of scripts) writeFileSync(join(folder, `${sha1}.lua`), text);
  }
  console.log(`${scripts.length} scripts, all known`);
}
