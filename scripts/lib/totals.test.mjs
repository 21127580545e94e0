import { describe, expect, it } from "vitest";
import { cargoTotals, line, vitestTotals } from "./totals.mjs";

describe("test totals", () => {
  it("add up every binary of cargo test", () => {
    const text = [
      "running 2 tests",
      "..",
      "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
      "test result: FAILED. 3 passed; 1 failed; 4 ignored; 0 measured; 0 filtered out; finished in 0.10s",
    ].join("\n");
    expect(cargoTotals(text)).toEqual({ passed: 5, failed: 1, skipped: 4 });
  });

  it("do not count as passed what says that it was skipped", () => {
    const text =
      "SKIPPED: comparing with Redis: no redis-server\n\ntest result: ok. 4 passed; 0 failed; 0 ignored; 0 measured";
    expect(cargoTotals(text)).toEqual({ passed: 3, failed: 0, skipped: 1 });
  });

  it("are zero where nothing was compiled", () => {
    expect(cargoTotals("error: could not compile")).toEqual({ passed: 0, failed: 0, skipped: 0 });
  });

  it("read vitest's report", () => {
    const report = { numPassedTests: 7, numFailedTests: 1, numPendingTests: 2, numTodoTests: 1 };
    expect(line("vitest", vitestTotals(report))).toBe("vitest      7 passed, 1 failed, 3 skipped");
  });
});
