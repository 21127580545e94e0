// `npm run check -- comments`: no line of a comment in Rust, JavaScript and CSS is wider than 100
// columns, and no line of prose in Markdown. The formatters leave both as they are, so nothing else
// holds this rule.

import { readdirSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { fail, isMain, root } from "./lib/process.mjs";

const FOLDERS = ["src", "crates", "client", "scripts", "bench", "tests", "examples", "docs"];
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

/**
 * The numbers, from 1, of the lines of prose in a Markdown text that are wider than `COLUMNS`.
 * Tables, headings and fenced code cannot be broken.
 */
export function wideProse(text) {
  const wide = [];
  let inFence = false;
  text.split("\n").forEach((line, index) => {
    if (/^\s*(```|~~~)/.test(line)) inFence = !inFence;
    else if (!inFence && !/^\s*[|#]/.test(line) && isTooWide(withoutSpacesInside(line))) wide.push(index + 1);
  });
  return wide;
}

/** The line with each link and each piece of code as one word. */
function withoutSpacesInside(line) {
  return line.replace(/`[^`]*`|\[[^\]]*\]\([^)]*\)/g, (whole) => whole.replace(/\s/g, "_"));
}

/** A single word that fills a line, such as an address, cannot be broken. */
function isTooWide(line) {
  return [...line].length > COLUMNS && line.trim().split(/\s+/).length > 2;
}

/** The wide lines of a file by the kind of its text; none of another kind of file. */
function wideLinesOf(name) {
  if (/\.(rs|m?js|css)$/.test(name)) return wideComments;
  return name.endsWith(".md") ? wideProse : undefined;
}

function textsIn(folder) {
  const names = readdirSync(join(root, folder), { recursive: folder !== "." });
  const own = names.filter((name) => !name.split(sep).some((part) => SKIPPED.includes(part)));
  return own.map((name) => join(folder, name));
}

if (isMain(import.meta)) {
  const problems = [".", ...FOLDERS].flatMap(textsIn).flatMap((file) => {
    const lines = wideLinesOf(file)?.(readFileSync(join(root, file), "utf8")) ?? [];
    return lines.map((line) => `${file}:${line} is wider than ${COLUMNS} columns`);
  });
  if (problems.length > 0) fail(problems.join("\n"));
  process.stdout.write(`no comment and no prose is wider than ${COLUMNS} columns\n`);
}
