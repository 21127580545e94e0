//! The keys in KV under which isolates publish their counts: one for each isolate and subject.

/// The prefix of every key of a subject.
pub(super) fn prefix_of(prefix: &str, name: &str) -> String {
    format!("{prefix}/{name}/")
}

/// Identifies a subject's key among those of the isolate: the subject's number, and how many of its
/// keys have been abandoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Writer {
    pub(super) number: u64,
    pub(super) turn: u32,
}

impl Writer {
    /// The key, under the prefix of the subject.
    pub(super) fn key(self, prefix: &str, isolate: &str) -> String {
        let Writer { number, turn } = self;
        format!("{prefix}{isolate}.{number:x}.{turn:x}")
    }
}
