//! What is said of a policy against what it does: no history admits more than the worst case, and
//! one reaches it; the curve and the next admissions are what the same requests are answered.
#![allow(clippy::unwrap_used)] // a test may panic, also in its helpers

mod common;

use common::clocks::Clocks;
use common::object::Object;
use common::{bucket, fixed, moment, policy_of, START};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use tollgate_core::algorithm::state::{LimitState, Moment};
use tollgate_core::algorithm::Holder;
use tollgate_core::calendar::period_at;
use tollgate_core::decide::{decide, Check};
use tollgate_core::decision::Decision;
use tollgate_core::explain::{
    admits_out_of_reach, explain, most_in, Admits, Curve, HoldsFor, Point, WorstCase,
};
use tollgate_core::isolate::bounded::Secret;
use tollgate_core::isolate::counts::bounds::{Conditions, KV_DELAY};
use tollgate_core::isolate::shares::Shares;
use tollgate_core::limit::quota::{Anchor, Period, Quota, TimeZoneName};
use tollgate_core::limit::{BurstCredits, Concurrency, LeakyBucket, Rate, TokenBucket, Window};
use tollgate_core::message::{Answer, Call};
use tollgate_core::number::{Decimal, MAX_SAFE};
use tollgate_core::policy::consistency::Consistency;
use tollgate_core::policy::{FailMode, Policy};
use tollgate_core::subject_state::{Effects, Item, MAX_NEXT};
use tollgate_core::{Algorithm, Duration, Limit, Timestamp};

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// One subject under one limit, on a clock of its own.
struct Subject {
    policy: Policy,
    state: LimitState,
    permits: u128,
}

impl Subject {
    /// A new one at `now`.
    fn new(algorithm: &Algorithm, now: u64) -> Subject {
        Subject {
            policy: policy_of(algorithm.clone()),
            state: LimitState::fresh(algorithm, moment(now)).unwrap(),
            permits: 0,
        }
    }

    fn ask(&mut self, check: &Check, now: u64) -> Decision {
        self.permits += 1;
        let holder = Holder {
            permit: self.permits,
            fence: self.permits as u64,
        };
        let states = &mut [&mut self.state];
        decide(&self.policy, states, check, Some(holder), moment(now)).unwrap()
    }

    fn left(&mut self, now: u64) -> u64 {
        self.ask(&Check::of(0), now).limits[0].remaining
    }

    /// Whether `cost` units are admitted at `now`; changes nothing.
    fn has(&mut self, cost: u64, now: u64) -> bool {
        let peek = Check {
            peek: true,
            ..Check::of(i64::try_from(cost).unwrap())
        };
        self.ask(&peek, now).success
    }

    /// Takes all that is left at `now`, and tells how much it was.
    fn take_all(&mut self, now: u64) -> u64 {
        let left = self.left(now);
        if left > 0 {
            self.take(left, now);
        }
        left
    }

    fn take(&mut self, cost: u64, now: u64) {
        assert!(self.ask(&Check::of(cost as i64), now).success);
    }

    /// Takes all there is in each millisecond from `from` on and before `until`.
    fn take_greedily(&mut self, from: u64, until: u64) -> u64 {
        (from..until).map(|now| self.take_all(now)).sum()
    }
}

fn worst_of(algorithm: &Algorithm) -> WorstCase {
    WorstCase::of(&Limit::new(None, algorithm.clone()), moment(START)).unwrap()
}

/// So many units in `interval`, in tenths.
fn rate(tenths: u64, interval: u64) -> Rate {
    Rate::new("interval", Decimal::new(tenths, 1).unwrap(), ms(interval)).unwrap()
}

fn quota_in(zone: &str, period: Period, limit: u64) -> Quota {
    let zone = TimeZoneName::new(zone).unwrap();
    Quota::new(limit, period, zone, Anchor::default()).unwrap()
}

