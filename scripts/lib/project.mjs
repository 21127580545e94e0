// What `npx tollgate init` writes: the templates of client/project, and two files that follow from
// the repository's own, so that a project binds the classes, and has the wrangler, of this version.

import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./process.mjs";

const INTRODUCTION = `# Tollgate's Worker, from the npm package \`tollgate\`. \`npx tollgate doctor\` tells after an update what lacks here.
`;

/** Fills `folder`. */
export function writeTemplates(folder) {
  mkdirSync(folder, { recursive: true });
  cpSync(join(root, "client/project"), folder, { recursive: true });
  writeFileSync(join(folder, "wrangler.toml"), projectConfig(readFileSync(join(root, "wrangler.toml"), "utf8")));
  writeFileSync(join(folder, "package.json"), projectManifest(manifestOf("."), manifestOf("client")));
}

/** The repository's wrangler.toml for a project: another entry, and nothing to build. */
export function projectConfig(toml) {
  const steps = [
    [/^# .*\n(?=name = )/, INTRODUCTION],
    [/^main = .*$/m, 'main = "src/index.js"'],
    [/^\[build\]\n(?:.+\n)+\n/m, ""],
  ];
  let text = toml;
  for (const [pattern, instead] of steps) {
    if (!pattern.test(text)) throw new Error(`wrangler.toml has no ${pattern}: scripts/lib/project.mjs reads it`);
    text = text.replace(pattern, instead);
  }
  return text.replaceAll(/docs\/(\w+\.md)/g, "docs/$1 of Tollgate's repository");
}

/** A package.json with this version or a later one that fits, and the wrangler of the tests. */
export function projectManifest({ devDependencies, allowScripts }, { name, version }) {
  const manifest = {
    name: "my-tollgate",
    private: true,
    type: "module",
    scripts: { dev: "tollgate dev", check: "tollgate doctor", deploy: "wrangler deploy" },
    dependencies: { [name]: `^${version}` },
    devDependencies: { wrangler: devDependencies.wrangler },
    allowScripts,
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

function manifestOf(folder) {
  return JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
}
