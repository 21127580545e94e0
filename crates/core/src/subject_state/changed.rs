//! What an admission or a refund changes beside the states that decided it: rows, the other
//! definitions of its limits, and what can be taken back.

use crate::algorithm::state::Moment;
use crate::algorithm::{Holder, Take};
use crate::decide::hold_for;
use crate::{Limit, Timestamp};

use super::limits::Limits;
use super::operations::KeyedCharge;
use super::picked::Picked;
use super::{Effects, Refusal};

/// What an item has changed.
#[derive(Default)]
pub(super) struct Changed {
    /// What was charged, so that it can be taken back; `None` where nothing was decided for good.
    pub(super) charges: Option<Vec<KeyedCharge>>,
    /// Keys of the states to which earlier charges can no longer be taken back: they were given
    /// back already, or are counted in other units now, and taking them back as well could give
    /// units twice.
    pub(super) final_for: Vec<String>,
}

impl Changed {
    /// Stores what was charged to the picked states for `at`, and charges it to the other
    /// definitions as well.
    pub(super) fn by(
        picked: &Picked,
        holder: Option<Holder>,
        at: Timestamp,
        limits: &mut Limits,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Changed, Refusal> {
        let final_for = store(picked, limits, moment, effects)?;
        let mut charges = Vec::new();
        if picked.item.charges() {
            charges.extend(charges_of(picked, holder, at, limits, moment.now));
            charges.extend(charge_others(picked, at, limits, moment, effects)?);
        }
        Ok(Changed {
            charges: Some(charges),
            final_for,
        })
    }

    /// Adds what the next item of the same call has changed. What it made final can no longer be
    /// taken back from the items before it either.
    pub(super) fn extend(&mut self, next: Changed) {
        let charges = self.charges.get_or_insert_with(Vec::new);
        charges.retain(|(key, _)| !next.final_for.contains(key));
        charges.extend(next.charges.unwrap_or_default());
        self.final_for.extend(next.final_for);
    }
}

/// Writes the rows of the picked states where they have to be.
fn store(
    picked: &Picked,
    limits: &mut Limits,
    moment: Moment,
    effects: &mut Effects,
) -> Result<Vec<String>, Refusal> {
    let item = picked.item;
    let refund = item.check.cost < 0;
    let mut final_for = Vec::new();
    for &place in &picked.places {
        let counts_on = picked.counts_on(place, limits);
        let entry = &mut limits.entries[place];
        picked.set_policy(entry);
        if refund || !counts_on {
            final_for.push(entry.key());
        }
        if refund {
            entry.write_exact(moment, effects);
        } else {
            let units = item.units_of(&entry.usage.limit);
            entry.write_ahead(units, moment, effects)?;
        }
    }
    Ok(final_for)
}

/// What an admission charged to the picked states, for its cancellation.
fn charges_of<'a>(
    picked: &'a Picked,
    holder: Option<Holder>,
    at: Timestamp,
    limits: &'a Limits,
    now: Timestamp,
) -> impl Iterator<Item = KeyedCharge> + 'a {
    let item = picked.item;
    let each = picked.places.iter().zip(item.policy.limits());
    each.filter_map(move |(&place, limit)| {
        let take = Take {
            units: item.units_of(limit),
            hold: hold_for(limit, &item.check, holder, now),
        };
        if take.units == 0 {
            return None;
        }
        let entry = &limits.entries[place];
        let usage = &entry.usage;
        let charge = usage.state.charge(usage.algorithm(), &take, at)?;
        Some((entry.key(), charge))
    })
}

/// Charges an admission to the other definitions of its named limits that are still in use, so that
/// no change of window or algorithm, forth or back, makes a unit; and to the inline limits that it
/// takes the place of, or the other way round. Answers what was charged.
fn charge_others(
    picked: &Picked,
    at: Timestamp,
    limits: &mut Limits,
    moment: Moment,
    effects: &mut Effects,
) -> Result<Vec<KeyedCharge>, Refusal> {
    let mut charges = Vec::new();
    let clock = limits.clock().copied();
    let item = picked.item;
    let policy = &item.policy;
    let name = policy.name_or_empty();
    for (i, entry) in limits.entries.iter_mut().enumerate() {
        if picked.places.contains(&i) {
            continue;
        }
        let any = |is: &dyn Fn(&Limit) -> bool| policy.limits().iter().find(|it| is(it));
        // Of one name, what is idle is begun anew when it comes in force, with what is counted
        // then.
        let another = any(&|limit| entry.is_named_as(name, limit))
            .filter(|_| entry.usage.idle_at(moment.now) > moment.now);
        let beside = || any(&|limit| entry.is_beside(policy, limit));
        let Some(limit) = another.or_else(beside) else {
            continue;
        };
        let units = item.units_of(limit);
        if units == 0 {
            continue;
        }
        entry.follow(clock.as_ref(), moment)?;
        if let Some(charge) = entry.usage.charge_past(units, at, moment)? {
            charges.push((entry.key(), charge));
        }
        entry.write_ahead(units, moment, effects)?;
    }
    Ok(charges)
}
