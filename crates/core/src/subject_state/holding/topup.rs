//! Holding more, or less, of what is held already: a stream that goes on for longer than was
//! thought. It names the new total, so that a call that comes twice changes nothing.

use crate::algorithm::state::Moment;
use crate::algorithm::{Ask, Room};
use crate::calendar::UnknownTimeZone;
use crate::decide::Overage;
use crate::limit::{Costs, Real};
use crate::{Duration, Timestamp};

use crate::subject_state::effects::Effects;
use crate::subject_state::entry::Entry;
use crate::subject_state::holds::{Held, Part};
use crate::subject_state::limits::Limits;
use crate::subject_state::refusal::Refusal;

/// What is to be held from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topup {
    /// The permit's bits.
    pub permit: u128,
    /// The new totals.
    pub total: Real,
    /// What is done with what there is no room for.
    pub overage: Overage,
}

/// What is held now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topped {
    /// Whether it is as much as was asked for, or with [`Overage::Cap`] more than before.
    pub success: bool,
    /// Of each limit its name and the units held.
    pub held: Vec<(String, u64)>,
    /// The same before the call.
    pub before: Vec<(String, u64)>,
    /// Those of them that were asked for by their names, which a cost for all others is not for.
    pub named: Vec<String>,
    /// When the permit expires.
    pub expires: Timestamp,
    /// How long until there is room, where that is known.
    pub retry_after: Option<Duration>,
    /// The objects that have further parts of the permit.
    pub others: Vec<String>,
}

impl Limits {
    /// Holds other units than before, all or nothing; with [`Overage::Cap`] as many as there are.
    pub(crate) fn top_up(
        &mut self,
        topup: &Topup,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Topped, Refusal> {
        let place = self
            .holds
            .find(topup.permit)
            .ok_or(Refusal::UnknownPermit)?;
        let held = self.holds.all[place].clone();
        if let Some(end) = &held.end {
            return Err(Refusal::PermitEnded(end.how));
        }
        if held.is_place {
            return Err(Refusal::IsPlace);
        }
        held.knows(&topup.total)?;
        let mut wanted = Vec::with_capacity(held.parts.len());
        let mut refused = None;
        for part in &held.parts {
            let units = Held::units_under(part, &topup.total);
            let (units, room) = self.room_for(part, units, topup.overage, moment)?;
            wanted.push(units);
            refused = later(refused, room);
        }
        if topup.overage == Overage::Cap && topup.total.cost.is_some() {
            level_out(&held.parts, &topup.total.costs, &mut wanted);
        }
        let before = named(&held.parts);
        if refused.is_none() {
            for (part, units) in held.parts.iter().zip(&wanted) {
                self.put_on_hold(&part.key, part.units, *units);
            }
            let held = &mut self.holds.all[place];
            for (part, units) in held.parts.iter_mut().zip(wanted) {
                part.units = units;
            }
            let (key, row) = held.row();
            effects.put(key, row);
        }
        let held = &self.holds.all[place];
        Ok(Topped {
            success: refused.is_none(),
            held: named(&held.parts),
            before,
            named: asked_by_name(&held.parts),
            expires: held.until,
            retry_after: refused.flatten().map(|at| at.since(moment.now)),
            others: held.home.others().to_vec(),
        })
    }

    /// The definition of a part's limit that is in force: it may be another one by now than that
    /// under which the part was taken.
    fn in_force_for(&self, part: &Part) -> Option<&Entry> {
        let own = self.entries.iter().find(|entry| entry.key() == part.key)?;
        let newest = self
            .of_name(&own.policy, &own.usage.limit)
            .max_by_key(|entry| entry.turn);
        newest.or(Some(own))
    }

    /// Units on hold under any definition of a limit, and of what is charged together with it.
    fn on_hold_beside(&self, entry: &Entry) -> u64 {
        let is_of = |it: &&Entry| {
            it.key() == entry.key()
                || it.is_named_as(&entry.policy, &entry.usage.limit)
                || it.is_beside_entry(entry)
        };
        let held = self.entries.iter().filter(|it| it.on_hold > 0);
        let held = held.filter(is_of).map(|it| it.on_hold);
        held.fold(0, u64::saturating_add)
    }

    /// How many units a part can hold in place of those that it does, and whether it is refused
    /// so many.
    fn room_for(
        &self,
        part: &Part,
        units: u64,
        overage: Overage,
        moment: Moment,
    ) -> Result<(u64, Option<Refused>), UnknownTimeZone> {
        let more = units.saturating_sub(part.units);
        let Some(entry) = self.in_force_for(part).filter(|_| more > 0) else {
            return Ok((units, None));
        };
        let usage = entry.usage.present(self.clock(), moment)?;
        let lessened = usage.limit.lessened(self.on_hold_beside(entry));
        let algorithm = lessened.algorithm();
        let projected = usage.state.projected(algorithm, moment)?;
        let state = projected.as_ref().unwrap_or(&usage.state);
        let ask = Ask {
            cost: more,
            now: moment.now,
            max_delay: None,
            before: None,
        };
        let refused = match state.room(algorithm, &ask) {
            Room::At(_) => return Ok((units, None)),
            Room::Wait(at) => Some(at),
            Room::Never => None,
        };
        let left = state.view(algorithm, moment.now).remaining;
        let whole = usage.limit.algorithm().limit();
        let is_in_debt = state.used(algorithm, moment.now) > algorithm.limit();
        Ok(match overage {
            Overage::Cap if left > 0 => (part.units.saturating_add(left.min(more)), None),
            Overage::Debt if !is_in_debt && more <= left.saturating_add(whole) => (units, None),
            _ => (part.units, Some(refused)),
        })
    }
}

/// When there is room; `None` where that is not known.
type Refused = Option<Timestamp>;

/// The one of two refusals that lasts longer.
fn later(one: Option<Refused>, other: Option<Refused>) -> Option<Refused> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.zip(other).map(|(one, other)| one.max(other))),
        (one, other) => one.or(other),
    }
}

/// Of all that were asked for by one cost each holds as many units as the others.
fn level_out(parts: &[Part], costs: &Costs, units: &mut [u64]) {
    let is_named = |part: &Part| {
        let mut names = costs.iter().map(|(name, _)| name.as_str());
        part.is_named || names.any(|name| name == part.name)
    };
    let others = || parts.iter().enumerate().filter(|(_, part)| !is_named(part));
    let least = others().map(|(i, _)| units[i]).min();
    for (i, _) in others() {
        units[i] = least.unwrap_or(units[i]);
    }
}

fn named(parts: &[Part]) -> Vec<(String, u64)> {
    parts
        .iter()
        .map(|part| (part.name.clone(), part.units))
        .collect()
}

fn asked_by_name(parts: &[Part]) -> Vec<String> {
    let asked = parts.iter().filter(|part| part.is_named);
    asked.map(|part| part.name.clone()).collect()
}
