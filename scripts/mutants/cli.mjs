// Faults in the command line.
// `scripts/mutants.mjs` runs them.

const CLI = "crates/cli/src";

/** The files and folders that they are in. */
export const SOURCES = [CLI];

export const MUTANTS = [
  [
    "prune deletes what the set of files owns alone",
    `${CLI}/plan.rs`,
    "if is_of(set, stored) {",
    "if true {",
    "cli/lib",
  ],
  [
    "what somebody changed since the last apply is held",
    `${CLI}/plan.rs`,
    "let is_drifted = stored.source != source_of(set, &stored.policy);",
    "let is_drifted = false;",
    "cli/lib",
  ],
  [
    "a step is done only to the version that it was planned for",
    `${CLI}/plan.rs`,
    'Some(version) => ("if-match", format!("\\"{version}\\"")),',
    'Some(_) => ("if-match", "*".to_owned()),',
    "cli/lib",
  ],
  [
    "the command line believes no name of a server",
    `${CLI}/server.rs`,
    '    Name::new("name", name).map_err(|_| {',
    "    Name::new(\"name\", &name.replace(['/', '.'], \"\")).map_err(|_| {",
    "cli/lib",
  ],
  ["the command line repeats no password", `${CLI}/server.rs`, "authority.contains('@') || ", "", "cli/lib"],
  [
    "the command line shows nothing that a terminal acts upon",
    `${CLI}/terminal.rs`,
    "c.is_control()",
    "c.is_ascii_control()",
    "cli/lib",
  ],
];
