//! What only looks: its answer is the one that the same request would get now, and its wait the
//! first instant at which that request, as the next one that is decided, is admitted.

use crate::algorithm::state::{LimitState, Moment};
use crate::calendar::UnknownTimeZone;
use crate::decide::decide;
use crate::decision::Decision;
use crate::{Duration, Limit, Timestamp};

use super::entry::Entry;
use super::limits::Limits;
use super::lookup::{Found, Lookup};
use super::{Item, Refusal};

/// A look at what an item would be answered.
pub(super) struct Look<'a>(Lookup<'a>);

impl<'a> Look<'a> {
    pub(super) const fn new(item: &'a Item, limits: &'a Limits) -> Look<'a> {
        Look(Lookup { item, limits })
    }

    /// The answer. Under another definition than the one in force, which stays so until somebody is
    /// decided, the wait has to be found at the rates of that one, and no isolate may remember it:
    /// it is not that of a request that is decided.
    pub(super) fn answer(&self, moment: Moment) -> Result<Decision, Refusal> {
        self.0.has_room(moment)?;
        let (mut decision, redefines) = self.seen(moment)?;
        if redefines && !decision.success {
            decision.cache_for = Duration::ZERO;
            if decision.retry_after.is_some() {
                if let Some(at) = self.first_admitted(moment)? {
                    decision.retry_after = Some(at.since(moment.now));
                }
            }
        }
        Ok(decision)
    }

    /// The first instant at which the item, as the next that is decided, is admitted; `None` when
    /// it is not even once all of the present use is forgotten. Use only gets less until then, so
    /// that it is found by halving.
    fn first_admitted(&self, moment: Moment) -> Result<Option<Timestamp>, UnknownTimeZone> {
        let Lookup { item, limits } = self.0;
        let is_asked = |entry: &&Entry| {
            let concerns = |limit: &Limit| entry.concerns(&item.policy, limit);
            item.policy.limits().iter().any(concerns)
        };
        let forgotten = limits.entries.iter().filter(is_asked);
        let Some(last) = forgotten.map(|it| it.usage.idle_at(moment.now)).max() else {
            return Ok(None);
        };
        let is_admitted = |now| {
            let at = Moment { now, ..moment };
            self.seen(at).map(|(decision, _)| decision.success)
        };
        let (mut refused, mut admitted) = (moment.now, last);
        if !is_admitted(last)? {
            return Ok(None);
        }
        while admitted.since(refused) > Duration::from_millis(1) {
            let half = Duration::from_millis(admitted.since(refused).as_millis() / 2);
            let now = refused.plus(half);
            if is_admitted(now)? {
                admitted = now;
            } else {
                refused = now;
            }
        }
        Ok(Some(admitted))
    }

    /// What the item would be answered at this moment, if nothing is decided until then; and
    /// whether a definition came into force by it.
    fn seen(&self, moment: Moment) -> Result<(Decision, bool), UnknownTimeZone> {
        let Lookup { item, limits } = self.0;
        let mut states = Vec::with_capacity(item.policy.limits().len());
        let mut redefines = false;
        for limit in item.policy.limits() {
            states.push(match self.0.find(limit, moment)? {
                Found::InForce(place) => limits.entries[place].usage.state.clone(),
                Found::Changed(_, entry) => {
                    redefines = true;
                    entry.usage.state
                }
                Found::New(entry) => {
                    redefines |= limit.name().is_some();
                    entry.usage.state
                }
            });
        }
        let mut states: Vec<&mut LimitState> = states.iter_mut().collect();
        let check = item.peek().check;
        let decision = decide(&item.policy, &mut states, &check, None, moment)?;
        Ok((decision, redefines))
    }
}
