//! How far somebody knows the overrides.

/// A revision of a namespace's policies and overrides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision {
    /// When their storage began or was last restored, in Unix ms: a restored storage gives the
    /// numbers after its backup once more.
    pub generation: u64,
    /// Rises with each change.
    pub number: u64,
}
