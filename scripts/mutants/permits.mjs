// Faults in what is held, charged and given back with permits.
// `scripts/mutants.mjs` runs them.

const CORE = "crates/core/src";

/** The files and folders that they are in. */
export const SOURCES = [
  `${CORE}/subject_state/held.rs`,
  `${CORE}/subject_state/holding`,
  `${CORE}/subject_state/holds`,
  `${CORE}/subject_state/overage.rs`,
];

export const MUTANTS = [
  [
    "a late settlement is charged once",
    `${CORE}/subject_state/holding/ending.rs`,
    "let more = units.saturating_sub(part.units);",
    "let more = units;",
    "protocols/permits",
  ],
  [
    "a part gives nothing back by itself",
    `${CORE}/subject_state/holding/ending.rs`,
    "let keeps = held.on_expiry == OnExpiry::Keep || held.home == Home::Elsewhere;",
    "let keeps = held.on_expiry == OnExpiry::Keep;",
    "protocols/permits",
  ],
  [
    "a part waits for its home beyond its deadline",
    `${CORE}/subject_state/holds/record.rs`,
    "Home::Elsewhere if !self.is_place => self.until.plus(self.kept()),",
    "Home::Elsewhere if !self.is_place => self.until,",
    "protocols/permits",
  ],
  [
    "a part remembers what its home may yet correct",
    `${CORE}/subject_state/holds/record.rs`,
    "Home::Elsewhere if !self.is_place => KEPT_MOST,",
    "Home::Elsewhere if !self.is_place => self.kept(),",
    "protocols/permits",
  ],
  [
    "what is given back may yet be settled",
    `${CORE}/subject_state/holding/outcome.rs`,
    "(None, End::Expired, OnExpiry::GiveBack) => Outcome::GivenBack,",
    "(None, End::Expired, OnExpiry::GiveBack) => Outcome::Released,",
    "protocols/permits",
  ],
  [
    "what was kept is no settlement",
    `${CORE}/subject_state/holding/ending.rs`,
    "if known == Some(real) || *real == Real::default() {",
    "if known == Some(real) {",
    "protocols/permits",
  ],
  [
    "an acknowledgement is of the outcome that was told",
    `${CORE}/subject_state/holding/outcome.rs`,
    "notice.permit == held.permit && held.outcome().as_ref() == Some(&notice.outcome)",
    "notice.permit == held.permit",
    "protocols/permits",
  ],
  [
    "a late settlement is told again",
    `${CORE}/subject_state/holding/ending.rs`,
    "end.owed.clone_from(others);",
    "let _ = others;",
    "protocols/permits",
  ],
  [
    "a topup names the total",
    `${CORE}/subject_state/holding/topup.rs`,
    "let units = Held::units_under(part, &topup.total);",
    "let units = part.units + Held::units_under(part, &topup.total);",
    "protocols/permits",
  ],
  [
    "a topup is asked for in its limit beside what is held",
    `${CORE}/subject_state/holding/topup.rs`,
    "let lessened = usage.limit.lessened(self.on_hold_beside(entry));",
    "let lessened = usage.limit.lessened(0);",
    "protocols/permits",
  ],
  [
    "a hold is taken back with its operation",
    `${CORE}/subject_state/holding/ending.rs`,
    "let is_of = |it: &Held| it.operation == Some(operation) && it.end.is_none();",
    "let is_of = |it: &Held| it.operation.is_none() && it.end.is_none();",
    "protocols/permits",
  ],
  [
    "a settlement is charged whole",
    `${CORE}/subject_state/holding/ending.rs`,
    "let units: Vec<u64> = held.parts.iter().map(units).collect();\n        let shares",
    "let units: Vec<u64> = held.parts.iter().map(|part| units(part).min(part.units)).collect();\n        let shares",
    "holds",
  ],
  [
    "what expires is charged at its instant",
    `${CORE}/subject_state/holding/ending.rs`,
    "self.expire_one(place, Moment { now, ..moment }, effects)?;",
    "let _ = now;\n            self.expire_one(place, moment, effects)?;",
    "holds",
  ],
  [
    "what a part holds is not given back by itself",
    `${CORE}/subject_state/holding/ending.rs`,
    "held.on_expiry == OnExpiry::Keep || held.home == Home::Elsewhere;",
    "held.on_expiry == OnExpiry::Keep;",
    "holds",
  ],
  ["who is in debt goes no further into it", `${CORE}/subject_state/overage.rs`, "used > most ||", "false ||", "holds"],
  [
    "a place is known to whom it was promised after a restart",
    `${CORE}/subject_state/holds/row.rs`,
    'is_place: line.flag("place"),',
    "is_place: false,",
    "holds",
  ],
  [
    "slots that are held beside another algorithm are stored",
    `${CORE}/subject_state/held.rs`,
    "!held.slots.held.is_empty());",
    "held.slots.held.is_empty());",
    "definitions",
  ],
];
