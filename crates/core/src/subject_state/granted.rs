//! What a subject has taken of the units that overrides grant.
//!
//! **Rule.** A grant has an id, and a subject takes no more of it than its units, whatever becomes
//! of the subject meanwhile. What a request needs beyond what its limits have is taken of the
//! grants, the one that ends first before the others; what it needs in all is there, or nothing is
//! charged. What is given back goes to the grants first, to the last that was taken of, as far as
//! it was taken by the same policy: who may not give back may not do so by another one either.
//!
//! **Row.** `granted`: of each grant that something was taken of its id, the units, and how long
//! that is to be known; and by whom, a line each. Written exact with each admission that takes any.
//! No reset deletes it and no idleness: else the units would come back with every turn of a window.

use crate::codec::{Line, LineWriter, Unreadable};
use crate::policy::{Granted, Policy};
use crate::row::{items, ROWS};
use crate::Timestamp;

use super::Write;

/// Of so many grants it is known at a time what a subject has taken, of each until it can be made
/// to last no longer; of the next it takes nothing. One a day for a month, twice.
const MAX_GRANTS: usize = 64;
/// Of so many policies it is known how much of a grant each has taken. What the next take cannot be
/// given back.
const MAX_TAKERS: usize = 8;
/// The longest text by which limits without a name are told apart.
const MAX_TAKER: usize = 160;
/// The row.
const KEY: &str = "granted";

/// What was taken of each grant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Taken(Vec<TakenOf>);

/// What was taken of one grant.
#[derive(Debug, Clone, PartialEq, Eq)]
struct TakenOf {
    id: u64,
    units: u64,
    /// How long that is to be known.
    kept: Timestamp,
    /// By whom, as far as that is known.
    by: Vec<(String, u64)>,
}

impl TakenOf {
    /// How many of the units somebody has taken.
    fn by(&self, taker: Option<&str>) -> u64 {
        let mut by = self.by.iter();
        let known = by.find(|(known, _)| Some(known.as_str()) == taker);
        known.map_or(0, |(_, units)| *units)
    }

    fn add(&mut self, units: u64, taker: Option<&str>) {
        self.units = self.units.saturating_add(units);
        let Some(taker) = taker else { return };
        match self.by.iter().position(|(known, _)| known == taker) {
            Some(place) => self.by[place].1 = self.by[place].1.saturating_add(units),
            None if self.by.len() < MAX_TAKERS => self.by.push((taker.to_owned(), units)),
            None => {}
        }
    }

    fn give_back(&mut self, units: u64, taker: Option<&str>) {
        self.units = self.units.saturating_sub(units);
        for (known, by) in &mut self.by {
            if Some(known.as_str()) == taker {
                *by = by.saturating_sub(units);
            }
        }
        self.by.retain(|(_, units)| *units > 0);
    }
}

/// Who takes by a policy: it by its name, limits without a name by the states that they count in.
/// `None` where that is too long to be kept.
pub(super) fn taker(policy: &Policy) -> Option<String> {
    if let Some(name) = policy.name() {
        return Some(name.as_str().to_owned());
    }
    let keys = policy.limits().iter().map(|limit| {
        let (name, dimension) = (limit.name_or_word(), limit.algorithm().dimension());
        format!("{name}/{dimension}")
    });
    let mut keys: Vec<String> = keys.collect();
    keys.sort_unstable();
    let taker = keys.join("+");
    (taker.len() <= MAX_TAKER).then_some(taker)
}

/// Units that were taken of a grant, or are given back to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) id: u64,
    pub(super) units: u64,
}

impl Share {
    /// By what an operation remembers that it has charged a grant.
    pub(super) fn key_of(id: u64) -> String {
        format!("{KEY}/{id}")
    }
}

impl Taken {
    /// Adds what the row tells.
    pub(super) fn add_found(&mut self, line: &Line) -> Result<(), Unreadable> {
        for item in items(line, "taken") {
            let mut parts = item.split(':').map(|part| part.parse().ok());
            let mut part = || parts.next().flatten().ok_or(Unreadable::Damaged("taken"));
            self.0.push(TakenOf {
                id: part()?,
                units: part()?,
                kept: Timestamp::from_millis(part()?),
                by: Vec::new(),
            });
        }
        if !line.flag("by") {
            return Ok(()); // a row of a build from before
        }
        for line in line.text("by")?.lines() {
            let mut parts = line.splitn(3, ' ');
            let mut part = || parts.next().ok_or(Unreadable::Damaged("by"));
            let mut number = || part()?.parse().map_err(|_| Unreadable::Damaged("by"));
            let (id, units): (u64, u64) = (number()?, number()?);
            let taker = part()?.to_owned();
            let taken = self.0.iter_mut().filter(|it| it.id == id);
            taken.for_each(|it| it.by.push((taker.clone(), units)));
        }
        Ok(())
    }