fn token_buckets(spans: impl Strategy<Value = u64>) -> impl Strategy<Value = TokenBucket> {
    let options = (
        any::<bool>(),
        option::of(0u64..12),
        option::of((1u64..8, 1u64..90)),
    );
    (0u64..12, 1u64..150, spans, options).prop_map(
        |(capacity, tenths, interval, (stepped, initial, credits))| {
            let mut bucket = TokenBucket::new(capacity, rate(tenths, interval)).unwrap();
            if let Some(initial) = initial {
                bucket = bucket.with_initial(initial.min(capacity)).unwrap();
            }
            match credits {
                _ if stepped => bucket.stepped().unwrap(),
                Some((cap, expiry)) => {
                    let credits = BurstCredits::new(cap, ms(expiry)).unwrap();
                    bucket.with_burst_credits(credits).unwrap()
                }
                None => bucket,
            }
        },
    )
}

fn leaky_buckets(spans: impl Strategy<Value = u64>) -> impl Strategy<Value = LeakyBucket> {
    let parts = (0u64..12, 1u64..150, spans, option::of(0u64..90));
    parts.prop_map(|(capacity, tenths, interval, max_delay)| {
        let bucket = LeakyBucket::new(capacity, rate(tenths, interval)).unwrap();
        match max_delay {
            Some(delay) => bucket.with_max_delay(ms(delay)).unwrap(),
            None => bucket,
        }
    })
}

/// Milliseconds, so that windows turn and fractions of units matter, and minutes, so that an hour
/// is not out of reach.
fn spans() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 1u64..40, 1 => (1u64..30).prop_map(|minutes| minutes * 60_000)]
}

fn algorithms() -> impl Strategy<Value = Algorithm> {
    let windows = (0..4, 0u64..12, spans()).prop_map(|(kind, limit, window)| {
        let window = Window::new(limit, ms(window)).unwrap();
        match kind {
            0 => Algorithm::FixedWindow(window),
            3 => Algorithm::FirstUse(window),
            1 => Algorithm::SlidingWindow(window),
            _ => Algorithm::SlidingLog(window),
        }
    });
    let periods = select(vec!["minute", "hour", "day"]);
    let quotas = (0u64..12, periods).prop_map(|(limit, period)| {
        Algorithm::Quota(quota_in("UTC", Period::parse(period).unwrap(), limit))
    });
    let slots = (0u64..12, spans())
        .prop_map(|(limit, ttl)| Algorithm::Concurrency(Concurrency::new(limit, ms(ttl)).unwrap()));
    prop_oneof![
        4 => windows,
        3 => token_buckets(spans()).prop_map(Algorithm::TokenBucket),
        3 => leaky_buckets(spans()).prop_map(Algorithm::LeakyBucket),
        1 => quotas,
        1 => slots,
    ]
}

/// What a step asks for.
#[derive(Debug, Clone, Copy)]
struct Step {
    /// How much later than the step before, in thousandths of a span that the limit has.
    gap: u64,
    /// One millisecond earlier than that, or later.
    shift: u64,
    /// Units; `None` for all that is left.
    cost: Option<u64>,
    patience: Option<u64>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let gap = prop_oneof![
        3 => Just(0u64),
        3 => 0u64..400,
        2 => select(vec![500u64, 1_000, 2_000]),
        1 => 1_000u64..9_000,
    ];
    let cost = option::of(1u64..5);
    let patience = prop_oneof![3 => Just(None), 1 => option::of(0u64..120)];
    let step = (gap, 0u64..3, cost, patience).prop_map(|(gap, shift, cost, patience)| Step {
        gap,
        shift,
        cost,
        patience,
    });
    prop::collection::vec(step, 1..50)
}

/// What tells how steps are spread over time.
fn span_of(algorithm: &Algorithm) -> u64 {
    match algorithm {
        Algorithm::Concurrency(slots) => slots.ttl().as_millis(),
        Algorithm::TokenBucket(bucket) => bucket.refill().interval().as_millis(),
        Algorithm::LeakyBucket(bucket) => bucket.leak().interval().as_millis(),
        _ => worst_of(algorithm).window.unwrap().as_millis(),
    }
}

/// All that was admitted by a history, by the instants at which callers go ahead.
fn history(algorithm: &Algorithm, steps: &[Step]) -> Vec<(u64, u64)> {
    let mut subject = Subject::new(algorithm, START);
    let mut admitted = Vec::new();
    let mut now = START + 1;
    for step in steps {
        now = now.max(now + step.gap * span_of(algorithm) / 1_000 + step.shift - 1);
        let cost = step.cost.unwrap_or_else(|| subject.left(now));
        if cost == 0 {
            continue;
        }
        let may_wait = !matches!(algorithm, Algorithm::Concurrency(_));
        let check = Check {
            max_delay: step.patience.filter(|_| may_wait).map(ms),
            ..Check::of(cost as i64)
        };
        let decision = subject.ask(&check, now);
        if decision.success {
            admitted.push((now + decision.delay.map_or(0, Duration::as_millis), cost));
        }
    }
    admitted.sort_unstable();
    admitted
}

