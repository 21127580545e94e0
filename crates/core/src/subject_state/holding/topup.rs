//! Holding more, or less, of what is held already: a stream that goes on for longer than was
//! thought. It names the new total, so that a call that comes twice changes nothing.

use crate::algorithm::state::Moment;
use crate::algorithm::{Ask, Room};
use crate::calendar::UnknownTimeZone;
use crate::decide::Overage;
use crate::limit::Real;
use crate::{Duration, Timestamp};

use crate::subject_state::effects::Effects;
use crate::subject_state::entry::Entry;
use crate::subject_state::holds::{Before, Held, Home, Part, MAX_UNDONE};
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
    /// Which topup of the permit it is, as its home has numbered it; `None` for one that its home
    /// is to number. One that a newer one has overtaken changes nothing.
    pub turn: Option<u64>,
    /// What an object is to do for it.
    pub step: TopupStep,
}

/// What an object does for a topup. What is let go may be gone, so nothing is before all parts have
/// agreed: until then a topup can be undone without any room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopupStep {
    /// It holds the totals where they are more, and of all else what it does. A home that has no
    /// other parts holds the totals. An object of a build from before passes over it, and does too.
    Raise,
    /// It holds the totals.
    Set,
    /// The topup is undone: each part holds again what it did before. Where that is not known any
    /// more, it holds what it does. An object of a build from before takes the totals for it.
    Undo {
        /// The newest number that a part has told, from which on a home numbers that has lost
        /// count; 0 where none was newer than this topup.
        newest: u64,
    },
}

impl Topup {
    /// One that the home of the permit is to number: the first step.
    pub const fn new(permit: u128, total: Real, overage: Overage) -> Topup {
        Topup {
            permit,
            total,
            overage,
            turn: None,
            step: TopupStep::Raise,
        }
    }
}

