//! Requests that are known when they come again: an admission is charged once, however often it is
//! asked for, and every attempt is given the first answer. A refusal is not kept: the next attempt
//! is decided anew.
//!
//! An attempt is an operation of its own. A charge is held by all attempts that were given its
//! answer, and taken back when the last of them is cancelled: so no attempt takes back what another
//! one was answered.

use crate::algorithm::state::Moment;
use crate::codec::Unreadable;
use crate::decide::{Check, OnExpiry};
use crate::decision::{Decision, Reason, Recognition};
use crate::idempotency::{Aim, Keyed, REMEMBERED_FOR};
use crate::{Duration, Timestamp};

use super::holds::Held;
use super::shelf::Kept;
use super::{Effects, End, Home, Item, Refusal, SubjectState};

impl SubjectState {
    /// Whether a row may know more of a request than memory does, so that it has to be looked up
    /// and told ([`SubjectState::found_key`]) before the request is answered.
    pub fn lacks_key(&self, id: u128, now: Timestamp) -> bool {
        self.keys.may_be_stored(id, now)
    }

    /// Takes in the row of a key, which has this number in the order of all. One that cannot be
    /// read is never taken for none.
    pub fn found_key(
        &mut self,
        id: u128,
        number: u64,
        row: &str,
        now: Timestamp,
    ) -> Result<(), Unreadable> {
        self.keys.add_row(id, number, row, now)
    }

