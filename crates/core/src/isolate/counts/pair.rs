//! Units of the current window and of the one before, which sliding windows need.

/// Units in the current window and in the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Pair {
    pub(super) current: u64,
    pub(super) previous: u64,
}

impl Pair {
    /// The same units at the start of the next window.
    pub(super) const fn advanced(self) -> Pair {
        Pair {
            current: 0,
            previous: self.current,
        }
    }
}
