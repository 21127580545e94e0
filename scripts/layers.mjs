// `npm run check -- layers`: who imports whom. In no crate do files import each other in a circle,
// and in the Worker and in the core nothing uses what stands above it (docs/architecture.md).

import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fail, isMain, root } from "./lib/process.mjs";

const CRATES = [
  "src",
  "crates/cli/src",
  "crates/core/src",
  "crates/core-wasm/src",
  "crates/feedback/src",
  "crates/policies/src",
  "crates/records/src",
  "crates/simulation/src",
  "crates/upstash/src",
  "crates/versions/src",
];

/**
 * The files and folders of a crate, from the top. Each may use those below it, and none of its own
 * line.
 */
const LAYERS = {
  src: [
    ["lib"],
    ["http"],
    ["routes"],
    ["decide", "objects"],
    ["recording"],
    ["telemetry"],
    ["context"],
    ["settings"],
    ["doors"],
    ["isolate", "task"],
    ["clock"],
    ["hot", "instance"],
    // Plain data, tested natively.
    ["config", "placement"],
    ["auth", "directory", "openapi", "reply", "schema", "task_table"],
    ["error"],
    ["headers"],
  ],
  "crates/core/src": [
    ["lib"],
    ["replay"],
    ["api", "store"],
    ["explain"],
    ["isolate"],
    ["parts"],
    ["message"],
    ["subject_state"],
    ["block", "overrides", "summary"],
    ["decide", "in_force", "row"],
    ["algorithm", "permit"],
    ["multi"],
    ["pressure"],
    ["decision", "report"],
    ["calendar", "policy"],
    ["subject", "lease"],
    ["limit"],
    ["arithmetic"],
    ["time", "codec", "idempotency"],
    ["duration"],
    ["number", "percent", "dots", "hash", "error"],
  ],
};

/** A crate's files by the path of their module, such as `decide::object`; the root is empty. */
function modulesOf(crate) {
  const files = readdirSync(join(root, crate), { recursive: true }).filter((name) => name.endsWith(".rs"));
  const moduleOf = (name) => {
    const parts = name.slice(0, -".rs".length).split(sep);
    if (["mod", "lib", "tests"].includes(parts.at(-1))) parts.pop();
    return parts.join("::");
  };
  // Tests beside a module are not part of the house.
  const own = files.filter((name) => !/(^|[\\/])tests\.rs$/.test(name));
  return new Map(own.map((name) => [moduleOf(name), join(crate, name)]));
}

/** The code of a file, without its comments, strings and tests. */
function codeOf(file) {
  const text = readFileSync(join(root, file), "utf8").split("\n#[cfg(test)]\nmod ")[0];
  return text.replace(/\/\/.*$/gm, "").replace(/"(?:\\.|[^"\\])*"/g, '""');
}

/** The paths of a `use` tree. */
function pathsOf(tree) {
  const open = tree.indexOf("{");
  if (open < 0) return [tree.replace(/\s+as\s+\w+$/, "").trim()];
  const inner = tree.slice(open + 1, tree.lastIndexOf("}"));
  const parts = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i <= inner.length; i++) {
    if (inner[i] === "{") depth++;
    if (inner[i] === "}") depth--;
    if (i === inner.length || (inner[i] === "," && depth === 0)) {
      parts.push(inner.slice(start, i).trim());
      start = i + 1;
    }
  }
  return parts.filter(Boolean).flatMap((part) => pathsOf(tree.slice(0, open).trim() + part));
}

/**
 * Everything that a file names by a path, and what it hands on under another one's name:
 * `[path, is handed on]`.
 */
function namedIn(code) {
  const named = [];
  const rest = code.replace(/(pub(?:\([^)]*\))?\s+)?\buse\s+([^;]+);/g, (_, shown, tree) => {
    for (const path of pathsOf(tree)) named.push([path, Boolean(shown)]);
    return "";
  });
  for (const [path] of rest.matchAll(/\b[a-z_]\w*(?:::\w+)+/g)) named.push([path, false]);
  return named;
}

