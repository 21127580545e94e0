import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { root } from "./process.mjs";

// Installed twice, because the plugin for the tests from inside depends on them: with two versions,
// those tests would run on another workerd than the one that serves, and than the tests from
// outside.
it.each(["wrangler", "miniflare", "workerd", "esbuild"])("the tests have the %s that serves and deploys", (name) => {
  const version = (folder) => {
    const { packages } = JSON.parse(readFileSync(join(root, folder, "package-lock.json"), "utf8"));
    return packages[`node_modules/${name}`].version;
  };
  expect(version("tests")).toBe(version("."));
});
