//! Units of the current window and of the one before, which sliding windows need.

/// Units in the current window and in the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Pair {
    pub(super) current: u64,
    pub(super) previous: u64,
}

impl Pair {
    /// The same units at the start of another window, which may follow the current one; none if it
    /// does not.
    pub(super) const fn advanced_if(self, follows: bool) -> Pair {
        Pair {
            current: 0,
            previous: if follows { self.current } else { 0 },
        }
    }
}
