//! What is known of the upstreams of one subject, as callers have reported them: one outlook a
//! policy, and one for all inline limits.
//!
//! | part | what it does |
//! |---|---|
//! | `Gate` | closed for a while after a refusal: nothing is admitted |
//! | `Circuit` | a breaker: open for a while after failures, then half open |
//! | `Paces` | spread what remains of a limit over the time until it comes back |
//! | `Adapted` | how many units the upstream bears of the limit that is `Adapting` |
//! | `Accounted` | units in use for which no report counts any more |
//! | `Calls` | nobody reports more answers than there were calls |

mod accounted;
mod adapted;
mod adapting;
mod admitted;
mod back;
mod circuit;
mod gate;
mod of_policy;
mod pace;
mod shut;

pub(super) use accounted::InUse;
pub(super) use adapting::Adapting;
pub(super) use circuit::{Answers, Kind};
pub(super) use gate::Asked;
pub(super) use of_policy::Outlook;
pub(super) use pace::Remains;
pub(super) use shut::Shut;

use std::borrow::Cow;

use admitted::{Admission, Calls, Claim};

use crate::codec::{Line, Unreadable};
use crate::policy::outbound::{Breaker, Outbound};
use crate::policy::Policy;
use crate::{Duration, Timestamp};

use super::status::OutlookStatus;
use super::{Effects, Item, Write};

/// The outlooks of one subject, those that are over among them until they are dropped.
#[derive(Debug, Clone, Default)]
pub(super) struct Outlooks {
    known: Vec<Outlook>,
    calls: Calls,
}

impl Outlooks {
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Whether the row of a block is an outlook's.
    pub(super) fn is_row(line: &Line) -> bool {
        Outlook::is_row(line)
    }

    /// Adds what such a row tells.
    pub(super) fn add_found(&mut self, line: &Line) -> Result<(), Unreadable> {
        self.known.push(Outlook::get(line)?);
        Ok(())
    }

    fn find(&self, policy: &str) -> Option<&Outlook> {
        self.known.iter().find(|it| it.policy == policy)
    }

    /// The outlook of a policy, new where nothing is known.
    pub(super) fn of(&mut self, policy: &str) -> &mut Outlook {
        let is_of = |it: &Outlook| it.policy == policy;
        let at = self.known.iter().position(is_of).unwrap_or_else(|| {
            self.known.push(Outlook::blank(policy));
            self.known.len() - 1
        });
        &mut self.known[at]
    }

    /// Puts an outlook in place of what is known of its policy; nothing where it says nothing.
    pub(super) fn put(&mut self, outlook: Outlook) {
        let policy = outlook.policy.clone();
        *self.of(&policy) = outlook;
        self.known.retain(|it| !it.is_blank());
    }

    /// Goes back with a clock that was stepped back.
    pub(super) fn step_back(&mut self, now: Timestamp) {
        self.known.iter_mut().for_each(|it| it.step_back(now));
    }

    /// Why an item is refused now, whatever its limits have left. What was used may be given back,
    /// and recorded.
    pub(super) fn shut(&self, item: &Item, now: Timestamp) -> Option<Shut> {
        if item.check.cost < 0 || item.check.record {
            return None;
        }
        let outlook = self.find(item.policy.name_or_empty())?;
        outlook.shut(item, now)
    }

    /// Notes that items were admitted, by this operation; their rows are written where they have to
    /// be. The names of the policies whose calls are counted.
    pub(super) fn admitted(
        &mut self,
        items: &[Item],
        operation: Option<u128>,
        now: Timestamp,
        effects: &mut Effects,
    ) -> Vec<String> {
        let mut counted: Vec<String> = Vec::new();
        for item in items.iter().filter(|item| item.changes() && item.charges()) {
            let name = item.policy.name_or_empty();
            if let Some(outbound) = item.policy.outbound().filter(|it| it.counts()) {
                let units = item.check.most_units();
                // However many items of a request are its policy's, they are one call.
                let is_new = !counted.iter().any(|known| known == name);
                let admission = Admission { is_new, units };
                self.calls
                    .admit(name, admission, counted_for(outbound), now);
                counted.extend(is_new.then(|| name.to_owned()));
            }
            let known = self.known.iter_mut().find(|it| it.policy == name);
            if let Some(outlook) = known {
                if outlook.admitted(item, operation, now) {
                    effects.writes.push(outlook.write());
                }
            }
        }
        counted
    }

