// The npm packages that are published.

import { buildClient } from "../client.mjs";
import { buildCore } from "../core.mjs";

/**
 * One line each. `build` makes what is in `<folder>/dist`, once the Worker is built;
 * `<folder>/contents.txt` has the files that the package consists of.
 */
export const PACKAGES = [
  { folder: "client", build: buildClient },
  { folder: "core", build: buildCore },
];
