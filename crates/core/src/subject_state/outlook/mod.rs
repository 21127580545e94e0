//! What is known of the upstreams of one subject, as callers have reported them: one outlook a
//! policy, and one for all inline limits.
//!
//! | part | what it does |
//! |---|---|
//! | `Gate` | closed for a while after a refusal: nothing is admitted |
//! | `Circuit` | a breaker: open for a while after failures, then half open |
//! | `Paces` | spread what remains of a limit over the time until it comes back |
//! | `Adapted` | a limit that follows what the upstream bears |
//! | `Admitted` | nobody reports more answers than there were calls |
//!
//! **Row.** `outlook/<policy>`, written when it changes. It has the form of a block until the gate
//! or the breaker is open to calls again, so that builds from before shut out until then, too, and
//! pass over the rest.

mod adapted;
mod admitted;
mod circuit;
mod gate;
mod pace;
mod shut;

pub(super) use gate::{Asked, Closing};
pub(super) use shut::Shut;

use std::borrow::Cow;

use adapted::Adapted;
use admitted::Admitted;
use circuit::Circuit;
use gate::Gate;
use pace::Paces;

use crate::block::Block;
use crate::codec::{Line, LineWriter, Unreadable};
use crate::overrides::limited_to;
use crate::policy::outbound::{Adapt, Breaker, Outbound};
use crate::policy::Policy;
use crate::row::ROWS;
use crate::{Duration, Limit, Timestamp};

use super::status::OutlookStatus;
use super::{Effects, Item, Write};

/// So many policies' calls are counted at most.
const MAX_COUNTED: usize = 64;

/// The outlooks of one subject, those that are over among them until they are dropped.
#[derive(Debug, Clone, Default)]
pub(super) struct Outlooks {
    known: Vec<Outlook>,
    /// The calls of policies whose reports are counted, by their names.
    calls: Vec<(String, Admitted)>,
}

/// What is known of one policy's upstream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Outlook {
    /// The policy's name, empty for inline limits.
    policy: String,
    pub(super) gate: Gate,
    pub(super) circuit: Circuit,
    pub(super) paces: Paces,
    pub(super) adapted: Adapted,
}

impl Outlooks {
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Whether the row of a block is an outlook's.
    pub(super) fn is_row(line: &Line) -> bool {
        line.flag(FLAG)
    }

    /// Adds what such a row tells.
    pub(super) fn add_found(&mut self, line: &Line) -> Result<(), Unreadable> {
        self.known.push(Outlook {
            policy: line.get("policy").unwrap_or("").to_owned(),
            gate: Gate::get(line)?,
            circuit: Circuit::get(line)?,
            paces: Paces::get(line)?,
            adapted: Adapted::get(line)?,
        });
        Ok(())
    }

    fn find(&self, policy: &str) -> Option<&Outlook> {
        self.known.iter().find(|it| it.policy == policy)
    }

    /// The outlook of a policy, new where nothing is known.
    pub(super) fn of(&mut self, policy: &str) -> &mut Outlook {
        let is_of = |it: &Outlook| it.policy == policy;
        let at = self.known.iter().position(is_of).unwrap_or_else(|| {
            self.known.push(Outlook {
                policy: policy.to_owned(),
                ..Outlook::default()
            });
            self.known.len() - 1
        });
        &mut self.known[at]
    }

    /// Puts an outlook in place of what is known of its policy; nothing where it says nothing.
    pub(super) fn put(&mut self, outlook: Outlook) {
        let policy = outlook.policy.clone();
        *self.of(&policy) = outlook;
        self.drop_unused();
    }

    /// Why an item is refused now, whatever its limits have left. What was used may be given back,
    /// and recorded.
    pub(super) fn shut(&self, item: &Item, now: Timestamp) -> Option<Shut> {
        if item.check.cost < 0 || item.check.record {
            return None;
        }
        let outlook = self.find(item.policy.name_or_empty())?;
        let outbound = item.policy.outbound();
        let breaker = outbound.and_then(|it| it.breaker.as_ref());
        let broken = breaker.and_then(|it| outlook.circuit.shut(it, now));
        let paced = outbound.filter(|it| it.pace);
        let paced = paced.and_then(|_| outlook.paces.shut(&|place| units_at(item, place), now));
        let all = [outlook.gate.shut(now), broken, paced]
            .into_iter()
            .flatten();
        // Nothing is no probe.
        let all = all.filter(|it| it.is_certain || item.charges());
        all.max_by_key(|it| it.until)
    }

    /// Notes that items were admitted; their rows are written where they have to be.
    pub(super) fn admitted(&mut self, items: &[Item], now: Timestamp, effects: &mut Effects) {
        for item in items.iter().filter(|item| item.changes() && item.charges()) {
            let outbound = item.policy.outbound();
            if let Some(outbound) = outbound.filter(|it| it.counts()) {
                let window = window_of(outbound);
                let calls = self.calls_of(item.policy.name_or_empty());
                calls.admit(item.check.most_units(), window, now);
            }
            let name = item.policy.name_or_empty();
            let Some(outlook) = self.known.iter_mut().find(|it| it.policy == name) else {
                continue;
            };
            outlook.gate.admitted(now);
            let breaker = outbound.and_then(|it| it.breaker.as_ref());
            let is_probe = breaker.is_some_and(|it| outlook.circuit.admitted(it, now));
            if outlook.paces.admitted(&|place| units_at(item, place), now) || is_probe {
                effects.put(outlook.key(), outlook.row());
            }
        }
    }

