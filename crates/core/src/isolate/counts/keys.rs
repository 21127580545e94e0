//! The keys in KV by which isolates tell their counts: one for each isolate and subject.

/// Before every key of a subject.
pub(super) fn prefix_of(prefix: &str, name: &str) -> String {
    format!("{prefix}/{name}/")
}

/// Which of an isolate's keys a subject's counts are told by: the subject's number, and how often
/// it has left one behind.
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
