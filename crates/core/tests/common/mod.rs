//! What the tests share: limits from plain numbers, and the oracle that knows what was admitted and
//! nothing else.

#![allow(dead_code, clippy::unwrap_used)]

pub(crate) mod clocks;
pub(crate) mod generated;
pub(crate) mod lending;
pub(crate) mod object;
pub(crate) mod permits;

use tollgate_core::algorithm::state::{LimitState, Moment};
use tollgate_core::calendar::UtcOnly;
use tollgate_core::limit::quota::{Anchor, Period, Quota, TimeZoneName};
use tollgate_core::limit::{Concurrency, LeakyBucket, Name, Rate, TokenBucket, Window};
use tollgate_core::number::Decimal;
use tollgate_core::policy::{Policy, Version};
use tollgate_core::{Algorithm, Duration, Limit, Timestamp};

/// A Monday in 2027, and a multiple of every window used.
pub(crate) const START: u64 = 1_798_848_000_000;

/// What limits count by: the algorithms, and windows that begin with the first use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    FixedWindow,
    FirstUse,
    SlidingWindow,
    SlidingLog,
    TokenBucket,
    LeakyBucket,
    Quota,
    Concurrency,
}

impl Kind {
    pub(crate) const ALL: [Kind; 8] = [
        Kind::FixedWindow,
        Kind::FirstUse,
        Kind::SlidingWindow,
        Kind::SlidingLog,
        Kind::TokenBucket,
        Kind::LeakyBucket,
        Kind::Quota,
        Kind::Concurrency,
    ];
}

/// Bits that no other call has had.
pub(crate) fn bits() -> u128 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    u128::from(NEXT.fetch_add(1, Ordering::Relaxed)) << 64
}

pub(crate) fn moment(now: u64) -> Moment<'static> {
    Moment {
        now: Timestamp::from_millis(now),
        zones: &UtcOnly,
    }
}

/// Every algorithm but the one of slots.
pub(crate) fn counted() -> Vec<Kind> {
    let all = Kind::ALL.into_iter();
    all.filter(|kind| *kind != Kind::Concurrency).collect()
}

/// A limit in plain numbers: `limit` units per `window` ms; buckets of `limit` units, `amount`
/// coming back per `window`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spec {
    pub(crate) kind: Kind,
    pub(crate) limit: u64,
    pub(crate) window: u64,
    pub(crate) amount: u64,
}

pub(crate) fn rate(amount: u64, interval: u64) -> Rate {
    Rate::new(
        "interval",
        Decimal::new(amount, 0).unwrap(),
        Duration::from_millis(interval),
    )
    .unwrap()
}

pub(crate) fn bucket(capacity: u64, amount: u64, interval: u64) -> TokenBucket {
    TokenBucket::new(capacity, rate(amount, interval)).unwrap()
}

pub(crate) fn leaky(capacity: u64, amount: u64, interval: u64) -> LeakyBucket {
    LeakyBucket::new(capacity, rate(amount, interval)).unwrap()
}

pub(crate) fn fixed(limit: u64, window: u64) -> Algorithm {
    Algorithm::FixedWindow(Window::new(limit, Duration::from_millis(window)).unwrap())
}

pub(crate) fn algorithm(spec: &Spec) -> Algorithm {
    let duration = Duration::from_millis(spec.window);
    let window = || Window::new(spec.limit, duration).unwrap();
    match spec.kind {
        Kind::FixedWindow => Algorithm::FixedWindow(window()),
        Kind::FirstUse => Algorithm::FirstUse(window()),
        Kind::SlidingWindow => Algorithm::SlidingWindow(window()),
        Kind::SlidingLog => Algorithm::SlidingLog(Window::new_log(spec.limit, duration).unwrap()),
        Kind::TokenBucket => Algorithm::TokenBucket(bucket(spec.limit, spec.amount, spec.window)),
        Kind::LeakyBucket => Algorithm::LeakyBucket(leaky(spec.limit, spec.amount, spec.window)),
        Kind::Quota => {
            let quota = Quota::new(
                spec.limit,
                Period::Minute,
                TimeZoneName::default(),
                Anchor::default(),
            );
            Algorithm::Quota(quota.unwrap())
        }
        Kind::Concurrency => {
            Algorithm::Concurrency(Concurrency::new(spec.limit, duration).unwrap())
        }
    }
}

pub(crate) fn named(name: &str, algorithm: Algorithm) -> Limit {
    Limit::new(Some(Name::new("name", name).unwrap()), algorithm)
}

/// A version in the first generation.
pub(crate) fn version(number: u64) -> Version {
    Version {
        generation: START,
        number,
        ..Version::NONE
    }
}

pub(crate) fn policy_of(algorithm: Algorithm) -> Policy {
    Policy::new(vec![Limit::new(None, algorithm)]).unwrap()
}

