//! The count of one limit of one subject in one isolate: its own units, and the units that it has
//! read from other isolates.

use crate::algorithm::counter::{window_at, Counter};
use crate::algorithm::counts::Counts;
use crate::algorithm::sliding::Sliding;
use crate::algorithm::state::{LimitState, Moment};
use crate::calendar::{period_at, Span, UnknownTimeZone};
use crate::policy::{Policy, SHORTEST_COUNTED};
use crate::{Algorithm, Duration, Limit, Timestamp};

use super::evicted::EvictedCount;
use super::pair::Pair;
use super::published::Published;
use super::record::{id_of, Definition, Purpose, Record};

/// How long another isolate's last published rate is extrapolated: KV's delay and the time to the
/// next reading. An isolate without requests publishes that its rate is zero, so this bound matters
/// only for isolates that have ended.
const MAX_EXTRAPOLATION: Duration = Duration::from_secs(75);

/// The use of one limit as one isolate knows it.
#[derive(Debug)]
pub(super) struct Count {
    purpose: Purpose,
    policy: String,
    version: u64,
    limit: Limit,
    id: u64,
    span: Span,
    own: Pair,
    /// The object's last reported use, if this counts in place of an unavailable object. It
    /// includes everything that isolates published before `base_at`.
    base: Pair,
    base_at: Timestamp,
    others: Pair,
    /// When the others' counts were read, and their total rate, in units per million seconds.
    read_at: Timestamp,
    others_rate: u64,
    pub(super) published: Published,
    /// When the first of the counted units was admitted.
    begun: Timestamp,
    /// The latest time seen.
    time: Timestamp,
}

