//! What came of replayed calls, as numbers.

use crate::Timestamp;

/// How many units of what: requests of a cost above 0 that were decided and not only looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// All of them.
    pub requests: u64,
    /// Those that were denied when they were recorded.
    pub denied_before: u64,
    /// Those that are denied now.
    pub denied_after: u64,
    /// Those that were admitted and are denied now.
    pub newly_denied: u64,
    /// Those that were denied and are admitted now.
    pub newly_admitted: u64,
}

impl Counts {
    /// How many are decided otherwise now.
    pub const fn changed(&self) -> u64 {
        self.newly_denied + self.newly_admitted
    }

    /// Counts a request.
    pub(super) fn add(&mut self, before: bool, after: bool) {
        self.requests += 1;
        self.denied_before += u64::from(!before);
        self.denied_after += u64::from(!after);
        self.newly_denied += u64::from(before && !after);
        self.newly_admitted += u64::from(!before && after);
    }

    /// Adds those of another.
    pub fn merge(&mut self, other: &Counts) {
        self.requests += other.requests;
        self.denied_before += other.denied_before;
        self.denied_after += other.denied_after;
        self.newly_denied += other.newly_denied;
        self.newly_admitted += other.newly_admitted;
    }
}

/// What came of one subject's calls.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// While it was recorded for being one of the busiest, or as everybody is.
    pub always: Counts,
    /// While it was recorded as one of a sample.
    pub sampled: Counts,
    /// The smallest share of the sample meanwhile, in millionths; 0 where it was in none.
    pub share: u32,
    /// The instant of the first call that is decided otherwise now.
    pub first: Option<Timestamp>,
    /// Calls that were not replayed, because the state before them is not known: they came before
    /// the recording began, or after a call that was lost.
    pub skipped: u64,
    /// How often calls are missing in between.
    pub gaps: u64,
    /// Calls that were replayed.
    pub replayed: u64,
    /// Requests of the counted policy that overrides refused; in no other number.
    pub stopped: u64,
    /// Requests of the counted policy that others than the object decided; in no other number.
    pub elsewhere: u64,
}

impl Tally {
    /// All requests of the subject.
    pub fn all(&self) -> Counts {
        let mut all = self.always;
        all.merge(&self.sampled);
        all
    }
}
