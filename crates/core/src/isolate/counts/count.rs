//! The count of one limit of one subject in one isolate: its own units, and what it knows of those
//! of others.

use crate::algorithm::counter::{window_at, Counter};
use crate::algorithm::counts::Counts;
use crate::algorithm::sliding::Sliding;
use crate::algorithm::state::{LimitState, Moment};
use crate::calendar::{period_at, Span, UnknownTimeZone};
use crate::policy::{Policy, SHORTEST_COUNTED};
use crate::{Algorithm, Duration, Limit, Timestamp};

use super::kept::KeptCount;
use super::pair::Pair;
use super::record::{id_of, Definition, Purpose, Record};
use super::told::Told;

/// For how long what others did last is taken to go on when nothing is heard of them: until the
/// next reading at the latest, and KV's own delay. Whoever stops says so, so this matters only for
/// those that end.
const GOES_ON: Duration = Duration::from_secs(75);

/// What one isolate has counted of one limit, and what it has read of the counts of others.
#[derive(Debug)]
pub(super) struct Count {
    purpose: Purpose,
    policy: String,
    version: u64,
    limit: Limit,
    id: u64,
    span: Span,
    own: Pair,
    /// What the object said last, where counting goes on for one that is out of reach; what was
    /// told before then is in it.
    base: Pair,
    base_at: Timestamp,
    others: Pair,
    /// When the others' counts were read, and how fast they were rising, in units per million
    /// seconds.
    read_at: Timestamp,
    others_rate: u64,
    pub(super) told: Told,
    /// When the first of the units came that it counts.
    begun: Timestamp,
    /// The newest time seen.
    time: Timestamp,
}

/// The window or period that holds `now`.
fn span_at(limit: &Limit, moment: Moment) -> Result<Span, UnknownTimeZone> {
    match limit.algorithm() {
        Algorithm::Quota(quota) => period_at(quota, moment.zones, moment.now),
        // Only windows and quotas are counted so: `suits` has seen to it.
        algorithm => {
            let window = algorithm.window().unwrap_or(SHORTEST_COUNTED);
            Ok(window_at(window, moment.now))
        }
    }
}

impl Count {
    pub(super) fn fresh(
        purpose: Purpose,
        policy: &Policy,
        limit: &Limit,
        moment: Moment,
    ) -> Result<Count, UnknownTimeZone> {
        Ok(Count {
            purpose,
            policy: policy.name_or_empty().to_owned(),
            version: policy.version(),
            limit: limit.clone(),
            id: id_of(purpose, policy.name_or_empty(), limit),
            span: span_at(limit, moment)?,
            own: Pair::default(),
            base: Pair::default(),
            base_at: Timestamp::ZERO,
            others: Pair::default(),
            read_at: moment.now,
            others_rate: 0,
            told: Told::default(),
            begun: moment.now,
            time: moment.now,
        })
    }

    /// Whether this is the count of `limit` in `policy`: by the same rule as an object's states, so
    /// changing numbers keeps past use.
    pub(super) fn keeps(&self, purpose: Purpose, policy: &Policy, limit: &Limit) -> bool {
        self.purpose == purpose
            && self.policy == policy.name_or_empty()
            && self.limit.shares_state_with(limit)
    }

    /// Turns to the window that holds now, under the numbers asked for. A clock that steps back
    /// turns nothing.
    pub(super) fn turn(
        &mut self,
        policy: &Policy,
        limit: &Limit,
        moment: Moment,
    ) -> Result<(), UnknownTimeZone> {
        if self.limit != *limit {
            self.limit = limit.clone();
        }
        self.version = policy.version();
        self.time = self.time.max(moment.now);
        if self.time < self.span.end {
            return Ok(());
        }
        let now = self.time;
        let span = span_at(limit, Moment { now, ..moment })?;
        let follows = span.start == self.span.end;
        for pair in [&mut self.own, &mut self.base, &mut self.others] {
            *pair = if follows {
                pair.turned()
            } else {
                Pair::default()
            };
        }
        // What was extrapolated for the old window is not known to be used in the new one.
        self.others_rate = 0;
        self.span = span;
        Ok(())
    }

