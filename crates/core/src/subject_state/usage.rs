//! A limit and how much of it is used: charged, taken over from another definition, taken back.

use crate::algorithm::allowance::{allowance_of, Lost};
use crate::algorithm::charge::Charge;
use crate::algorithm::state::{LimitState, Moment};
use crate::algorithm::{Take, View};
use crate::calendar::{UnknownTimeZone, UtcOnly};
use crate::codec::{Line, LineWriter, Unreadable};
use crate::limit::schedule::StageClock;
use crate::limit::MAX_LOG;
use crate::row::{get_limit, get_lost, get_state, put_limit, put_lost, put_state};
use crate::{Algorithm, Limit, Timestamp};

use super::held::{Held, Holding};

/// So many changes of a bucket's numbers are followed one by one, for a bucket that nobody asked
/// while they came. What came back after that came at the slowest of its rates.
const MAX_FOLLOWED: usize = 1_000;

/// A limit and its real use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) limit: Limit,
    /// How many units a row covers at once, where the policy says it.
    pub(super) write_ahead: Option<u64>,
    pub(super) state: LimitState,
    /// What waking has lost of the limit's allowance.
    pub(super) lost: Lost,
    /// Slots that permits hold, while the algorithm in force has none.
    pub(super) held: Option<Box<Held>>,
}

impl Usage {
    /// A limit of which nothing is used.
    pub(super) fn fresh(limit: &Limit, moment: Moment) -> Result<Usage, UnknownTimeZone> {
        Ok(Usage {
            limit: limit.clone(),
            write_ahead: None,
            state: LimitState::fresh(limit.algorithm(), moment)?,
            lost: Lost::Nothing,
            held: None,
        })
    }

    /// Reads a row: the real use is taken to be what the row says, and what it was ahead is lost.
    pub(super) fn get(line: &Line) -> Result<Usage, Unreadable> {
        let limit = get_limit(line)?;
        let state = get_state(line, limit.algorithm())?;
        let mut usage = Usage {
            // `reserve` is what it was called before.
            write_ahead: match line.number("writeAhead")? {
                Some(units) => Some(units),
                None => line.number("reserve")?,
            },
            limit,
            lost: get_lost(line, &state)?,
            held: Held::get(line, state.seen())?,
            state,
        };
        usage.lose(line.number("ahead")?.unwrap_or(0));
        Ok(usage)
    }

    /// Adds it to a row, which tells `state`: `ahead` units more than the real one.
    pub(super) fn put(&self, line: LineWriter, state: &LimitState, ahead: u64) -> LineWriter {
        let line = put_state(put_limit(line, &self.limit), state, self.algorithm())
            .put_some("ahead", (ahead > 0).then_some(ahead));
        let lost = self.lost.seen_from(&self.state, self.algorithm());
        Held::put(self.held.as_deref(), put_lost(line, &lost))
    }

    pub(super) const fn algorithm(&self) -> &Algorithm {
        self.limit.algorithm()
    }

    /// The units that rows may run ahead in one window.
    pub(super) fn allowance(&self) -> u64 {
        allowance_of(self.algorithm(), self.write_ahead)
    }

    /// How many of them may still be put at risk.
    pub(super) fn allowance_left(&self) -> u64 {
        let allowance = self.allowance();
        self.lost.left(allowance, &self.state, self.algorithm())
    }

    /// How many of them are lost.
    fn allowance_lost(&self, state: &LimitState) -> u64 {
        self.lost.units(self.allowance(), state, self.algorithm())
    }

    /// Adds what waking has lost.
    fn lose(&mut self, units: u64) {
        let allowance = self.allowance();
        let algorithm = self.limit.algorithm();
        self.lost.add(units, allowance, &self.state, algorithm);
    }

    /// Whether its numbers have changed since it was last used in a way that is to be followed.
    pub(super) fn has_changed(
        &self,
        clock: Option<&StageClock>,
        moment: Moment,
    ) -> Result<bool, UnknownTimeZone> {
        Ok(self.first_change(clock, moment)?.is_some())
    }

