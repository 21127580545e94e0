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
            if !all.iter().any(|known| known.limit.is_written_as(limit)) {
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
        for Change { limit, next } in &mut self.0 {
            let is_over = |next: &Next| next.is_some_and(|next| next <= moment.now);
            let known = match next.filter(|next| !is_over(next)) {
                Some(known) => known,
                None => limit.next_change(clock, moment)?,
            };
            *next = Some(known);
            first = known.into_iter().chain(first).min();
        }
        Ok(first)
    }
}