    /// As [`SubjectState::limit`], or with a home as [`SubjectState::hold`], of a request that is
    /// known when it comes again.
    pub fn limit_keyed(
        &mut self,
        items: &[Item],
        (operation, home): (Option<u128>, Option<&Home>),
        keyed: &Keyed,
        random: &mut dyn FnMut() -> u128,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Vec<Decision>, Refusal> {
        self.loaded.readable()?;
        let now = moment.now;
        let kept_for = match keyed.aim {
            Aim::TakeBack { only_known } => {
                return self.take_back_keyed(items, keyed.id, only_known, random, moment, effects)
            }
            Aim::Store(kept_for) => Some(kept_for),
            Aim::Remember => None,
        };
        if operation.is_some_and(|attempt| self.operations.is_cancelled(attempt, now)) {
            return Err(Refusal::Cancelled);
        }
        if let Some(kept) = self.known(keyed, now, effects)? {
            if let Some((first, attempt)) = kept.operation.zip(operation) {
                self.operations.share(first, attempt);
            }
            return Ok(kept.again(items.len(), self.known_since(kept_for, now), now));
        }
        let mut answers = match home {
            Some(home) => self.hold(items, operation, home, random, moment, effects)?,
            None => self.limit(items, operation, random, moment, effects)?,
        };
        let is_charged = items.iter().any(Item::changes);
        if is_charged && answers.iter().all(|answer| answer.success) {
            let admissions = answers.iter().zip(items);
            let admissions = admissions.map(|(it, item)| (first(it, item), cost_of(it, item)));
            self.keep(
                keyed,
                kept_for,
                admissions.collect(),
                operation,
                now,
                effects,
            );
            self.ensure_alarm(moment, effects);
        }
        let recognition = Recognition {
            since: self.known_since(kept_for, now),
            ..Recognition::default()
        };
        answers
            .iter_mut()
            .for_each(|it| it.recognition = Some(recognition));
        Ok(answers)
    }

    /// As [`SubjectState::charge`], of a request that may have come by itself meanwhile, or may yet
    /// come: it is charged once.
    pub fn charge_keyed(
        &mut self,
        items: &[Item],
        operation: u128,
        keyed: &Keyed,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        self.loaded.readable()?;
        if self.keys.find(keyed.id, moment.now).is_some() {
            return Ok(());
        }
        self.charge(items, operation, moment, effects)?;
        let kept_for = match keyed.aim {
            Aim::Store(kept_for) => Some(kept_for),
            _ => None,
        };
        // What the caller was told: that it is admitted, and nothing else.
        let told = Recognition::default();
        let told = Decision {
            recognition: Some(told),
            ..Decision::bare(moment.now, true, Some(Reason::Degraded))
        };
        let cost = items.iter().map(|item| item.check.cost).max().unwrap_or(0);
        let admissions = vec![(told, cost)];
        self.keep(keyed, kept_for, admissions, None, moment.now, effects);
        self.ensure_alarm(moment, effects);
        Ok(())
    }

    /// The answers that a request was given before, without deciding it; `None` where it is not
    /// known.
    pub fn recall(&self, id: u128, moment: Moment) -> Result<Option<Vec<Decision>>, Refusal> {
        self.loaded.readable()?;
        let kept = self.keys.find(id, moment.now);
        Ok(kept.map(|kept| kept.again(1, None, moment.now)))
    }

    /// What is known of a request that comes again. Who has given his permit back is decided anew.
    fn known(
        &mut self,
        keyed: &Keyed,
        now: Timestamp,
        effects: &mut Effects,
    ) -> Result<Option<Kept>, Refusal> {
        let Some(kept) = self.keys.find(keyed.id, now).cloned() else {
            return Ok(None);
        };
        if kept
            .permits()
            .any(|permit| self.is_given_back(&kept, permit, now))
        {
            self.keys.forget(keyed.id, effects);
            return Ok(None);
        }
        if kept.question != keyed.question {
            return Err(Refusal::KeyReused);
        }
        Ok(Some(kept))
    }

    /// Whether a permit is nobody's any more, and nothing is charged for it.
    fn is_given_back(&mut self, kept: &Kept, permit: u128, now: Timestamp) -> bool {
        if kept.has_slots {
            return !self.limits.gives(permit, now);
        }
        let held = self.limits.holds.get(permit);
        held.is_some_and(|held| match &held.end {
            Some(ended) if ended.how == End::Settled => false,
            Some(ended) if ended.how == End::Released => true,
            Some(_) => held.on_expiry == OnExpiry::GiveBack,
            None => held.ends_at() <= now && held.on_expiry == OnExpiry::GiveBack,
        })
    }

    fn keep(
        &mut self,
        keyed: &Keyed,
        kept_for: Option<Duration>,
        admissions: Vec<(Decision, i64)>,
        operation: Option<u128>,
        now: Timestamp,
        effects: &mut Effects,
    ) {
        let grants = admissions.iter().filter_map(|(it, _)| it.grant.as_deref());
        let permit = grants.map(|grant| grant.permit).next();
        let kept = Kept {
            // Where units are held as well, they tell how the permit has ended.
            has_slots: permit.is_some_and(|permit| {
                self.limits.holds.get(permit).is_none() && self.limits.gives(permit, now)
            }),
            question: keyed.question,
            admissions,
            until: now.plus(kept_for.unwrap_or(REMEMBERED_FOR)),
            operation,
        };
        if let Some(operation) = operation {
            self.operations.set_key(operation, keyed.id);
        }
        match kept_for {
            Some(_) => self.keys.store(keyed.id, kept, now, effects),
            None => self.keys.remember(keyed.id, kept, now),
        }
    }

    /// From when on all requests are known that are stored for so long; those that are remembered
    /// in memory are not told so.
    fn known_since(&self, kept_for: Option<Duration>, now: Timestamp) -> Option<Timestamp> {
        Some(self.keys.since(kept_for?, now))
    }

    /// The permits that hold, or held, units of what was admitted. Those of a place are charged.
    fn held_by<'a>(&'a self, kept: &'a Kept) -> impl Iterator<Item = &'a Held> {
        let held = kept
            .permits()
            .filter_map(|permit| self.limits.holds.get(permit));
        held.filter(|held| !held.is_place)
    }

    /// Whether what was admitted is held still.
    fn is_held(&self, kept: &Kept) -> bool {
        self.held_by(kept).any(|held| held.end.is_none())
    }

    /// Units that were charged by now of what was admitted: of what a permit holds those that it
    /// was settled with, and none before.
    fn charged_by(&self, kept: &Kept) -> i64 {
        let Some(held) = self.held_by(kept).next() else {
            return kept.units();
        };
        match held.end {
            None => 0,
            Some(_) => i64::try_from(held.largest_unnamed()).unwrap_or(i64::MAX),
        }
    }

    /// Gives back what was charged under a key, which is forgotten unless it is held still: at most
    /// what the items say.
    fn take_back_keyed(
        &mut self,
        items: &[Item],
        id: u128,
        only_known: bool,
        random: &mut dyn FnMut() -> u128,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Vec<Decision>, Refusal> {
        let kept = self.keys.find(id, moment.now);
        let known = kept.map(|kept| self.charged_by(kept));
        let is_held = kept.is_some_and(|kept| self.is_held(kept));
        let most = match known {
            Some(units) => units,
            None if only_known => 0,
            None => i64::MAX,
        };
        let bounded = |item: &Item| Item {
            policy: item.policy.clone(),
            check: Check {
                cost: item.check.cost.max(-most),
                ..item.check.clone()
            },
        };
        let bounded: Vec<Item> = items.iter().map(bounded).collect();
        let mut answers = self.limit(&bounded, None, random, moment, effects)?;
        if known.is_some() && !is_held {
            self.keys.forget(id, effects);
        }
        let recognition = Recognition {
            is_repeated: known.is_none() && only_known,
            ..Recognition::default()
        };
        answers
            .iter_mut()
            .for_each(|it| it.recognition = Some(recognition));
        Ok(answers)
    }
}

/// What was admitted of an item, which may have asked for more.
fn cost_of(decision: &Decision, item: &Item) -> i64 {
    let granted = decision.granted.as_deref();
    granted.map_or(item.check.cost, |granted| granted.cost)
}

/// An admission as it is kept: without what only its first caller is told.
fn first(decision: &Decision, item: &Item) -> Decision {
    let version = match &decision.newer {
        Some(newer) => newer.version(),
        None => item.policy.version(),
    };
    Decision {
        newer: None,
        keeps_policy: false,
        recognition: Some(Recognition {
            version: version.is_given().then_some(version.number),
            ..Recognition::default()
        }),
        ..decision.clone()
    }
}