    /// The first change since it was last used that is to be followed: only of a bucket the numbers
    /// say what came back in the meantime.
    fn first_change(
        &self,
        clock: Option<&StageClock>,
        moment: Moment,
    ) -> Result<Option<Timestamp>, UnknownTimeZone> {
        let now = self.state.seen();
        if !self.is_bucket() || now >= moment.now {
            return Ok(None);
        }
        let change = self.limit.next_change(clock, Moment { now, ..moment })?;
        Ok(change.filter(|change| *change <= moment.now))
    }

    const fn is_bucket(&self) -> bool {
        matches!(self.state, LimitState::Bucket(_))
    }

    /// The same use after the last change of its numbers until now, under those that came into
    /// force by it; `None` where there is nothing to follow.
    pub(super) fn followed(
        &self,
        clock: Option<&StageClock>,
        moment: Moment,
    ) -> Result<Option<Usage>, UnknownTimeZone> {
        let Some(first) = self.first_change(clock, moment)? else {
            return Ok(None);
        };
        let mut at = Moment {
            now: first,
            ..moment
        };
        let mut followed = self.clone();
        for _ in 0..MAX_FOLLOWED {
            if followed.is_full(at) {
                at.now = moment.now; // under whatever numbers, it is full then
            }
            followed = followed.in_force(clock, at)?;
            match followed.limit.next_change(clock, at)? {
                Some(change) if change <= moment.now => at.now = change,
                _ => return Ok(Some(followed)),
            }
        }
        let slowest = followed.adopted_by(&followed.limit.smallest(), at)?;
        Ok(Some(slowest.in_force(clock, moment)?))
    }

    /// The same use under the numbers in force now, where none were in force in between.
    pub(super) fn in_force(
        &self,
        clock: Option<&StageClock>,
        moment: Moment,
    ) -> Result<Usage, UnknownTimeZone> {
        self.adopted_by(&self.limit.in_force(clock, moment)?, moment)
    }

    /// Whether nothing of a bucket is missing or promised, nor anything earned beyond.
    fn is_full(&self, moment: Moment) -> bool {
        let (algorithm, state) = (self.algorithm(), &self.state);
        let Ok(Some(LimitState::Bucket(bucket))) = state.projected(algorithm, moment) else {
            return false;
        };
        let earns = matches!(algorithm, Algorithm::TokenBucket(it) if it.burst_credits().is_some());
        let state = LimitState::Bucket(bucket);
        let is_promised = !state.promised(algorithm, moment.now).is_empty();
        !earns && !is_promised && state.used(algorithm, moment.now) == 0
    }

    /// The same use under another definition, or under other numbers of this one.
    pub(super) fn redefined(
        &self,
        limit: &Limit,
        clock: Option<&StageClock>,
        moment: Moment,
    ) -> Result<Usage, UnknownTimeZone> {
        match self.followed(clock, moment)? {
            Some(followed) => followed.adopted_by(limit, moment),
            None => self.adopted_by(limit, moment),
        }
    }

    /// The same use under another definition, which may count in another state.
    pub(super) fn becoming(
        &self,
        limit: &Limit,
        clock: Option<&StageClock>,
        moment: Moment,
    ) -> Result<Usage, UnknownTimeZone> {
        if self.limit.shares_state_with(limit) {
            return self.redefined(limit, clock, moment);
        }
        let mut usage = Usage::fresh(limit, moment)?;
        usage.take_over(self, moment)?;
        Ok(usage)
    }

    /// The same use as it is now, under the numbers that are in force now.
    pub(super) fn present(
        &self,
        clock: Option<&StageClock>,
        moment: Moment,
    ) -> Result<Usage, UnknownTimeZone> {
        if self.limit.schedule().is_none() {
            return Ok(self.clone());
        }
        let limit = self.limit.in_force(clock, moment)?;
        self.redefined(&limit, clock, moment)
    }

    /// The same use under another definition, which comes into force now.
    fn adopted_by(&self, limit: &Limit, moment: Moment) -> Result<Usage, UnknownTimeZone> {
        let mut old = self.state.clone();
        old.project(self.algorithm(), moment)?;
        let beside = self.held_beside(moment.now);
        let held = (beside.iter()).flat_map(|beside| beside.slots.held().copied());
        let state = old.adopted(&self.limit, limit, held.collect(), moment)?;
        let mut usage = Usage {
            limit: limit.clone(),
            write_ahead: self.write_ahead,
            lost: Lost::Nothing,
            held: beside.filter(|_| !matches!(state, LimitState::Slots(_))),
            state,
        };
        usage.lost = self.lost.carried(
            (&old, self.algorithm(), self.allowance()),
            (&usage.state, limit.algorithm(), usage.allowance()),
        );
        Ok(usage)
    }

