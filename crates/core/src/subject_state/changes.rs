//! When the numbers of definitions change: looked for once each time that they have.

use crate::algorithm::state::Moment;
use crate::calendar::UnknownTimeZone;
use crate::limit::schedule::StageClock;
use crate::{Limit, Timestamp};

/// Definitions whose numbers change by themselves.
pub(super) struct Changes(Vec<Change>);

/// The next change of one.
struct Change {
    limit: Limit,
    next: Option<Next>,
}

/// What is known of it: `None` is that it does not come.
type Next = Option<Timestamp>;

impl Changes {
    /// Those of these definitions, each once.
    pub(super) fn of<'a>(definitions: impl Iterator<Item = &'a Limit>) -> Changes {
        let mut all: Vec<Change> = Vec::new();
        for limit in definitions.filter(|limit| limit.schedule().is_some()) {
            if !all.iter().any(|known| known.is_of(limit)) {
                all.push(Change {
                    limit: limit.clone(),
                    next: None,
                });
            }
        }
        Changes(all)
    }

    /// The first one after this moment, which is none before that of the last call.
    pub(super) fn next(
        &mut self,
        clock: Option<&StageClock>,
        moment: Moment,
    ) -> Result<Option<Timestamp>, UnknownTimeZone> {
        let mut first = None;
        for change in &mut self.0 {
            let next = change.after(clock, moment)?;
            first = next.into_iter().chain(first).min();
        }
        Ok(first)
    }

    /// The same of some of them; of another one it is none.
    pub(super) fn next_of(
        &mut self,
        limits: &[Limit],
        clock: Option<&StageClock>,
        moment: Moment,
    ) -> Result<Option<Timestamp>, UnknownTimeZone> {
        let is_meant = |it: &&mut Change| limits.iter().any(|limit| it.is_of(limit));
        let mut first = None;
        for change in self.0.iter_mut().filter(is_meant) {
            let next = change.after(clock, moment)?;
            first = next.into_iter().chain(first).min();
        }
        Ok(first)
    }

    /// Whether the numbers of one have changed since they were last looked for.
    pub(super) fn has_come(&self, limit: &Limit, now: Timestamp) -> bool {
        let known = self.0.iter().find(|it| it.is_of(limit));
        known.is_some_and(|it| it.next.is_none_or(|next| is_over(next, now)))
    }
}

fn is_over(next: Next, now: Timestamp) -> bool {
    next.is_some_and(|next| next <= now)
}

impl Change {
    fn is_of(&self, limit: &Limit) -> bool {
        self.limit.is_written_as(limit)
    }

    fn after(
        &mut self,
        clock: Option<&StageClock>,
        moment: Moment,
    ) -> Result<Next, UnknownTimeZone> {
        let known = self.next.filter(|next| !is_over(*next, moment.now));
        let next = match known {
            Some(next) => next,
            None => self.limit.next_change(clock, moment)?,
        };
        self.next = Some(next);
        Ok(next)
    }
}
