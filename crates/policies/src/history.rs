//! What is kept of changes that were made: of each name its last versions, and of the namespace an
//! audit. And the storage that keeps it, as the object's rows or, in tests, in memory.

use tollgate_core::Timestamp;

use crate::book::{Book, BookState, Record};
use crate::overrides::OverrideKey;

/// The most versions that are kept of a name.
pub const MAX_VERSIONS: usize = 100;
/// The most changes that the audit keeps.
pub const MAX_AUDIT: u64 = 100_000;
/// How long the audit keeps a change: 400 days.
pub const AUDIT_AGE_DAYS: u64 = 400;
/// The most entries of one page.
pub const MAX_PAGE: usize = 100;

/// What made a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// It was written.
    Put,
    /// It was deleted.
    Delete,
    /// An earlier version was written again.
    Rollback,
    /// Something that it extends was changed.
    Base,
    /// The storage was found to be older than what was told of it.
    Restored,
    /// An override was set.
    Override,
    /// An override was lifted.
    Lift,
    /// It was made from a preset.
    Preset,
    /// A subject's stage was about to be set.
    Stage,
    /// A subject's stage was set.
    Staged,
}

impl Act {
    /// All of them.
    pub const ALL: [Act; 10] = [
        Act::Put,
        Act::Delete,
        Act::Rollback,
        Act::Base,
        Act::Restored,
        Act::Override,
        Act::Lift,
        Act::Preset,
        Act::Stage,
        Act::Staged,
    ];

    /// The word for it, in rows and in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Act::Put => "put",
            Act::Delete => "delete",
            Act::Rollback => "rollback",
            Act::Base => "base",
            Act::Restored => "restored",
            Act::Override => "override",
            Act::Lift => "lift",
            Act::Preset => "preset",
            Act::Stage => "stage",
            Act::Staged => "staged",
        }
    }

    /// What a word says.
    pub fn from_word(word: &str) -> Option<Act> {
        Act::ALL.into_iter().find(|act| act.word() == word)
    }
}

/// Who did something, when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// When.
    pub at: Timestamp,
    /// The name of the token; empty where it has none.
    pub author: String,
    /// In the author's words; empty where nothing was said.
    pub reason: String,
}

/// A version that a name has or had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastVersion {
    /// Its number.
    pub version: u64,
    /// What made it.
    pub act: Act,
    /// Who, when and why.
    pub signed: Signed,
    /// The policy as it was written; `None` where it was deleted.
    pub written: Option<String>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its place in the order of all changes.
    pub id: u64,
    /// What was done.
    pub act: Act,
    /// Who, when and why.
    pub signed: Signed,
    /// The policy, or of an override its target and its kind with a space between; empty where it
    /// was none.
    pub policy: String,
    /// Its version afterwards, or the generation of a restored storage.
    pub version: u64,
    /// The policy as it was written before; `None` where there was none.
    pub before: Option<String>,
    /// As it is written now; `None` where it was deleted.
    pub after: Option<String>,
    /// All names that got a new version by it, the policy's own first.
    pub changed: Vec<String>,
}

/// Everything that one change stores.
#[derive(Debug)]
pub struct Stored<'a> {
    /// The entry of the audit; its `id` is given by the storage.
    pub entry: &'a AuditEntry,
    /// Deleted names of which nothing is kept any more.
    pub forgotten: &'a [String],
    /// The overrides whose rows are to be as the book has them: those that it does not have are
    /// deleted.
    pub overrides: &'a [OverrideKey],
}

impl<'a> Stored<'a> {
    /// An entry of what changes no override, and after which nothing is forgotten.
    pub const fn of(entry: &'a AuditEntry) -> Stored<'a> {
        Stored {
            entry,
            forgotten: &[],
            overrides: &[],
        }
    }
}

/// Where the policies of a namespace are kept. Each call is synchronous, so that nothing runs
/// between it and what is in memory.
pub trait Storage {
    /// Why it failed.
    type Error;

    /// Stores what changes have made of `book`: all of them or, with an error, nothing. Of versions
    /// and audit only the newest are kept ([`MAX_VERSIONS`], [`MAX_AUDIT`], [`AUDIT_AGE_DAYS`]).
    fn store(&mut self, book: &Book, stored: &[Stored<'_>]) -> Result<(), Self::Error>;

    /// One version of a name, if it is kept.
    fn version(&self, name: &str, version: u64) -> Result<Option<PastVersion>, Self::Error>;

    /// The newest versions of a name before `before`, the newest first, at most [`MAX_PAGE`].
    fn versions(&self, name: &str, before: u64) -> Result<Vec<PastVersion>, Self::Error>;

    /// The newest entries of the audit before `before` and not older than `from`, the newest first,
    /// at most [`MAX_PAGE`].
    fn audit(&self, before: u64, from: Timestamp) -> Result<Vec<AuditEntry>, Self::Error>;
}

/// The first instant of what the audit keeps at `now`.
pub fn audit_from(now: Timestamp) -> Timestamp {
    let age = AUDIT_AGE_DAYS * 24 * 3_600 * 1_000;
    Timestamp::from_millis(now.as_millis().saturating_sub(age))
}

impl Stored<'_> {
    /// The version that a changed name has got: what made it, and its number.
    pub fn made<'b>(&self, book: &'b Book, name: &str) -> Option<(Act, &'b Record)> {
        let act = if name == self.entry.policy {
            self.entry.act
        } else {
            Act::Base
        };
        Some((act, book.record(name)?))
    }
}

/// The numbers of a book by the keys under which they are stored.
pub fn numbers(state: &BookState) -> [(&'static str, u64); 5] {
    [
        ("generation", state.generation),
        ("revision", state.revision),
        ("floor", state.floor),
        ("forgotten", state.forgotten),
        ("adjusted", state.adjusted),
    ]
}