    /// Counts at least what `other`, another definition of the same limit, has counted: this one
    /// comes into force. The state is new, or projected to now.
    pub(super) fn take_over(
        &mut self,
        other: &Usage,
        moment: Moment,
    ) -> Result<(), UnknownTimeZone> {
        let (from, to) = (other.algorithm(), self.limit.algorithm());
        let projected = other.state.projected(from, moment)?;
        let state = projected.as_ref().unwrap_or(&other.state);
        let used = state.used(from, moment.now);
        // What is above the limit is gone with the window, where all of it ends at once; elsewhere
        // it would refuse for much longer.
        let units = match &self.state {
            LimitState::Counter(_) | LimitState::Log(_) => used,
            _ => used.min(to.limit()),
        };
        self.state.raise(to, units, moment)?;
        let promised = state.promised(from, moment.now);
        self.state.promise_all(to, promised, moment)?;
        // The larger count has lost at most as much as the one of both that lost more.
        let lost = other.allowance_lost(state);
        self.lose(lost.saturating_sub(self.allowance_lost(&self.state)));
        Ok(())
    }

    /// Charges what another definition of the same limit has admitted, for `at`: past the limit,
    /// and at most to twice of it but in a window, with which all of it ends, and in a log, whose
    /// entries end one by one. Answers what was charged, where it can be taken back.
    pub(super) fn charge_past(
        &mut self,
        units: u64,
        at: Timestamp,
        moment: Moment,
    ) -> Result<Option<Charge>, UnknownTimeZone> {
        let algorithm = self.limit.algorithm();
        self.state.project(algorithm, moment)?;
        let most = match &self.state {
            LimitState::Counter(_) => u64::MAX,
            // No log admits more, so none has more to tell.
            LimitState::Log(_) => 2 * MAX_LOG,
            _ => algorithm.limit().saturating_mul(2),
        };
        let left = most.saturating_sub(self.state.used(algorithm, moment.now));
        // What is promised for later is charged whole: so each definition has room for a place only
        // where all have.
        let units = if at > moment.now {
            units
        } else {
            units.min(left)
        };
        if units == 0 {
            return Ok(None);
        }
        let take = Take::of(units);
        self.state.take(algorithm, take, at, moment)?;
        Ok(self.state.charge(algorithm, &take, at))
    }

    /// Charges units as far as there is room for them now, beside those that are on hold; how many.
    /// Slots are not taken.
    pub(super) fn take_left(
        &mut self,
        units: u64,
        on_hold: u64,
        moment: Moment,
    ) -> Result<u64, UnknownTimeZone> {
        let algorithm = self.limit.algorithm();
        self.state.project(algorithm, moment)?;
        if matches!(self.state, LimitState::Slots(_)) {
            return Ok(0);
        }
        let left = self.state.view(algorithm, moment.now).remaining;
        let units = units.min(left.saturating_sub(on_hold));
        if units > 0 {
            let take = Take::of(units);
            self.state.take(algorithm, take, moment.now, moment)?;
        }
        Ok(units)
    }

    /// Counts what was given out elsewhere, past the limit: at most the whole limit.
    pub(super) fn charge_whole(
        &mut self,
        units: u64,
        moment: Moment,
    ) -> Result<(), UnknownTimeZone> {
        let algorithm = self.limit.algorithm();
        self.state.project(algorithm, moment)?;
        let take = Take::of(units.min(algorithm.limit()));
        self.state.take(algorithm, take, moment.now, moment)
    }

    /// Charges what has happened: past the limit, of which at most the whole once more is carried
    /// as debt. How many units were charged, and by how many it is in debt then.
    pub(super) fn charge_as_debt(
        &mut self,
        units: u64,
        moment: Moment,
    ) -> Result<(u64, u64), UnknownTimeZone> {
        let most = self.algorithm().limit().saturating_mul(2);
        self.charge_up_to(most, units, moment)
    }