    /// The state that an object would have, had it been asked all the time, as far as this isolate
    /// can tell.
    pub(super) fn estimate(&self, now: Timestamp) -> LimitState {
        let now = self.time.max(now);
        let current = sum([self.own.current, self.base.current, self.others_by(now)]);
        let previous = sum([self.own.previous, self.base.previous, self.others.previous]);
        match self.limit.algorithm() {
            Algorithm::SlidingWindow(_) => LimitState::Sliding(Sliding {
                counts: Counts {
                    start: self.span.start,
                    previous,
                    current,
                    time: now,
                },
                places: None,
            }),
            _ => LimitState::Counter(Counter {
                used: current,
                ..Counter::fresh(self.span, now)
            }),
        }
    }

    /// What others have used by `now`: what was read, and what has come since if they went on as
    /// they did.
    fn others_by(&self, now: Timestamp) -> u64 {
        let since = now.since(self.read_at).min(GOES_ON);
        self.others
            .current
            .saturating_add(units(self.others_rate, since))
    }

    /// Counts what was admitted, or gives back of the isolate's own use of this window; the excess
    /// is dropped.
    pub(super) fn charge(&mut self, cost: i64) {
        if !self.has_use() {
            self.begun = self.time;
        }
        let own = &mut self.own.current;
        *own = if cost > 0 {
            own.saturating_add(cost.unsigned_abs())
        } else {
            own.saturating_sub(cost.unsigned_abs())
        };
        self.told.count(cost);
    }

    /// The object has said that `used` units are used. What this isolate has given out in its place
    /// is not among them before it is [charged](Count::charged).
    pub(super) fn learn(&mut self, used: u64, at: Timestamp) {
        self.others = Pair::default();
        self.others_rate = 0;
        self.base = Pair {
            current: used,
            previous: 0,
        };
        self.base_at = at;
    }

    /// The object has been charged units that this isolate had given out in its place.
    pub(super) fn charged(&mut self, units: u64) {
        let units = units.min(self.own.current);
        self.own.current -= units;
        self.base.current = self.base.current.saturating_add(units);
    }

    /// What it has told is from now on told by a key that nobody writes any more: as of another
    /// isolate. What it had not told is forgotten.
    pub(super) fn leave_to_others(&mut self) {
        self.others.current = self.others.current.saturating_add(self.own.current);
        self.others.previous = self.others.previous.saturating_add(self.own.previous);
        self.own = Pair::default();
        self.told = Told::default();
    }

    /// Whether it has any units that still count.
    fn has_use(&self) -> bool {
        let slides = matches!(self.limit.algorithm(), Algorithm::SlidingWindow(_));
        let pairs = [self.own, self.base, self.others];
        pairs
            .iter()
            .any(|pair| pair.current > 0 || (slides && pair.previous > 0))
    }

    /// What is kept of it when its subject has to go; `None` when a new count would say the same.
    pub(super) fn keep(&self, now: Timestamp) -> Option<KeptCount> {
        let says_something = self.has_use() || self.base_at > Timestamp::ZERO;
        says_something.then(|| KeptCount {
            id: self.id,
            span: self.span,
            own: self.own,
            base: self.base,
            base_at: self.base_at,
            others: self.others,
            begun: self.begun,
            until: self.matters_until(),
            exhausted: self.is_exhausted(now),
        })
    }

    /// Goes on from what was kept. Whether all of that was told is not known, so it is told again.
    pub(super) fn restore(&mut self, kept: KeptCount) {
        self.span = kept.span;
        self.own = kept.own;
        self.base = kept.base;
        self.base_at = kept.base_at;
        self.others = kept.others;
        self.begun = kept.begun;
        self.told.fail();
    }

    /// Whether nothing is left of the limit, as far as known.
    fn is_exhausted(&self, now: Timestamp) -> bool {
        let view = self.estimate(now).view(self.limit.algorithm(), now);
        view.remaining == 0
    }

    fn start_anew(&mut self, at: Timestamp) {
        self.own = Pair::default();
        self.others = Pair::default();
        self.others_rate = 0;
        self.told = Told::default();
        self.base = Pair::default();
        self.base_at = at;
        self.begun = at;
    }

