//! The ends of leases: what is not told by then counts as spent.

use crate::algorithm::state::Moment;
use crate::calendar::UnknownTimeZone;
use crate::decision::{Decision, Reason};
use crate::lease::MAX_LIFE;
use crate::{Duration, Timestamp};

use super::Part;
use crate::subject_state::effects::Effects;
use crate::subject_state::item::Item;
use crate::subject_state::refusal::Refusal;
use crate::subject_state::SubjectState;

impl SubjectState {
    /// Ends the leases whose time is over, for whoever looks. Where rows cannot be read, or a time
    /// zone is gone, there is nothing to see of them.
    pub(crate) fn end_leases(
        &mut self,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        if self.leases.is_empty() || !self.is_readable() {
            return Ok(());
        }
        Ok(self.expire_leases(moment, effects)?)
    }

    /// Counts everything as spent of leases that are over.
    pub(crate) fn expire_leases(
        &mut self,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), UnknownTimeZone> {
        if self.leases.next_end.is_none_or(|end| end > moment.now) {
            return Ok(());
        }
        self.limits.can_charge(moment)?;
        let mut next = None;
        let mut over = Vec::new();
        for lease in self.leases.all.values_mut().filter(|it| it.left > 0) {
            let end = lease.set_end(moment.now);
            if end <= moment.now {
                over.push((end, lease.borrower));
            } else {
                next = Some(next.map_or(end, |next: Timestamp| next.min(end)));
            }
        }
        over.sort_unstable();
        for (now, borrower) in over {
            let at = Moment { now, ..moment };
            let Some(lease) = self.leases.all.get(&borrower) else {
                continue;
            };
            let all = lease.spent.saturating_add(lease.left);
            // It is over a millisecond before the turn, and may be spent until then.
            let has_turned = lease.ends_at_turn && now < moment.now;
            let is_forgotten = has_turned && self.forget_at_turn(&lease.parts);
            let spent = if is_forgotten { lease.spent } else { all };
            self.told(borrower, spent, 0, at, effects)?;
            if let Some(lease) = self.leases.all.get_mut(&borrower) {
                lease.spent = all;
                lease.is_over = true;
                if !is_forgotten {
                    // Else it would be found as live, and count once more.
                    let (key, row) = lease.row();
                    effects.put(key, row);
                }
            }
        }
        self.leases.next_end = next;
        Ok(())
    }

    /// Forgets the leases that are over, with their rows: what these tell of a limit is written
    /// into its own before.
    pub(crate) fn drop_leases(&mut self, moment: Moment, effects: &mut Effects) {
        for entry in &mut self.limits.entries {
            if self.leases.carry_over(&entry.key(), entry.lent.stamp) {
                entry.write_exact(moment, effects);
            }
        }
        self.leases.drop_over(effects);
    }

    /// Whether nothing of what these limits were charged before their turn counts after it: then
    /// nobody has to know how much it was.
    fn forget_at_turn(&self, parts: &[Part]) -> bool {
        parts.iter().all(|part| {
            let entry = self.limits.of_key(&part.key);
            entry.is_none_or(|entry| entry.usage.forgets_at_turn())
        })
    }

    /// How long units may be spent that are lent; `None` where none are.
    pub fn lent_for(&self, now: Timestamp) -> Option<Duration> {
        let until = self.leases.spent_until()?;
        Some(until.since(now)).filter(|left| *left > Duration::ZERO)
    }

    /// Marks the refusals for which units may be that are lent: they come back, or are spent, when
    /// the last lease is over, and nobody may remember them.
    pub(crate) fn mark_lent(&self, items: &[Item], answers: &mut [Decision], moment: Moment) {
        let is_refused =
            |answer: &Decision| !answer.success && answer.reason == Some(Reason::Limit);
        if !answers.iter().any(is_refused) {
            return;
        }
        let Some(until) = self.leases.spent_until() else {
            return;
        };
        let until = until.min(moment.now.plus(MAX_LIFE)).max(moment.now);
        let entries = || self.limits.entries.iter().filter(|it| it.lent.units > 0);
        for (item, answer) in items.iter().zip(answers) {
            let policy = &item.policy;
            let mut limits = policy.limits().iter();
            let lends = |limit| entries().any(|it| it.concerns(policy, limit));
            if is_refused(answer) && limits.any(lends) {
                answer.wait_for_leases(until);
            }
        }
    }
}