/// The deficit of a bucket in parts.
pub(crate) fn units(state: &LimitState) -> u128 {
    match state {
        LimitState::Bucket(bucket) => bucket.level.deficit,
        _ => unreachable!(),
    }
}

/// What was admitted, and when: all that an oracle needs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Admitted(pub(crate) Vec<(u64, u64)>);

impl Admitted {
    pub(crate) fn add(&mut self, at: u64, units: u64) {
        if units > 0 {
            self.0.push((at, units));
        }
    }

    pub(crate) fn sort(&mut self) {
        self.0.sort_unstable();
    }

    fn sum(&self, counts: impl Fn(u64) -> bool) -> u64 {
        self.0
            .iter()
            .filter(|(at, _)| counts(*at))
            .map(|(_, units)| units)
            .sum()
    }

    /// Whether the definition of the algorithm has room for `cost` more at `now`, at or after
    /// everything admitted.
    pub(crate) fn has_room(&self, spec: &Spec, cost: u64, now: u64) -> bool {
        let (limit, window) = (spec.limit, spec.window);
        match spec.kind {
            _ if cost == 0 => true,
            Kind::FixedWindow => self.sum(|at| at / window == now / window) + cost <= limit,
            Kind::FirstUse => {
                let open = self.opened(window).last().copied();
                let open = open.filter(|start| now < start + window);
                self.sum(|at| open.is_some_and(|start| at >= start)) + cost <= limit
            }
            Kind::Quota => self.sum(|at| at / 60_000 == now / 60_000) + cost <= limit,
            Kind::SlidingWindow => {
                let current = self.sum(|at| at / window == now / window);
                let previous = self.sum(|at| at / window + 1 == now / window);
                let left = window - now % window;
                u128::from(previous) * u128::from(left)
                    + u128::from(current + cost) * u128::from(window)
                    <= u128::from(limit) * u128::from(window)
            }
            Kind::SlidingLog | Kind::Concurrency => {
                self.sum(|at| at + window > now) + cost <= limit
            }
            Kind::TokenBucket | Kind::LeakyBucket => {
                i128::from(cost) * i128::from(window) <= self.tokens(spec, now)
            }
        }
    }

    /// The starts of windows that begin with the first use after the end of the one before.
    fn opened(&self, window: u64) -> Vec<u64> {
        let mut starts: Vec<u64> = Vec::new();
        for &(at, _) in &self.0 {
            if starts.last().is_none_or(|start| at >= start + window) {
                starts.push(at);
            }
        }
        starts
    }

    /// The tokens of a bucket that starts full, times `window`, so that they are whole numbers;
    /// below zero where it is in debt.
    fn tokens(&self, spec: &Spec, now: u64) -> i128 {
        let full = i128::from(spec.limit) * i128::from(spec.window);
        let (mut tokens, mut last) = (full, 0);
        let refilled = |tokens: i128, from: u64, to: u64| {
            (tokens + i128::from(to - from) * i128::from(spec.amount)).min(full)
        };
        for &(at, units) in &self.0 {
            tokens = refilled(tokens, last, at) - i128::from(units) * i128::from(spec.window);
            last = at;
        }
        refilled(tokens, last, now)
    }

    /// As [`Admitted::assert_bound`], for promised instants: those are whole milliseconds, rounded
    /// up, so a window between two of them may look up to one shorter than it is.
    pub(crate) fn assert_bound_of_promises(&self, spec: &Spec) {
        self.assert_bound_with(spec, 1);
    }

    /// Looks at every window there is: those that begin and end with an admission.
    pub(crate) fn assert_bound(&self, spec: &Spec) {
        self.assert_bound_with(spec, 0);
    }

    fn assert_bound_with(&self, spec: &Spec, rounding: u64) {
        for (i, &(from, _)) in self.0.iter().enumerate() {
            let mut sum = 0u128;
            for &(to, units) in &self.0[i..] {
                sum += u128::from(units);
                let (limit, window) = (u128::from(spec.limit), u128::from(spec.window));
                let span = u128::from(to - from);
                let most = match spec.kind {
                    Kind::SlidingLog | Kind::Concurrency if span < window => limit,
                    Kind::FixedWindow | Kind::FirstUse | Kind::SlidingWindow if span < window => {
                        2 * limit
                    }
                    Kind::Quota if span < 60_000 => 2 * limit,
                    Kind::TokenBucket | Kind::LeakyBucket => {
                        limit + u128::from(spec.amount) * (span + u128::from(rounding)) / window
                    }
                    _ => continue,
                };
                assert!(
                    sum <= most,
                    "{sum} admitted within {span} ms, at most {most}: {spec:?}"
                );
                let one_window = from / spec.window == to / spec.window;
                assert!(
                    spec.kind != Kind::FixedWindow || !one_window || sum <= limit,
                    "an aligned window has the limit"
                );
            }
        }
    }
}
