//! Every limit, policy and text that can be built, for tests of what is written of them.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use tollgate_core::dots::is_dots;
use tollgate_core::limit::quota::{Anchor, Period, Quota, TimeZoneName, Weekday};
use tollgate_core::limit::schedule::{Hours, Numbers, Stage, WeekDays};
use tollgate_core::limit::weights::{By, Weights};
use tollgate_core::limit::{
    BurstCredits, Concurrency, LeakyBucket, Name, Rate, TokenBucket, Window, MAX_LOG, MAX_WINDOW,
};
use tollgate_core::number::{Decimal, MAX_SAFE};
use tollgate_core::policy::consistency::{Consistency, LocalLimit};
use tollgate_core::policy::{FailMode, Policy, MAX_LIMITS};
use tollgate_core::subject::{SubjectParts, MAX_IDENTIFIER, MAX_PART};
use tollgate_core::{Algorithm, Duration, Limit};

use super::{counted, Spec};

/// A small limit, of any algorithm but that of slots.
pub(crate) fn spec() -> impl Strategy<Value = Spec> {
    let numbers = (1u64..12, select(vec![1_000u64, 7_000, 60_000]), 1u64..6);
    (select(counted()), numbers).prop_map(|(kind, (limit, window, amount))| Spec {
        kind,
        limit,
        window,
        amount,
    })
}

/// From `min` to `max`, the bounds and small values more often.
pub(crate) fn whole(min: u64, max: u64) -> impl Strategy<Value = u64> {
    prop_oneof![Just(min), Just(max), min..=max.min(min + 100), min..=max]
}

/// 1 ms to 366 d.
pub(crate) fn span() -> impl Strategy<Value = Duration> {
    whole(1, MAX_WINDOW.as_millis()).prop_map(Duration::from_millis)
}

/// A text of at most so many bytes, with any characters.
pub(crate) fn text(min: usize, max: usize) -> impl Strategy<Value = String> {
    // A character has at most four bytes.
    let any = prop::collection::vec(any::<char>(), min..=(max / 4).min(40));
    let text = any.prop_map(String::from_iter);
    text.prop_filter("no name", |text| !is_dots(text))
}

/// A name of a policy or a limit.
pub(crate) fn name() -> impl Strategy<Value = Name> {
    "[A-Za-z0-9._-]{1,64}".prop_filter_map("no name", |text| Name::new("name", &text).ok())
}

/// The parts of a subject, named or not.
pub(crate) fn subject() -> impl Strategy<Value = SubjectParts> {
    let provider = option::of(text(1, MAX_PART));
    let scope = option::of(text(0, MAX_PART));
    let parts = (provider, scope, text(1, MAX_IDENTIFIER));
    parts.prop_map(|(provider, scope, identifier)| {
        let mut parts = SubjectParts::new(identifier).unwrap();
        if let Some(provider) = provider {
            parts = parts.with_provider(provider).unwrap();
        }
        if let Some(scope) = scope {
            parts = parts.with_scope(scope).unwrap();
        }
        parts
    })
}

fn rate() -> impl Strategy<Value = Rate> {
    let amount = (whole(1, u64::MAX), 0..=Decimal::MAX_SCALE);
    let amount = amount.prop_filter_map("an amount", |(mantissa, scale)| {
        Decimal::new(mantissa, scale)
    });
    (amount, span()).prop_map(|(amount, interval)| Rate::new("interval", amount, interval).unwrap())
}

fn window() -> impl Strategy<Value = Algorithm> {
    (0..4, whole(0, MAX_SAFE), span()).prop_map(|(kind, limit, window)| match kind {
        3 => Algorithm::FirstUse(Window::new(limit, window).unwrap()),
        0 => Algorithm::FixedWindow(Window::new(limit, window).unwrap()),
        1 => Algorithm::SlidingWindow(Window::new(limit, window).unwrap()),
        _ => Algorithm::SlidingLog(Window::new_log(limit % (MAX_LOG + 1), window).unwrap()),
    })
}

