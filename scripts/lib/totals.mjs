// Adds up what the test runners report.

// The last words of each test binary of `cargo test`.
const CARGO_RESULT = /^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/gm;

// The names that a binary lists after the outputs of the tests that failed.
const CARGO_FAILURES = /^failures:\n((?: {4}.+\n)+)/gm;

// How a test says that it could not do its work here. Rust has no word for it, and counts the test
// as passed.
const SKIPPED = /^SKIPPED: /gm;

/** The sum over all binaries in the output of `cargo test`. */
export function cargoTotals(text) {
  const totals = { passed: 0, failed: 0, skipped: 0 };
  for (const [, passed, failed, ignored] of text.matchAll(CARGO_RESULT)) {
    totals.passed += Number(passed);
    totals.failed += Number(failed);
    totals.skipped += Number(ignored);
  }
  const skipped = text.match(SKIPPED)?.length ?? 0;
  totals.passed -= skipped;
  totals.skipped += skipped;
  return totals;
}

/** The same from vitest's JSON report; zero where it says nothing. */
export function vitestTotals({ numPassedTests = 0, numFailedTests = 0, numPendingTests = 0, numTodoTests = 0 }) {
  return { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests + numTodoTests };
}

/** The names of the tests that `cargo test` says have failed. */
export function cargoFailures(text) {
  return [...text.matchAll(CARGO_FAILURES)].flatMap(([, names]) => names.trim().split(/\n */));
}

/**
 * The tests that vitest's JSON report says have failed, as `file > test`; a file that broke off as
 * its name alone.
 */
export function vitestFailures({ testResults = [] }) {
  return testResults.flatMap(({ name, status, assertionResults }) => {
    const file = name.split("/").slice(-2).join("/");
    const failed = assertionResults.filter((test) => test.status === "failed");
    if (status === "failed" && failed.length === 0) return [file];
    return failed.map(({ fullName }) => `${file} > ${fullName}`);
  });
}

/** The sum of several totals. */
export function sum(all) {
  const add = (key) => all.reduce((total, totals) => total + totals[key], 0);
  return { passed: add("passed"), failed: add("failed"), skipped: add("skipped") };
}

/** Totals in words. */
export const words = ({ passed, failed, skipped }) => `${passed} passed, ${failed} failed, ${skipped} skipped`;

/** One line for the reader: a part, what it found, and how long it took. */
export function line(name, totals, seconds) {
  return `${`${name} `.padEnd(12)}${words(totals).padEnd(36)}${seconds.toFixed(0).padStart(5)} s`;
}
