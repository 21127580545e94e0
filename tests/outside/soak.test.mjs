// `npm run soak` for some seconds, so that it does not rot: every mode is asked and keeps what it
// promises, and a Worker that admits too much is found.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { capture } from "../../scripts/lib/process.mjs";
import { modes } from "../../scripts/soak/modes.mjs";

let folder;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tollgate-soak-test-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function soak(name, ...words) {
  const file = join(folder, `${name}.json`);
  const script = ["--disable-warning=ExperimentalWarning", "scripts/soak.mjs"];
  const { status, text } = await capture("node", [...script, "--quick", "--seed", "1", "--json", file, ...words]);
  return { status, text, results: JSON.parse(readFileSync(file, "utf8")) };
}

describe.runIf(process.platform === "linux")("a soak of some seconds", () => {
  test("asks every mode, and all keep what they promise", async () => {
    const { status, text, results } = await soak("kept");
    expect(results.broken).toEqual([]);
    expect(status, text).toBe(0);
    expect(text).toContain("everything was kept");
    expect(results.modes.map(({ name }) => name)).toEqual(modes().map(({ name }) => name));
    for (const { name, asked, errors } of results.modes) {
      expect(asked, name).toBeGreaterThan(3);
      expect(errors, name).toBe(0);
    }
    expect(results.samples.length).toBeGreaterThan(5);
    for (const { rss, wasm, rows } of results.samples.slice(1)) {
      expect(Math.min(rss, wasm, rows)).toBeGreaterThan(0);
    }
  });

  test("ends with status 1 when a Worker admits what Tollgate has refused, and says where", async () => {
    const { status, text, results } = await soak(
      "lenient",
      "--through",
      "tests/outside/lib/lenient.js",
      "--only",
      "strong fixedWindow,flood",
    );
    expect(status, text).toBe(1);
    expect(text).toContain("soak: not kept (seed 1):");
    expect(results.broken).toEqual([
      expect.stringMatching(/^strong fixedWindow: admitted \d+\.\d where 20 is the most$/),
      expect.stringMatching(/^strong, flood of subjects: admitted \d+\.\d where 2 is the most$/),
    ]);
  });
});
