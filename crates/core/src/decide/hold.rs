//! What becomes of units that are held.

use serde::{Serialize, Serializer};

/// What becomes of units that nobody has settled in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum OnExpiry {
    /// They are charged as they were estimated: what they were held for may have happened.
    #[default]
    Keep,
    /// They are given back.
    GiveBack,
}

impl OnExpiry {
    /// All of them.
    pub const ALL: [OnExpiry; 2] = [OnExpiry::Keep, OnExpiry::GiveBack];

    /// The word in JSON, rows and messages.
    pub const fn word(self) -> &'static str {
        match self {
            OnExpiry::Keep => "keep",
            OnExpiry::GiveBack => "giveBack",
        }
    }

    /// The one of this word.
    pub fn of_word(word: &str) -> Option<OnExpiry> {
        OnExpiry::ALL.into_iter().find(|it| it.word() == word)
    }
}

impl Serialize for OnExpiry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}
