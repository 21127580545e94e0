//! What is remembered of recent operations and released permits, in memory only: enough to answer a repeated call alike and to take a
//! charge back. A restart forgets it: then a charge that should be cancelled stays until its window passes, never the other way round.

use std::collections::VecDeque;

use crate::algorithm::state::Charge;
use crate::decision::Decision;
use crate::{Duration, Timestamp};

/// How long an operation or a released permit is remembered: longer than any caller's deadline and its retries.
const REMEMBERED: Duration = Duration::from_secs(60);
/// How many of each are remembered. More within a minute, and the oldest is forgotten early.
const MOST: usize = 512;

/// An operation that charged something here.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) id: u128,
    pub(super) charges: Vec<(String, Charge)>,
    answers: Vec<Decision>,
    at: Timestamp,
    number: u64,
}

impl Operation {
    pub(super) const fn new(
        id: u128,
        charges: Vec<(String, Charge)>,
        answers: Vec<Decision>,
        at: Timestamp,
    ) -> Operation {
        Operation {
            id,
            charges,
            answers,
            at,
            number: 0,
        }
    }
}

impl Operation {
    /// The answers given; `None` when it was cancelled.
    pub(super) fn answers(&self) -> Option<Vec<Decision>> {
        (!self.answers.is_empty()).then(|| self.answers.clone())
    }
}

/// The recent operations, oldest first.
#[derive(Debug, Default)]
pub(super) struct Operations {
    recent: VecDeque<Operation>,
    count: u64,
}

impl Operations {
    pub(super) fn find(&self, id: u128) -> Option<&Operation> {
        self.recent.iter().find(|operation| operation.id == id)
    }

    pub(super) fn remember(&mut self, operation: Operation) {
        let now = operation.at;
        let old = |first: &Operation| first.at.plus(REMEMBERED) <= now;
        while self.recent.len() >= MOST || self.recent.front().is_some_and(old) {
            self.recent.pop_front();
        }
        self.count += 1;
        self.recent.push_back(Operation {
            number: self.count,
            ..operation
        });
    }

    pub(super) fn forget(&mut self, id: u128) -> Option<Operation> {
        let place = self
            .recent
            .iter()
            .position(|operation| operation.id == id)?;
        self.recent.remove(place)
    }

    /// The charges to take back, and the operation's place in the order of all. The operation stays known without charges and with a
    /// refusal to answer, so that a second cancellation does nothing, and a charge that comes late does nothing either.
    pub(super) fn cancel(
        &mut self,
        id: u128,
        now: Timestamp,
    ) -> Option<(u64, Vec<(String, Charge)>)> {
        match self.recent.iter_mut().find(|operation| operation.id == id) {
            Some(operation) => {
                operation.answers.clear();
                Some((operation.number, core::mem::take(&mut operation.charges)))
            }
            None => {
                self.remember(Operation::new(id, Vec::new(), Vec::new(), now));
                None
            }
        }
    }

    /// Lowers what later operations remember of a bucket from which `parts` were taken back.
    pub(super) fn lower_later(&mut self, number: u64, key: &str, parts: u128) {
        let later = self
            .recent
            .iter_mut()
            .filter(|operation| operation.number > number);
        for (_, charge) in later
            .flat_map(|operation| &mut operation.charges)
            .filter(|(other, _)| other == key)
        {
            if let Charge::Bucket { after, .. } = charge {
                after.deficit = after.deficit.saturating_sub(parts);
            }
        }
    }

    /// Makes cancelling what was charged to this key do nothing: its units were given back otherwise, or its numbers have changed.
    pub(super) fn drop_charges_of(&mut self, key: &str) {
        for operation in &mut self.recent {
            operation.charges.retain(|(other, _)| other != key);
        }
    }
}

/// Permits released lately.
#[derive(Debug, Default)]
pub(super) struct Released(VecDeque<(u128, Timestamp)>);

impl Released {
    pub(super) fn contains(&self, permit: u128, now: Timestamp) -> bool {
        self.0
            .iter()
            .any(|&(released, at)| released == permit && at.plus(REMEMBERED) > now)
    }

    pub(super) fn remember(&mut self, permit: u128, now: Timestamp) {
        while self.0.len() >= MOST
            || self
                .0
                .front()
                .is_some_and(|&(_, at)| at.plus(REMEMBERED) <= now)
        {
            self.0.pop_front();
        }
        self.0.push_back((permit, now));
    }
}
