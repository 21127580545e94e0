//! Taking a permit: what is asked is admitted as if it were to be charged, and held instead.

use crate::algorithm::charge::Charge;
use crate::algorithm::state::Moment;
use crate::algorithm::{Holder, Take};
use crate::calendar::UnknownTimeZone;
use crate::decide::{capped, hold_for, Check, OnExpiry, Overage};
use crate::decision::{Decision, Grant};
use crate::limit::{Algorithm, Name};
use crate::policy::Policy;
use crate::{Duration, Limit, Timestamp};

use crate::subject_state::changed::Changed;
use crate::subject_state::decider::Decider;
use crate::subject_state::effects::Effects;
use crate::subject_state::entry::Entry;
use crate::subject_state::holds::{Held, Home, Part};
use crate::subject_state::item::Item;
use crate::subject_state::limits::Limits;
use crate::subject_state::operations::KeyedCharge;
use crate::subject_state::picked::Picked;
use crate::subject_state::refusal::Refusal;

impl Limits {
    /// How many units of each limit of a policy are held or lent; `None` where none are.
    pub(crate) fn on_hold(&self, policy: &Policy) -> Option<Vec<u64>> {
        if self.entries.iter().all(|entry| entry.set_aside() == 0) {
            return None;
        }
        let of_limit = |limit| {
            let held = self.entries.iter().filter(|entry| entry.set_aside() > 0);
            let concerned = held.filter(|entry| entry.concerns(policy, limit));
            concerned.map(Entry::set_aside).fold(0, u64::saturating_add)
        };
        let units: Vec<u64> = policy.limits().iter().map(of_limit).collect();
        units.iter().any(|units| *units > 0).then_some(units)
    }
}

/// The names of the limits of a policy of which units can be held, as far as they have any.
pub fn limits_held(policy: &Policy) -> impl Iterator<Item = &Name> {
    let limits = policy.limits().iter();
    let counted = limits.filter(|it| !matches!(it.algorithm(), Algorithm::Concurrency(_)));
    counted.filter_map(Limit::name)
}

impl Item {
    /// Whether its admission holds units until they are settled. Slots alone are held by their
    /// limits.
    pub fn holds(&self) -> bool {
        let is_counted = |algorithm: &Algorithm| !matches!(algorithm, Algorithm::Concurrency(_));
        let mut limits = self.policy.limits().iter();
        self.check.hold.is_some()
            && self.changes()
            && limits.any(|limit| is_counted(limit.algorithm()))
    }

    /// The names of the limits of which its admission holds units, as far as they have any.
    pub fn limits_held(&self) -> impl Iterator<Item = &Name> {
        limits_held(&self.policy)
    }

    /// Whether it asks for a place, which can be given back. Where a limit delays by itself, for a
    /// caller who did not say how long he would wait, no place has a row of its own.
    pub fn may_wait(&self) -> bool {
        self.check.max_delay.is_some() && self.changes() && self.check.most_units() > 0
    }
}

