//! How a permit ends: settled, released, or because its time is over; and for how long it is held.

use crate::algorithm::state::Moment;
use crate::calendar::UnknownTimeZone;
use crate::decide::OnExpiry;
use crate::decision::Grant;
use crate::limit::Real;
use crate::{Duration, Timestamp};

use crate::subject_state::effects::Effects;
use crate::subject_state::holds::{End, Ended, Held, Home, Part, MAX_BYTES, MAX_ENDED};
use crate::subject_state::limits::Limits;
use crate::subject_state::refusal::Refusal;
use crate::subject_state::usage::Usage;

/// So many permits that are remembered for no longer are deleted in one step.
const MAX_FORGOTTEN: usize = 100;

/// What a settlement has charged to one limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The limit's name; empty where it has none.
    pub name: String,
    /// Units charged.
    pub units: u64,
    /// By how much the limit is in debt now.
    pub debt: u64,
    /// Units that were not charged, because a limit carries no more debt.
    pub forgiven: u64,
}

/// What became of a permit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// How it has ended.
    pub how: End,
    /// What was charged to each of its limits here; after a repeated call without debts.
    pub shares: Vec<Share>,
}

/// Charges units; how many were charged, and by how many it is in debt then.
type Charging = fn(&mut Usage, u64, Moment) -> Result<(u64, u64), UnknownTimeZone>;