    /// Counts so many reports of a policy, at most as many as calls were admitted; how many.
    /// `in_use`: units that its limits have in use.
    pub(super) fn count(
        &mut self,
        policy: &Policy,
        (reports, in_use): (u64, u64),
        now: Timestamp,
    ) -> u64 {
        let Some(outbound) = policy.outbound().filter(|it| it.counts()) else {
            return 0;
        };
        let window = window_of(outbound);
        let calls = self.calls_of(policy.name_or_empty());
        calls.report(reports, in_use, window, now)
    }

    fn calls_of(&mut self, policy: &str) -> &mut Admitted {
        let at = self.calls.iter().position(|(name, _)| name == policy);
        let at = at.unwrap_or_else(|| {
            if self.calls.len() == MAX_COUNTED {
                self.calls.remove(0);
            }
            self.calls.push((policy.to_owned(), Admitted::default()));
            self.calls.len() - 1
        });
        &mut self.calls[at].1
    }

    /// The items with the numbers of limits that follow their upstreams.
    pub(super) fn adapted<'a>(&self, mut items: Cow<'a, [Item]>) -> Cow<'a, [Item]> {
        for i in 0..items.len() {
            let policy = &items[i].policy;
            let outlook = self.find(policy.name_or_empty());
            let adapted = outlook.map_or(Adapted::default(), |it| it.adapted);
            if let Some(policy) = adapted_policy(policy, adapted) {
                items.to_mut()[i].policy = policy;
            }
        }
        items
    }

    /// How those of the policies that are wanted stand.
    pub(super) fn status(
        &self,
        wanted: impl Fn(&str) -> bool,
        now: Timestamp,
    ) -> Vec<OutlookStatus> {
        let known = self.known.iter().filter(|it| wanted(&it.policy));
        known.filter_map(|it| it.status(now)).collect()
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

    /// Forgets those that say nothing and have no row.
    pub(super) fn drop_unused(&mut self) {
        self.known.retain(|it| !it.is_blank());
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

/// Units that an item wants of the limit at this place.
fn units_at(item: &Item, place: usize) -> u64 {
    let limit = item.policy.limits().get(place);
    limit.map_or(0, |limit| item.units_of(limit))
}

/// For how long calls are counted.
fn window_of(outbound: &Outbound) -> Duration {
    let breaker = outbound.breaker.as_ref();
    breaker.map_or(Duration::ZERO, Breaker::window)
}

/// The limit of a policy that adapts, by its place, and how.
pub(super) fn adapting(policy: &Policy) -> Option<(usize, &Adapt)> {
    let adapt = policy.outbound()?.adapt.as_ref()?;
    let limits = policy.limits();
    let place = match &adapt.limit {
        Some(label) => limits.iter().position(|it| it.label() == *label)?,
        None => 0,
    };
    Some((place, adapt))
}

/// The policy with the number in force of the limit that adapts; `None` where that is its own.
fn adapted_policy(policy: &Policy, adapted: Adapted) -> Option<Policy> {
    let (place, adapt) = adapting(policy)?;
    let own = policy.limits().get(place)?;
    let number = own.algorithm().limit();
    let now = adapted.of(adapt, number);
    if now == number {
        return None;
    }
    let mut limits: Vec<Limit> = policy.limits().to_vec();
    limits[place] = limited_to(own, now).ok()?;
    Some(policy.with_adapted(limits))
}

/// What tells an outlook's row from a block's.
const FLAG: &str = "outlook";

impl Outlook {
    /// Calls go that are decided elsewhere, unseen: an answer from since it opened is that of one.
    pub(super) fn admitted_elsewhere(
        &mut self,
        breaker: Option<&Breaker>,
        answered: Timestamp,
        now: Timestamp,
    ) {
        self.gate.admitted(now);
        if let Some(breaker) = breaker {
            self.circuit.admitted_elsewhere(breaker, answered);
        }
    }

    fn key(&self) -> String {
        format!("outlook/{}", self.policy)
    }

    /// The row as it is to be stored; none where it says nothing.
    pub(super) fn write(&self) -> Write {
        let key = self.key();
        match self.is_blank() {
            true => Write::Delete { key },
            false => Write::Put {
                key,
                row: self.row(),
            },
        }
    }

    fn row(&self) -> String {
        let open = self.circuit.open_until().unwrap_or(Timestamp::ZERO);
        let block = Block {
            policy: Some(self.policy.clone()),
            until: self.gate.until().max(open),
            reason: String::new(),
            step: None,
        };
        let line = LineWriter::new(ROWS.written(), "block");
        let line = self.gate.put(block.put(line).flag(FLAG, true));
        let line = self.paces.put(self.circuit.put(line));
        self.adapted.put(line).finish()
    }

    fn is_blank(&self) -> bool {
        let blank = Outlook {
            policy: self.policy.clone(),
            ..Outlook::default()
        };
        *self == blank
    }

    /// From when on nothing of it counts.
    fn end(&self) -> Timestamp {
        let gate = self.gate.end().max(self.circuit.end());
        gate.max(self.paces.end()).max(self.adapted.end())
    }

    fn status(&self, now: Timestamp) -> Option<OutlookStatus> {
        let status = OutlookStatus {
            policy: self.policy.clone(),
            gate: self.gate.closed(now),
            breaker: self.circuit.status(now),
            paced_until: Some(self.paces.end()).filter(|end| *end > now),
            adapted_to: self.adapted.number(),
        };
        let is_shown = status.gate.is_some()
            || status.breaker.is_some()
            || status.paced_until.is_some()
            || status.adapted_to.is_some();
        is_shown.then_some(status)
    }
}
