//! How many states one subject may have.

/// The most limits a subject has state for at once. Callers choose windows freely, and each is a
/// state of its own.
pub const MAX_ENTRIES: usize = 64;

/// The most definitions of one named limit (windows, periods, algorithms) in use at once. An
/// admission is charged to each of them and may write a row for each; a rolling deploy and its way
/// back need two or three.
pub const MAX_DEFINITIONS: usize = 16;
