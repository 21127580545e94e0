// Faults in blocks and penalties.
// `scripts/mutants.mjs` runs them.

const CORE = "crates/core/src";

/** The files and folders that they are in. */
export const SOURCES = [`${CORE}/subject_state/blocks.rs`, `${CORE}/subject_state/penalties.rs`];

export const MUTANTS = [
  [
    "a penalty counts one refusal a second",
    `${CORE}/subject_state/penalties.rs`,
    "now.since(*last) < SPACING",
    "false",
    "penalty",
  ],
  [
    "a penalty does not count refusals that may soon be admissions",
    `${CORE}/subject_state/penalties.rs`,
    "!answer.success && is_by_limit && !answer.contended && item.changes()",
    "!answer.success && is_by_limit && item.changes()",
    "penalty",
  ],
  [
    "a penalty does not count looks",
    `${CORE}/subject_state/penalties.rs`,
    "!answer.success && is_by_limit && !answer.contended && item.changes()",
    "!answer.success && is_by_limit && !answer.contended",
    "penalty",
  ],
  [
    "a penalty does not count its own refusals",
    `${CORE}/subject_state/penalties.rs`,
    "Some(Reason::Limit | Reason::CostExceedsCapacity)",
    "Some(Reason::Limit | Reason::CostExceedsCapacity | Reason::Blocked)",
    "penalty",
  ],
  [
    "refusals that began a block are used up",
    `${CORE}/subject_state/penalties.rs`,
    "        self.refused.clear();\n",
    "",
    "penalty",
  ],
  [
    "a penalty's step is remembered for `within` after its block",
    `${CORE}/subject_state/penalties.rs`,
    "self.kept = until.plus(penalty.within());",
    "self.kept = until;",
    "penalty",
  ],
  [
    "a penalty's step is forgotten after that",
    `${CORE}/subject_state/penalties.rs`,
    "        if self.kept <= now {\n            self.block.step = Some(0);\n        }\n",
    "",
    "penalty",
  ],
  [
    "each refusal that counts is written",
    `${CORE}/subject_state/penalties.rs`,
    "                effects.put(penalized.key(), penalized.row());\n",
    "                if has_begun {\n                    effects.put(penalized.key(), penalized.row());\n                }\n",
    "penalty",
  ],
  [
    "the refusal that is one too many tells the block's end",
    `${CORE}/subject_state/blocks.rs`,
    "                *answer = refusal;\n",
    "                let _ = (answer, refusal);\n",
    "penalty",
  ],
  [
    "who lifts a block ends the penalty",
    `${CORE}/subject_state/blocks.rs`,
    "let mut deleted = self.penalties.lift(policy);",
    "let mut deleted: Vec<Write> = Vec::new();",
    "penalty",
  ],
  [
    "a penalty is kept until its time has passed",
    `${CORE}/subject_state/blocks.rs`,
    "last.max(self.penalties.last_end())",
    "last",
    "penalty",
  ],
];
