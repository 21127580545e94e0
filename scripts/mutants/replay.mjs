// Faults in recorded calls that are decided once more.
// `scripts/mutants.mjs` runs them.

const CORE = "crates/core/src";

/** The files and folders that they are in. */
export const SOURCES = [`${CORE}/replay`];

export const MUTANTS = [
  [
    "a replay decides under the candidate",
    `${CORE}/replay/subject.rs`,
    "            item.policy = candidate(policy, item, under)?;\n",
    "            let _ = (policy, under);\n",
    "replay",
  ],
  [
    "a candidate stands under the overrides that were recorded",
    `${CORE}/replay/subject.rs`,
    "Matched::of(under.iter().collect())",
    "Matched::of(under.iter().take(0).collect())",
    "replay",
  ],
  [
    "a candidate is as new as the overrides over it",
    `${CORE}/replay/subject.rs`,
    "adjusted: item.policy.version().adjusted,",
    "adjusted: 0,",
    "replay",
  ],
  [
    "a replay knows what isolates remember of refusals",
    `${CORE}/replay/isolates.rs`,
    "refusals.record_decision(key, &item.check, times, told);",
    "let _ = (refusals, key, times, told);",
    "replay",
  ],
  [
    "what one isolate remembers another does not",
    `${CORE}/replay/isolates.rs`,
    "*number == isolate",
    "*number == isolate || isolate > 0",
    "replay",
  ],
  [
    "what was given back too late is given back to the candidate",
    `${CORE}/replay/trace.rs`,
    "self.told.is_undone && !is_of_permit",
    "self.told.is_undone && (is_of_permit || true)",
    "replay",
  ],
  [
    "a stop stays in a replay, and is counted apart",
    `${CORE}/replay/subject.rs`,
    "            return self.count_apart(event, apart);\n",
    "            self.count_apart(event, apart);\n",
    "replay",
  ],
  [
    "a call that was not done is not replayed",
    `${CORE}/replay/subject.rs`,
    "if event.is_repeated() {",
    "if false {",
    "replay",
  ],
  [
    "what an isolate answered is replayed where it came",
    `${CORE}/replay/trace.rs`,
    "event.place.or(event.after)",
    "event.place",
    "replay",
  ],
  [
    "a sampled subject stands for as many as are not sampled",
    `${CORE}/replay/estimate.rs`,
    "let scaled = part.value / part.share;",
    "let scaled = part.value;",
    "sampling",
  ],
  [
    "the interval is as wide as the sample bears out",
    `${CORE}/replay/estimate.rs`,
    "let half = quantile(freedom) * variance.sqrt();",
    "let half = variance.sqrt();",
    "sampling",
  ],
  [
    "a sample in which nobody changes does not say that nobody does",
    `${CORE}/replay/estimate.rs`,
    "high: value + missed,",
    "high: value,",
    "lib",
  ],
];