impl Decider<'_> {
    /// Decides an item that is to be held; an admission is counted as on hold.
    pub(crate) fn hold(
        &mut self,
        picked: Picked,
        holder: Holder,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(Decision, Changed), Refusal> {
        let item = picked.item;
        let permit = Some(holder.permit);
        if self.taken != permit {
            if self.limits.holds.get(holder.permit).is_some() {
                return Err(Refusal::Cancelled); // it was asked before, and has come once more
            }
            if !self.limits.holds.has_room() {
                return Err(Refusal::TooManyPermits);
            }
        }
        let look = item.peek();
        let picked = picked.asking(&look);
        let decision = picked.decide(self.limits, None, moment)?;
        let mut granted = None;
        if !decision.success {
            granted = self.beyond(&item.check, &picked, &decision, moment)?;
            if granted.is_none() {
                return self.refused(item, &picked, decision, moment, effects);
            }
        }
        let check = granted.as_ref().unwrap_or(&item.check);
        self.taken = permit;
        let changed = self.take_on_hold(&picked, check, holder, moment, effects)?;
        let mut answer = self.standing(item, None, moment)?;
        answer.grant = self.limits.grant(holder, moment.now);
        answer.granted = granted
            .filter(|it| it.overage == Overage::Cap)
            .map(Check::into);
        Ok((answer, changed))
    }

    /// What is held of an item that its limits refuse: all of it where an override lets it through
    /// or debt is allowed, what is left where that is enough; `None` where it is refused.
    fn beyond(
        &self,
        check: &Check,
        picked: &Picked,
        refused: &Decision,
        moment: Moment,
    ) -> Result<Option<Check>, UnknownTimeZone> {
        let policy = &picked.item.policy;
        let left = || capped(check, core::iter::once((policy, refused)));
        if check.bypass {
            let nothing = Check {
                cost: 0,
                ..Check::ONE
            };
            return Ok(Some(left().unwrap_or(nothing)));
        }
        Ok(match check.overage {
            Overage::Deny => None,
            Overage::Cap => left().map(|left| Check {
                overage: Overage::Cap,
                ..left
            }),
            Overage::Debt => {
                let may_owe = picked.may_owe(check, self.limits, moment)?;
                may_owe.then(|| check.clone())
            }
        })
    }

    fn take_on_hold(
        &mut self,
        picked: &Picked,
        check: &Check,
        holder: Holder,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Changed, Refusal> {
        let policy = &picked.item.policy;
        let mut charges = Vec::new();
        let mut final_for = Vec::new();
        let mut parts = Vec::new();
        for (&place, limit) in picked.places.iter().zip(policy.limits()) {
            let counts_on = picked.counts_on(place, self.limits);
            let entry = &mut self.limits.entries[place];
            let units = check.units_of(limit);
            picked.set_policy(entry);
            if !counts_on {
                final_for.push(entry.key());
            }
            if let Algorithm::Concurrency(_) = limit.algorithm() {
                charges.extend(take_slots(entry, units, check, holder, moment)?);
                entry.write_exact(moment, effects);
                continue;
            }
            entry.on_hold = entry.on_hold.saturating_add(units);
            entry.write_ahead(0, moment, effects)?;
            parts.push(Part {
                key: entry.key(),
                name: limit.name().map_or("", Name::as_str).to_owned(),
                units,
                is_named: check.costs.of(limit).is_some(),
            });
        }
        let permit = holder.permit;
        let keys: Vec<String> = parts.iter().map(|part: &Part| part.key.clone()).collect();
        let hold = check.hold.unwrap_or(Duration::ZERO);
        let has_slots = !charges.is_empty();
        self.limits.add_hold(
            Held {
                permit,
                fence: holder.fence,
                operation: self.terms.operation,
                parts,
                has_slots,
                hold,
                until: moment.now.plus(hold),
                on_expiry: check.on_expiry,
                home: self.terms.home.clone(),
                turn: 0,
                before: Vec::new(),
                is_place: false,
                end: None,
            },
            effects,
        );
        // Once more under no limit: a refund to one does not end the hold.
        let keys = keys.into_iter().chain([String::new()]);
        charges.extend(keys.map(|key| (key, Charge::Held { permit })));
        let charges = Some(charges);
        Ok(Changed { charges, final_for })
    }
}

fn take_slots(
    entry: &mut Entry,
    units: u64,
    check: &Check,
    holder: Holder,
    moment: Moment,
) -> Result<Option<(String, Charge)>, UnknownTimeZone> {
    if units == 0 {
        return Ok(None);
    }
    let limit = entry.usage.limit.clone();
    let hold = hold_for(&limit, check, Some(holder), moment.now);
    let take = Take { units, hold };
    let usage = &mut entry.usage;
    usage
        .state
        .take(limit.algorithm(), take, moment.now, moment)?;
    let charge = usage.state.charge(limit.algorithm(), &take, moment.now);
    let key = entry.key();
    Ok(charge.map(|charge| (key, charge)))
}

impl Decider<'_> {
    /// Keeps a place that was promised for `at` as a permit, so that it can be given back. Where
    /// there is no room for one more permit it cannot, nor where the same permit holds units here.
    pub(crate) fn keep_place(
        &mut self,
        item: &Item,
        charges: &[KeyedCharge],
        (holder, at): (Holder, Timestamp),
        effects: &mut Effects,
    ) -> Option<Box<Grant>> {
        let is_first = self.taken != Some(holder.permit);
        let known = self.limits.holds.get(holder.permit);
        if is_first && (known.is_some() || !self.limits.holds.has_room()) {
            return None;
        }
        if known.is_some_and(|it| !it.is_place) {
            return None;
        }
        self.taken = Some(holder.permit);
        let part = |(key, charge): &KeyedCharge| {
            let units = match charge {
                Charge::At { units, .. } | Charge::Bucket { units, .. } => *units,
                _ => return None,
            };
            Some(Part {
                key: key.clone(),
                name: String::new(),
                units,
                is_named: !item.check.costs.is_empty(),
            })
        };
        self.limits.add_hold(
            Held {
                permit: holder.permit,
                fence: holder.fence,
                operation: self.terms.operation,
                parts: charges.iter().filter_map(part).collect(),
                hold: Duration::ZERO,
                until: at,
                on_expiry: OnExpiry::Keep,
                home: self.terms.home.clone(),
                turn: 0,
                before: Vec::new(),
                has_slots: false,
                is_place: true,
                end: None,
            },
            effects,
        );
        Some(Box::new(Grant {
            permit: holder.permit,
            fence: holder.fence,
            expires: at,
        }))
    }
}

impl Limits {
    /// Adds a permit, or further parts of one that was taken by the same call. Units come before a
    /// place, which is known no more then.
    fn add_hold(&mut self, held: Held, effects: &mut Effects) {
        let place = match self.holds.find(held.permit) {
            Some(place) if self.holds.all[place].is_place && !held.is_place => {
                self.holds.all[place] = held;
                place
            }
            Some(place) => {
                let known = &mut self.holds.all[place];
                known.until = known.until.min(held.until);
                known.has_slots |= held.has_slots;
                known.parts.extend(held.parts);
                place
            }
            None => {
                self.holds.all.push(held);
                self.holds.all.len() - 1
            }
        };
        let (key, row) = self.holds.all[place].row();
        effects.put(key, row);
    }

    /// The home of a permit is told anew what the limits in its other parts are called.
    pub(crate) fn know_names(
        &mut self,
        permit: u128,
        limits: &[String],
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        let place = self.holds.find(permit).ok_or(Refusal::UnknownPermit)?;
        let held = &mut self.holds.all[place];
        if let Home::Here(others) = &mut held.home {
            others.limits = Some(limits.to_vec());
            let (key, row) = held.row();
            effects.put(key, row);
        }
        Ok(())
    }

    /// The permit as its holder is told of it: it ends with the first of what it holds.
    fn grant(&self, holder: Holder, now: Timestamp) -> Option<Box<Grant>> {
        let held = self.holds.get(holder.permit)?;
        let slots = self
            .entries
            .iter()
            .filter_map(|it| it.usage.slot(holder.permit, now));
        let expires = slots.chain([held.until]).min()?;
        Some(Box::new(Grant {
            permit: holder.permit,
            fence: held.fence,
            expires,
        }))
    }
}
