// Faults in the forms of rows and messages, and in their versions.
// `scripts/mutants.mjs` runs them.

const CORE = "crates/core/src";
const VERSIONS = "crates/versions/src";

/** The files and folders that they are in. */
export const SOURCES = [`${CORE}/codec.rs`, `${CORE}/message`, `${CORE}/row`, VERSIONS];

export const MUTANTS = [
  [
    "versions too far apart are refused",
    `${CORE}/codec.rs`,
    ".ok_or(Unreadable::Version { found, ours })?;",
    ".unwrap_or_else(|| versions.written());",
    "forms",
  ],
  [
    "stored forms do not change unnoticed",
    `${CORE}/row/places.rs`,
    '.put("previous", last.previous)',
    '.put("before", last.previous)',
    "forms",
  ],
  [
    "a build reads the two versions before its own",
    `${VERSIONS}/lib.rs`,
    "pub const BACK: u32 = 2;",
    "pub const BACK: u32 = 1;",
    "versions",
  ],
  [
    "a version that is too old is left alone",
    `${VERSIONS}/lib.rs`,
    "pub const BACK: u32 = 2;",
    "pub const BACK: u32 = 3;",
    "versions",
  ],
  [
    "a version that no build knew yet is left alone",
    `${VERSIONS}/lib.rs`,
    "saturating_sub(BACK).max(1)..=newest",
    "saturating_sub(BACK).max(1)..=newest + 1",
    "versions",
  ],
  [
    "a version of a newer generation is the newer",
    `${CORE}/row/policy.rs`,
    '    let line = put(line, "generation", version.generation);\n',
    "",
    "policy_versions",
  ],
  [
    "a call tells whether its policy replaces inline limits",
    `${CORE}/row/policy.rs`,
    '.flag("replacesInline", policy.replaces_inline())',
    "",
    "replaces_inline",
  ],
  [
    "a call tells the penalty of its policy",
    `${CORE}/row/policy.rs`,
    "put_penalty(put_weights(line, policy), policy)",
    "put_weights(line, policy)",
    "penalty",
  ],
  [
    "a subject is told to be exhausted when it is",
    `${CORE}/message/news.rs`,
    "exhausts(it, exhausted.plus(SPACING))",
    "exhausts(it, exhausted.plus(SPACING)) && false",
    "summary",
  ],
  [
    "of a policy that its object keeps only name and version are told",
    `${CORE}/message/call.rs`,
    "    if is_kept {\n        line\n",
    "    if false {\n        line\n",
    "policy_versions",
  ],
  [
    "a call without limits names a version",
    `${CORE}/row/policy.rs`,
    "    if !version.is_given() {\n",
    "    if false {\n",
    "policy_versions",
  ],
  [
    "a recorded state tells the real use before the call",
    `${CORE}/message/object.rs`,
    "true => self.exact_rows(moment),",
    "true => Vec::new(),",
    "records/whole",
  ],
  [
    "what only looks has no place",
    `${CORE}/message/call.rs`,
    "Call::Limit { items, .. } => items.iter().any(Item::changes),",
    "Call::Limit { .. } => true,",
    "replay",
  ],
  [
    "an override's scale of what adapts arrives at the object",
    `${CORE}/row/outbound.rs`,
    '("scaledFrom", [from]) => Outbound {',
    '("scaledFrom", [from]) if *from == 0 => Outbound {',
    "reports",
  ],
];
