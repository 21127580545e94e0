// Faults in subjects, limits and policies, and in the texts of their fields.
// `scripts/mutants.mjs` runs them.

const CORE = "crates/core/src";

/** The files and folders that they are in. */
export const SOURCES = [
  `${CORE}/dots.rs`,
  `${CORE}/limit`,
  `${CORE}/number.rs`,
  `${CORE}/percent.rs`,
  `${CORE}/policy`,
  `${CORE}/subject`,
];

export const MUTANTS = [
  [
    "all definitions of a name come behind an override",
    `${CORE}/policy/later.rs`,
    "self.limits.iter().filter(counts_alike);",
    "self.limits.iter().filter(counts_alike).take(1);",
    "overrides_waits",
  ],
  [
    "no place is promised behind the end of an override",
    `${CORE}/policy/mod.rs`,
    "self.until.into_iter().chain(later).min()",
    "self.until.filter(|_| later.is_none())",
    "overrides_waits",
  ],
  [
    "an object that slept knows what overrides will be",
    `${CORE}/policy/mod.rs`,
    "self.outbound.is_none() && !self.is_overridden()",
    "self.outbound.is_none()",
    "overrides_waits",
  ],
  [
    "a policy of a deployment is older than what is stored in its place",
    `${CORE}/policy/version.rs`,
    "        self.number > 0 || self.edition > 0",
    "        self.number > 0",
    "editions",
  ],
  [
    "no deployment's policy is newer than another's",
    `${CORE}/policy/version.rs`,
    "(order != Ordering::Equal || self.edition == other.edition).then_some(order)",
    "Some(order.then(self.edition.cmp(&other.edition)))",
    "editions",
  ],
  [
    "a pause stops a subject's clock",
    `${CORE}/limit/schedule/clock.rs`,
    "Duration::from_millis(passed.saturating_sub(stood))",
    "Duration::from_millis(passed)",
    "stages",
  ],
  [
    "IPv6 addresses of one network are one subject",
    `${CORE}/subject/network.rs`,
    "u128::from(address) & kept",
    "u128::from(address) & (kept | 1)",
    "networks",
  ],
  [
    "an address with a zone is that address",
    `${CORE}/subject/network.rs`,
    "bare.split_once('%').map_or(bare, |(address, _)| address)",
    "bare",
    "networks",
  ],
  [
    "an IPv6 address that stands for an IPv4 address is that",
    `${CORE}/subject/network.rs`,
    "match address.to_ipv4_mapped() {",
    "match address.to_ipv4_mapped().filter(|_| false) {",
    "networks",
  ],
  [
    "a narrower network counts as the policy's, a wider one as itself",
    `${CORE}/subject/network.rs`,
    "(bits >= self.0).then",
    "(bits > 0).then",
    "networks",
  ],
  [
    "a rate is never above its text",
    `${CORE}/number.rs`,
    "        if mantissa == 0 {",
    "        mantissa += u128::from(decimals > scale);\n        if mantissa == 0 {",
    "lib",
  ],
  [
    "a zone is one under all its names",
    `${CORE}/limit/quota/zone_name.rs`,
    "Ordering::Equal => return Some(own),",
    "Ordering::Equal => return Some(listed),",
    "lib",
  ],
  [
    "broken escapes are refused",
    `${CORE}/percent.rs`,
    "if !escapes.all(is_sound)",
    "if !escapes.all(is_sound) && text.is_empty()",
    "lib",
  ],
  [
    "the newest version decides by its own writeAhead",
    `${CORE}/policy/mod.rs`,
    "write_ahead: other.write_ahead,",
    "write_ahead: self.write_ahead,",
    "policy_versions",
  ],
  [
    "a limit replaces none of another algorithm",
    `${CORE}/limit/label.rs`,
    "            && self.is_of_kind(inline)\n",
    "",
    "replaces_inline",
  ],
  [
    "a limit replaces none of another name",
    `${CORE}/limit/label.rs`,
    "(inline.name().is_none() || inline.name() == self.name())\n            && self.is_of_kind",
    "self.is_of_kind",
    "replaces_inline",
  ],
  [
    "a newer version brings its word about inline limits",
    `${CORE}/policy/mod.rs`,
    "            replaces_inline: other.replaces_inline,\n",
    "            replaces_inline: self.replaces_inline,\n",
    "replaces_inline",
  ],
  [
    "a penalty needs the object",
    `${CORE}/policy/mod.rs`,
    "self.penalty.is_some() && self.consistency != Consistency::Strong",
    "false",
    "penalty",
  ],
  ["dots are nobody's name", `${CORE}/dots.rs`, 'matches!(text, "." | "..")', 'matches!(text, ".")', "dots"],
  ["dots are no name of a policy", `${CORE}/limit/mod.rs`, "if is_dots(text) {", "if false {", "dots"],
  ["dots are no part of a subject", `${CORE}/subject/mod.rs`, "if is_dots(&text) {", "if false {", "lib"],
];