/// What is held now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topped {
    /// Whether it is as much as was asked for, or with [`Overage::Cap`] more than before, and no
    /// newer topup has overtaken this one.
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
    /// The number of the newest topup that is held; 0 where there is none, or where an object of a
    /// build from before has answered.
    pub turn: u64,
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
        let is_overtaken = topup.turn.is_some_and(|turn| turn < held.turn);
        let mut refused = None;
        match (topup.step, topup.turn) {
            (TopupStep::Undo { newest }, Some(turn)) => {
                if let Some(units) = self.holds.all[place].undo(turn, newest) {
                    let units = self.with_room(&held.parts, &units, moment)?;
                    self.hold_instead(place, &units, effects);
                }
            }
            (TopupStep::Set, Some(turn)) if is_overtaken => {
                if let Some(units) = self.holds.all[place].set_below(turn, &topup.total) {
                    self.hold_instead(place, &units, effects);
                }
            }
            _ if is_overtaken => {}
            _ => refused = self.hold_total(place, topup, moment, effects)?,
        }
        let before = named(&held.parts);
        let held = &self.holds.all[place];
        Ok(Topped {
            success: refused.is_none() && !is_overtaken,
            held: named(&held.parts),
            before,
            named: asked_by_name(&held.parts),
            expires: held.until,
            retry_after: refused.flatten().map(|at| at.since(moment.now)),
            others: held.home.others().to_vec(),
            turn: held.turn,
        })
    }

    /// Holds what a topup says, if there is room; else how long there is none.
    fn hold_total(
        &mut self,
        place: usize,
        topup: &Topup,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Option<Refused>, UnknownTimeZone> {
        let held = self.holds.all[place].clone();
        let mut refused = None;
        let mut wanted = Vec::with_capacity(held.parts.len());
        for part in &held.parts {
            let units = Held::units_under(part, &topup.total);
            let (units, room) = self.room_for(part, units, topup.overage, moment)?;
            wanted.push(units);
            refused = later(refused, room);
        }
        if topup.overage == Overage::Cap {
            level_out(&held.parts, &topup.total, &mut wanted);
        }
        if topup.step == TopupStep::Raise && held.has_parts_elsewhere() {
            let held = held.parts.iter().map(|part| part.units);
            let all = wanted.iter_mut().zip(held);
            all.for_each(|(wanted, held)| *wanted = held.max(*wanted));
        }
        if refused.is_none() {
            self.holds.all[place].note(topup);
            self.hold_instead(place, &wanted, effects);
        }
        Ok(refused)
    }

    /// Of each part so many units, or what it does where there is no room: a build from before has
    /// let go what it did before.
    fn with_room(
        &self,
        parts: &[Part],
        units: &[u64],
        moment: Moment,
    ) -> Result<Vec<u64>, UnknownTimeZone> {
        let all = parts.iter().zip(units);
        let with_room = |(part, &units): (&Part, &u64)| {
            let (units, _) = self.room_for(part, units, Overage::Deny, moment)?;
            Ok(units)
        };
        all.map(with_room).collect()
    }

    /// Holds so many units of each part from now on.
    fn hold_instead(&mut self, place: usize, units: &[u64], effects: &mut Effects) {
        let held = &mut self.holds.all[place];
        let parts = held.parts.clone();
        for (part, units) in held.parts.iter_mut().zip(units) {
            part.units = *units;
        }
        let (key, row) = held.row();
        effects.put(key, row);
        for (part, units) in parts.iter().zip(units) {
            self.put_on_hold(&part.key, part.units, *units);
        }
    }

    /// The definition of a part's limit that is in force: it may be another one by now than that
    /// under which the part was taken.
    fn in_force_for(&self, part: &Part) -> Option<&Entry> {
        let own = self.of_key(&part.key)?;
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

impl Held {
    /// Whether other objects have parts of it, or its home.
    fn has_parts_elsewhere(&self) -> bool {
        self.home == Home::Elsewhere || !self.home.others().is_empty()
    }

    /// Notes a topup before it changes anything. One that nobody has numbered is the next one, if
    /// the home is here.
    fn note(&mut self, topup: &Topup) {
        let next = self.turn.saturating_add(1);
        let is_home = self.home != Home::Elsewhere;
        let Some(turn) = topup.turn.or(is_home.then_some(next)) else {
            return; // by a build from before
        };
        self.turn = turn;
        // Asked twice, it is undone to what was held before the first time.
        if self.before.last().is_none_or(|it| it.turn != turn) {
            let units = self.parts.iter().map(|part| part.units).collect();
            self.before.push(Before { turn, units });
        }
        let spare = self.before.len().saturating_sub(MAX_UNDONE);
        self.before.drain(..spare);
    }

    /// Undoes a topup, which counts as overtaken then: it may arrive later than this. What each
    /// part is to hold instead, if that changes: a newer topup stays, and what it would go back to
    /// itself is what was held before this one.
    fn undo(&mut self, turn: u64, newest: u64) -> Option<Vec<u64>> {
        let is_newest = turn >= self.turn;
        if is_newest {
            self.turn = turn.max(newest).saturating_add(1);
        }
        let known = self.before.iter().position(|it| it.turn == turn);
        let before = known.map(|at| (at, self.before.remove(at)));
        match before {
            Some((at, before)) if at < self.before.len() => {
                self.before[at].units = before.units;
                None
            }
            Some((_, before)) => Some(before.units),
            None => is_newest.then(|| self.parts.iter().map(|part| part.units).collect()),
        }
    }

    /// All parts have agreed to a topup that a newer one has overtaken here: what each part is to
    /// hold, if the newer one has been undone. Else it would go back to no more than that.
    fn set_below(&mut self, turn: u64, total: &Real) -> Option<Vec<u64>> {
        let under = |part: &Part, units: u64| units.min(Held::units_under(part, total));
        let parts = self.parts.iter();
        if self.before.last().is_some_and(|it| it.turn == turn) {
            return Some(parts.map(|part| under(part, part.units)).collect());
        }
        let newer = self.before.iter_mut().find(|it| it.turn > turn)?;
        let all = newer.units.iter_mut().zip(parts);
        all.for_each(|(units, part)| *units = under(part, *units));
        None
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

/// Of all that are asked for by one cost, or by one name, each holds as many units as the others.
fn level_out(parts: &[Part], total: &Real, units: &mut [u64]) {
    let names = || total.costs.iter().map(|(name, _)| name.as_str());
    for name in names() {
        level(units, |i| parts[i].name == name);
    }
    if total.cost.is_some() {
        let is_named = |part: &Part| part.is_named || names().any(|name| name == part.name);
        level(units, |i| !is_named(&parts[i]));
    }
}

/// Makes all of these as small as the least of them.
fn level(units: &mut [u64], is_meant: impl Fn(usize) -> bool) {
    let meant = |(i, _): &(usize, &mut u64)| is_meant(*i);
    let least = units
        .iter_mut()
        .enumerate()
        .filter(meant)
        .map(|(_, it)| *it);
    let Some(least) = least.min() else { return };
    let all = units.iter_mut().enumerate().filter(meant);
    all.for_each(|(_, it)| *it = least);
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
