// Faults in buckets that classes share by their weights.
// `scripts/mutants.mjs` runs them.

const CORE = "crates/core/src";

/** The files and folders that they are in. */
export const SOURCES = [`${CORE}/algorithm/classes`, `${CORE}/limit/weights.rs`];

export const MUTANTS = [
  [
    "a class that comes makes no units",
    `${CORE}/algorithm/classes/join.rs`,
    "moved += less;",
    "moved += 0 * less;",
    "weights",
  ],
  [
    "a class that asks seldom is not forgotten",
    `${CORE}/algorithm/classes/class.rs`,
    "pub const STAYS: Duration = Duration::from_secs(60);",
    "pub const STAYS: Duration = Duration::from_secs(5);",
    "weights",
  ],
  [
    "classes are served by their weights",
    `${CORE}/limit/weights.rs`,
    "named.map_or(1, |(_, weight)| *weight)",
    "named.map_or(1, |_| 1)",
    "weights",
  ],
  [
    "the parts of all classes are the capacity and no more",
    `${CORE}/algorithm/classes/class.rs`,
    "divide(whole, all).saturating_mul(own)",
    "divide(whole, all).saturating_mul(own + 1)",
    "weights",
  ],
  [
    "what comes back is handed out to the last grain",
    `${CORE}/algorithm/classes/ladder.rs`,
    "partition_point(|bend| bend.sum <= come)",
    "partition_point(|bend| bend.sum < come)",
    "weights",
  ],
  [
    "who wants more than its part is served in its turn",
    `${CORE}/algorithm/classes/room.rs`,
    "own.brim += more;",
    "own.brim += 0 * more;",
    "weights",
  ],
  [
    "who is refused what he has is next",
    `${CORE}/algorithm/classes/room.rs`,
    "class.wants > 0",
    "class.wants > u128::MAX - 1",
    "weights_parts",
  ],
  [
    "who asks for no more than its part waits for nobody who wants more",
    `${CORE}/algorithm/classes/room.rs`,
    "is_more || class.wants <=",
    "is_more || class.wants > 0 || class.wants <=",
    "weights_parts",
  ],
  [
    "each class gets its part of the rate while the whole is full",
    `${CORE}/algorithm/classes/full.rs`,
    "false => steps * u128::from(class.weight),",
    "false => 0 * u128::from(class.weight),",
    "weights_parts",
  ],
  [
    "who pays for others fills to that no more",
    `${CORE}/algorithm/classes/full.rs`,
    "class.brim -= own;",
    "class.missing += own;",
    "weights_parts",
  ],
  [
    "what the whole lacks and no class does is paid first",
    `${CORE}/algorithm/classes/refill.rs`,
    "grains(back).saturating_sub(common)",
    "grains(back).saturating_sub(0 * common)",
    "weights_parts",
  ],
];