impl Limits {
    /// Whether a hold has ended by itself.
    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        !self.holds.is_empty() && self.holds.next_end().is_some_and(|end| end <= now)
    }

    /// Counts what permits hold that were found in rows; the newest of their fences.
    pub(crate) fn found_holds(&mut self) -> u64 {
        let live = self.holds.live().filter(|held| !held.is_place);
        let live = live.flat_map(|held| held.parts.clone());
        let parts: Vec<Part> = live.collect();
        for part in parts {
            self.put_on_hold(&part.key, 0, part.units);
        }
        self.holds.newest_fence()
    }

    /// Ends every hold whose time is over, each at its instant, and forgets what is to be known no
    /// longer.
    pub(crate) fn expire(
        &mut self,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), UnknownTimeZone> {
        if self.holds.is_empty() {
            return Ok(());
        }
        while self.has_expired(moment.now) {
            let all = self.holds.all.iter().enumerate();
            let live = all.filter(|(_, held)| held.end.is_none());
            let Some((place, over)) = live.min_by_key(|(_, held)| (held.ends_at(), held.permit))
            else {
                break;
            };
            let now = over.ends_at();
            self.expire_one(place, Moment { now, ..moment }, effects)?;
        }
        self.forget_ended(moment.now, effects);
        Ok(())
    }

    fn expire_one(
        &mut self,
        place: usize,
        at: Moment,
        effects: &mut Effects,
    ) -> Result<(), UnknownTimeZone> {
        let held = &mut self.holds.all[place];
        if held.is_place {
            // Its row says so too: at this instant it has come.
            held.end = Some(Ended {
                how: End::Settled,
                at: at.now,
                real: None,
                owed: Vec::new(),
            });
            return Ok(());
        }
        // Whoever is not at home has not been told that nothing happened.
        let keeps = held.on_expiry == OnExpiry::Keep || held.home == Home::Elsewhere;
        self.end_in_time(place, keeps, at, effects)
    }

    /// Ends a live hold that nobody has settled in time. `keeps`: what it holds is charged, else
    /// given back.
    pub(crate) fn end_in_time(
        &mut self,
        place: usize,
        keeps: bool,
        at: Moment,
        effects: &mut Effects,
    ) -> Result<(), UnknownTimeZone> {
        let held = &self.holds.all[place];
        let units = |part: &Part| if keeps { part.units } else { 0 };
        let real: Vec<u64> = held.parts.iter().map(units).collect();
        self.end_hold(place, &real, End::Expired, None, at, effects)?;
        Ok(())
    }

    /// Ends a live hold and charges so many units of each of its parts.
    fn end_hold(
        &mut self,
        place: usize,
        units: &[u64],
        how: End,
        real: Option<&Real>,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Vec<Share>, UnknownTimeZone> {
        self.can_charge(moment)?;
        let held = self.holds.all[place].clone();
        for part in &held.parts {
            match held.is_place {
                true => self.give_place_back(part, held.until, moment, effects)?,
                false => self.put_on_hold(&part.key, part.units, 0),
            }
        }
        let mut shares = Vec::with_capacity(units.len());
        for (part, &units) in held.parts.iter().zip(units) {
            shares.push(self.charge_part(part, units, moment, effects)?);
        }
        let owed = held.home.others().to_vec();
        let held = &mut self.holds.all[place];
        held.before.clear();
        for (part, share) in held.parts.iter_mut().zip(&shares) {
            part.units = share.units;
        }
        held.end = Some(Ended {
            how,
            at: moment.now,
            real: real.cloned(),
            owed,
        });
        let (key, row) = held.row();
        effects.put(key, row);
        Ok(shares)
    }

    /// Whether the limits can be charged now: an error where a time zone is gone, before anything
    /// is changed.
    pub(crate) fn can_charge(&self, moment: Moment) -> Result<(), UnknownTimeZone> {
        let clock = self.clock();
        let mut entries = self.entries.iter();
        entries.try_for_each(|entry| entry.usage.can_cancel(clock, moment))
    }

    /// Gives back what a place ahead was charged of one limit.
    fn give_place_back(
        &mut self,
        part: &Part,
        at: Timestamp,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), UnknownTimeZone> {
        let clock = self.clock().copied();
        let Some(entry) = self.of_key_mut(&part.key) else {
            return Ok(());
        };
        entry.follow(clock.as_ref(), moment)?;
        entry.usage.cancel_place(at, part.units, moment)?;
        entry.write_exact(moment, effects);
        Ok(())
    }

    /// Holds `now` units of a limit in place of `before`.
    pub(crate) fn put_on_hold(&mut self, key: &str, before: u64, now: u64) {
        if let Some(entry) = self.of_key_mut(key) {
            entry.on_hold = entry.on_hold.saturating_sub(before).saturating_add(now);
        }
    }

    /// Charges units past a limit, and what is charged together with it.
    fn charge_part(
        &mut self,
        part: &Part,
        units: u64,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Share, UnknownTimeZone> {
        let (charged, debt) = self.charge_key(&part.key, units, moment, effects)?;
        Ok(Share {
            name: part.name.clone(),
            units: charged,
            debt,
            forgiven: units - charged,
        })
    }

    /// Charges units past the limit of this key, and what is charged together with it; how many
    /// were, and by how many it is in debt. None where the limit is not known any more.
    pub(crate) fn charge_key(
        &mut self,
        key: &str,
        units: u64,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(u64, u64), UnknownTimeZone> {
        self.charge_by(Usage::charge_as_debt, key, units, moment, effects)
    }

    /// Charges units of this key that were lent, and what is charged together with it; how many
    /// were. The limit had room for them then: so all of them count, also if it is lower by now.
    pub(crate) fn charge_lent(
        &mut self,
        key: &str,
        units: u64,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<u64, UnknownTimeZone> {
        let (charged, _) = self.charge_by(Usage::charge_lent, key, units, moment, effects)?;
        Ok(charged)
    }

    fn charge_by(
        &mut self,
        charge: Charging,
        key: &str,
        units: u64,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(u64, u64), UnknownTimeZone> {
        let clock = self.clock().copied();
        let place = self.entries.iter().position(|entry| entry.key() == key);
        let Some(place) = place else {
            return Ok((0, 0));
        };
        let own = &mut self.entries[place];
        own.follow(clock.as_ref(), moment)?;
        let (charged, debt) = charge(&mut own.usage, units, moment)?;
        own.write_ahead(charged, moment, effects)?;
        let own = own.clone();
        let newest = self
            .of_name(&own.policy, &own.usage.limit)
            .map(|it| it.turn)
            .max();
        for (i, other) in self.entries.iter_mut().enumerate() {
            let is_in_force = Some(other.turn) == newest;
            let is_another = other.is_named_as(&own.policy, &own.usage.limit)
                && (is_in_force || other.usage.idle_at(moment.now) > moment.now);
            if i == place || units == 0 || !(is_another || other.is_beside_entry(&own)) {
                continue;
            }
            other.follow(clock.as_ref(), moment)?;
            other.usage.charge_past(units, moment.now, moment)?;
            other.write_ahead(units, moment, effects)?;
        }
        Ok((charged, debt))
    }

    /// Forgets permits that are remembered for no longer, or are too many: those that ended first,
    /// and owe nothing.
    fn forget_ended(&mut self, now: Timestamp, effects: &mut Effects) {
        let holds = &mut self.holds.all;
        let mut forgotten = 0;
        holds.retain(|held| {
            let is_over = held.end.is_some() && held.known_until() <= now;
            if forgotten == MAX_FORGOTTEN || !is_over {
                return true;
            }
            forgotten += 1;
            effects.writes.push(held.deletion());
            false
        });
        let ended = || holds.iter().filter(|it| it.end.is_some());
        let mut count = ended().count();
        let mut bytes: usize = ended().map(Held::bytes).sum();
        while (count > MAX_ENDED || bytes > MAX_BYTES) && forgotten < MAX_FORGOTTEN {
            let ended = holds.iter().enumerate().filter(|(_, it)| !it.owes());
            let ended = ended.filter_map(|(i, it)| Some((it.end.as_ref()?.at, i)));
            let Some((_, oldest)) = ended.min() else {
                break;
            };
            let oldest = holds.remove(oldest);
            count -= 1;
            bytes -= oldest.bytes();
            forgotten += 1;
            effects.writes.push(oldest.deletion());
        }
    }

    /// Charges the real cost of what a permit holds, whole, and ends it. An error changes nothing.
    pub(crate) fn settle(
        &mut self,
        permit: u128,
        real: &Real,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Settled, Refusal> {
        let place = self.holds.find(permit).ok_or(Refusal::UnknownPermit)?;
        let held = &self.holds.all[place];
        if held.is_place && held.end.is_none() {
            return Err(Refusal::IsPlace);
        }
        held.knows(real)?;
        let units = |part: &Part| Held::units_under(part, real);
        let units: Vec<u64> = held.parts.iter().map(units).collect();
        let shares = match &held.end {
            None => self.end_hold(place, &units, End::Settled, Some(real), moment, effects)?,
            Some(end) if end.real.as_ref() == Some(real) => held.shares(),
            Some(end) if held.is_place => return Err(Refusal::PermitEnded(end.how)),
            Some(end) if end.how == End::Expired => {
                self.settle_late(place, &units, real, moment, effects)?
            }
            Some(end) => return Err(Refusal::PermitEnded(end.how)),
        };
        let how = End::Settled;
        Ok(Settled { how, shares })
    }

    /// Charges what the home of a permit says beyond what was charged here.
    pub(crate) fn correct(
        &mut self,
        place: usize,
        real: &Real,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        let held = &self.holds.all[place];
        let known = held.end.as_ref().and_then(|end| end.real.as_ref());
        if known == Some(real) || *real == Real::default() {
            return Ok(()); // it is no news, or what was kept
        }
        let units = |part: &Part| Held::units_under(part, real);
        let units: Vec<u64> = held.parts.iter().map(units).collect();
        self.settle_late(place, &units, real, moment, effects)?;
        Ok(())
    }

    /// Charges what a settlement says beyond what was charged when the time was over.
    fn settle_late(
        &mut self,
        place: usize,
        units: &[u64],
        real: &Real,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Vec<Share>, UnknownTimeZone> {
        self.can_charge(moment)?;
        let held = self.holds.all[place].clone();
        let mut shares = Vec::with_capacity(units.len());
        for (part, &units) in held.parts.iter().zip(units) {
            let more = units.saturating_sub(part.units);
            let mut share = self.charge_part(part, more, moment, effects)?;
            share.units += part.units;
            shares.push(share);
        }
        let held = &mut self.holds.all[place];
        for (part, share) in held.parts.iter_mut().zip(&shares) {
            part.units = share.units;
        }
        if let Some(end) = &mut held.end {
            end.how = End::Settled;
            end.real = Some(real.clone());
            if let Home::Here(others) = &held.home {
                end.owed.clone_from(&others.objects);
            }
        }
        let (key, row) = held.row();
        effects.put(key, row);
        Ok(shares)
    }

    /// Ends a permit and charges nothing; what was held can be taken at once.
    pub(crate) fn release_held(
        &mut self,
        permit: u128,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        let place = self.holds.find(permit).ok_or(Refusal::UnknownPermit)?;
        let held = &self.holds.all[place];
        match &held.end {
            None => {
                let nothing = vec![0; held.parts.len()];
                self.end_hold(place, &nothing, End::Released, None, moment, effects)?;
                Ok(())
            }
            Some(end) if end.how == End::Released => Ok(()),
            Some(end) => Err(Refusal::PermitEnded(end.how)),
        }
    }

    /// Moves a permit's deadline to `hold` from now, and never to an earlier instant.
    pub(crate) fn renew_held(
        &mut self,
        permit: u128,
        hold: Option<Duration>,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Grant, Refusal> {
        let place = self.holds.find(permit).ok_or(Refusal::UnknownPermit)?;
        let held = &mut self.holds.all[place];
        if let Some(end) = &held.end {
            return Err(Refusal::PermitEnded(end.how));
        }
        if held.is_place {
            return Err(Refusal::IsPlace);
        }
        let hold = hold.unwrap_or(held.hold);
        held.until = held.until.max(moment.now.plus(hold));
        let (key, row) = held.row();
        effects.put(key, row);
        Ok(Grant {
            permit,
            fence: held.fence,
            expires: held.until,
        })
    }

    /// Gives back the place that an operation was promised, if it lies ahead.
    pub(crate) fn leave_place(
        &mut self,
        operation: u128,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        match self.holds.place_of(operation) {
            Some(place) => {
                let permit = self.holds.all[place].permit;
                self.release_held(permit, moment, effects)
            }
            None => Ok(()),
        }
    }

    /// Takes back a hold that an operation has taken, as if it had never been.
    pub(crate) fn drop_hold(&mut self, permit: u128, operation: u128, effects: &mut Effects) {
        let is_of = |it: &Held| it.operation == Some(operation) && it.end.is_none();
        let Some(place) = self
            .holds
            .find(permit)
            .filter(|at| is_of(&self.holds.all[*at]))
        else {
            return;
        };
        let held = self.holds.all.remove(place);
        for part in held.parts.iter().filter(|_| !held.is_place) {
            self.put_on_hold(&part.key, part.units, 0);
        }
        effects.writes.push(held.deletion());
    }
}

impl Held {
    /// Refuses costs of limits that none of its parts holds, as far as they are known here.
    pub(crate) fn knows(&self, real: &Real) -> Result<(), Refusal> {
        let is_here = |name: &str| self.parts.iter().any(|part| part.name == name);
        let is_unknown = |name: &str| !is_here(name) && !self.home.may_know(name);
        let mut names = real.costs.iter().map(|(name, _)| name.as_str());
        match names.find(|name| is_unknown(name)) {
            Some(name) => Err(Refusal::NotHeld(name.to_owned())),
            None => Ok(()),
        }
    }

    /// What was charged of it.
    fn shares(&self) -> Vec<Share> {
        let share = |part: &Part| Share {
            name: part.name.clone(),
            units: part.units,
            debt: 0,
            forgiven: 0,
        };
        self.parts.iter().map(share).collect()
    }
}
