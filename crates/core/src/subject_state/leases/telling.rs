//! What borrowers tell is heard: what is spent is charged, and what is left is set aside.

use crate::algorithm::state::Moment;
use crate::calendar::UnknownTimeZone;
use crate::lease::{Borrowing, Returned};

use crate::subject_state::effects::Effects;
use crate::subject_state::refusal::Refusal;
use crate::subject_state::SubjectState;

/// What a message of a borrower is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// The newest; whether it tells anything that the lease's row does not.
    News { is_told: bool },
    /// The newest, once more.
    Again,
    /// One that another has overtaken.
    Old,
}

impl Heard {
    pub(super) const fn is_news(self) -> bool {
        matches!(self, Heard::News { .. })
    }
}

impl SubjectState {
    /// A borrower has stopped: what it has not spent can be taken at once. A lease that is over, or
    /// not known, changes nothing.
    pub fn take_lease_back(
        &mut self,
        returned: &Returned,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        self.make_up(moment, effects)?;
        let Some(lease) = self.leases.all.get(&returned.borrower) else {
            return Ok(());
        };
        if lease.number != returned.number || lease.is_over {
            return Ok(());
        }
        self.told(returned.borrower, returned.spent, 0, moment, effects)?;
        if let Some(lease) = self.leases.all.get_mut(&returned.borrower) {
            lease.is_over = true;
            let (key, row) = lease.row();
            effects.put(key, row);
        }
        Ok(())
    }

    /// Takes up what a borrower tells.
    pub(super) fn hear(
        &mut self,
        borrowing: &Borrowing,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Heard, Refusal> {
        let borrower = borrowing.borrower;
        let Some(lease) = self.leases.all.get(&borrower) else {
            return Ok(Heard::News { is_told: false });
        };
        let known = (lease.number, lease.turn);
        let told = (borrowing.number, borrowing.turn);
        if told == known {
            return Ok(Heard::Again);
        }
        if told < known || (borrowing.number == lease.number && lease.is_over) {
            return Ok(Heard::Old);
        }
        let before = (lease.spent, lease.left);
        let is_same = borrowing.number == lease.number;
        let sum = if is_same {
            Some(borrowing.spent)
        } else {
            borrowing.before
        };
        let since = sum.map_or(0, |sum| sum.saturating_sub(lease.spent));
        if !lease.is_over {
            let all = lease.spent.saturating_add(lease.left);
            let is_known = is_same || borrowing.number == lease.number + 1;
            let spent = sum.filter(|_| is_known).unwrap_or(all);
            let left = if is_same { borrowing.left } else { 0 };
            self.told(borrower, spent, left, moment, effects)?;
        }
        let mut is_told = false;
        if let Some(lease) = self.leases.all.get_mut(&borrower) {
            is_told = before != (lease.spent, lease.left);
            lease.adapt(since, &borrowing.terms, moment.now);
            if borrowing.number > lease.number {
                lease.turn_to(borrowing.number);
            }
            lease.turn = borrowing.turn;
            lease.loan = 0;
        }
        Ok(Heard::News { is_told })
    }

    /// Charges what a borrower has spent in its lease beyond what it has told before, and sets
    /// aside what it has `left`, at most what was.
    pub(super) fn told(
        &mut self,
        borrower: u64,
        spent: u64,
        left: u64,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), UnknownTimeZone> {
        self.limits.can_charge(moment)?;
        let Some(lease) = self.leases.all.get_mut(&borrower) else {
            return Ok(());
        };
        let more = spent.saturating_sub(lease.spent);
        let before = lease.left;
        lease.spent = lease.spent.max(spent);
        lease.left = left.min(before.saturating_sub(more));
        let back = before - lease.left;
        let parts = lease.parts.clone();
        for (place, part) in parts.iter().enumerate() {
            if let Some(entry) = self.limits.of_key_mut(&part.key) {
                entry.lent.units = entry.lent.units.saturating_sub(back);
                entry.begin_carrying();
            }
            let charged = self.limits.charge_lent(&part.key, more, moment, effects)?;
            let Some(entry) = self.limits.of_key_mut(&part.key) else {
                continue;
            };
            let carried = entry.lent.carried.take().filter(|_| charged > 0);
            let stamp = entry.lent.stamp;
            if let Some(lease) = self.leases.all.get_mut(&borrower) {
                lease.parts[place].carry(carried.unwrap_or(0), stamp, moment.now);
            }
        }
        Ok(())
    }
}
