//! What only looks: its answer is the one that the same request would get now, and its wait the
//! first instant at which that request, as the next one that is decided, is admitted.

use crate::algorithm::state::{LimitState, Moment};
use crate::calendar::UnknownTimeZone;
use crate::decide::decide;
use crate::decision::Decision;
use crate::{Duration, Limit, Timestamp};

use super::pick::Found;
use super::{Entry, Item, Refusal, Status, SubjectState};

impl SubjectState {
    /// The subject's state, of one policy or all. Changes nothing.
    pub fn status(&self, policy: Option<&str>, moment: Moment) -> Result<Status, Refusal> {
        self.readable()?;
        let wanted = |name: &str| policy.is_none_or(|policy| policy == name);
        let mut limits = Vec::new();
        for entry in self.entries.iter().filter(|entry| wanted(&entry.policy)) {
            limits.push(entry.status(moment)?);
        }
        Ok(Status {
            limits,
            blocks: self.blocks.in_force(wanted, moment.now).cloned().collect(),
            denials: self.denials.of(wanted),
        })
    }

    /// The answer to what changes nothing. Under another definition than the one in force, which
    /// stays so until somebody is decided, the wait has to be found at the rates of that one, and
    /// no isolate may remember it: it is not that of a request that is decided.
    pub(super) fn looked(&self, item: &Item, moment: Moment) -> Result<Decision, Refusal> {
        self.has_room_for(item, moment)?;
        let (mut decision, redefines) = self.seen(item, moment)?;
        if redefines && !decision.success {
            decision.cache_for = Duration::ZERO;
            if decision.retry_after.is_some() {
                if let Some(at) = self.first_admitted(item, moment)? {
                    decision.retry_after = Some(at.since(moment.now));
                }
            }
        }
        Ok(decision)
    }

    /// The first instant at which the item, as the next that is decided, is admitted; `None` when
    /// it is not even once all of the present use is forgotten. Use only gets less until then, so
    /// that it is found by halving.
    fn first_admitted(
        &self,
        item: &Item,
        moment: Moment,
    ) -> Result<Option<Timestamp>, UnknownTimeZone> {
        let policy = item.policy.name_or_empty();
        let named = |entry: &&Entry| {
            let concerns =
                |limit: &Limit| entry.keeps(policy, limit) || entry.is_named_as(policy, limit);
            item.policy.limits().iter().any(concerns)
        };
        let forgotten = self.entries.iter().filter(named);
        let Some(last) = forgotten.map(|entry| entry.idle_at(moment.now)).max() else {
            return Ok(None);
        };
        let is_admitted = |now| {
            let at = Moment { now, ..moment };
            self.seen(item, at).map(|(decision, _)| decision.success)
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
    fn seen(&self, item: &Item, moment: Moment) -> Result<(Decision, bool), UnknownTimeZone> {
        let mut states = Vec::with_capacity(item.policy.limits().len());
        let mut redefines = false;
        for limit in item.policy.limits() {
            states.push(match self.find(item, limit, moment)? {
                Found::InForce(place) => self.entries[place].state.clone(),
                Found::Changed(_, entry) => {
                    redefines = true;
                    entry.state
                }
                Found::New(entry) => {
                    redefines |= limit.name().is_some();
                    entry.state
                }
            });
        }
        let mut states: Vec<&mut LimitState> = states.iter_mut().collect();
        let check = item.peek().check;
        let decision = decide(&item.policy, &mut states, &check, None, moment)?;
        Ok((decision, redefines))
    }
}
