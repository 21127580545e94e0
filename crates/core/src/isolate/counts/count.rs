//! The count of one limit of one subject in one isolate: its own units, and the units that it has
//! read from other isolates.

use crate::algorithm::counter::Counter;
use crate::algorithm::counts::Counts;
use crate::algorithm::sliding::Sliding;
use crate::algorithm::state::{LimitState, Moment};
use crate::calendar::{Span, UnknownTimeZone};
use crate::decide::{decide, Check};
use crate::decision::Decision;
use crate::policy::Policy;
use crate::{Algorithm, Limit, Timestamp};

use super::counted_limit::CountedLimit;
use super::evicted::EvictedCount;
use super::others::Others;
use super::pair::Pair;
use super::published::Published;
use super::record::{Purpose, Record};

/// The use of one limit as one isolate knows it.
#[derive(Debug, Clone)]
pub(super) struct Count {
    pub(super) limit: CountedLimit,
    span: Span,
    own: Pair,
    /// The object's last reported use, if this counts in place of an unavailable object. It
    /// includes everything that isolates published before `base_at`.
    base: Pair,
    base_at: Timestamp,
    others: Others,
    pub(super) published: Published,
    /// When the first of the counted units was admitted.
    begun: Timestamp,
    /// The latest time seen.
    time: Timestamp,
}

impl Count {
    pub(super) fn fresh(
        purpose: Purpose,
        policy: &Policy,
        limit: &Limit,
        moment: Moment,
    ) -> Result<Count, UnknownTimeZone> {
        let limit = CountedLimit::new(purpose, policy, limit);
        Ok(Count {
            span: limit.span_at(moment)?,
            limit,
            own: Pair::default(),
            base: Pair::default(),
            base_at: Timestamp::ZERO,
            others: Others::none(moment.now),
            published: Published::default(),
            begun: moment.now,
            time: moment.now,
        })
    }

    /// Advances to the current window, and takes over the requested numbers. If the clock steps
    /// back, nothing changes.
    pub(super) fn advance(
        &mut self,
        policy: &Policy,
        limit: &Limit,
        moment: Moment,
    ) -> Result<(), UnknownTimeZone> {
        self.limit.update(policy, limit);
        self.time = self.time.max(moment.now);
        if self.time < self.span.end {
            return Ok(());
        }
        let now = self.time;
        let span = self.limit.span_at(Moment { now, ..moment })?;
        let follows = span.start == self.span.end;
        self.own = self.own.advanced_if(follows);
        self.base = self.base.advanced_if(follows);
        self.others.advance(follows);
        self.span = span;
        Ok(())
    }

    /// An estimate of the state that an object would have if it had decided all requests.
    pub(super) fn estimate(&self, now: Timestamp) -> LimitState {
        let now = self.time.max(now);
        let others = self.others.current_by(now);
        let current = sum([self.own.current, self.base.current, others]);
        let others = self.others.units.previous;
        let previous = sum([self.own.previous, self.base.previous, others]);
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
        self.others.clear();
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
        self.others.add_units(self.own);
        self.own = Pair::default();
        self.published = Published::default();
    }

    /// Whether any units still count.
    fn has_use(&self) -> bool {
        let slides = self.limit.slides();
        let pairs = [self.own, self.base, self.others.units];
        pairs
            .iter()
            .any(|pair| pair.current > 0 || (slides && pair.previous > 0))
    }

    /// The part that is kept when the subject is evicted; `None` if a new count would be equal.
    pub(super) fn evict(&self, now: Timestamp) -> Option<EvictedCount> {
        let matters = self.has_use() || self.base_at > Timestamp::ZERO;
        matters.then(|| EvictedCount {
            id: self.limit.id(),
            span: self.span,
            own: self.own,
            base: self.base,
            base_at: self.base_at,
            others: self.others.units,
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
        self.others.units = evicted.others;
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
        self.others.clear();
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

    /// Units in use, those that others have told included.
    pub(super) fn used(&self, now: Timestamp) -> u64 {
        let algorithm = self.limit.algorithm();
        let left = self.estimate(now).view(algorithm, now).remaining;
        algorithm.limit().saturating_sub(left)
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

    /// The record that this isolate publishes.
    pub(super) fn record(&self, now: Timestamp) -> Record {
        Record {
            id: self.limit.id(),
            start: self.span.start,
            used: self.own.current,
            previous: self
                .limit
                .start_before(self.span)
                .map_or(0, |_| self.own.previous),
            rate: self.published.rate(now),
        }
    }

    /// Starts a new sum of the others' records.
    pub(super) fn begin_reading(&mut self, now: Timestamp) {
        self.others.begin_reading(self.time.max(now));
    }

    /// Adds a record that another isolate published at `at`; whether that isolate has admitted
    /// units in this window.
    pub(super) fn add_other(&mut self, record: &Record, at: Timestamp) -> bool {
        if at < self.base_at {
            return false; // in the base already, or reset
        }
        let before = self.limit.start_before(self.span);
        self.others.add(record, at, self.span, before)
    }

    /// The known rate of all isolates together, in units per million seconds.
    pub(super) fn total_rate(&self, now: Timestamp) -> u64 {
        self.published.rate(now).saturating_add(self.others.rate())
    }

    /// How long this isolate's record matters.
    pub(super) fn matters_until(&self) -> Timestamp {
        self.limit.matters_until(self.span)
    }
}

/// What a check is answered where so much is used; nothing is counted.
pub(super) fn decided<'a>(
    policy: &Policy,
    counts: impl Iterator<Item = &'a Count>,
    check: &Check,
    moment: Moment,
) -> Result<Decision, UnknownTimeZone> {
    let mut states: Vec<LimitState> = counts.map(|count| count.estimate(moment.now)).collect();
    let mut borrowed: Vec<&mut LimitState> = states.iter_mut().collect();
    decide(policy, &mut borrowed, check, None, moment)
}

fn sum<const N: usize>(units: [u64; N]) -> u64 {
    units.into_iter().fold(0, u64::saturating_add)
}
