// Faults in what a policy is said to admit at worst.
// `scripts/mutants.mjs` runs them.

const CORE = "crates/core/src";

/** The files and folders that they are in. */
export const SOURCES = [`${CORE}/explain`];

export const MUTANTS = [
  [
    "a bucket's worst case has what it holds and what comes back",
    `${CORE}/explain/worst_case.rs`,
    "Algorithm::TokenBucket(bucket) => Some(refilled(bucket, window)),",
    "Algorithm::TokenBucket(bucket) => Some(bucket.capacity().min(refilled(bucket, window))),",
    "explain",
  ],
  [
    "a long window has as many short ones as fit",
    `${CORE}/explain/worst_case.rs`,
    "Some(safe(u128::from(of.limit()) * (spans(of) + 1)))",
    "Some(safe(u128::from(of.limit()) * spans(of)))",
    "explain",
  ],
  [
    "the worst case of a sliding window leaves out what is never admitted",
    `${CORE}/explain/worst_case.rs`,
    "safe((2 * limit).saturating_sub(kept).max(limit))",
    "safe(2 * limit)",
    "explain",
  ],
  [
    "a window of a millisecond touches no other",
    `${CORE}/explain/worst_case.rs`,
    "1 => limit,",
    "1 => 2 * limit,",
    "explain",
  ],
  [
    "the worst case of a bucket counts what comes back after the first instant",
    `${CORE}/explain/worst_case.rs`,
    "(bucket.refill(), u128::from(window.as_millis() - 1))",
    "(bucket.refill(), u128::from(window.as_millis()))",
    "explain",
  ],
  [
    "the worst case of a stepped bucket has the step after the first instant",
    `${CORE}/explain/worst_case.rs`,
    "taken(&rate, room, step, div_ceil(later, interval))",
    "taken(&rate, room, step, later / interval)",
    "explain",
  ],
  [
    "what does not fit into a bucket is in no worst case",
    `${CORE}/explain/worst_case.rs`,
    "if each <= fits {",
    "if true {",
    "explain",
  ],
  [
    "a worst case has the credits of a bucket",
    `${CORE}/explain/worst_case.rs`,
    ".map_or(0, |credits| credits.cap());\n    if room == 0",
    "\n            .map_or(0, |_| 0);\n    if room == 0",
    "explain",
  ],
  [
    "the turns of a window reach back to the millisecond before it",
    `${CORE}/explain/worst_case.rs`,
    "each * u128::from(window.as_millis());",
    "each * u128::from(window.as_millis() - 1);",
    "explain",
  ],
  [
    "no more leaks in a millisecond than there is",
    `${CORE}/explain/worst_case.rs`,
    ".min(capacity * rate.unit())",
    "",
    "explain",
  ],
  [
    "the window of a quota is no longer than the periods around it",
    `${CORE}/explain/worst_case.rs`,
    "length(&present).min(length(&at(present.end)?))",
    "length(&present)",
    "explain",
  ],
  [
    "a curve begins with the window under way",
    `${CORE}/explain/curve.rs`,
    ".map_or(moment.now, |span| span.start)",
    ".map_or(moment.now, |_| moment.now)",
    "explain",
  ],
  [
    "a curve tells when each part is there first",
    `${CORE}/explain/curve.rs`,
    "(u128::from(limit) * u128::from(percent)).div_ceil(100);",
    "u128::from(limit) * u128::from(percent) / 100;",
    "explain",
  ],
  [
    "a curve ends when the subject is forgotten",
    `${CORE}/explain/curve.rs`,
    "is_more && until <= forgotten_at",
    "is_more",
    "explain",
  ],
  [
    "a curve tells nothing that nobody can ask for",
    `${CORE}/explain/curve.rs`,
    "Ok(left.min(MAX_SAFE))",
    "Ok(left)",
    "explain",
  ],
  [
    "the bounds of counting through KV are told for one isolate more",
    `${CORE}/explain/modes.rs`,
    "isolates: 2,",
    "isolates: 3,",
    "explain",
  ],
  [
    "a share that is told is the share that is given",
    `${CORE}/explain/modes.rs`,
    "units: share.units,",
    "units: share.units + 1,",
    "explain",
  ],
  [
    "a failure mode with a bound says so",
    `${CORE}/explain/modes.rs`,
    "FailMode::Share | FailMode::Eventual => Admits::PerIsolate,",
    "FailMode::Share | FailMode::Eventual => Admits::All,",
    "explain",
  ],
  [
    "isolates that decide have no failure mode",
    `${CORE}/explain/mod.rs`,
    "!= HoldsFor::Isolate",
    "!= HoldsFor::Location",
    "explain",
  ],
];
