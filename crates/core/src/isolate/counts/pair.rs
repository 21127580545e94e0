//! What is counted of one limit by somebody: units of the window that holds now, and of the one
//! before, which sliding windows look back to.

/// Units in the present window and in the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Pair {
    pub(super) current: u64,
    pub(super) previous: u64,
}

impl Pair {
    /// As the next window begins.
    pub(super) const fn turned(self) -> Pair {
        Pair {
            current: 0,
            previous: self.current,
        }
    }
}
