// The examples of the documentation are run as they stand.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { environment, root } from "../../scripts/lib/process.mjs";

const example = /```js\n(.*?)```/gs;
const examples = ["docs/core.md", "core/README.md"].flatMap((page) => {
  const text = readFileSync(join(root, page), "utf8");
  return [...text.matchAll(example)].map(([, code = ""], i) => ({ name: `${page}, example ${i + 1}`, code }));
});

test.each(examples)("$name", ({ code }) => {
  // Inside core/, where the package is known by its own name.
  const options = { cwd: join(root, "core"), encoding: "utf8", env: environment() } as const;
  const { status, stderr } = spawnSync("node", ["--input-type=module", "--eval", code], options);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});

test("there are examples", () => {
  expect(examples).toHaveLength(3);
});