fn token_bucket() -> impl Strategy<Value = Algorithm> {
    let initial = option::of(any::<u64>());
    let credits = option::of((whole(1, MAX_SAFE), span()));
    let options = (initial, any::<bool>(), credits, option::of(span()));
    let parts = (whole(0, MAX_SAFE), rate(), options);
    parts.prop_map(
        |(capacity, refill, (initial, stepped, credits, forget_after))| {
            let mut bucket = TokenBucket::new(capacity, refill).unwrap();
            if let Some(initial) = initial {
                bucket = bucket.with_initial(initial % (capacity + 1)).unwrap();
            }
            if stepped {
                bucket = bucket.stepped().unwrap();
            } else if let Some((cap, expiry)) = credits {
                let credits = BurstCredits::new(cap, expiry).unwrap();
                bucket = bucket.with_burst_credits(credits).unwrap();
            }
            if let Some(forget_after) = forget_after {
                bucket = bucket.with_forget_after(forget_after).unwrap();
            }
            Algorithm::TokenBucket(bucket)
        },
    )
}

fn leaky_bucket() -> impl Strategy<Value = Algorithm> {
    let max_delay = whole(0, MAX_WINDOW.as_millis()).prop_map(Duration::from_millis);
    let parts = (whole(0, MAX_SAFE), rate(), option::of(max_delay));
    parts.prop_map(|(capacity, leak, max_delay)| {
        let bucket = LeakyBucket::new(capacity, leak).unwrap();
        Algorithm::LeakyBucket(match max_delay {
            Some(max_delay) => bucket.with_max_delay(max_delay).unwrap(),
            None => bucket,
        })
    })
}

fn quota() -> impl Strategy<Value = Algorithm> {
    let periods = ["minute", "hour", "day", "week", "month", "quarter", "year"];
    let days = ["monday", "wednesday", "saturday", "sunday"];
    let zones: Vec<TimeZoneName> = TimeZoneName::all().collect();
    let anchor = (
        option::of("([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?"),
        option::of(select(days.to_vec())),
        option::of(1u64..=31),
        option::of(1u64..=12),
    );
    let parts = (
        whole(0, MAX_SAFE),
        select(periods.to_vec()),
        select(zones),
        anchor,
    );
    parts.prop_map(|(limit, period, zone, (time, weekday, day, month))| {
        let period = Period::parse(period).unwrap();
        let mut anchor = Anchor::default();
        if let Some(time) = time.filter(|_| period >= Period::Day) {
            anchor = anchor.with_time(&time).unwrap();
        }
        if let Some(weekday) = weekday.filter(|_| period == Period::Week) {
            anchor = anchor.with_weekday(weekday).unwrap();
        }
        if let Some(day) = day.filter(|_| period >= Period::Month) {
            anchor = anchor.with_day(day).unwrap();
        }
        if let Some(month) = month.filter(|_| period >= Period::Quarter) {
            anchor = anchor.with_month(month).unwrap();
        }
        Algorithm::Quota(Quota::new(limit, period, zone, anchor).unwrap())
    })
}

fn concurrency() -> impl Strategy<Value = Algorithm> {
    let parts = (whole(0, Concurrency::MAX_SLOTS), span());
    parts.prop_map(|(limit, ttl)| Algorithm::Concurrency(Concurrency::new(limit, ttl).unwrap()))
}

/// Any limit.
pub(crate) fn limit() -> impl Strategy<Value = Limit> {
    let algorithm = prop_oneof![
        3 => window(),
        2 => token_bucket(),
        2 => leaky_bucket(),
        2 => quota(),
        1 => concurrency(),
    ];
    (option::of(name()), algorithm).prop_map(|(name, algorithm)| Limit::new(name, algorithm))
}

/// Numbers of a step of this limit, at least `min`.
fn numbers(limit: &Limit, min: u64) -> impl Strategy<Value = Numbers> {
    let (max, has_rate) = match limit.algorithm() {
        Algorithm::SlidingLog(_) => (MAX_LOG, false),
        Algorithm::Concurrency(_) => (Concurrency::MAX_SLOTS, false),
        Algorithm::TokenBucket(_) | Algorithm::LeakyBucket(_) => (MAX_SAFE, true),
        _ => (MAX_SAFE, false),
    };
    (option::of(whole(min, max)), option::of(rate())).prop_map(move |(most, rate)| Numbers {
        most: most.or((min > 0).then_some(min)),
        rate: rate.filter(|_| has_rate),
    })
}

