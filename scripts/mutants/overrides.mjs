// Faults in whom an override is for, and what it does.
// `scripts/mutants.mjs` runs them.

const CORE = "crates/core/src";

/** The files and folders that they are in. */
export const SOURCES = [`${CORE}/overrides`];

export const MUTANTS = [
  [
    "a nearer override hides no stop",
    `${CORE}/overrides/matched.rs`,
    "self.0.iter().filter(|it| it.effect.stop().is_some())",
    "self.0.iter().take(1).filter(|it| it.effect.stop().is_some())",
    "core/overrides",
  ],
  [
    "a stop excepts whom it names",
    `${CORE}/overrides/index.rs`,
    ".any(|target| target.matches(subject, policy))",
    ".any(|_| false)",
    "core/overrides",
  ],
  [
    "a bypass that ends makes policies newer",
    `${CORE}/overrides/effect.rs`,
    "!matches!(self, Kind::Deny | Kind::Pause)",
    "!matches!(self, Kind::Deny | Kind::Pause | Kind::Bypass)",
    "policies/overrides",
  ],
  [
    "dots are no part of a target",
    `${CORE}/overrides/target.rs`,
    "true => Err(InvalidTarget::Dots),",
    "true => Ok(target),",
    "lib",
  ],
  [
    "dots are no scope of a prefix",
    `${CORE}/overrides/target.rs`,
    'Target::Prefix(group, _) => [&group.provider, &group.scope, ""],',
    'Target::Prefix(group, _) => [&group.provider, "", ""],',
    "lib",
  ],
  [
    "what an override puts in their place adapts not",
    `${CORE}/overrides/adjusted.rs`,
    "policy.with_limits(limits.clone()).ok()?.with_adapt(None)",
    "policy.with_limits(limits.clone()).ok()?",
    "reports",
  ],
];
