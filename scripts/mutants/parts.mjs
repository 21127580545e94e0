// Faults in what is done with a permit in all of its parts.
// `scripts/mutants.mjs` runs them.

const CORE = "crates/core/src";

/** The files and folders that they are in. */
export const SOURCES = [`${CORE}/parts`];

export const MUTANTS = [
  [
    "a topup is answered when all parts hold it",
    `${CORE}/parts/new_total.rs`,
    "if topped.success && !topped.others.is_empty() =>",
    "if topped.success && topped.others.len() > 99 =>",
    "protocols/permits",
  ],
  [
    "a part that is silent has the others hold what they did",
    `${CORE}/parts/new_total.rs`,
    "Other::Silent => Why::Failed(Failed::Silent),",
    "Other::Silent => continue,",
    "protocols/permits",
  ],
  [
    "a part that has no room refuses the topup",
    `${CORE}/parts/new_total.rs`,
    "Some(Answer::Topped(topped)) => Why::NoRoom(topped.retry_after),",
    "Some(Answer::Topped(_)) => continue,",
    "parts",
  ],
  [
    "of two refusals of a topup the longer one is told",
    `${CORE}/parts/new_total.rs`,
    "|(one, other)| one.max(other)",
    "|(one, other)| one.min(other)",
    "parts",
  ],
  [
    "what is undone is undone by its number",
    `${CORE}/parts/new_total.rs`,
    "turn: Some(at_home.turn).filter(|turn| *turn > 0),",
    "turn: None,",
    "parts",
  ],
  [
    "where a part has less room all hold what it does",
    `${CORE}/parts/new_total.rs`,
    "total = least_of(&total, topped);",
    "let _ = topped;",
    "parts",
  ],
  [
    "a part that may hold more is told what it held",
    `${CORE}/parts/new_total.rs`,
    "None => Some(total_of(&at_home.before, &at_home.named, &wanted.total)),",
    "None => None,",
    "parts",
  ],
  [
    "a part that has ended ends the topup",
    `${CORE}/parts/new_total.rs`,
    "Other::Ended | Other::Refused => Why::Failed(Failed::of(other.clone())),",
    "Other::Ended | Other::Refused => continue,",
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
    "Other::Ended | Other::Refused => return Step::done(Err(Failed::of(other))),",
    "Other::Ended | Other::Refused => {}",
    "parts",
  ],
  [
    "a place is passed over",
    `${CORE}/parts/step.rs`,
    "RefusalCode::UnknownPermit | RefusalCode::IsPlace => Other::HasNone,\n            RefusalCode::PermitEnded",
    "RefusalCode::UnknownPermit => Other::HasNone,\n            RefusalCode::IsPlace | RefusalCode::PermitEnded",
    "parts",
  ],
  [
    "what all have agreed to is let go",
    `${CORE}/parts/new_total.rs`,
    "all.any(|((_, held), (_, under))| held > under)",
    "all.any(|((_, held), (_, under))| held < under)",
    "parts",
  ],
  [
    "a topup that was overtaken is not done",
    `${CORE}/parts/new_total.rs`,
    "if wanted.turn.is_some_and(|it| topped.turn > it) => {",
    "if wanted.turn.is_some_and(|it| topped.turn > it + 99) => {",
    "parts",
  ],
  [
    "a home that has lost count is told the newest number",
    `${CORE}/parts/new_total.rs`,
    "let call = undoing(before(at_home), newest);",
    "let call = undoing(before(at_home), newest.min(0));",
    "parts",
  ],
  [
    "who asks a home that has lost count is not told of a newer topup",
    `${CORE}/parts/new_total.rs`,
    "Why::Overtaken if topped.success =>",
    "Why::Overtaken if topped.turn == 99 =>",
    "parts",
  ],
];