    /// Charges units that were lent, which the limit had room for, whole. The same is answered: it
    /// may be in debt where it is lower by now.
    pub(super) fn charge_lent(
        &mut self,
        units: u64,
        moment: Moment,
    ) -> Result<(u64, u64), UnknownTimeZone> {
        self.charge_up_to(u64::MAX, units, moment)
    }

    /// Charges units until so many are in use.
    fn charge_up_to(
        &mut self,
        most: u64,
        units: u64,
        moment: Moment,
    ) -> Result<(u64, u64), UnknownTimeZone> {
        let algorithm = self.limit.algorithm();
        self.state.project(algorithm, moment)?;
        let used = self.state.used(algorithm, moment.now);
        let units = units.min(most.saturating_sub(used));
        if units > 0 {
            let take = Take::of(units);
            self.state.take(algorithm, take, moment.now, moment)?;
        }
        let debt = used.saturating_add(units);
        Ok((units, debt.saturating_sub(algorithm.limit())))
    }

    /// Adds units that were charged at an instant, of which the row that it was read from does not
    /// tell. They are of the window of that row, so no clock of a time zone is asked.
    pub(super) fn add_carried(&mut self, units: u64, at: Timestamp) {
        let algorithm = self.limit.algorithm();
        let now = at.max(self.state.seen());
        let zones = &UtcOnly;
        let moment = Moment { now, zones };
        // Neither can fail without a time zone.
        let _ = self.state.project(algorithm, moment);
        let _ = self.state.take(algorithm, Take::of(units), now, moment);
    }

    /// When the window or period ends that it counts in; `None` where it counts in none.
    pub(super) fn turn(&self) -> Option<Timestamp> {
        match (&self.state, self.algorithm()) {
            (LimitState::Counter(counter), _) => Some(counter.span.end),
            (LimitState::Sliding(sliding), Algorithm::SlidingWindow(window)) => {
                Some(sliding.counts.start.plus(window.window()))
            }
            _ => None,
        }
    }

    /// Whether nothing that was charged before its [`Usage::turn`] counts after it.
    pub(super) const fn forgets_at_turn(&self) -> bool {
        matches!(self.state, LimitState::Counter(_))
    }

    /// Units in use, also past the limit.
    pub(super) fn used(&self, moment: Moment) -> Result<u64, UnknownTimeZone> {
        let algorithm = self.algorithm();
        let projected = self.state.projected(algorithm, moment)?;
        let state = projected.as_ref().unwrap_or(&self.state);
        Ok(state.used(algorithm, moment.now))
    }

    /// By how many units more than the limit are in use.
    pub(super) fn debt(&self, moment: Moment) -> Result<u64, UnknownTimeZone> {
        Ok(self.used(moment)?.saturating_sub(self.algorithm().limit()))
    }

    /// The deadline of the slots that this permit holds.
    pub(super) fn slot(&self, permit: u128, now: Timestamp) -> Option<Timestamp> {
        match &self.state {
            LimitState::Slots(slots) => slots.find(permit, now).map(|slot| slot.deadline),
            _ => None,
        }
    }

    /// Whether a charge can be taken back now: an error where a time zone is not known any more.
    pub(super) fn can_cancel(
        &self,
        clock: Option<&StageClock>,
        moment: Moment,
    ) -> Result<(), UnknownTimeZone> {
        self.followed(clock, moment)?;
        self.state.projected(self.algorithm(), moment).map(drop)
    }

    /// Takes a charge back; the parts of a unit that a bucket took back.
    pub(super) fn cancel(
        &mut self,
        charge: &Charge,
        moment: Moment,
    ) -> Result<u128, UnknownTimeZone> {
        let algorithm = self.limit.algorithm();
        self.state.project(algorithm, moment)?;
        Ok(self.state.cancel(algorithm, charge, moment.now))
    }

    /// Gives back what was charged for an instant that lies ahead.
    pub(super) fn cancel_place(
        &mut self,
        at: Timestamp,
        units: u64,
        moment: Moment,
    ) -> Result<(), UnknownTimeZone> {
        if at <= self.state.seen().max(moment.now) {
            return Ok(());
        }
        let charge = match &self.state {
            LimitState::Bucket(bucket) => Charge::Bucket {
                after: bucket.level, // of a place ahead it says nothing
                at,
                units,
                class: None, // who shares a limit by weights is promised no place
            },
            _ => Charge::At { at, units },
        };
        self.cancel(&charge, moment).map(drop)
    }

