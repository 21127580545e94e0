// Adds up what the test runners report.

// The last words of each test binary of `cargo test`.
const CARGO_RESULT = /^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/gm;

// How a test says that it could not do its work here. Rust has no word for it, and counts the test as passed.
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

/** One line for the reader. */
export function line(name, { passed, failed, skipped }) {
  return `${name.padEnd(12)}${passed} passed, ${failed} failed, ${skipped} skipped`;
}
