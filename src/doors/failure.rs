//! The one error of all doors: why an object, KV or a binding gave no answer.

/// Why an object, KV or a binding gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It did not answer within the deadline; whether it counted is not known.
    Timeout,
    /// The platform reported the object as overloaded.
    Overloaded,
    /// The call failed otherwise.
    Unreachable,
    /// Its answer cannot be read by this version.
    Unreadable,
    /// It cannot read or write its state.
    Unavailable,
    /// The object was not called, because its circuit is open.
    LeftAlone,
    /// KV could not be written or read.
    Kv,
    /// A native rate-limit binding did not answer.
    Binding,
}

impl Failure {
    /// Every failure, for the counters.
    pub const ALL: [Failure; 8] = [
        Failure::Timeout,
        Failure::Overloaded,
        Failure::Unreachable,
        Failure::Unreadable,
        Failure::Unavailable,
        Failure::LeftAlone,
        Failure::Kv,
        Failure::Binding,
    ];

    /// The word for it in counters.
    pub const fn word(self) -> &'static str {
        match self {
            Failure::Timeout => "timeout",
            Failure::Overloaded => "overloaded",
            Failure::Unreachable => "unreachable",
            Failure::Unreadable => "unreadable",
            Failure::Unavailable => "unavailable",
            Failure::LeftAlone => "leftAlone",
            Failure::Kv => "kv",
            Failure::Binding => "binding",
        }
    }

    /// Whether an object may have counted the call although it gave no answer.
    pub const fn may_have_counted(self) -> bool {
        matches!(self, Failure::Timeout | Failure::Unreadable)
    }
}
