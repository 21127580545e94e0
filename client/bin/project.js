// What a project that deploys Tollgate consists of. The build of this package makes `dist/project`
// of `project/` and of the repository's own wrangler.toml, so that both bind the same classes.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const packageFolder = fileURLToPath(new URL("..", import.meta.url));

/** The folder of the templates. */
export const templates = join(packageFolder, "dist/project");
/** The entry of the built Worker. */
export const worker = join(packageFolder, "dist/worker/index.js");

/** The files of a project by their paths in it, with the template of each. */
export const FILES = {
  "wrangler.toml": "wrangler.toml",
  "src/index.js": "index.js",
  "package.json": "package.json",
  ".gitignore": "gitignore", // npm publishes no file named .gitignore
  "README.md": "README.md",
};

/** The text of a template. */
export function template(name) {
  return readFileSync(join(templates, name), "utf8");
}

/** The version of this package, and of the wrangler that it is tested with. */
export function versions() {
  const { version } = JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8"));
  return { tollgate: version, wrangler: JSON.parse(template("package.json")).devDependencies.wrangler };
}

/** The configuration in `folder` that wrangler would take; undefined where there is none. */
export function configIn(folder) {
  const names = ["wrangler.json", "wrangler.jsonc", "wrangler.toml"]; // in wrangler's order
  return names.map((name) => join(folder, name)).find((path) => existsSync(path));
}