    /// Somebody has reset it: what was counted before `at` is forgotten, once.
    pub(super) fn reset(&mut self, at: Timestamp) {
        if at <= self.base_at {
            return;
        }
        if self.begun < at {
            self.start_anew(at);
            self.told.count(1); // so that others learn of it soon
        } else {
            self.base_at = at;
        }
    }

    pub(super) const fn time(&self) -> Timestamp {
        self.time
    }

    /// Whether it is shown as a count of its own: what is given out in place of an object is
    /// charged to that.
    pub(super) fn is_shown(&self) -> bool {
        self.purpose == Purpose::Mode
    }

    /// The part of the limit that this isolate itself has given out lately, in thousandths.
    pub(super) fn part_used(&self, now: Timestamp) -> u64 {
        if now >= self.span.end.plus(self.span.end.since(self.span.start)) {
            return 0;
        }
        let own = self.own.current.max(self.own.previous);
        own.saturating_mul(1_000) / self.limit.algorithm().limit().max(1)
    }

    pub(super) fn definition(&self) -> Definition {
        Definition {
            id: self.id,
            policy: self.policy.clone(),
            version: self.version,
            limit: self.limit.clone(),
        }
    }

    /// What this isolate tells of itself.
    pub(super) fn record(&self, now: Timestamp) -> Record {
        Record {
            id: self.id,
            start: self.span.start,
            used: self.own.current,
            previous: self.start_before().map_or(0, |_| self.own.previous),
            rate: self.told.rate(now),
        }
    }

    /// Begins to add up what others tell.
    pub(super) fn begin_reading(&mut self, now: Timestamp) {
        self.others = Pair::default();
        self.others_rate = 0;
        self.read_at = self.time.max(now);
    }

    /// Adds what another isolate told at `at`; whether it has counted in this window.
    pub(super) fn add_other(&mut self, record: &Record, at: Timestamp) -> bool {
        if at < self.base_at {
            return false; // in the base already, or reset
        }
        if record.start == self.span.start {
            let age = self.read_at.since(at);
            let going_on = age < GOES_ON;
            let rate = if going_on { record.rate } else { 0 };
            let used = record.used.saturating_add(units(rate, age));
            self.others.current = self.others.current.saturating_add(used);
            self.others.previous = self.others.previous.saturating_add(record.previous);
            self.others_rate = self.others_rate.saturating_add(rate);
            return record.used > 0;
        }
        if record.start == self.span.end {
            // Its clock is ahead, and has turned already.
            self.others.current = self.others.current.saturating_add(record.previous);
            return record.previous > 0;
        }
        if Some(record.start) == self.start_before() {
            self.others.previous = self.others.previous.saturating_add(record.used);
        }
        false
    }

    /// Where the window before this one started; only sliding windows look back.
    fn start_before(&self) -> Option<Timestamp> {
        let Algorithm::SlidingWindow(window) = self.limit.algorithm() else {
            return None;
        };
        let before = self
            .span
            .start
            .as_millis()
            .checked_sub(window.window().as_millis());
        before.map(Timestamp::from_millis)
    }

    /// Units per million seconds of all isolates together, as far as known.
    pub(super) fn total_rate(&self, now: Timestamp) -> u64 {
        self.told.rate(now).saturating_add(self.others_rate)
    }

    pub(super) const fn limit(&self) -> &Limit {
        &self.limit
    }

    /// The name of its policy, empty for inline.
    pub(super) fn policy(&self) -> &str {
        &self.policy
    }

    pub(super) const fn id(&self) -> u64 {
        self.id
    }

    /// Until when what this isolate tells matters: the window's end, and of a sliding window the
    /// next one's.
    pub(super) fn matters_until(&self) -> Timestamp {
        match self.limit.algorithm() {
            Algorithm::SlidingWindow(window) => self.span.end.plus(window.window()),
            _ => self.span.end,
        }
    }
}

fn sum<const N: usize>(units: [u64; N]) -> u64 {
    units.into_iter().fold(0, u64::saturating_add)
}

/// What comes in a time at a rate per million seconds, rounded down.
fn units(rate: u64, time: Duration) -> u64 {
    let units = u128::from(rate) * u128::from(time.as_millis()) / 1_000_000_000;
    u64::try_from(units).unwrap_or(u64::MAX)
}
