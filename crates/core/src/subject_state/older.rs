//! Rows of an older version: written anew as soon as the object meets them (`rewrite_older`).
//! Otherwise a row that nobody changes, such as a block for a year, would grow too old to be read,
//! although no version was skipped.

/// What was found in a version before the one that is written.
#[derive(Debug, Default)]
pub(super) struct Older {
    /// Any row but the fence's.
    pub(super) rows: bool,
    /// The fence's row.
    pub(super) fence: bool,
}
