// Faults in recorded use.
// `scripts/mutants.mjs` runs them.

const RECORDS = "crates/records/src";

/** The files and folders that they are in. */
export const SOURCES = [RECORDS];

export const MUTANTS = [
  [
    "a parcel that comes twice counts once",
    `${RECORDS}/channel.rs`,
    "newest.is_none_or(|newest| sequence > newest)",
    "newest.is_none_or(|_| true)",
    "records/records",
  ],
  [
    "a parcel is frozen until it is acknowledged",
    `${RECORDS}/channel.rs`,
    "                return Some(under_way.parcel.clone());\n",
    "                let content = content(0)?;\n                return Some(Parcel { content, ..under_way.parcel.clone() });\n",
    "records/channel",
  ],
  [
    "a parcel is given up after a minute",
    `${RECORDS}/channel.rs`,
    "if is_old(under_way.since, GIVEN_UP) {",
    "if false {",
    "records/channel",
  ],
  [
    "all isolates record the same subjects",
    `${RECORDS}/recorder.rs`,
    "is_sampled(hash, share).then_some(share)",
    "is_sampled(hash ^ (now.as_millis() << 40), share).then_some(share)",
    "records/records",
  ],
  [
    "the busiest are recorded whatever the sample",
    `${RECORDS}/recorder.rs`,
    "            return Some(ALWAYS);\n",
    "            return None;\n",
    "records/records",
  ],
  [
    "who joins the busiest joins in all isolates at once",
    `${RECORDS}/busiest.rs`,
    "list.push((hash, now.plus(JOINS_AFTER)))",
    "list.push((hash, now))",
    "records/records",
  ],
  [
    "after a loss states are told anew",
    `${RECORDS}/recorder.rs`,
    "self.known.clear(); // calls",
    "let _ = (); // calls",
    "records/records",
  ],
  ["what is kept names nobody", `${RECORDS}/keeper.rs`, "if !self.names {", "if false {", "records/records"],
  [
    "an operator's words are not kept",
    `${RECORDS}/recorder.rs`,
    "Call::Block { reason, .. } => reason.clear(),",
    "Call::Block { .. } => {}",
    "records/records",
  ],
  [
    "a damaged parcel is not taken for received",
    `${RECORDS}/keeper.rs`,
    "            Err(damaged) => return Ok(Err(damaged)),",
    "            Err(damaged) => {\n                storage.keep(parcel, None, now)?;\n                return Ok(Err(damaged));\n            }",
    "records/records",
  ],
  [
    "what is recorded takes bounded memory",
    `${RECORDS}/recorder.rs`,
    "if self.bytes >= MAX_BYTES || under.is_none() {",
    "if under.is_none() {",
    "records/records",
  ],
  [
    "a call is not recorded under overrides that it was not made under",
    `${RECORDS}/under.rs`,
    "*adjusted == item.policy.version().adjusted",
    "*adjusted > 0",
    "records/records",
  ],
  [
    "a state that is too long is left out",
    `${RECORDS}/recorder.rs`,
    "text_of(state) > MAX_STATE",
    "text_of(state) > 2 * MAX_STATE",
    "records/records",
  ],
  [
    "a preview replays fewer events of a candidate that looks far ahead",
    `${RECORDS}/keeper.rs`,
    "MAX_EVENTS / (1 + STEP * steps.sum::<usize>() as u64)",
    "MAX_EVENTS / (1 + 0 * steps.sum::<usize>() as u64)",
    "records/records",
  ],
  [
    "a preview reads bounded bytes",
    `${RECORDS}/keeper.rs`,
    "events <= self.events && bytes <= self.bytes",
    "events <= self.events",
    "records/records",
  ],
];
