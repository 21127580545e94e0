//! How much a namespace may keep.

/// The most policies of a namespace.
pub const MAX_POLICIES: usize = 1_000;
/// The longest policy, in bytes: as it is written, and with all that it extends.
pub const MAX_POLICY: usize = 32_768;
/// The most bytes that all policies take together.
pub const MAX_SNAPSHOT: usize = 2_097_152;
/// The most overrides of several subjects.
pub const MAX_WIDE_OVERRIDES: usize = 1_000;
/// The most overrides of single subjects.
pub const MAX_SUBJECT_OVERRIDES: usize = 10_000;
/// About how many bytes all overrides take together.
pub const MAX_OVERRIDE_BYTES: usize = 4_194_304;
/// The most levels of policies that extend each other, and of policies that are asked together.
pub const MAX_LEVELS: usize = 4;
