// Faults in what is done with a permit in all of its parts.
// `scripts/mutants.mjs` runs them.

const CORE = "crates/core/src";

/** The files and folders that they are in. */
export const SOURCES = [`${CORE}/parts`];

export const MUTANTS = [
  [
    "a topup is answered when all parts hold it",
    `${CORE}/parts/topping.rs`,
    "if topped.success && !topped.others.is_empty() =>",
    "if topped.success && topped.others.len() > 99 =>",
    "protocols/permits",
  ],
  [
    "a part that is silent has the others hold what they did",
    `${CORE}/parts/topping.rs`,
    "_ => outcome = Outcome::Failed(Failed::Silent),",
    "_ => {}",
    "protocols/permits",
  ],
  [
    "a part that has no room refuses the topup",
    `${CORE}/parts/topping.rs`,
    "outcome = Outcome::Refused(topped.retry_after);",
    "outcome = Outcome::Less;",
    "parts",
  ],
  [
    "of two refusals of a topup the longer one is told",
    `${CORE}/parts/topping.rs`,
    "|(known, other)| known.max(other)",
    "|(known, other)| known.min(other)",
    "parts",
  ],
  [
    "what is undone is undone by its number",
    `${CORE}/parts/topping.rs`,
    "turn: Some(at_home.turn).filter(|turn| *turn > 0),",
    "turn: None,",
    "parts",
  ],
  [
    "where a part has less room all hold what it does",
    `${CORE}/parts/topping.rs`,
    "least = smaller(least, &held);",
    "least = smaller(least.clone(), &least);",
    "parts",
  ],
  [
    "a part that may hold more is told what it held",
    `${CORE}/parts/topping.rs`,
    "None => Some(total_of(&at_home.before, &at_home.named, &wanted.total)),",
    "None => None,",
    "parts",
  ],
  [
    "a part that has ended ends the topup",
    `${CORE}/parts/topping.rs`,
    "Some(Answer::Refused(RefusalCode::PermitEnded, _)) => {",
    "Some(Answer::Refused(RefusalCode::IsPlace, _)) => {",
    "parts",
  ],
  [
    "a renewal is answered when all parts have renewed",
    `${CORE}/parts/renewal.rs`,
    "if silent.is_empty() {",
    "if silent.len() < 99 {",
    "protocols/permits",
  ],
  [
    "a renewal tells the first deadline of all parts",
    `${CORE}/parts/renewal.rs`,
    "grant.expires = grant.expires.min(part.expires);",
    "grant.expires = grant.expires.max(part.expires);",
    "parts",
  ],
  [
    "a part that is silent is asked once more to renew",
    `${CORE}/parts/renewal.rs`,
    "} else if is_again || time.elapsed >= time.deadline {",
    "} else if is_again || time.elapsed <= time.deadline {",
    "parts",
  ],
  [
    "nobody is asked to renew after the deadline",
    `${CORE}/parts/renewal.rs`,
    "is_again || time.elapsed >= time.deadline",
    "is_again",
    "parts",
  ],
  [
    "there is time to ask a part once more to renew",
    `${CORE}/parts/renewal.rs`,
    ".div_ceil(2)",
    ".div_ceil(1)",
    "parts",
  ],
  [
    "a part that has ended ends the renewal",
    `${CORE}/parts/renewal.rs`,
    "Some(Answer::Refused(RefusalCode::PermitEnded, _)) => {",
    "Some(Answer::Refused(RefusalCode::IsPlace, _)) => {",
    "parts",
  ],
];