    /// The operation was taken back: its calls, which were `counted` of these policies, are not
    /// made.
    pub(super) fn taken_back(
        &mut self,
        operation: u128,
        counted: &[String],
        effects: &mut Effects,
    ) {
        for policy in counted {
            self.calls.take_back(policy);
        }
        for outlook in &mut self.known {
            if outlook.taken_back(operation) {
                effects.writes.push(outlook.write());
            }
        }
    }

    /// Counts so many reports of a policy, at most as many as calls were admitted; how many.
    pub(super) fn count(
        &mut self,
        policy: &Policy,
        reports: u64,
        in_use: InUse,
        now: Timestamp,
    ) -> u64 {
        let Some(outbound) = policy.outbound().filter(|it| it.counts()) else {
            return 0;
        };
        let name = policy.name_or_empty();
        let claim = Claim {
            reports,
            in_use,
            accounted: self
                .find(name)
                .map_or_else(Default::default, |it| it.accounted),
            window: counted_for(outbound),
        };
        self.calls.report(name, claim, now)
    }

    /// The items with the numbers of limits that follow their upstreams.
    pub(super) fn adapted<'a>(
        &self,
        mut items: Cow<'a, [Item]>,
        now: Timestamp,
    ) -> Cow<'a, [Item]> {
        for i in 0..items.len() {
            let policy = &items[i].policy;
            let Some(adapting) = Adapting::of(policy) else {
                continue;
            };
            let adapted = self.find(policy.name_or_empty()).map(|it| &it.adapted);
            let bears = adapted.map_or(adapting.most(), |it| it.of(&adapting, now));
            if let Some(policy) = adapting.limited(policy, bears) {
                items.to_mut()[i].policy = policy;
            }
        }
        items
    }

    /// How those of the policies that are wanted stand. `known`: those of which it is known how
    /// they are defined.
    pub(super) fn status<'a>(
        &self,
        wanted: impl Fn(&str) -> bool,
        known: impl Fn(&str) -> Option<&'a Policy>,
        now: Timestamp,
    ) -> Vec<OutlookStatus> {
        let mut all: Vec<Outlook> = self.known.clone();
        all.retain(|it| wanted(&it.policy));
        let status = all.iter_mut().filter_map(|it| {
            it.step_back(now);
            it.status(known(&it.policy), now)
        });
        status.collect()
    }

    /// Forgets those of the policies that are meant; the rows to delete.
    pub(super) fn forget(&mut self, is_meant: impl Fn(&str) -> bool) -> Vec<Write> {
        self.drop(|it| is_meant(&it.policy))
    }

    /// Forgets those of which nothing counts any more; the rows to delete.
    pub(super) fn drop_over(&mut self, now: Timestamp) -> Vec<Write> {
        self.drop(|it| it.end() <= now)
    }

    /// Forgets who has reported what.
    pub(super) fn forget_names(&mut self) {
        self.known.iter_mut().for_each(|it| it.gate.forget_name());
    }

    fn drop(&mut self, is_dropped: impl Fn(&Outlook) -> bool) -> Vec<Write> {
        let dropped = self.known.iter().filter(|it| is_dropped(it));
        let deleted = dropped.map(|it| Write::Delete { key: it.key() });
        let deleted = deleted.collect();
        self.known.retain(|it| !is_dropped(it));
        deleted
    }

    /// When nothing of the last of them counts any more.
    pub(super) fn last_end(&self) -> Option<Timestamp> {
        self.known.iter().map(Outlook::end).max()
    }

    /// The rows of all.
    pub(super) fn rows(&self) -> impl Iterator<Item = Write> + '_ {
        self.known.iter().map(Outlook::write)
    }
}

/// For how long calls are counted.
fn counted_for(outbound: &Outbound) -> Duration {
    let breaker = outbound.breaker.as_ref();
    breaker.map_or(Duration::ZERO, Breaker::window)
}