fn hours(limit: &Limit) -> impl Strategy<Value = Hours> {
    let between = option::of((0u64..43_200, 43_200u64..86_400, any::<bool>()));
    let zones: Vec<TimeZoneName> = TimeZoneName::all().collect();
    let weekdays = prop::sample::subsequence(Weekday::ALL.to_vec(), 1..=7);
    let parts = (between, weekdays, select(zones), numbers(limit, 0));
    let time = |second: u64| {
        format!(
            "{:02}:{:02}:{:02}",
            second / 3_600,
            second / 60 % 60,
            second % 60
        )
    };
    parts.prop_map(move |(between, days, zone, numbers)| {
        let between = between.map(|(a, b, turned)| match turned {
            false => (time(a), time(b)),
            true => (time(b), time(a)),
        });
        let between = between
            .as_ref()
            .map(|(from, to)| (from.as_str(), to.as_str()));
        Hours::new(between, WeekDays::of(days).unwrap(), zone, numbers).unwrap()
    })
}

/// Any limit, often with stages and times.
pub(crate) fn scheduled() -> impl Strategy<Value = Limit> {
    limit().prop_flat_map(|limit| {
        let steps = prop::collection::vec((span(), numbers(&limit, 0)), 0..4);
        let stages = option::of((span(), numbers(&limit, 1), steps, numbers(&limit, 0)));
        let times = prop::collection::vec(hours(&limit), 0..3);
        (Just(limit), stages, times).prop_map(|(limit, stages, times)| {
            let mut all = Vec::new();
            if let Some((length, first, steps, last)) = stages {
                all.push(Stage::new(Some(length), first).unwrap());
                all.extend(
                    steps
                        .iter()
                        .map(|&(length, it)| Stage::new(Some(length), it).unwrap()),
                );
                all.push(Stage::new(None, last).unwrap());
            }
            limit.scheduled(all, times).unwrap()
        })
    })
}

/// A limit that a native binding can decide.
fn local() -> impl Strategy<Value = Limit> {
    let parts = (any::<bool>(), whole(1, MAX_SAFE), select(vec![10, 60]));
    parts.prop_map(|(is_fixed, limit, seconds)| {
        let window = Window::new(limit, Duration::from_secs(seconds)).unwrap();
        let algorithm = match is_fixed {
            true => Algorithm::FixedWindow(window),
            false => Algorithm::SlidingWindow(window),
        };
        Limit::new(None, algorithm)
    })
}

fn limits() -> impl Strategy<Value = Vec<Limit>> {
    let several = prop::collection::vec(limit(), 1..=MAX_LIMITS);
    prop_oneof![
        3 => limit().prop_map(|limit| vec![limit]),
        1 => local().prop_map(|limit| vec![limit]),
        3 => several,
    ]
}

fn weights() -> impl Strategy<Value = Weights> {
    let written = vec((text(1, 64), whole(1, 1_000)), 1..4);
    (written, select(vec![By::Priority, By::Child]))
        .prop_filter_map("different names", |(written, by)| {
            Weights::new(by, written).ok()
        })
}

/// Any policy without a name. A setting that its limits do not allow is left as it is.
pub(crate) fn policy() -> impl Strategy<Value = Policy> {
    let consistency = select(vec![
        Consistency::Strong,
        Consistency::Eventual,
        Consistency::Local,
    ]);
    let fail_mode = select(vec![
        FailMode::Open,
        FailMode::Closed,
        FailMode::Share,
        FailMode::Eventual,
    ]);
    let shed = option::of((whole(1, MAX_SAFE), select(vec![10, 60])));
    let settings = (
        consistency,
        fail_mode,
        shed,
        any::<bool>(),
        option::of(whole(1, MAX_SAFE)),
        option::of(weights()),
        option::of(whole(1_000, 86_400_000)),
    );
    let parts = (limits(), settings);
    parts.prop_filter_map("states apart", |(limits, settings)| {
        let (consistency, fail_mode, shed, refunds, write_ahead, weights, kept_for) = settings;
        let mut policy = Policy::new(limits).ok()?;
        policy = policy.clone().with_fail_mode(fail_mode).unwrap_or(policy);
        policy = (policy.clone().with_consistency(consistency)).unwrap_or(policy);
        if let Some((limit, seconds)) = shed {
            let shed = LocalLimit::new(limit, Duration::from_secs(seconds)).unwrap();
            policy = policy.clone().with_shed(shed).unwrap_or(policy);
        }
        if let Some(weights) = weights {
            policy = policy.clone().with_weights(weights).unwrap_or(policy);
        }
        if !refunds {
            policy = policy.without_refunds();
        }
        if let Some(units) = write_ahead {
            policy = policy.with_write_ahead(units).unwrap();
        }
        if let Some(kept_for) = kept_for.map(Duration::from_millis) {
            policy = policy
                .clone()
                .with_idempotency_for(kept_for)
                .unwrap_or(policy);
        }
        Some(policy)
    })
}
