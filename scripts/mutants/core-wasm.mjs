// Faults in the core that decides offline, for many subjects in memory.
// `scripts/mutants.mjs` runs them.

const CORE_WASM = "crates/core-wasm/src";

/** The files and folders that they are in. */
export const SOURCES = [CORE_WASM];

export const MUTANTS = [
  [
    "offline the most subjects is a bound",
    `${CORE_WASM}/subjects.rs`,
    "if self.subjects.len() < self.max {\n            return true;",
    "if self.subjects.len() <= self.max {\n            return true;",
    "core-wasm/lib",
  ],
  [
    "offline a subject that is idle is dropped at its alarm",
    `${CORE_WASM}/subjects.rs`,
    "is_some_and(|(at, _)| *at <= now)",
    "is_some_and(|(at, _)| *at < now)",
    "core-wasm/lib",
  ],
  [
    "offline who is only looked at takes no room",
    `${CORE_WASM}/subjects.rs`,
    "if !is_known && !call.may_change() {",
    "if !is_known && call.may_change() {",
    "core-wasm/lib",
  ],
  [
    "offline all subjects are looked through for room once a second at most",
    `${CORE_WASM}/subjects.rs`,
    "self.swept = (!has_room).then_some(now);",
    "self.swept = None;",
    "core-wasm/lib",
  ],
  [
    "offline no permit has the bits of another one",
    `${CORE_WASM}/random.rs`,
    "self.drawn += 1;",
    "self.drawn = 1;",
    "core-wasm/lib",
  ],
];