    /// Adds the use that an older row tells of the same limit; `false` where that is over.
    pub(super) fn merge(&mut self, older: &Usage) -> bool {
        let (LimitState::Counter(counter), LimitState::Counter(before)) =
            (&mut self.state, &older.state)
        else {
            return false; // only quotas have zones
        };
        if before.last_span().0.end <= counter.span.start {
            return false;
        }
        counter.merge(before);
        self.lose(older.allowance() - older.allowance_left());
        true
    }

    /// The start of its period, and when it was last used.
    pub(super) fn newest(&self) -> (Timestamp, Timestamp) {
        match &self.state {
            LimitState::Counter(counter) => (counter.span.start, counter.time),
            _ => Default::default(),
        }
    }

    /// What is left of it.
    pub(super) fn view(&self, moment: Moment) -> Result<View, UnknownTimeZone> {
        let projected = self.state.projected(self.algorithm(), moment)?;
        let state = projected.as_ref().unwrap_or(&self.state);
        Ok(state.view(self.algorithm(), moment.now))
    }

    /// When nothing is in use any more. A bucket whose rate changes is taken to be full when it is
    /// at the slowest of its rates.
    fn full_at(&self, now: Timestamp) -> Timestamp {
        let full = self.state.idle_at(self.algorithm(), now);
        if !self.is_bucket() || self.limit.schedule().is_none() {
            return full;
        }
        let (now, zones) = (self.state.seen(), &UtcOnly);
        let slowest = self.limit.smallest();
        let adopted = (self.state).adopted(&self.limit, &slowest, vec![], Moment { now, zones });
        // Buckets ask for no zone.
        adopted.map_or(full, |state| {
            full.max(state.idle_at(slowest.algorithm(), now))
        })
    }

    /// From when on it answers as a new one would, or may be forgotten.
    pub(super) fn idle_at(&self, now: Timestamp) -> Timestamp {
        let idle = self.full_at(now);
        let held = self.held.as_ref();
        held.map_or(idle, |held| idle.max(held.slots.view(0, now).reset))
    }

    /// The slots that permits may hold here; `None` where there are none.
    pub(super) fn holding(&mut self) -> Option<Holding<'_>> {
        match (&mut self.state, self.limit.algorithm()) {
            (LimitState::Slots(slots), Algorithm::Concurrency(limit)) => Some(Holding {
                slots,
                ttl: limit.ttl(),
            }),
            _ => self.held.as_mut().map(|held| Holding {
                slots: &mut held.slots,
                ttl: held.ttl,
            }),
        }
    }

    /// The slots that somebody holds at `now`, to be kept beside the state of another algorithm.
    fn held_beside(&self, now: Timestamp) -> Option<Box<Held>> {
        let held = match (&self.state, self.algorithm()) {
            (LimitState::Slots(slots), Algorithm::Concurrency(limit)) => Box::new(Held {
                slots: slots.clone(),
                ttl: limit.ttl(),
            }),
            _ => self.held.clone()?,
        };
        held.live(now)
    }

    /// The newest fence given here, 0 when none is known.
    pub(super) fn newest_fence(&self) -> u64 {
        match (&self.state, &self.held) {
            (LimitState::Slots(slots), _) => slots.fence,
            (_, Some(held)) => held.slots.fence,
            _ => 0,
        }
    }

    /// Forgets what is spent. Slots that somebody holds are not spent; whether any are left.
    pub(super) fn forget_spent(&mut self, moment: Moment) -> bool {
        let is_held = self
            .holding()
            .is_some_and(|mut holding| holding.forget_spent(moment.now));
        if !matches!(self.state, LimitState::Slots(_)) {
            // Only quotas ask for a zone, and no slots are beside them.
            let Ok(fresh) = LimitState::fresh(self.algorithm(), moment) else {
                return false;
            };
            self.state = fresh;
            self.lost = Lost::Nothing;
        }
        is_held
    }
}
