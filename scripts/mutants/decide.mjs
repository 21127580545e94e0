// Faults in the decision on all limits of a policy, and in its answer.
// `scripts/mutants.mjs` runs them.

const CORE = "crates/core/src";

/** The files and folders that they are in. */
export const SOURCES = [`${CORE}/decide`, `${CORE}/decision.rs`, `${CORE}/in_force`, `${CORE}/pressure.rs`];

export const MUTANTS = [
  [
    "the refusal of one class is not that of another",
    `${CORE}/decide/answer.rs`,
    "|| policy.weights().is_some();",
    "|| false;",
    "weights",
  ],
  [
    "the pressure is that of the fullest limit",
    `${CORE}/pressure.rs`,
    "self.limits.iter().map(Pressure::at).max()",
    "self.limits.iter().map(Pressure::at).min()",
    "pressure",
  ],
  [
    "a pressure of 1 means that nothing is left",
    `${CORE}/pressure.rs`,
    "match (used * 1_000).checked_div(limit) {",
    "match (used * 1_000 + 999).checked_div(limit) {",
    "pressure",
  ],
  [
    "a limit is decided as if it were smaller by what is held of it",
    `${CORE}/decide/beside.rs`,
    "let lessened = policy.lessened(on_hold);",
    "let lessened = policy.lessened(&vec![0; on_hold.len()]);",
    "holds",
  ],
  [
    "who wants nothing of a limit is not refused by it",
    `${CORE}/decide/many.rs`,
    "(units > 0).then_some((place, units))",
    "Some((place, units.max(1)))",
    "holds",
  ],
  [
    "a step of a quota begins with a window",
    `${CORE}/in_force/steps.rs`,
    "Some((start, _)) => start,",
    "Some(_) => moment.now,",
    "stages",
  ],
  [
    "no hour passes a warm-up",
    `${CORE}/in_force/steps.rs`,
    "(Some(stage), Some(time)) => stage.smaller(&time),",
    "(Some(_), Some(time)) => time,",
    "stages",
  ],
  [
    "a refusal of several policies has the shortest wait",
    `${CORE}/decision.rs`,
    "waits.into_iter().flatten().min()",
    "waits.into_iter().flatten().max()",
    "fall_back",
  ],
  [
    "an admission does not fall back",
    `${CORE}/decision.rs`,
    "!self.success && self.reason.is_none_or",
    "self.reason.is_none_or",
    "fall_back",
  ],
  ["the answer says that a refusal is contended", `${CORE}/decision.rs`, "self.contended = true;", "", "forms"],
  [
    "several limits are charged together",
    `${CORE}/decide/many.rs`,
    "rooms.iter().all(|room| matches!(room, Room::At(_)))",
    "rooms.iter().any(|room| matches!(room, Room::At(_)))",
    "algorithms",
  ],
  ["a peek changes nothing", `${CORE}/decide/one.rs`, "Some(ask) if !check.peek => {", "Some(ask) => {", "algorithms"],
  [
    "never is the longest wait",
    `${CORE}/decide/answer.rs`,
    "unwrap_or(Timestamp::MAX)",
    "unwrap_or(Timestamp::ZERO)",
    "algorithms",
  ],
  [
    "a peek puts nothing in force",
    `${CORE}/decide/check.rs`,
    "!self.wants_nothing() && !self.peek",
    "!self.wants_nothing()",
    "definitions",
  ],
];
