//! What a subject has taken of the units that overrides grant.
//!
//! **Rule.** A grant has an id, and a subject takes no more of it than its units, whatever becomes
//! of the subject meanwhile. What a request needs beyond what its limits have is taken of the
//! grants, the one that ends first before the others; what it needs in all is there, or nothing is
//! charged. What is given back goes to the grants first, to the last that was taken of.
//!
//! **Row.** `granted`: of each grant that something was taken of its id, the units, and how long
//! that is to be known; written exact with each admission that takes any. No reset deletes it and
//! no idleness: else the units would come back with every turn of a window.

use crate::codec::{Line, LineWriter, Unreadable};
use crate::policy::{Granted, Policy};
use crate::row::{items, ROWS};
use crate::Timestamp;

use super::Write;

/// Of so many grants it is known at a time what a subject has taken, of each until it can be made
/// to last no longer; of the next it takes nothing. One a day for a month, twice.
const MAX_GRANTS: usize = 64;
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
            });
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
        let row = line.finish();
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
    pub(super) fn take(&mut self, policy: &Policy, units: u64, now: Timestamp) -> Vec<Share> {
        let shares = self.shares(policy, units, now).into_iter();
        let share = |(granted, units): (&Granted, u64)| {
            self.add(granted, units);
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

    fn add(&mut self, granted: &Granted, units: u64) {
        match self.0.iter_mut().find(|it| it.id == granted.id) {
            Some(taken) => taken.units = taken.units.saturating_add(units),
            None => self.0.push(TakenOf {
                id: granted.id,
                units,
                kept: granted.kept,
            }),
        }
    }

    /// Gives units back to a policy's grants in force, as far as they were taken: to which how
    /// many.
    pub(super) fn refund(&mut self, policy: &Policy, units: u64, now: Timestamp) -> Vec<Share> {
        let in_force = policy.granted().iter().filter(|it| it.until > now);
        let mut granted: Vec<&Granted> = in_force.collect();
        granted.sort_by_key(|it| core::cmp::Reverse((it.until, it.id)));
        let mut left = units;
        let mut shares = Vec::new();
        for it in granted {
            let units = self.of(it.id).map_or(0, |taken| taken.units).min(left);
            if units > 0 {
                left -= units;
                let share = Share { id: it.id, units };
                self.give_back(share);
                shares.push(share);
            }
        }
        shares
    }

    /// Gives back what was taken.
    pub(super) fn give_back(&mut self, share: Share) {
        for taken in self.0.iter_mut().filter(|it| it.id == share.id) {
            taken.units = taken.units.saturating_sub(share.units);
        }
        self.0.retain(|it| it.units > 0);
    }
}
