// Faults in what a directory is told of a subject, and asked about.
// `scripts/mutants.mjs` runs them.

const CORE = "crates/core/src";

/** The files and folders that they are in. */
export const SOURCES = [`${CORE}/summary`, `${CORE}/subject_state/summary.rs`, `${CORE}/subject_state/told.rs`];

export const MUTANTS = [
  [
    "the directory is told that a subject is exhausted for less long",
    `${CORE}/summary/told.rs`,
    "current.since(told).max(told.since(current)) > SPACING",
    "current.since(told) > SPACING",
    "summary",
  ],
  [
    "the directory is told at most once in ten seconds",
    `${CORE}/summary/telling.rs`,
    "told.is_due(now) && (is_unseen || now < self.looked)",
    "is_unseen || now < self.looked",
    "summary",
  ],
  [
    "what comes too soon to be told has an alarm",
    `${CORE}/summary/telling.rs`,
    "(!told.is_due(now)).then(|| told.next())",
    "None",
    "summary",
  ],
  [
    "what was to be told before a sleep is told after it",
    `${CORE}/summary/telling.rs`,
    "        is_news.then(|| self.expect(now)).flatten()",
    "        is_news.then_some(None).flatten()",
    "summary",
  ],
  [
    "a subject is exhausted until it has one unit, not until all",
    `${CORE}/subject_state/summary.rs`,
    "wait.map_or(view.reset, |wait| moment.now.plus(wait))",
    "wait.map_or(view.reset, |_| view.reset)",
    "summary",
  ],
  [
    "a subject's whole identifier is looked at, in the scope that is asked",
    `${CORE}/summary/query.rs`,
    '(Some(provider), None) => named(provider, "", ""),',
    '(Some(provider), None) => named(provider, "", &self.prefix),',
    "summary",
  ],
  [
    "a report never gives a unit",
    `${CORE}/subject_state/told.rs`,
    "        if from <= remaining || matches!(self.state, LimitState::Slots(_)) {",
    "        let more = remaining.saturating_sub(from);\n        self.state.give_back(self.limit.algorithm(), more, moment.now);\n        if from <= remaining || matches!(self.state, LimitState::Slots(_)) {",
    "reports",
  ],
  [
    "what is left at the upstream is compared with the whole",
    `${CORE}/subject_state/told.rs`,
    "let from = self.left_of_whole(moment)?;",
    "let from = self.view(moment)?.remaining;",
    "weights_parts",
  ],
];