/// The most units that any window of so many milliseconds has.
fn most_within(admitted: &[(u64, u64)], window: u64) -> u64 {
    let from = |i: usize| {
        let start = admitted[i].0;
        let within = admitted[i..]
            .iter()
            .take_while(|(at, _)| at - start < window);
        within.map(|(_, units)| units).sum()
    };
    (0..admitted.len()).map(from).max().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn no_window_of_any_history_has_more_than_the_worst_case(algorithm in algorithms(), steps in steps()) {
        let worst = worst_of(&algorithm);
        let admitted = history(&algorithm, &steps);
        let Some(window) = worst.window.map(Duration::as_millis) else {
            let ttl = span_of(&algorithm);
            prop_assert!(most_within(&admitted, ttl) <= worst.units, "held at once: {admitted:?}");
            return Ok(());
        };
        let most = most_within(&admitted, window);
        prop_assert!(most <= worst.units, "{most} in {window} ms: {worst:?} {admitted:?}");
        if let Some(aligned) = worst.aligned {
            for &(start, _) in &admitted {
                let in_one = |&&(at, _): &&(u64, u64)| at / window == start / window;
                let units: u64 = admitted.iter().filter(in_one).map(|(_, units)| units).sum();
                prop_assert!(units <= aligned, "{units} in an aligned window: {worst:?}");
            }
        }
        if let Some(sustained) = worst.sustained {
            prop_assert!(most_within(&admitted, HOUR) <= sustained.per_hour);
            prop_assert!(most_within(&admitted, DAY) <= sustained.per_day);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn two_whole_limits_meet_at_the_boundary_of_fixed_windows(limit in 0u64..1_000, window in spans()) {
        let boundary = START - START % window;
        let algorithm = fixed(limit, window);
        let mut subject = Subject::new(&algorithm, boundary - 1);
        let before = subject.take_all(boundary - 1);
        let after = if window > 1 { subject.take_all(boundary) } else { 0 };
        let worst = worst_of(&algorithm);
        prop_assert_eq!((worst.units, worst.aligned), (before + after, Some(before)));
    }

    #[test]
    fn a_sliding_window_admits_all_but_what_two_milliseconds_keep(limit in 0u64..1_000, window in 1u64..400) {
        let boundary = START - START % window;
        let algorithm = Algorithm::SlidingWindow(Window::new(limit, ms(window)).unwrap());
        let mut subject = Subject::new(&algorithm, boundary - 1);
        let before = subject.take_all(boundary - 1);
        let after = if window > 1 { subject.take_all(boundary + window - 2) } else { 0 };
        let worst = worst_of(&algorithm);
        prop_assert_eq!((worst.units, worst.aligned), (before + after, Some(before)));
        prop_assert!(worst.units < 2 * limit || limit == 0);
    }

    #[test]
    fn a_log_and_slots_admit_the_limit_at_once(limit in 0u64..=1_000, window in spans()) {
        let log = Algorithm::SlidingLog(Window::new_log(limit, ms(window)).unwrap());
        let slots = Algorithm::Concurrency(Concurrency::new(limit, ms(window)).unwrap());
        for algorithm in [log, slots] {
            let mut subject = Subject::new(&algorithm, START);
            prop_assert_eq!(worst_of(&algorithm).units, subject.take_all(START));
        }
    }

    #[test]
    fn a_token_bucket_gives_all_it_has_and_all_that_comes_back(bucket in token_buckets(1u64..40)) {
        let is_stepped = bucket.is_stepped();
        let interval = bucket.refill().interval().as_millis();
        let algorithm = Algorithm::TokenBucket(bucket);
        let worst = worst_of(&algorithm);
        let window = worst.window.unwrap().as_millis();
        // Long enough for all credits.
        let mut subject = Subject::new(&algorithm, START - 100_000_000_000);
        let from = START + interval;
        let mut in_step = Subject::new(&algorithm, START);
        in_step.state = subject.state.clone();
        let at_once = subject.take_greedily(from, from + window);
        // A step may come right after the first millisecond, for the price of one unit.
        if is_stepped && in_step.has(1, from + 1 - interval) {
            in_step.take(1, from + 1 - interval);
        }
        let before_a_step = in_step.take_greedily(from, from + window);
        let most = at_once.max(before_a_step);
        let distance = worst.units - most;
        prop_assert!(distance <= u64::from(is_stepped), "{} of {:?}", most, worst);
    }

    #[test]
    fn callers_who_wait_get_all_that_leaks(bucket in leaky_buckets(1u64..40), asks in any::<bool>(), no_less in 1u64..90) {
        // Who has to go at once loses the fractions of a millisecond between two turns.
        let (bucket, asks) = match bucket.max_delay() {
            None => (bucket, true),
            Some(delay) => (bucket.with_max_delay(delay.max(ms(no_less))).unwrap(), asks),
        };
        let algorithm = Algorithm::LeakyBucket(bucket);
        let worst = worst_of(&algorithm);
        let window = worst.window.unwrap().as_millis();
        if bucket.capacity() == 0 {
            prop_assert_eq!(worst.units, 0);
            return Ok(());
        }
        let mut subject = Subject::new(&algorithm, START);
        let patient = Check { max_delay: asks.then_some(ms(1_000_000)), ..Check::ONE };
        let whole = Check::of(bucket.capacity() as i64);
        // One by one without a pause, and the whole capacity in the last millisecond.
        let last = START + 3 * window;
        let mut admitted = vec![(last, bucket.capacity())];
        'asking: for now in START..=last {
            loop {
                let before = subject.state.clone();
                let decision = subject.ask(&patient, now);
                if !decision.success { break; }
                let end = subject.ask(&Check { peek: true, ..whole.clone() }, last);
                if !end.success || end.delay.is_some_and(|delay| delay > Duration::ZERO) {
                    subject.state = before;
                    break 'asking;
                }
                admitted.push((now + decision.delay.map_or(0, Duration::as_millis), 1));
            }
        }
        prop_assert!(subject.ask(&whole, last).success);
        admitted.sort_unstable();
        let most = most_within(&admitted, window);
        prop_assert!(worst.units - most <= 1, "{} of {:?}", most, worst);
    }
}

/// Late enough for all purposes, and so long before the last instant that the longest delay ends
/// before it.
const LATEST: u64 = MAX_SAFE - 400 * DAY;

/// The subject of a curve, with all that it had taken.
fn emptied(algorithm: &Algorithm, at: Timestamp) -> Subject {
    let mut subject = Subject::new(algorithm, at.as_millis());
    subject.take_all(at.as_millis());
    subject
}

/// Every point is what the same subject is answered, and the parts of the limit are found in them
/// at their first instants.
fn assert_curve(algorithm: &Algorithm, now: u64) -> Vec<Point> {
    let limit = Limit::new(None, algorithm.clone());
    let Curve { emptied_at, points } = Curve::of(&limit, moment(now)).unwrap();
    let mut subject = emptied(algorithm, emptied_at);
    let at = |point: u64| (emptied_at.as_millis() + point).min(MAX_SAFE);
    assert_eq!(points[0].at, Duration::ZERO);
    assert!(points.len() <= 8, "{points:?}");
    for pair in points.windows(2) {
        assert!(pair[0].at < pair[1].at && pair[0].available < pair[1].available);
    }
    for point in &points {
        let (now, units) = (at(point.at.as_millis()), point.available);
        if now > LATEST {
            break;
        }
        assert!(subject.has(units, now), "{algorithm:?}: {point:?}");
        assert!(
            units == MAX_SAFE || !subject.has(units + 1, now),
            "{algorithm:?}: {point:?}"
        );
    }
    let full = algorithm.limit();
    for percent in [0, 10, 25, 50, 75, 100] {
        let units = (u128::from(full) * percent).div_ceil(100).max(1) as u64;
        let mut told = points
            .iter()
            .filter(|point| at(point.at.as_millis()) <= LATEST);
        let Some(first) = told.find(|point| point.available >= units) else {
            // Later than any instant that JSON can tell, or never.
            assert!(
                units > full || !subject.has(units, LATEST),
                "{units}: {points:?}"
            );
            continue;
        };
        let first = first.at.as_millis();
        assert!(
            first == 0 || !subject.has(units, at(first - 1)),
            "{algorithm:?} {units} at {first}: {points:?}"
        );
    }
    points
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn the_curve_is_what_an_emptied_subject_is_answered(algorithm in algorithms(), later in 0u64..200_000) {
        let points = assert_curve(&algorithm, START + later);
        let last = points.last().unwrap().available;
        match &algorithm {
            Algorithm::TokenBucket(bucket) if span_of(&algorithm) < 60_000 => {
                let credits = bucket.burst_credits().map_or(0, |credits| credits.cap());
                prop_assert_eq!(last, bucket.capacity() + credits);
            }
            Algorithm::TokenBucket(_) => {} // forgotten before it has all its credits
            algorithm => prop_assert_eq!(last, algorithm.limit()),
        }
    }

    #[test]
    fn any_limit_can_be_explained(limit in common::generated::limit(), now in common::generated::whole(0, MAX_SAFE)) {
        let limit = match limit.algorithm() {
            Algorithm::Quota(quota) => {
                let (utc, anchor) = (TimeZoneName::default(), quota.anchor());
                let quota = Quota::new(quota.limit(), quota.period(), utc, anchor).unwrap();
                Limit::new(None, Algorithm::Quota(quota))
            }
            _ => limit,
        };
        assert_curve(limit.algorithm(), now.min(LATEST));
        let points = Curve::of(&limit, moment(now)).unwrap().points;
        prop_assert!(points.len() <= 8 && points.iter().all(|point| point.available <= MAX_SAFE));
        let worst = WorstCase::of(&limit, moment(now)).unwrap();
        prop_assert!(worst.units <= MAX_SAFE && worst.units >= worst.aligned.unwrap_or(0));
        prop_assert!(worst.units >= limit.algorithm().limit());
        prop_assert!(worst.window.is_none_or(|window| (1..=MAX_SAFE).contains(&window.as_millis())));
        if let Some(sustained) = worst.sustained {
            prop_assert!(sustained.per_hour <= sustained.per_day && sustained.per_day <= MAX_SAFE);
        }
    }
}

proptest! {
    #[test]
    fn no_window_of_any_length_has_more_than_is_said_of_it(
        algorithm in algorithms(), steps in steps(), window in 1u64..3_000,
    ) {
        let limit = Limit::new(None, algorithm.clone());
        if let Some(most) = most_in(&limit, ms(window)) {
            let admitted = history(&algorithm, &steps);
            let found = most_within(&admitted, window);
            prop_assert!(found <= most, "{found} of {most} in {window} ms: {admitted:?}");
            let worst = worst_of(&algorithm);
            let own = worst.window.and_then(|window| most_in(&limit, window));
            prop_assert!(own >= Some(worst.units), "{own:?} is less than {worst:?}");
        }
    }

    #[test]
    fn a_bucket_admits_in_a_window_of_its_own_and_in_an_hour_what_its_worst_case_says(
        bucket in token_buckets(1u64..40),
    ) {
        let algorithm = Algorithm::TokenBucket(bucket);
        let worst = worst_of(&algorithm);
        let limit = Limit::new(None, algorithm);
        prop_assert_eq!(most_in(&limit, worst.window.unwrap()), Some(worst.units));
        let per_hour = worst.sustained.map(|it| it.per_hour);
        prop_assert_eq!(most_in(&limit, ms(3_600_000)), per_hour);
    }
}

#[test]
fn credits_are_had_also_where_a_bucket_holds_nothing() {
    let credits = BurstCredits::new(7, ms(DAY)).unwrap();
    let none = bucket(0, 1, HOUR).with_burst_credits(credits).unwrap();
    let algorithm = Algorithm::TokenBucket(none);
    let mut subject = Subject::new(&algorithm, START - 10 * HOUR);
    assert_eq!(subject.take_all(START), 7);
    let worst = worst_of(&algorithm);
    assert_eq!((worst.window, worst.units), (Some(ms(1)), 7));
    assert_eq!(worst.sustained.map(|it| it.per_hour), Some(7));
    assert_eq!(
        worst_of(&Algorithm::TokenBucket(bucket(0, 1, HOUR))).units,
        0
    );
}

#[test]
fn credits_that_an_idle_subject_forgets_are_not_on_the_curve() {
    let points_with = |cap: u64| {
        let credits = BurstCredits::new(cap, ms(DAY)).unwrap();
        // One unit an hour: full after 10 hours, and forgotten after 24.
        let bucket = bucket(10, 1, HOUR).with_burst_credits(credits).unwrap();
        assert_curve(&Algorithm::TokenBucket(bucket), START)
    };
    let all = |points: Vec<Point>| points[points.len() - 1].available;
    assert_eq!(all(points_with(14)), 24);
    assert_eq!(all(points_with(15)), 10);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_window_touches_three_periods_of_a_quota_and_some_touch_two(
        limit in 1u64..100,
        period in select(vec!["hour", "day", "week", "month", "quarter", "year"]),
        zone in select(vec!["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns"]),
        day in 10_000u64..25_000,
        time in 0..DAY,
    ) {
        let quota = quota_in(zone, Period::parse(period).unwrap(), limit);
        let now = day * DAY + time;
        let at = |now: u64| Moment { now: Timestamp::from_millis(now), zones: &Clocks };
        let span = |now: u64| period_at(&quota, &Clocks, Timestamp::from_millis(now)).unwrap();
        let present = span(now);
        let (start, end) = (present.start.as_millis(), present.end.as_millis());
        let all = [span(start - 1), present, span(end)];
        let lasts = all.map(|span| span.end.since(span.start).as_millis());

        let algorithm = Algorithm::Quota(quota.clone());
        let limited = Limit::new(None, algorithm.clone());
        let worst = WorstCase::of(&limited, at(now)).unwrap();
        let window = worst.window.unwrap().as_millis();
        prop_assert!(lasts.iter().all(|length| *length >= window) && lasts.contains(&window));
        prop_assert_eq!((worst.units, worst.aligned), (2 * limit, Some(limit)));

        // So no window of that length reaches into three of them, and this one reaches into two.
        let policy = policy_of(algorithm.clone());
        let mut state = LimitState::fresh(&algorithm, at(end - 1)).unwrap();
        for now in [end - 1, end] {
            let check = Check::of(limit as i64);
            let decision = decide(&policy, &mut [&mut state], &check, None, at(now)).unwrap();
            prop_assert!(decision.success && window > 1);
        }
        let curve = Curve::of(&limited, at(now)).unwrap();
        prop_assert_eq!(curve.emptied_at, present.start);
        let last = curve.points.last().unwrap();
        prop_assert_eq!((last.at.as_millis(), last.available), (end - start, limit));
        prop_assert_eq!(curve.points.len(), 2, "a period turns at once");
    }
}

/// What happens to a subject before it is asked when it is admitted next.
#[derive(Debug, Clone)]
enum Event {
    Ask {
        policy: usize,
        cost: i64,
        hold: Option<u64>,
        patience: Option<u64>,
    },
    Block {
        policy: bool,
        millis: u64,
    },
}

fn events() -> impl Strategy<Value = Vec<(u64, Event)>> {
    let ask = (
        0usize..2,
        1i64..6,
        option::of(1u64..40),
        option::of(0u64..60),
    );
    let event = prop_oneof![
        8 => ask.prop_map(|(policy, cost, hold, patience)| Event::Ask { policy, cost, hold, patience }),
        1 => (any::<bool>(), 1u64..50).prop_map(|(policy, millis)| Event::Block { policy, millis }),
    ];
    prop::collection::vec((0u64..25, event), 0..25)
}

/// Two policies of up to three limits, with names in common or not, so that the second may change
/// what the first has defined.
fn policies() -> impl Strategy<Value = [Policy; 2]> {
    [some_policy(), some_policy()]
}

fn some_policy() -> impl Strategy<Value = Policy> {
    let names = select(vec![None, Some("a"), Some("b")]);
    let limit = (names, algorithms()).prop_map(|(name, algorithm)| match name {
        Some(name) => common::named(name, algorithm),
        None => Limit::new(None, algorithm),
    });
    let limits = prop::collection::vec(limit, 1..4);
    limits.prop_filter_map("states apart", |limits| Policy::new(limits).ok())
}

/// A check with patience and hold as far as the policy takes them.
fn check_for(policy: &Policy, cost: i64, hold: Option<u64>, patience: Option<u64>) -> Check {
    Check {
        hold: hold.filter(|_| policy.gives_permits()).map(ms),
        max_delay: patience.filter(|_| !policy.gives_permits()).map(ms),
        ..Check::of(cost)
    }
}

fn told(object: &mut Object, item: &Item, count: usize, now: u64) -> Vec<u64> {
    let call = Call::Next {
        item: Box::new(item.clone()),
        count,
    };
    let (version, call) = Call::decode(&call.encode()).unwrap();
    let mut effects = Effects::default();
    let mut random = || panic!("no permit is given");
    let answer = object
        .state
        .answer(&call, &mut random, moment(now), &mut effects);
    assert!(effects.writes.is_empty() && effects.alarm.is_none());
    match Answer::decode(&answer.encode_in(version)) {
        Ok(Answer::Next(next)) => next.into_iter().map(Duration::as_millis).collect(),
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn each_next_admission_is_one_and_a_millisecond_earlier_is_not(
        policies in policies(),
        events in events(),
        asked in (0usize..2, 0i64..4, option::of(1u64..40), option::of(0u64..60)),
        count in 0usize..13,
    ) {
        let mut object = Object::with_exact_waits();
        let mut now = START;
        for (gap, event) in events {
            now += gap;
            match event {
                Event::Ask { policy, cost, hold, patience } => {
                    let policy = &policies[policy];
                    let check = check_for(policy, cost, hold, patience);
                    object.limit(policy, check, None, now).unwrap();
                }
                Event::Block { policy, millis } => {
                    let mut effects = Effects::default();
                    let of = policy.then_some("");
                    object.state.block(of, ms(millis), "", moment(now), &mut effects).unwrap();
                    object.apply(effects);
                }
            }
        }
        let (policy, cost, hold, patience) = asked;
        let policy = &policies[policy];
        let check = check_for(policy, cost, hold, patience);
        let item = Item { policy: policy.clone(), check: check.clone() };

        let before = format!("{:?}", object.state);
        let next = told(&mut object, &item, count, now);
        prop_assert_eq!(format!("{:?}", object.state), before, "looking changes nothing");
        prop_assert_eq!(&told(&mut object, &item.peek(), count, now), &next);
        prop_assert!(next.len() <= count.min(MAX_NEXT));

        // Asking now, again at once when admitted, and when a refusal says so.
        let peek = item.peek().check;
        let wanted = count.min(MAX_NEXT);
        let (mut told, mut at, mut refusals) = (next.iter(), now, 0);
        let mut expected = told.next();
        let mut admitted = 0;
        while admitted < wanted {
            let decision = object.limit(policy, check.clone(), None, at).unwrap();
            prop_assert_eq!(decision.success, expected == Some(&(at - now)), "{:?} at {}", next, at - now);
            if decision.success {
                (admitted, refusals, expected) = (admitted + 1, 0, told.next());
                continue;
            }
            let Some(wait) = decision.retry_after else { break };
            refusals += 1;
            prop_assert!(refusals < 4, "{next:?}");
            at += wait.as_millis();
            let early = object.limit(policy, peek.clone(), None, at - 1).unwrap();
            prop_assert!(!early.success, "a millisecond before {} of {next:?}", at - now);
        }
        prop_assert_eq!(admitted, next.len());
    }
}

#[test]
fn the_next_admissions_are_those_under_the_newest_version_of_a_policy() {
    let name = tollgate_core::limit::Name::new("policy", "p").unwrap();
    let of_version = |number: u64, limit: u64| {
        policy_of(fixed(limit, 1_000)).named(name.clone(), common::version(number))
    };
    let mut object = Object::default();
    assert!(object.ask(&of_version(2, 3), 1, START).success);
    let policy = of_version(1, 100);
    let check = Check::ONE;
    let next = told(&mut object, &Item { policy, check }, 6, START);
    assert_eq!(next, [0, 0, 1_000, 1_000, 1_000, 2_000]);
}

#[test]
fn a_subject_that_cannot_be_read_has_no_next_admission() {
    let mut object = Object::default();
    object
        .rows
        .insert("limit/x".to_owned(), "9 limit".to_owned());
    let mut object = object.restarted();
    let (policy, check) = (policy_of(fixed(1, 1_000)), Check::ONE);
    let call = Call::Next {
        item: Box::new(Item { policy, check }),
        count: 1,
    };
    let effects = &mut Effects::default();
    let answer = object
        .state
        .answer(&call, &mut || 1, moment(START), effects);
    assert!(matches!(answer, Answer::Refused(..)), "{answer:?}");
}

fn policy_in(algorithm: Algorithm, consistency: Consistency, fail_mode: FailMode) -> Policy {
    let policy = policy_of(algorithm).with_fail_mode(fail_mode).unwrap();
    policy.with_consistency(consistency).unwrap()
}

#[test]
fn the_modes_say_for_what_the_worst_case_holds() {
    let hourly = || fixed(100, HOUR);
    let minutely = || fixed(100, 60_000);
    let table = [
        (
            policy_in(hourly(), Consistency::Strong, FailMode::Open),
            "subject",
            Some("all"),
        ),
        (
            policy_in(hourly(), Consistency::Strong, FailMode::Closed),
            "subject",
            Some("nothing"),
        ),
        (
            policy_in(hourly(), Consistency::Strong, FailMode::Share),
            "subject",
            Some("perIsolate"),
        ),
        (
            policy_in(hourly(), Consistency::Strong, FailMode::Eventual),
            "subject",
            Some("perIsolate"),
        ),
        (
            policy_in(minutely(), Consistency::Local, FailMode::Share),
            "location",
            Some("perIsolate"),
        ),
        (
            policy_in(hourly(), Consistency::Eventual, FailMode::Share),
            "isolate",
            None,
        ),
    ];
    for (policy, holds_for, admits) in table {
        assert_eq!(HoldsFor::of(policy.consistency()).word(), holds_for);
        assert_eq!(admits_out_of_reach(&policy).map(Admits::word), admits);
        let explained = explain(&policy, moment(START)).unwrap().remove(0);
        assert_eq!(
            explained.out_of_reach.is_some(),
            admits == Some("perIsolate")
        );
        assert_eq!(explained.over_admission.is_some(), holds_for == "isolate");
        assert_eq!(
            explained.worst_case,
            worst_of(policy.limits()[0].algorithm())
        );
    }
}

#[test]
fn counting_through_kv_is_off_by_what_its_bounds_say() {
    let policy = policy_in(fixed(1_000, HOUR), Consistency::Eventual, FailMode::Open);
    let over = explain(&policy, moment(START)).unwrap()[0]
        .over_admission
        .unwrap();
    for isolates in 1..200 {
        // Ten units a millisecond, so many of which no isolate but one knows.
        let rate = 10 * 1_000 * 1_000_000;
        let limit = 1_000 * 1_000;
        let conditions = Conditions {
            limit,
            isolates,
            rate,
            delay: KV_DELAY,
        };
        let bounds = conditions.bounds();
        assert_eq!(bounds.hard, (isolates - 1) * 1_000 * over.per_isolate);
        let expected = (isolates - 1) * 10 * over.unseen.as_millis() / isolates;
        assert_eq!(bounds.expected, expected.min(bounds.hard));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_share_is_what_an_isolate_gives_in_the_place_of_the_object(algorithm in algorithms(), scale in 1u64..200) {
        let algorithm = match algorithm {
            Algorithm::FixedWindow(w) => fixed(w.limit() * scale, w.window().as_millis()),
            other => other,
        };
        let policy = policy_in(algorithm, Consistency::Strong, FailMode::Share);
        let share = explain(&policy, moment(START)).unwrap()[0].out_of_reach.unwrap();
        let mut shares = Shares::new(Secret::new(1), 8);
        let mut given_at = |now: u64| {
            let mut ask = || shares.decide("u1", &policy, &Check::ONE, Timestamp::from_millis(now));
            (0..1_000).filter(|_| ask().unwrap().success).count() as u64
        };
        let window = share.window.as_millis();
        prop_assert_eq!(given_at(START), share.units);
        prop_assert_eq!(given_at(START + window - 1), 0);
        prop_assert_eq!(given_at(START + window), share.units);
    }
}
