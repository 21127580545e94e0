// Faults in what is lent, spent without a question, told and given back.
// `scripts/mutants.mjs` runs them.

const CORE = "crates/core/src";
const ENDING = `${CORE}/subject_state/leases/ending.rs`;
const LENDING = `${CORE}/subject_state/leases/lending.rs`;
const TELLING = `${CORE}/subject_state/leases/telling.rs`;
const RECORD = `${CORE}/subject_state/leases/record.rs`;
const BORROWER = `${CORE}/isolate/leases.rs`;

/** The files and folders that they are in. */
export const SOURCES = [
  `${CORE}/isolate/leases.rs`,
  `${CORE}/lease.rs`,
  `${CORE}/message/lease.rs`,
  `${CORE}/subject_state/leases`,
  `${CORE}/subject_state/lent.rs`,
];

export const MUTANTS = [
  [
    "what is lent is written before it can be spent",
    LENDING,
    "if is_told || has_loan || carried",
    "if is_told || (has_loan && is_told) || carried",
    "protocols/leases",
  ],
  [
    "no more comes back than is given back",
    TELLING,
    "entry.lent.units = entry.lent.units.saturating_sub(back);",
    "entry.lent.units = entry.lent.units.saturating_sub(before.max(back));",
    "leases_told",
  ],
  [
    "one answer to a question is taken",
    BORROWER,
    "(is_newest && lease.asked.is_some()).then_some(lease)",
    "is_newest.then_some(lease)",
    "protocols/leases",
  ],
  [
    "a borrower counts the life of its lease from before it asks",
    BORROWER,
    "let until = times.sent.plus(loan.life);",
    "let until = times.received.plus(loan.life);",
    "protocols/leases",
  ],
  [
    "a borrower stops spending when its lease is over",
    BORROWER,
    "let has_enough = lease.left >= cost && now < lease.until;",
    "let has_enough = lease.left >= cost;",
    "protocols/leases",
  ],
  [
    "a borrower tells the sum of what it has spent",
    BORROWER,
    "spent: self.spent,\n            left: self.left,\n            before",
    "spent: mem::take(&mut self.spent),\n            left: self.left,\n            before",
    "leases",
  ],
  [
    "a lender takes what it is told for a sum",
    TELLING,
    "lease.spent = lease.spent.max(spent);",
    "lease.spent += spent;",
    "leases",
  ],
  [
    "a lender charges what a sum has grown by",
    TELLING,
    "let more = spent.saturating_sub(lease.spent);",
    "let more = spent;",
    "leases_told",
  ],
  [
    "a lender waits for what is told late",
    RECORD,
    "let over = self.until.plus(GRACE);",
    "let over = self.until;",
    "leases_told",
  ],
  [
    "what has not come back has been spent",
    ENDING,
    "let spent = if is_forgotten { lease.spent } else { all };",
    "let spent = if is_forgotten { all } else { lease.spent };",
    "protocols/leases",
  ],
  [
    "a lease is over before its limit turns",
    `${CORE}/lease.rs`,
    "let till = turn.map_or(terms.life, |turn| turn.since(now));",
    "let till = turn.map_or(terms.life, |turn| turn.since(now).max(terms.life));",
    "protocols/leases",
  ],
  [
    "what is left when a limit turns counts before the turn",
    RECORD,
    "self.over_at = Some(before.map_or(over, |before| over.min(before)));",
    "self.over_at = Some(over);",
    "leases_told",
  ],
  [
    "units that a permit holds are not lent",
    LENDING,
    "let remains = left.saturating_sub(held).saturating_sub(cost);",
    "let remains = left.saturating_sub(cost);",
    "protocols/leases",
  ],
  [
    "units that others have are not lent twice",
    LENDING,
    "others_left: lent.saturating_sub(own_left),",
    "others_left: 0,",
    "leases_told",
  ],
  [
    "each row of a limit that lends has a new stamp",
    `${CORE}/subject_state/lent.rs`,
    "self.stamp = self.stamp.saturating_add(1);",
    "self.stamp = self.stamp.saturating_add(0);",
    "protocols/leases",
  ],
  [
    "what is left in the last millisecond before a turn has been spent",
    ENDING,
    "let has_turned = lease.ends_at_turn && now < moment.now;",
    "let has_turned = lease.ends_at_turn;",
    "leases_told",
  ],
  [
    "what is carried counts beside the newest row alone",
    RECORD,
    "            self.stamp = stamp;\n            self.carried = 0;",
    "            self.stamp = stamp;",
    "protocols/leases",
  ],
  [
    "what a lease had is set aside after waking",
    `${CORE}/subject_state/leases/mod.rs`,
    "entry.add_lease(lease.left, part.carried, part.stamp, part.at);",
    "entry.add_lease(0, part.carried, part.stamp, part.at);",
    "protocols/leases",
  ],
  [
    "after waking a lease is live for a life and its grace",
    RECORD,
    ".get_or_insert_with(|| now.plus(MAX_LIFE).plus(GRACE))",
    ".get_or_insert_with(|| now.plus(Duration::ZERO))",
    "leases_told",
  ],
  [
    "after waking a lease comes to its end",
    `${CORE}/subject_state/leases/mod.rs`,
    "self.next_end = Some(Timestamp::ZERO);",
    "self.next_end = None;",
    "leases_told",
  ],
  [
    "no borrower has more left than it was lent",
    TELLING,
    "lease.left = left.min(before.saturating_sub(more));\n        let back = before - lease.left;",
    "lease.left = left;\n        let back = before.saturating_sub(lease.left);",
    "leases_told",
  ],
  [
    "a message that was overtaken is not heard",
    TELLING,
    "if told < known || (borrowing.number",
    "if told.0 < known.0 || (borrowing.number",
    "protocols/leases",
  ],
  [
    "a message of a lease before is not heard",
    TELLING,
    "if told < known || (borrowing.number",
    "if (told.1 < known.1 && told.0 == known.0) || (borrowing.number",
    "leases_told",
  ],
  [
    "a question that comes twice is lent to once",
    TELLING,
    "return Ok(Heard::Again);",
    "return Ok(Heard::News { is_told: false });",
    "leases_told",
  ],
  [
    "what was spent in a lease is told by the one after it alone",
    TELLING,
    "let is_known = is_same || borrowing.number == lease.number + 1;",
    "let is_known = true;",
    "leases_told",
  ],
  [
    "a lease that is over is written as over",
    ENDING,
    "if !is_forgotten {\n",
    "if is_forgotten {\n",
    "protocols/leases",
  ],
  [
    "what the row of a lease told is written before it is forgotten",
    `${CORE}/subject_state/leases/mod.rs`,
    "part.carried > 0 && part.stamp == stamp && part.key == key",
    "part.carried > 0 && part.stamp > stamp && part.key == key",
    "protocols/leases",
  ],
  [
    "a lost borrower's row is forgotten once nothing is left of it",
    `${CORE}/subject_state/leases/mod.rs`,
    "            lease.left > 0\n        });",
    "            lease.left == 0\n        });",
    "leases_told",
  ],
];
