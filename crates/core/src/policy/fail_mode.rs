//! What a caller is told while the subject's object is out of reach.

/// What a caller is told when the subject's object cannot be reached in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum FailMode {
    /// Admitted, and said to be `degraded`.
    #[default]
    Open,
    /// An error: 503 `objectUnavailable`.
    Closed,
    /// Admitted while a small share of the limit lasts, counted by each isolate for itself.
    Share,
    /// Counted by the isolates and merged through KV, from what the object said last.
    Eventual,
}

impl FailMode {
    /// The word for it in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            FailMode::Open => "open",
            FailMode::Closed => "closed",
            FailMode::Share => "share",
            FailMode::Eventual => "eventual",
        }
    }

    /// The mode that a word names.
    pub fn from_word(word: &str) -> Option<FailMode> {
        let all = [
            FailMode::Open,
            FailMode::Closed,
            FailMode::Share,
            FailMode::Eventual,
        ];
        all.into_iter().find(|mode| mode.word() == word)
    }
}