    /// The row, or that there is none.
    pub(super) fn write(&self) -> Write {
        let key = KEY.to_owned();
        if self.0.is_empty() {
            return Write::Delete { key };
        }
        let text = |it: &TakenOf| format!("{}:{}:{}", it.id, it.units, it.kept.as_millis());
        let taken: Vec<String> = self.0.iter().map(text).collect();
        let line = LineWriter::new(ROWS.written(), "granted").put("taken", taken.join(","));
        let each = |it: &TakenOf| {
            let id = it.id;
            let line = move |(taker, units): &(String, u64)| format!("{id} {units} {taker}");
            it.by.iter().map(line).collect::<Vec<_>>()
        };
        let by: Vec<String> = self.0.iter().flat_map(each).collect();
        let row = line.text("by", &by.join("\n")).finish();
        Write::Put { key, row }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Until when the last of it is to be known.
    pub(super) fn kept_until(&self) -> Option<Timestamp> {
        self.0.iter().map(|it| it.kept).max()
    }

    /// Forgets what nobody asks for any more; whether there was any.
    pub(super) fn drop_over(&mut self, now: Timestamp) -> bool {
        let before = self.0.len();
        self.0.retain(|it| it.kept > now);
        self.0.len() < before
    }

    /// Each grant's id, and the units taken of it.
    pub(super) fn all(&self) -> impl Iterator<Item = Share> + '_ {
        self.0.iter().map(|it| Share {
            id: it.id,
            units: it.units,
        })
    }

    fn of(&self, id: u64) -> Option<&TakenOf> {
        self.0.iter().find(|it| it.id == id)
    }

    /// How many units are left of a grant. `has_place`: whether it may be noted if it is new.
    fn left_of(&self, granted: &Granted, has_place: bool, now: Timestamp) -> u64 {
        let taken = match self.of(granted.id) {
            Some(taken) => taken.units,
            None if has_place => 0,
            None => granted.units,
        };
        match granted.until > now {
            true => granted.units.saturating_sub(taken),
            false => 0,
        }
    }

    /// How many units could be taken of all grants of a policy: each of them that is new needs a
    /// place of its own among [`MAX_GRANTS`].
    pub(super) fn left(&self, policy: &Policy, now: Timestamp) -> u64 {
        let shares = self.shares(policy, u64::MAX, now);
        shares.iter().map(|(_, units)| units).sum()
    }

    /// The next instant at which units that are left may be taken no longer.
    pub(super) fn next_end(&self, policy: &Policy, now: Timestamp) -> Option<Timestamp> {
        let granted = policy.granted().iter();
        let has_place = self.0.len() < MAX_GRANTS;
        let left = granted.filter(|it| self.left_of(it, has_place, now) > 0);
        left.map(|it| it.until).min()
    }

    /// Takes units of a policy's grants, as far as any are left: of which how many.
    pub(super) fn take(
        &mut self,
        policy: &Policy,
        units: u64,
        taker: Option<&str>,
        now: Timestamp,
    ) -> Vec<Share> {
        let shares = self.shares(policy, units, now).into_iter();
        let share = |(granted, units): (&Granted, u64)| {
            self.add(granted, units, taker);
            let id = granted.id;
            Share { id, units }
        };
        shares.map(share).collect()
    }

    /// What would be taken of each of a policy's grants.
    fn shares<'a>(
        &self,
        policy: &'a Policy,
        units: u64,
        now: Timestamp,
    ) -> Vec<(&'a Granted, u64)> {
        let mut granted: Vec<&Granted> = policy.granted().iter().collect();
        granted.sort_by_key(|it| (it.until, it.id));
        let (mut wanted, mut noted) = (units, self.0.len());
        let mut shares = Vec::new();
        for it in granted {
            let units = self.left_of(it, noted < MAX_GRANTS, now).min(wanted);
            if units > 0 {
                wanted -= units;
                noted += usize::from(self.of(it.id).is_none());
                shares.push((it, units));
            }
        }
        shares
    }

    fn add(&mut self, granted: &Granted, units: u64, taker: Option<&str>) {
        let place = self.0.iter().position(|it| it.id == granted.id);
        let place = place.unwrap_or(self.0.len());
        if place == self.0.len() {
            self.0.push(TakenOf {
                id: granted.id,
                units: 0,
                kept: granted.kept,
                by: Vec::new(),
            });
        }
        self.0[place].add(units, taker);
    }

    /// Gives units back to a policy's grants in force, as far as they were taken by it: to which
    /// how many.
    pub(super) fn refund(&mut self, policy: &Policy, units: u64, now: Timestamp) -> Vec<Share> {
        let in_force = policy.granted().iter().filter(|it| it.until > now);
        let mut granted: Vec<&Granted> = in_force.collect();
        granted.sort_by_key(|it| core::cmp::Reverse((it.until, it.id)));
        let (mut left, taker) = (units, taker(policy));
        let mut shares = Vec::new();
        for it in granted {
            let taken = self.of(it.id).map_or(0, |it| it.by(taker.as_deref()));
            let units = taken.min(left);
            if units > 0 {
                left -= units;
                let share = Share { id: it.id, units };
                self.give_back(share, taker.as_deref());
                shares.push(share);
            }
        }
        shares
    }

    /// Gives back what was taken.
    pub(super) fn give_back(&mut self, share: Share, taker: Option<&str>) {
        for taken in self.0.iter_mut().filter(|it| it.id == share.id) {
            taken.give_back(share.units, taker);
        }
        self.0.retain(|it| it.units > 0);
    }
}
