import { describe, expect, it } from "vitest";
import { cargoFailures, cargoTotals, line, sum, vitestFailures, vitestTotals, words } from "./totals.mjs";

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
    expect(line("outside", vitestTotals(report), 61.6)).toBe("outside     7 passed, 1 failed, 3 skipped          62 s");
  });

  it("are added up", () => {
    const all = [
      { passed: 1, failed: 0, skipped: 2 },
      { passed: 10, failed: 1, skipped: 0 },
    ];
    expect(words(sum(all))).toBe("11 passed, 1 failed, 2 skipped");
  });
});

describe("the tests that failed", () => {
  it("are named by cargo test at the end of each binary", () => {
    const text = [
      "failures:",
      "",
      "---- a::one stdout ----",
      "assertion failed",
      "",
      "failures:",
      "    a::one",
      "    b::two",
      "",
      "test result: FAILED. 3 passed; 2 failed; 0 ignored",
      "failures:",
      "    three",
      "",
    ].join("\n");
    expect(cargoFailures(text)).toEqual(["a::one", "b::two", "three"]);
    expect(cargoFailures("test result: ok. 2 passed; 0 failed; 0 ignored")).toEqual([]);
  });

  it("are named by vitest's report, and a file that broke off by its own name", () => {
    const test = (fullName, status) => ({ fullName, status });
    const testResults = [
      {
        name: "/x/tests/outside/a.test.mjs",
        status: "failed",
        assertionResults: [test("b", "failed"), test("c", "passed")],
      },
      { name: "/x/tests/outside/d.test.mjs", status: "failed", assertionResults: [] },
      { name: "/x/tests/outside/e.test.mjs", status: "passed", assertionResults: [test("f", "passed")] },
    ];
    expect(vitestFailures({ testResults })).toEqual(["outside/a.test.mjs > b", "outside/d.test.mjs"]);
    expect(vitestFailures({})).toEqual([]);
  });
});