/// The window or period that holds `now`.
fn span_at(limit: &Limit, moment: Moment) -> Result<Span, UnknownTimeZone> {
    match limit.algorithm() {
        Algorithm::Quota(quota) => period_at(quota, moment.zones, moment.now),
        // `Consistency::suits` admits only windows and quotas.
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
            published: Published::default(),
            begun: moment.now,
            time: moment.now,
        })
    }

    /// Whether this is the count of `limit` in `policy`. The rule is that of an object's states, so
    /// past use is kept when numbers change.
    pub(super) fn is_count_of(&self, purpose: Purpose, policy: &Policy, limit: &Limit) -> bool {
        self.purpose == purpose
            && self.policy == policy.name_or_empty()
            && self.limit.shares_state_with(limit)
    }

    /// Advances to the current window, and takes over the requested numbers. If the clock steps
    /// back, nothing changes.
    pub(super) fn advance(
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
                pair.advanced()
            } else {
                Pair::default()
            };
        }
        // The rate of the old window says nothing about the new one.
        self.others_rate = 0;
        self.span = span;
        Ok(())
    }

    /// An estimate of the state that an object would have if it had decided all requests.
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

    /// The estimated use of the other isolates by `now`: the use read, plus their rate since.
    fn others_by(&self, now: Timestamp) -> u64 {
        let since = now.since(self.read_at).min(MAX_EXTRAPOLATION);
        self.others
            .current
            .saturating_add(units(self.others_rate, since))
    }

    /// Counts admitted units. A negative cost is a refund of the isolate's own use of this window;
    /// the excess is dropped.
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
        self.published.add_units(cost);
    }

    /// Records the use that the object reported. Units that this isolate admitted in the object's
    /// place are not part of it until [`move_to_object`](Count::move_to_object).
    pub(super) fn set_object_use(&mut self, used: u64, at: Timestamp) {
        self.others = Pair::default();
        self.others_rate = 0;
        self.base = Pair {
            current: used,
            previous: 0,
        };
        self.base_at = at;
    }

    /// Moves units from the isolate's own use to the object's, once the object has been charged for
    /// them. Units of the window before count in a sliding window for the part that is left of it,
    /// and were charged as that.
    pub(super) fn move_to_object(&mut self, units: u64) {
        let current = units.min(self.own.current);
        self.own.current -= current;
        let mut moved = current;
        if let Algorithm::SlidingWindow(window) = self.limit.algorithm() {
            let length = u128::from(window.window().as_millis());
            let left = u128::from(self.span.end.since(self.time).as_millis()).max(1);
            let counted = (u128::from(self.own.previous) * left).div_ceil(length.max(1));
            let whole = u128::from(units - current) * length / left;
            let whole = u64::try_from(whole).unwrap_or(u64::MAX);
            self.own.previous = self.own.previous.saturating_sub(whole);
            moved += (units - current).min(u64::try_from(counted).unwrap_or(u64::MAX));
        }
        self.base.current = self.base.current.saturating_add(moved);
    }

    /// Treats the published units as those of another isolate: their key is never written again.
    /// Unpublished units are dropped.
    pub(super) fn disown(&mut self) {
        self.others.current = self.others.current.saturating_add(self.own.current);
        self.others.previous = self.others.previous.saturating_add(self.own.previous);
        self.own = Pair::default();
        self.published = Published::default();
    }

    /// Whether any units still count.
    fn has_use(&self) -> bool {
        let slides = matches!(self.limit.algorithm(), Algorithm::SlidingWindow(_));
        let pairs = [self.own, self.base, self.others];
        pairs
            .iter()
            .any(|pair| pair.current > 0 || (slides && pair.previous > 0))
    }

    /// The part that is kept when the subject is evicted; `None` if a new count would be equal.
    pub(super) fn evict(&self, now: Timestamp) -> Option<EvictedCount> {
        let says_something = self.has_use() || self.base_at > Timestamp::ZERO;
        says_something.then(|| EvictedCount {
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

    /// Continues from an evicted count. Its units may be unpublished, so they are published again.
    pub(super) fn restore(&mut self, evicted: EvictedCount) {
        self.span = evicted.span;
        self.own = evicted.own;
        self.base = evicted.base;
        self.base_at = evicted.base_at;
        self.others = evicted.others;
        self.begun = evicted.begun;
        self.published.mark_unpublished();
    }

    /// Whether the estimate leaves nothing of the limit.
    fn is_exhausted(&self, now: Timestamp) -> bool {
        let view = self.estimate(now).view(self.limit.algorithm(), now);
        view.remaining == 0
    }

    fn start_anew(&mut self, at: Timestamp) {
        self.own = Pair::default();
        self.others = Pair::default();
        self.others_rate = 0;
        self.published = Published::default();
        self.base = Pair::default();
        self.base_at = at;
        self.begun = at;
    }

    /// Applies a reset: units counted before `at` are dropped, once.
    pub(super) fn reset(&mut self, at: Timestamp) {
        if at <= self.base_at {
            return;
        }
        if self.begun < at {
            self.start_anew(at);
            self.published.add_units(1); // so that others learn of it soon
        } else {
            self.base_at = at;
        }
    }

    pub(super) const fn time(&self) -> Timestamp {
        self.time
    }

    /// Whether `GET /limit` shows it. Counts in place of an object are charged to the object.
    pub(super) fn is_shown(&self) -> bool {
        self.purpose == Purpose::Mode
    }

    /// The part of the limit that this isolate has admitted in the current or previous window, in
    /// thousandths.
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

    /// The record that this isolate publishes.
    pub(super) fn record(&self, now: Timestamp) -> Record {
        Record {
            id: self.id,
            start: self.span.start,
            used: self.own.current,
            previous: self.start_before().map_or(0, |_| self.own.previous),
            rate: self.published.rate(now),
        }
    }

    /// Starts a new sum of the others' records.
    pub(super) fn begin_reading(&mut self, now: Timestamp) {
        self.others = Pair::default();
        self.others_rate = 0;
        self.read_at = self.time.max(now);
    }

    /// Adds a record that another isolate published at `at`; whether that isolate has admitted
    /// units in this window.
    pub(super) fn add_other(&mut self, record: &Record, at: Timestamp) -> bool {
        if at < self.base_at {
            return false; // in the base already, or reset
        }
        if record.start == self.span.start {
            let age = self.read_at.since(at);
            let going_on = age < MAX_EXTRAPOLATION;
            let rate = if going_on { record.rate } else { 0 };
            let used = record.used.saturating_add(units(rate, age));
            self.others.current = self.others.current.saturating_add(used);
            self.others.previous = self.others.previous.saturating_add(record.previous);
            self.others_rate = self.others_rate.saturating_add(rate);
            return record.used > 0;
        }
        if record.start == self.span.end {
            // The other clock is ahead and in the next window already.
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

    /// The known rate of all isolates together, in units per million seconds.
    pub(super) fn total_rate(&self, now: Timestamp) -> u64 {
        self.published.rate(now).saturating_add(self.others_rate)
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

    /// How long this isolate's record matters: until the window's end, or for a sliding window
    /// until the end of the next one.
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

/// Units in `time` at a rate per million seconds, rounded down.
fn units(rate: u64, time: Duration) -> u64 {
    let units = u128::from(rate) * u128::from(time.as_millis()) / 1_000_000_000;
    u64::try_from(units).unwrap_or(u64::MAX)
}
