//! What a report of an upstream's answer does to a subject: it is compared with the limits of its
//! policy (`fit`), heeded (`heard`), and takes units away (`taken_away`).
//!
//! A policy that isolates count through KV has no limits here: its gate and its breaker do, which
//! the isolates are told of.

mod fit;
mod heard;
mod taken_away;

use crate::algorithm::state::{span_at, Moment};
use crate::calendar::UnknownTimeZone;
use crate::decide::Check;
use crate::policy::Policy;
use crate::report::{Report, Reported};
use crate::{Limit, Timestamp};

use fit::Fit;
use heard::{Heard, Heeded};
use taken_away::{Loss, Moved};

use super::holds::Terms;
use super::outlook::{InUse, Outlook};
use super::policies::Policies;
use super::{Effects, Item, Refusal, SubjectState};

impl SubjectState {
    /// Heeds a report: closes the gate of its policy, and takes units away that the upstream does
    /// not have. It never gives any. An older version of the policy than was decided here is taken
    /// for the newest one. An error changes nothing.
    pub fn report(
        &mut self,
        report: &Report,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Reported, Refusal> {
        self.loaded.readable()?;
        self.end(moment, effects);
        self.limits.expire(moment, effects)?;
        self.blocks.outlooks.step_back(moment.now);
        let asked = [Item {
            policy: report.policy.clone(),
            check: Check::of(0),
        }];
        let items = self.policies.newest(&asked, &|_| false);
        Policies::are_whole(&items)?;
        let item = &items[0]; // as many as were asked
        let heard = Heard::new(report, &item.policy, moment)?;
        let outlook = self.blocks.outlooks.of(item.policy.name_or_empty());
        let before = outlook.clone();
        let (after, moved) = match self.heed(&heard, item, moment, effects) {
            Ok(done) => done,
            Err(refusal) => {
                self.blocks.outlooks.put(before);
                return Err(refusal);
            }
        };
        if after != before {
            effects.writes.push(after.write());
        }
        self.blocks.outlooks.put(after.clone());
        self.ensure_alarm(moment, effects);
        let done = Heeded {
            before: &before,
            after: &after,
            moved: &moved,
        };
        Ok(heard.reported(done, moment.now))
    }

    /// Takes a report in: what is known of the upstream after it, and what has become of the
    /// limits. After an error what is known may have changed.
    fn heed(
        &mut self,
        heard: &Heard,
        item: &Item,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(Outlook, Vec<Moved>), Refusal> {
        let policy = &item.policy;
        let in_use = self.in_use(heard.report, policy, moment)?;
        let outlooks = &mut self.blocks.outlooks;
        let counted = outlooks.count(policy, heard.report.count, in_use, moment.now);
        let outlook = outlooks.of(policy.name_or_empty());
        let before = outlook.clone();
        if in_use.is_elsewhere {
            let outbound = policy.outbound().filter(|_| counted > 0);
            let breaker = outbound.and_then(|it| it.breaker.as_ref());
            outlook.admitted_elsewhere(breaker, heard.answered, moment.now);
        }
        let is_longer = heard.heed(counted, outlook, moment.now);
        let mut after = outlook.clone();
        let mut moved = Vec::new();
        if !in_use.is_elsewhere {
            let gate = after.gate.closed(moment.now).filter(|_| is_longer);
            let loss = Loss {
                remains: &heard.remains().collect::<Vec<Fit>>(),
                opens: gate.map(|it| it.until),
            };
            moved = self.take_away(item, loss, moment, effects)?;
        }
        // What could be told of it before can be told now.
        let left = self.in_use(heard.report, policy, moment).unwrap_or(in_use);
        let taken = left.units.saturating_sub(in_use.units);
        let counts = policy.outbound().is_some_and(|it| it.counts());
        if counts && (after != before || taken > 0) {
            let units = counted.saturating_add(taken);
            after.accounted.add(units, left, moment.now);
        }
        if after != before {
            after.changed(moment.now);
        }
        Ok((after, moved))
    }

    /// Takes units away from the limits of an item; an error changes nothing.
    fn take_away(
        &mut self,
        item: &Item,
        loss: Loss,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Vec<Moved>, Refusal> {
        let items = self.in_force(core::slice::from_ref(item), moment)?;
        let mut decider = self.decider(Terms::default());
        let (moved, final_for) = decider.take_away(&items[0], loss, moment, effects)?;
        self.operations.drop_charges_of(&final_for);
        self.policies.settle(&self.limits, effects);
        Ok(moved)
    }

    /// How much of a policy is in use, and for how long: as the report says, where isolates count.
    fn in_use(
        &self,
        report: &Report,
        policy: &Policy,
        moment: Moment,
    ) -> Result<InUse, UnknownTimeZone> {
        if let Some(units) = report.in_use {
            let until = turn_of(policy.limits(), moment)?;
            return Ok(InUse {
                units,
                until,
                is_elsewhere: true,
            });
        }
        let name = policy.name_or_empty();
        let mut in_use = InUse::default();
        for entry in self.limits.entries.iter().filter(|it| it.policy == name) {
            let usage = &entry.usage;
            in_use.units = in_use.units.max(usage.in_use(moment)?);
            in_use.until = in_use.until.max(usage.idle_at(moment.now));
        }
        Ok(in_use)
    }
}

/// When the last of the windows turns that limits count in now.
fn turn_of(limits: &[Limit], moment: Moment) -> Result<Timestamp, UnknownTimeZone> {
    let mut turn = moment.now;
    for limit in limits {
        let span = span_at(limit.algorithm(), moment)?;
        turn = turn.max(span.map_or(moment.now, |it| it.end));
    }
    Ok(turn)
}
