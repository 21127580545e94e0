import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { root } from "./process.mjs";

const config = readFileSync(join(root, "wrangler.toml"), "utf8");

// From this date on whatever is pending keeps an object in memory: the tests of idle objects show
// nothing before it.
it("the tests run under the rule that what is pending keeps an object in memory", () => {
  const [, date] = /^compatibility_date = "([\d-]+)"$/m.exec(config);
  expect(date >= "2026-10-01").toBe(true);
  expect(config).not.toContain("durable_object_io_tasks_do_not_prevent_eviction");
});

// docs/deploy.md says how long two versions are alive at once.
it("an object keeps old code for five minutes at most", () => {
  const [, delay] = /^code_update_strategy = \{ mode = "deferred", max_delay = (\d+) \}$/m.exec(config);
  expect(Number(delay)).toBeLessThanOrEqual(300);
});
