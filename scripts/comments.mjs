// `npm run check -- comments`: no comment line is wider than 100 columns, in Rust, JavaScript and
// CSS. The formatters leave comments as they are, so nothing else holds this rule.

import { readdirSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { fail, isMain, root } from "./lib/process.mjs";

const FOLDERS = ["src", "crates", "scripts", "bench", "tests", "examples"];
const SKIPPED = ["node_modules", "target", "dist"];
const COLUMNS = 100;

/** The numbers, from 1, of the comment lines in a text that are wider than `COLUMNS`. */
export function wideComments(text) {
  const wide = [];
  let inBlock = false;
  text.split("\n").forEach((line, index) => {
    const isComment = inBlock || /^\s*\/[/*]/.test(line);
    if (isComment && isTooWide(line)) wide.push(index + 1);
    if (/^\s*\/\*/.test(line)) inBlock = true;
    if (line.includes("*/")) inBlock = false;
  });
  return wide;
}

/** A single word that fills a line, such as an address, cannot be broken. */
function isTooWide(line) {
  return [...line].length > COLUMNS && line.trim().split(/\s+/).length > 2;
}

function sourcesIn(folder) {
  const names = readdirSync(join(root, folder), { recursive: true });
  const own = names.filter((name) => !name.split(sep).some((part) => SKIPPED.includes(part)));
  return own.filter((name) => /\.(rs|m?js|css)$/.test(name)).map((name) => join(folder, name));
}

if (isMain(import.meta)) {
  const problems = FOLDERS.flatMap(sourcesIn).flatMap((file) => {
    const lines = wideComments(readFileSync(join(root, file), "utf8"));
    return lines.map((line) => `${file}:${line} is a comment wider than ${COLUMNS} columns`);
  });
  if (problems.length > 0) fail(problems.join("\n"));
  process.stdout.write(`no comment is wider than ${COLUMNS} columns\n`);
}