const inside = (module, part) => (module ? `${module}::${part}` : part);

/** Each file of a crate with those that it imports. */
export function importsOf(crate) {
  const modules = modulesOf(crate);
  const named = new Map([...modules].map(([module, file]) => [module, namedIn(codeOf(file))]));

  /**
   * The module where what `path` names in `from` is defined; undefined where that is another crate.
   */
  function definedIn(from, path, seen = []) {
    let at = from;
    const parts = path.split("::");
    if (parts[0] === "crate") at = "";
    else if (!["self", "super"].includes(parts[0]) && !modules.has(inside(from, parts[0]))) return undefined;
    while (parts.length > 0) {
      const part = parts[0];
      if (part === "super") at = at.split("::").slice(0, -1).join("::");
      else if (modules.has(inside(at, part)) && part !== "self") at = inside(at, part);
      else if (!["crate", "self"].includes(part)) break;
      parts.shift();
    }
    const [item] = parts;
    // A module that only hands a name on is not where it is defined.
    const handed = (named.get(at) ?? []).find(([it, shown]) => shown && it.split("::").at(-1) === item);
    if (item === undefined || handed === undefined || seen.includes(at + item)) return at;
    return definedIn(at, handed[0], [...seen, at + item]) ?? at;
  }

  return new Map(
    [...modules].map(([module, file]) => {
      const found = named.get(module).filter(([, shown]) => !shown);
      const all = found.map(([path]) => definedIn(module, path)).filter((it) => it !== undefined && it !== module);
      return [file, new Set(all.map((it) => modules.get(it)).filter(Boolean))];
    }),
  );
}

/** Groups of files that import each other in a circle. */
export function circlesOf(imports) {
  const [order, low, stack, circles] = [new Map(), new Map(), [], []];
  const visit = (file) => {
    order.set(file, order.size);
    low.set(file, order.get(file));
    stack.push(file);
    for (const next of imports.get(file)) {
      if (!order.has(next)) visit(next);
      if (stack.includes(next)) low.set(file, Math.min(low.get(file), low.get(next)));
    }
    if (low.get(file) !== order.get(file)) return;
    const circle = stack.splice(stack.indexOf(file));
    if (circle.length > 1) circles.push(circle);
  };
  for (const file of imports.keys()) if (!order.has(file)) visit(file);
  return circles;
}

/** Which imports of a crate lead upwards, or aside. */
function upwardIn(crate, imports) {
  const nameOf = (file) => relative(crate, file).split(sep)[0].replace(/\.rs$/, "");
  const layerOf = (file) => LAYERS[crate].findIndex((layer) => layer.includes(nameOf(file)));
  const wrong = [];
  for (const [file, all] of imports) {
    if (layerOf(file) < 0) wrong.push(`${file} stands in no layer: name it in scripts/layers.mjs`);
    for (const other of all) {
      if (nameOf(file) !== nameOf(other) && layerOf(other) <= layerOf(file))
        wrong.push(`${file} uses ${other}, which does not stand below it`);
    }
  }
  return wrong;
}

if (isMain(import.meta)) {
  const problems = [];
  for (const crate of CRATES) {
    const imports = importsOf(crate);
    for (const circle of circlesOf(imports)) {
      const arrows = circle.flatMap((file) => {
        const back = [...imports.get(file)].filter((it) => circle.includes(it));
        return back.map((it) => `    ${file} uses ${it}`);
      });
      problems.push(`a circle of ${circle.length} files:\n${arrows.join("\n")}`);
    }
    if (crate in LAYERS) problems.push(...upwardIn(crate, imports));
  }
  if (problems.length > 0) fail(problems.join("\n"));
  process.stdout.write("nothing uses what stands above it, and there is no circle\n");
}
