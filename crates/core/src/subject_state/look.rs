//! What only looks: its answer is the one that the same request would get now, and its wait the
//! first instant at which that request, as the next one that is decided, is admitted.

use crate::algorithm::state::{LimitState, Moment};
use crate::calendar::UnknownTimeZone;
use crate::decide::{decide, Check};
use crate::decision::{Decision, Reason};
use crate::{Duration, Limit, Timestamp};

use super::ahead::{first_admitted, first_fit, reset, Foresight};
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
        if !redefines || decision.success {
            self.look_ahead(&mut decision, moment)?;
        } else {
            decision.cache_for = Duration::ZERO;
            if decision.retry_after.is_some() || self.next_change(moment)?.is_some() {
                if let Some(at) = self.first_admitted(moment)? {
                    decision.comes_at(Some(at));
                }
            }
        }
        Ok(decision)
    }

    /// Tells a decision that was made under the definitions in force what the changes of their
    /// numbers mean for it: when it fits, and when limits have all of their room again.
    pub(super) fn look_ahead(
        &self,
        decision: &mut Decision,
        moment: Moment,
    ) -> Result<(), UnknownTimeZone> {
        let Lookup { item, .. } = self.0;
        let changes = item.policy.is_scheduled() || item.policy.is_overridden();
        if !changes || decision.deciding.is_none() {
            return Ok(());
        }
        if !decision.success {
            let fits = first_fit(self, decision, moment)?;
            // Behind the end of an override the definition is another one, which comes into force
            // by being decided.
            let ends = item.policy.next_later(moment.now);
            decision.comes_at(match ends {
                Some(end) if fits.is_none_or(|fits| fits >= end) => self.first_admitted(moment)?,
                _ => fits,
            });
        }
        let until = item.policy.in_force_until(moment.now);
        for (i, limit) in item.policy.limits().iter().enumerate() {
            let standing = decision.limits.get(i);
            let is_over = |reset| until.is_some_and(|until| until < reset);
            if limit.schedule().is_some() && standing.is_some_and(|it| is_over(it.reset)) {
                decision.set_reset(i, self.reset_of(limit, moment)?);
            }
        }
        Ok(())
    }

    /// When a limit has all of its room again.
    fn reset_of(&self, limit: &Limit, moment: Moment) -> Result<Timestamp, UnknownTimeZone> {
        let limits = self.0.limits;
        match self.0.find(limit, moment)? {
            Found::InForce(place) => reset(&limits.entries[place].usage, limits.clock(), moment),
            Found::Changed(_, entry) | Found::Stepped(_, entry) | Found::New(entry) => {
                reset(&entry.usage, limits.clock(), moment)
            }
        }
    }

    /// The first instant at which the item, as the next that is decided, is admitted; `None` when
    /// it is not even once all of the present use is forgotten.
    fn first_admitted(&self, moment: Moment) -> Result<Option<Timestamp>, UnknownTimeZone> {
        let forgotten = self.concerned().map(|it| it.usage.idle_at(moment.now));
        let later = self.0.item.policy.later().iter().map(|it| it.at);
        match forgotten.chain(later).max() {
            Some(last) => first_admitted(self, last, moment),
            None => Ok(None),
        }
    }

    /// The states that have a say in the item.
    fn concerned(&self) -> impl Iterator<Item = &'a Entry> {
        let Lookup { item, limits } = self.0;
        limits.entries.iter().filter(move |entry| {
            let later = item.policy.later().iter().flat_map(|it| &it.limits);
            let mut asked = item.policy.limits().iter().chain(later);
            asked.any(|limit| entry.concerns(&item.policy, limit))
        })
    }

    /// What the item would be answered at this moment, if nothing is decided until then; and
    /// whether a definition came into force by it.
    fn seen(&self, moment: Moment) -> Result<(Decision, bool), UnknownTimeZone> {
        let Lookup { item, limits } = self.0;
        if item.policy.is_open_by(moment.now) {
            return Ok((Decision::bare(moment.now, true, None), false));
        }
        let changed = item.policy.changed_by(moment.now);
        let changed = changed.map(|policy| Item {
            policy,
            check: item.check,
        });
        let item = changed.as_ref().unwrap_or(item);
        let present = match item.policy.is_scheduled() {
            true => Some(limits.item_at(item, moment)?),
            false => None,
        };
        let item = present.as_ref().unwrap_or(item);
        let mut states = Vec::with_capacity(item.policy.limits().len());
        let mut redefines = false;
        for limit in item.policy.limits() {
            states.push(match (Lookup { item, limits }).find(limit, moment)? {
                Found::InForce(place) => limits.entries[place].usage.state.clone(),
                Found::Changed(_, entry) => {
                    redefines = true;
                    entry.usage.state
                }
                Found::Stepped(_, entry) => entry.usage.state,
                Found::New(entry) => {
                    redefines |= limit.name().is_some();
                    entry.usage.state
                }
            });
        }
        let mut states: Vec<&mut LimitState> = states.iter_mut().collect();
        let check = item.peek().check;
        let mut look = |check: &Check| decide(&item.policy, &mut states, check, None, moment);
        let decision = look(&check)?;
        if decision.success {
            return Ok((decision, redefines));
        }
        let left = limits.taken.left(&item.policy, moment.now);
        if left == 0 {
            return Ok((decision, redefines));
        }
        let mut decision = look(&check.beside(left))?;
        if decision.success {
            decision.reason = Some(Reason::Override);
        }
        Ok((decision, redefines))
    }
}

impl Foresight for Look<'_> {
    fn decided_at(&self, moment: Moment) -> Result<Decision, UnknownTimeZone> {
        Ok(self.seen(moment)?.0)
    }

    /// Of the item's own limits, and of those that it would take the place of; and the ends of
    /// overrides.
    fn next_change(&self, moment: Moment) -> Result<Option<Timestamp>, UnknownTimeZone> {
        let Lookup { item, limits } = self.0;
        let mut next = item.policy.next_change(limits.clock(), moment)?;
        let end = limits.taken.next_end(&item.policy, moment.now);
        let later = item.policy.next_later(moment.now);
        next = next.into_iter().chain(end).chain(later).min();
        for entry in self.concerned() {
            let change = entry.usage.limit.next_change(limits.clock(), moment)?;
            next = change.into_iter().chain(next).min();
        }
        Ok(next)
    }
}
