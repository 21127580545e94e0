//! Why an object has not done what a call asks, as one word of a message.

#[cfg(doc)]
use crate::subject_state::Refusal;

/// The code of a refusal in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalCode {
    /// [`Refusal::UnknownTimeZone`]; the text is the zone's name.
    UnknownTimeZone,
    /// [`Refusal::UnknownPermit`].
    UnknownPermit,
    /// [`Refusal::PermitEnded`]; the text says how.
    PermitEnded,
    /// [`Refusal::IsPlace`].
    IsPlace,
    /// [`Refusal::NotHeld`]; the text is the name of a limit.
    NotHeld,
    /// [`Refusal::TooManyPermits`].
    TooManyPermits,
    /// [`Refusal::TooManyLimits`]; the text is the number of names. Or
    /// [`Refusal::TooManyDefinitions`], and the text is `name/` and the name: a build that does not
    /// know it takes the number for unknown.
    TooManyLimits,
    /// [`Refusal::UnknownDefinition`]; the text is the policy's name.
    UnknownDefinition,
    /// The subject's overrides have changed since what the Worker knows. Only who says what it
    /// knows is refused so.
    StaleOverrides,
    /// [`Refusal::Cancelled`].
    Cancelled,
    /// [`Refusal::KeyReused`].
    KeyReused,
    /// [`Refusal::Unavailable`], or the object cannot read the call or write its storage.
    Unavailable,
}

impl RefusalCode {
    pub(super) const ALL: [RefusalCode; 12] = [
        RefusalCode::UnknownTimeZone,
        RefusalCode::UnknownPermit,
        RefusalCode::PermitEnded,
        RefusalCode::IsPlace,
        RefusalCode::NotHeld,
        RefusalCode::TooManyPermits,
        RefusalCode::TooManyLimits,
        RefusalCode::UnknownDefinition,
        RefusalCode::StaleOverrides,
        RefusalCode::Cancelled,
        RefusalCode::KeyReused,
        RefusalCode::Unavailable,
    ];

    /// The word for it in a message.
    pub(super) const fn word(self) -> &'static str {
        match self {
            RefusalCode::UnknownTimeZone => "unknownTimeZone",
            RefusalCode::UnknownPermit => "unknownPermit",
            RefusalCode::PermitEnded => "permitEnded",
            RefusalCode::IsPlace => "isPlace",
            RefusalCode::NotHeld => "notHeld",
            RefusalCode::TooManyPermits => "tooManyPermits",
            RefusalCode::TooManyLimits => "tooManyLimits",
            RefusalCode::UnknownDefinition => "unknownDefinition",
            RefusalCode::StaleOverrides => "staleOverrides",
            RefusalCode::Cancelled => "cancelled",
            RefusalCode::KeyReused => "keyReused",
            RefusalCode::Unavailable => "unavailable",
        }
    }
}
