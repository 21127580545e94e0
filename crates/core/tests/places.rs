//! Places: what is promised for later is kept, to the millisecond, and given to nobody else. Any
//! mixture of algorithms, costs, delays, cancellations, refunds, clock steps, restarts and changed
//! definitions on simulated time, against oracles that know nothing but what callers were told.

#![allow(clippy::unwrap_used)]

mod common;

use common::object::Object;
use common::{bucket, fixed, leaky, moment, named, START};
use proptest::prelude::*;
use tollgate_core::algorithm::state::LimitState;
use tollgate_core::decide::{decide, Check};
use tollgate_core::decision::{Decision, Reason};
use tollgate_core::limit::quota::{Anchor, Period, Quota, TimeZoneName};
use tollgate_core::limit::{BurstCredits, Concurrency, Window};
use tollgate_core::policy::Policy;
use tollgate_core::{Algorithm, Duration, Limit};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    FixedWindow,
    FirstUse,
    Quota,
    SlidingWindow,
    SlidingLog,
    Token,
    Stepped,
    Initial,
    Credits,
    Meter,
    Shaper,
    Concurrency,
}

impl Kind {
    const COUNTING: [Kind; 11] = [
        Kind::FixedWindow,
        Kind::FirstUse,
        Kind::Quota,
        Kind::SlidingWindow,
        Kind::SlidingLog,
        Kind::Token,
        Kind::Stepped,
        Kind::Initial,
        Kind::Credits,
        Kind::Meter,
        Kind::Shaper,
    ];
    const ALL: [Kind; 12] = [
        Kind::FixedWindow,
        Kind::FirstUse,
        Kind::Quota,
        Kind::SlidingWindow,
        Kind::SlidingLog,
        Kind::Token,
        Kind::Stepped,
        Kind::Initial,
        Kind::Credits,
        Kind::Meter,
        Kind::Shaper,
        Kind::Concurrency,
    ];
    const BUCKETS: [Kind; 5] = [
        Kind::Token,
        Kind::Stepped,
        Kind::Initial,
        Kind::Meter,
        Kind::Shaper,
    ];
}

/// A limit in plain numbers: `limit` units per `window` ms; buckets of `limit` units, `amount`
/// coming back per `window`.
#[derive(Debug, Clone, Copy)]
struct Spec {
    kind: Kind,
    limit: u64,
    window: u64,
    amount: u64,
    /// A shaper's longest delay, credits' cap and expiry, a low bucket's first tokens.
    more: u64,
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn algorithm(spec: &Spec) -> Algorithm {
    let Spec {
        kind,
        limit,
        window,
        amount,
        more,
    } = *spec;
    match kind {
        Kind::FixedWindow => Algorithm::FixedWindow(Window::new(limit, ms(window)).unwrap()),
        Kind::FirstUse => Algorithm::FirstUse(Window::new(limit, ms(window)).unwrap()),
        Kind::SlidingWindow => Algorithm::SlidingWindow(Window::new(limit, ms(window)).unwrap()),
        Kind::SlidingLog => Algorithm::SlidingLog(Window::new_log(limit, ms(window)).unwrap()),
        Kind::Quota => Algorithm::Quota(
            Quota::new(
                limit,
                Period::Minute,
                TimeZoneName::default(),
                Anchor::default(),
            )
            .unwrap(),
        ),
        Kind::Token => Algorithm::TokenBucket(bucket(limit, amount, window)),
        Kind::Stepped => Algorithm::TokenBucket(bucket(limit, amount, window).stepped().unwrap()),
        Kind::Initial => Algorithm::TokenBucket(
            bucket(limit, amount, window)
                .with_initial(more % (limit + 1))
                .unwrap(),
        ),
        Kind::Credits => {
            let credits = BurstCredits::new(more % 20 + 1, ms(more * 7 + 1)).unwrap();
            let bucket = bucket(limit, amount, window);
            Algorithm::TokenBucket(bucket.with_burst_credits(credits).unwrap())
        }
        Kind::Meter => Algorithm::LeakyBucket(leaky(limit, amount, window)),
        Kind::Shaper => {
            let leaky = leaky(limit, amount, window);
            Algorithm::LeakyBucket(leaky.with_max_delay(ms(more * 10)).unwrap())
        }
        Kind::Concurrency => Algorithm::Concurrency(Concurrency::new(limit, ms(window)).unwrap()),
    }
}

fn specs_of(kinds: &'static [Kind]) -> impl Strategy<Value = Spec> {
    // One in five lets several callers go in each millisecond.
    let numbers = prop_oneof![
        4 => (1u64..12, 1u64..80, 1u64..12, 0u64..100),
        1 => (4u64..33, 1u64..4, 4u64..30, 0u64..100),
    ];
    (prop::sample::select(kinds), numbers).prop_map(|(kind, (limit, window, amount, more))| Spec {
        kind,
        limit,
        window,
        amount,
        more,
    })
}

/// A shaper that lets several callers go in each millisecond, and has room for those of the next
/// ones.
fn fast_shaper() -> impl Strategy<Value = Spec> {
    (10u64..60, 1u64..4, 4u64..30).prop_map(|(limit, window, amount)| Spec {
        kind: Kind::Shaper,
        limit,
        window,
        amount,
        more: 100,
    })
}

fn counting() -> impl Strategy<Value = Spec> {
    specs_of(&Kind::COUNTING)
}

fn policy(specs: &[Spec]) -> Policy {
    let limits = specs.iter().enumerate();
    let limits = limits.map(|(i, spec)| named(&format!("l{i}"), algorithm(spec)));
    Policy::new(limits.collect())
        .unwrap()
        .with_write_ahead(1)
        .unwrap()
}

/// What the same request would be told at `now`; changes nothing.
fn peek(object: &mut Object, policy: &Policy, check: Check, now: u64) -> Decision {
    let check = Check {
        peek: true,
        ..check
    };
    object.limit(policy, check, None, now).unwrap()
}

/// One admission, as its caller was told.
#[derive(Debug, Clone, Copy)]
struct Told {
    at: u64,
    units: u64,
    /// By which it can be taken back; forgotten with the process and after a refund.
    operation: Option<u128>,
}

/// What callers were told and have not given back.
#[derive(Debug, Clone, Default)]
struct Promised {
    told: Vec<Told>,
    /// Instant and units.
    refunds: Vec<(u64, u64)>,
}

impl Promised {
    fn forget_operations(&mut self) {
        self.told.iter_mut().for_each(|told| told.operation = None);
    }

    /// By instant. Of those told one millisecond, who has fewest units is taken to go first.
    fn sorted(&self) -> Vec<Told> {
        let mut told = self.told.clone();
        told.sort_by_key(|told| (told.at, told.units));
        told
    }

    fn and(&self, at: u64, units: u64) -> Promised {
        let mut more = self.clone();
        more.told.push(Told {
            at,
            units,
            operation: None,
        });
        more
    }

    /// Whether the definition of the algorithm, to the letter, holds for everything together.
    fn holds(&self, spec: &Spec) -> bool {
        let (limit, window) = (u128::from(spec.limit), u128::from(spec.window));
        let sum = |counts: &dyn Fn(u64) -> bool| -> u128 {
            self.told
                .iter()
                .filter(|told| counts(told.at))
                .map(|told| u128::from(told.units))
                .sum()
        };
        self.told.iter().all(|told| match spec.kind {
            Kind::FixedWindow => sum(&|at| at / spec.window == told.at / spec.window) <= limit,
            Kind::Quota => sum(&|at| at / 60_000 == told.at / 60_000) <= limit,
            Kind::SlidingLog => sum(&|at| (told.at..told.at + spec.window).contains(&at)) <= limit,
            Kind::SlidingWindow => {
                let of = told.at / spec.window;
                let before = sum(&|at| at / spec.window + 1 == of);
                let current = sum(&|at| at / spec.window == of && at <= told.at);
                before * (window - u128::from(told.at) % window) + current * window
                    <= limit * window
            }
            Kind::Token => {
                // Units times the window, so that they are whole numbers: what is missing just
                // after each.
                let (mut missing, mut last) = (0u128, 0);
                let mut sorted = self.sorted();
                sorted.retain(|other| other.at <= told.at);
                for told in sorted {
                    let back = u128::from(told.at - last) * u128::from(spec.amount);
                    missing = missing.saturating_sub(back) + u128::from(told.units) * window;
                    last = told.at;
                }
                missing <= limit * window
            }
            _ => unreachable!(),
        })
    }

    /// The definition of the algorithm holds for everything together; instants are whole
    /// milliseconds, rounded up.
    fn assert_kept(&self, spec: &Spec) {
        let told = self.sorted();
        let (limit, window) = (u128::from(spec.limit), u128::from(spec.window));
        let sum = |counts: &dyn Fn(u64) -> bool| -> u128 {
            told.iter()
                .filter(|told| counts(told.at))
                .map(|told| u128::from(told.units))
                .sum()
        };
        for (i, first) in told.iter().enumerate() {
            let from = first.at;
            let refunded = |to: u64| -> u128 {
                let within = self
                    .refunds
                    .iter()
                    .filter(|(at, _)| (from..=to).contains(at));
                within.map(|(_, units)| u128::from(*units)).sum()
            };
            match spec.kind {
                Kind::FixedWindow => {
                    let of = from / spec.window;
                    let all: u128 = self
                        .refunds
                        .iter()
                        .filter(|(at, _)| at / spec.window == of)
                        .map(|(_, u)| u128::from(*u))
                        .sum();
                    assert!(sum(&|at| at / spec.window == of) <= limit + all, "{spec:?}");
                }
                // Two of its windows meet in as long a time.
                Kind::FirstUse => {
                    let to = from + spec.window - 1;
                    let sum = sum(&|at| (from..=to).contains(&at));
                    assert!(sum <= 2 * limit + refunded(to), "{spec:?}");
                }
                Kind::Quota => {
                    let all: u128 = self
                        .refunds
                        .iter()
                        .filter(|(at, _)| at / 60_000 == from / 60_000)
                        .map(|(_, u)| u128::from(*u))
                        .sum();
                    assert!(
                        sum(&|at| at / 60_000 == from / 60_000) <= limit + all,
                        "{spec:?}"
                    );
                }
                Kind::SlidingWindow if self.refunds.is_empty() => {
                    let before = sum(&|at| at / spec.window + 1 == from / spec.window);
                    let current = sum(&|at| at / spec.window == from / spec.window && at <= from);
                    let left = window - u128::from(from) % window;
                    assert!(
                        before * left + current * window <= limit * window,
                        "{spec:?}"
                    );
                }
                Kind::SlidingWindow => {}
                _ => {
                    let mut units = 0;
                    for last in &told[i..] {
                        let span = u128::from(last.at - from);
                        if spec.kind == Kind::Shaper && last.at > from && self.refunds.is_empty() {
                            // Between two go all units but the last one's: each at its turn, told
                            // up to a millisecond late.
                            assert!(
                                (span + 1) * u128::from(spec.amount) > units * window,
                                "{spec:?}: {units} within {span} ms"
                            );
                        }
                        units += u128::from(last.units);
                        let most = match spec.kind {
                            Kind::SlidingLog | Kind::Concurrency if span >= window => continue,
                            Kind::SlidingLog | Kind::Concurrency => limit,
                            Kind::Stepped => limit + (span / window + 1) * u128::from(spec.amount),
                            Kind::Credits => {
                                limit
                                    + u128::from(spec.more % 20 + 1)
                                    + span * u128::from(spec.amount) / window
                            }
                            Kind::Meter | Kind::Shaper => {
                                limit + (span + 1) * u128::from(spec.amount) / window
                            }
                            _ => limit + span * u128::from(spec.amount) / window,
                        };
                        assert!(
                            units <= most + refunded(last.at),
                            "{spec:?}: {units} within {span} ms, at most {most}"
                        );
                    }
                }
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// Asks with one of the definitions.
    Ask {
        cost: i64,
        patience: Option<u64>,
        definition: usize,
    },
    /// Gives back the place or use of one of those admitted, counted from the newest.
    Cancel(usize),
    Refund(i64),
    Restart,
}

fn patience() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![
        2 => Just(None),
        3 => (0u64..60).prop_map(Some),
        4 => (0u64..2_000).prop_map(Some),
        1 => (0u64..400_000).prop_map(Some),
    ]
}

fn steps(refunds: bool) -> impl Strategy<Value = Vec<(i64, Step)>> {
    let gap = prop_oneof![
        6 => 0i64..6,
        3 => 0i64..60,
        1 => 100i64..2_000,
        1 => -40i64..0,
    ];
    let refund = if refunds { 1 } else { 0 };
    let step = prop_oneof![
        12 => (1i64..5, patience(), prop_oneof![3 => Just(0usize), 1 => 0usize..4]).prop_map(|(cost, patience, definition)| Step::Ask { cost, patience, definition }),
        3 => (0usize..12).prop_map(Step::Cancel),
        refund => (1i64..6).prop_map(Step::Refund),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec((gap, step), 1..40)
}

/// Runs the steps on a subject of these limits; `seen` looks at every answer before the next step.
fn run(
    specs: &[Spec],
    steps: Vec<(i64, Step)>,
    seen: impl FnMut(&mut Object, &Policy, &Check, &Decision, u64),
) -> Promised {
    run_changing(&[specs.to_vec()], steps, seen)
}

/// As [`run`], with several definitions of the same limits.
fn run_changing(
    definitions: &[Vec<Spec>],
    steps: Vec<(i64, Step)>,
    mut seen: impl FnMut(&mut Object, &Policy, &Check, &Decision, u64),
) -> Promised {
    let policies: Vec<Policy> = definitions.iter().map(|specs| policy(specs)).collect();
    let mut object = Object::with_exact_waits();
    let mut promised = Promised::default();
    let mut now = START as i64 + 10_000;
    // Under a clock that stepped back the newest time seen counts.
    let mut newest = 0;
    for (i, (gap, step)) in steps.into_iter().enumerate() {
        // What a refusal under another definition has seen of a clock that steps is not told.
        let one = policies.len() == 1;
        now += if one { gap } else { gap.abs() };
        let (now, operation) = (now as u64, i as u128 + 1);
        match step {
            Step::Ask {
                cost,
                patience,
                definition,
            } => {
                let policy = &policies[definition % policies.len()];
                let check = Check {
                    max_delay: patience.map(ms),
                    ..Check::of(cost)
                };
                let peeked = peek(&mut object, policy, check.clone(), now);
                let decision = object
                    .limit(policy, check.clone(), Some(operation), now)
                    .unwrap();
                assert_eq!(
                    (peeked.success, peeked.delay),
                    (decision.success, decision.delay)
                );
                // A peek under another definition tells the wait at the rates in force.
                assert!(policies.len() > 1 || peeked.retry_after == decision.retry_after);
                if decision.success {
                    newest = newest.max(now);
                    let at = newest.max(now + decision.delay.map_or(0, Duration::as_millis));
                    promised.told.push(Told {
                        at,
                        units: cost as u64,
                        operation: Some(operation),
                    });
                }
                // Nothing is kept of a subject that was never admitted.
                if !object.rows.is_empty() {
                    seen(&mut object, policy, &check, &decision, now);
                }
            }
            Step::Cancel(index) if index < promised.told.len() => {
                // What has gone ahead was used: only places are given back here, and what went this
                // instant.
                let index = promised.told.len() - 1 - index;
                let Told { at, operation, .. } = promised.told[index];
                if let Some(operation) = operation.filter(|_| at >= newest.max(now)) {
                    newest = newest.max(now);
                    promised.told.remove(index);
                    object.cancel(operation, now);
                    object.cancel(operation, now);
                }
            }
            Step::Refund(cost) if !policies[0].gives_permits() => {
                object
                    .limit(&policies[0], Check::of(-cost), None, now)
                    .unwrap();
                newest = newest.max(now);
                promised.refunds.push((newest, cost as u64));
                promised.forget_operations();
            }
            Step::Restart => {
                object = object.restarted();
                promised.forget_operations();
            }
            _ => {}
        }
    }
    promised
}

/// A refusal names the first instant at which the same request, asked again alone, is admitted.
fn assert_exact(
    object: &mut Object,
    policy: &Policy,
    check: &Check,
    decision: &Decision,
    now: u64,
) {
    if decision.success {
        let delay = decision.delay.map_or(0, Duration::as_millis);
        let shaper = policy
            .limits()
            .iter()
            .filter_map(|limit| match limit.algorithm() {
                Algorithm::LeakyBucket(bucket) => bucket.max_delay(),
                _ => None,
            });
        let most = shaper
            .chain(check.max_delay)
            .min()
            .map_or(0, Duration::as_millis);
        assert!(delay <= most, "{delay} ms told, {most} asked for");
        return;
    }
    match decision.retry_after.map(Duration::as_millis) {
        Some(wait) => {
            assert_eq!(decision.reason, Some(Reason::Limit));
            assert!(wait > 0);
            assert!(
                peek(object, policy, check.clone(), now + wait).success,
                "{wait} ms are enough for {check:?}"
            );
            assert!(
                !peek(object, policy, check.clone(), now + wait - 1).success,
                "{wait} ms are too much for {check:?}"
            );
            for part in 1..8 {
                assert!(
                    !peek(object, policy, check.clone(), now + (wait - 1) * part / 8).success,
                    "{wait} ms are too much for {check:?}"
                );
            }
        }
        None => {
            assert_eq!(decision.reason, Some(Reason::CostExceedsCapacity));
            assert!(!peek(object, policy, check.clone(), now + 1_000_000).success);
        }
    }
}

/// The worst case of the largest of some buckets: their largest capacity, fastest rate and longest
/// step.
fn assert_kept_by_the_largest(promised: &Promised, specs: &[Spec]) {
    let told = promised.sorted();
    let capacity = specs.iter().map(|spec| spec.limit).max().unwrap();
    let step = specs
        .iter()
        .filter(|spec| spec.kind == Kind::Stepped)
        .map(|spec| spec.amount)
        .max();
    let most = u128::from(capacity + step.unwrap_or(0));
    let comes_back = |span: u64| {
        let within =
            |spec: &Spec| u128::from(span + 1) * u128::from(spec.amount) / u128::from(spec.window);
        specs.iter().map(within).max().unwrap()
    };
    let spaced = specs.iter().all(|spec| spec.kind == Kind::Shaper) && promised.refunds.is_empty();
    for (i, first) in told.iter().enumerate() {
        let mut units = 0;
        for last in &told[i..] {
            let span = last.at - first.at;
            if spaced && span > 0 {
                assert!(
                    units <= comes_back(span),
                    "{units} units within {span} ms: {specs:?}"
                );
            }
            units += u128::from(last.units);
            let refunds = promised
                .refunds
                .iter()
                .filter(|(at, _)| (first.at..=last.at).contains(at));
            let refunded: u128 = refunds.map(|(_, units)| u128::from(*units)).sum();
            assert!(
                units <= most + comes_back(span) + refunded,
                "{units} units within {span} ms: {specs:?}"
            );
        }
    }
}

/// Definitions of one limit that differ in their numbers alone.
fn numbers_of(kinds: &'static [Kind]) -> impl Strategy<Value = Vec<Vec<Spec>>> {
    let first = specs_of(kinds);
    let others = prop::collection::vec((1u64..12, 1u64..12, 1u64..80), 1..4);
    (first, others).prop_map(|(first, others)| {
        let other = |(limit, amount, window)| Spec {
            limit,
            amount,
            window,
            ..first
        };
        core::iter::once(vec![first])
            .chain(others.into_iter().map(|it| vec![other(it)]))
            .collect()
    })
}

/// A queue whose callers go at +0, +10 and +30 ms, a unit every 10 ms; who waited between has left.
/// The gap is of two units, from +10 to +30 ms.
fn queue_with_a_gap() -> (Object, Limit, u64) {
    let shaper = leaky(100, 1, 10).with_max_delay(ms(1_000)).unwrap();
    let queue = named("queue", Algorithm::LeakyBucket(shaper));
    let alone = Policy::new(vec![queue.clone()]).unwrap();
    let mut object = Object::with_exact_waits();
    let now = START + 10_000;
    for (operation, (cost, delay)) in [(1, 0), (2, 10), (1, 30)].into_iter().enumerate() {
        let check = Check::of(cost);
        let decision = object.limit(&alone, check, Some(operation as u128), now);
        assert_eq!(decision.unwrap().delay, Some(ms(delay)));
    }
    object.cancel(1, now);
    (object, queue, now)
}

#[test]
fn who_comes_in_the_middle_of_a_gap_gets_no_more_than_is_left_of_it() {
    // Of the gap half is over at +20 ms: one unit ends where the next place starts.
    for (cost, delay) in [(1, 0), (2, 20)] {
        let (mut object, queue, now) = queue_with_a_gap();
        let alone = Policy::new(vec![queue]).unwrap();
        let decision = object.limit(&alone, Check::of(cost), None, now + 20);
        assert_eq!(decision.unwrap().delay, Some(ms(delay)), "cost {cost}");
    }
    // The whole of it, for who comes before it starts.
    let (mut object, queue, now) = queue_with_a_gap();
    let alone = Policy::new(vec![queue]).unwrap();
    let decision = object.limit(&alone, Check::of(2), None, now);
    assert_eq!(decision.unwrap().delay, Some(ms(10)));
}

#[test]
fn whom_another_limit_keeps_until_the_middle_of_a_gap_gets_no_more_than_is_left_of_it() {
    // A window that is full until +20 ms, where half of the gap is over.
    for (cost, delay) in [(1, 20), (2, 40)] {
        let (mut object, queue, now) = queue_with_a_gap();
        let window = named("window", fixed(2, 20));
        let full = Policy::new(vec![window.clone()]).unwrap();
        assert!(object.ask(&full, 2, now).success);
        let both = Policy::new(vec![queue, window]).unwrap();
        let check = Check {
            max_delay: Some(ms(1_000)),
            ..Check::of(cost)
        };
        let decision = object.limit(&both, check, None, now).unwrap();
        assert_eq!(decision.delay, Some(ms(delay)), "cost {cost}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn a_place_that_is_given_back_is_the_next_callers(spec in counting(), steps in steps(false), given_back in any::<prop::sample::Index>(), later in 0u64..40) {
        let policy = policy(&[spec]);
        let mut object = Object::default();
        let mut places = Vec::new();
        let mut now = START + 10_000;
        for (i, (gap, step)) in steps.into_iter().enumerate() {
            let Step::Ask { cost, patience, .. } = step else { continue };
            now += gap.unsigned_abs();
            // Of a meter, who does not wait overtakes those who do.
            let patience = patience.or((spec.kind == Kind::Meter).then_some(0));
            let check = Check { max_delay: patience.map(ms), ..Check::of(cost) };
            let decision = object.limit(&policy, check.clone(), Some(i as u128 + 1), now).unwrap();
            if let (true, Some(delay)) = (decision.success, decision.delay) {
                places.push((now + delay.as_millis(), check, i as u128 + 1));
            }
        }
        now += later;
        places.retain(|(at, ..)| *at > now);
        if places.is_empty() {
            return Ok(());
        }
        let (at, check, operation) = places[given_back.index(places.len())].clone();
        object.cancel(operation, now);
        let most = Some(ms(at - now));
        let decision = object.limit(&policy, Check { max_delay: most, ..check }, None, now).unwrap();
        prop_assert!(decision.success, "{:?}: the place at {} ms is free", spec, at - now);
    }

    #[test]
    fn every_place_is_the_first_instant_there_is(spec in specs_of(&[Kind::FixedWindow, Kind::Quota, Kind::SlidingWindow, Kind::SlidingLog, Kind::Token]), steps in steps(false)) {
        let policy = policy(&[spec]);
        let mut object = Object::default();
        let mut promised = Promised::default();
        let mut now = START + 10_000;
        for (i, (gap, step)) in steps.into_iter().enumerate() {
            now += gap.unsigned_abs();
            match step {
                Step::Ask { cost, patience, .. } => {
                    let check = Check { max_delay: patience.map(ms), ..Check::of(cost) };
                    let decision = object.limit(&policy, check.clone(), Some(i as u128 + 1), now).unwrap();
                    let at = decision.success.then(|| now + decision.delay.map_or(0, Duration::as_millis));
                    let fits = |at: u64| promised.and(at, cost as u64).holds(&spec);
                    let last = at.unwrap_or(now + patience.unwrap_or(0) + 1);
                    // Where an answer can change: at what was told, a window or a refill later, and
                    // now and then between.
                    let near = promised.told.iter().flat_map(|told| [told.at, told.at + spec.window, told.at + 60_000]);
                    let even = (0..10).map(|i| now + (last - now) * i / 10);
                    for earlier in near.chain(even).flat_map(|at| [at - 1, at, at + 1]).filter(|at| (now..last).contains(at)) {
                        prop_assert!(!fits(earlier), "{:?}: {} fits at {} ms, told {:?}", spec, cost, earlier - now, at.map(|at| at - now));
                    }
                    if let Some(at) = at {
                        prop_assert!(fits(at), "{:?}: {} does not fit at {} ms", spec, cost, at - now);
                        promised.told.push(Told { at, units: cost as u64, operation: Some(i as u128 + 1) });
                    }
                }
                Step::Cancel(index) if index < promised.told.len() => {
                    let index = promised.told.len() - 1 - index;
                    if promised.told[index].at >= now {
                        object.cancel(promised.told.remove(index).operation.unwrap(), now);
                    }
                }
                _ => {}
            }
        }
    }

    #[test]
    fn a_restart_promises_no_instant_that_the_lost_state_would_not(spec in counting(), large in 1u64..30, reserve in 1u64..40, steps in steps(true), costs in prop::collection::vec((1i64..6, patience(), 0u64..100), 4)) {
        let spec = Spec { limit: spec.limit * large, ..spec };
        let policy = policy(&[spec]).with_write_ahead(reserve).unwrap();
        let mut object = Object::default();
        let mut now = START + 10_000;
        for (i, (gap, step)) in steps.into_iter().enumerate() {
            now += gap.unsigned_abs();
            match step {
                Step::Ask { cost, patience, .. } => {
                    let check = Check { max_delay: patience.map(ms), ..Check::of(cost * large as i64) };
                    object.limit(&policy, check, Some(i as u128 + 1), now).unwrap();
                }
                Step::Cancel(back) => object.cancel((i - back.min(i)) as u128, now),
                Step::Refund(cost) => drop(object.limit(&policy, Check::of(-cost), None, now).unwrap()),
                Step::Restart => object = object.restarted(),
            }
            let mut after = object.restarted();
            for (cost, patience, later) in &costs {
                let check = Check { max_delay: patience.map(ms), ..Check::of(*cost) };
                for at in [now, now + later, now + 20 * later] {
                    let (kept, lost) = (peek(&mut after, &policy, check.clone(), at), peek(&mut object, &policy, check.clone(), at));
                    let least = |decision: &Decision| decision.limits[0].remaining;
                    prop_assert!(least(&kept) <= least(&lost), "{:?} after a restart: {} left, not {}", spec, least(&kept), least(&lost));
                    prop_assert!(!kept.success || lost.success && lost.delay <= kept.delay, "{:?} after a restart: {:?}, not {:?}", spec, kept.delay, lost.delay);
                }
            }
        }
    }

    // Promised exactly where nothing is given back. In a queue with a gap, a change keeps of the
    // place behind the gap only its millisecond: it may count from the start of that, and the next
    // caller be told up to a millisecond less.
    #[test]
    fn a_change_and_back_moves_no_room_ahead(spec in counting().prop_filter("intervals begin anew", |spec| !matches!(spec.kind, Kind::Stepped | Kind::FirstUse)), between in prop::collection::vec(specs_of(&Kind::ALL), 1..4), steps in steps(false), later in 0u64..30, costs in prop::collection::vec((1u64..6, 0u64..400), 4)) {
        let limit = |spec: &Spec| named("l", algorithm(spec));
        let mut state = LimitState::fresh(&algorithm(&spec), moment(START)).unwrap();
        let policy = Policy::new(vec![limit(&spec)]).unwrap();
        let mut now = START;
        for (gap, step) in steps {
            now += gap.unsigned_abs();
            if let Step::Ask { cost, patience, .. } = step {
                let check = Check { max_delay: patience.map(ms), ..Check::of(cost) };
                decide(&policy, &mut [&mut state], &check, None, moment(now)).unwrap();
            }
        }
        now += later;
        state.project(policy.limits()[0].algorithm(), moment(now)).unwrap();
        let mut changed = state.clone();
        let mut last = limit(&spec);
        let mut least = u64::MAX;
        for spec in between.iter().chain([&spec]) {
            let next = limit(spec);
            changed = changed.adopted(&last, &next, Vec::new(), moment(now)).unwrap();
            last = next;
            // Of what is spent another algorithm knows no more than its limit, and calls it spent
            // now.
            least = least.min(spec.limit);
        }
        for (cost, patience) in costs {
            let check = Check { peek: true, max_delay: Some(ms(patience)), ..Check::of(cost as i64) };
            let ask = |state: &LimitState| decide(&policy, &mut [&mut state.clone()], &check, None, moment(now)).unwrap();
            let (before, after) = (ask(&state), ask(&changed));
            if least >= spec.limit {
                prop_assert!(!after.success || before.success && before.delay <= after.delay, "{:?}: {:?}, after {:?} and back {:?}", spec, before.delay, between, after.delay);
            }
        }
    }

    #[test]
    fn changed_numbers_break_no_promise_and_make_no_unit(definitions in numbers_of(&Kind::BUCKETS), steps in steps(true)) {
        let promised = run_changing(&definitions, steps, |_, _, _, _, _| {});
        assert_kept_by_the_largest(&promised, &definitions.concat());
    }

    #[test]
    fn a_shaper_spaces_everybody_also_who_takes_a_place_given_back(spec in specs_of(&[Kind::Shaper]), steps in steps(false)) {
        let spec = Spec { limit: spec.limit * 3, more: spec.more * 10, ..spec };
        let promised = run(&[spec], steps, |_, _, _, _, _| {});
        promised.assert_kept(&spec);
    }

    #[test]
    fn a_shaper_has_several_turns_in_one_millisecond(spec in fast_shaper(), steps in steps(false)) {
        let promised = run(&[spec], steps, |_, _, _, _, _| {});
        promised.assert_kept(&spec);
    }

    #[test]
    fn a_shaper_whose_rate_changes_spaces_its_callers_by_the_fastest(definitions in numbers_of(&[Kind::Shaper]), steps in steps(false)) {
        let promised = run_changing(&definitions, steps, |_, _, _, _, _| {});
        assert_kept_by_the_largest(&promised, &definitions.concat());
    }

    #[test]
    fn one_bucket_read_as_another_breaks_no_promise_and_makes_no_unit(specs in prop::collection::vec(specs_of(&Kind::BUCKETS), 2..4), steps in steps(true)) {
        let definitions: Vec<Vec<Spec>> = specs.iter().map(|spec| vec![*spec]).collect();
        let promised = run_changing(&definitions, steps, |_, _, _, _, _| {});
        assert_kept_by_the_largest(&promised, &specs);
    }

    #[test]
    fn a_changed_limit_keeps_what_windows_have_promised(spec in specs_of(&[Kind::FixedWindow, Kind::Quota, Kind::SlidingWindow, Kind::SlidingLog]), limits in prop::collection::vec(1u64..12, 1..4), steps in steps(false)) {
        let definitions: Vec<Vec<Spec>> = limits.iter().map(|limit| vec![Spec { limit: *limit, ..spec }]).collect();
        let promised = run_changing(&definitions, steps, |_, _, _, _, _| {});
        let largest = Spec { limit: *limits.iter().max().unwrap(), ..spec };
        promised.assert_kept(&largest);
    }

    #[test]
    fn a_wait_is_exact_with_places_ahead(spec in counting(), steps in steps(true)) {
        run(&[spec], steps, assert_exact);
    }

    #[test]
    fn a_wait_is_exact_for_several_limits_together(a in counting(), b in counting(), c in prop::option::of(specs_of(&[Kind::Concurrency, Kind::Shaper])), steps in steps(true)) {
        let specs: Vec<Spec> = [a, b].into_iter().chain(c).collect();
        run(&specs, steps, assert_exact);
    }

    #[test]
    fn a_wait_is_exact_under_every_change_of_a_name(specs in prop::collection::vec(counting(), 2..5), steps in steps(true)) {
        let definitions: Vec<Vec<Spec>> = specs.iter().map(|spec| vec![*spec]).collect();
        run_changing(&definitions, steps, assert_exact);
    }

    #[test]
    fn what_is_promised_keeps_the_definition_of_the_algorithm(spec in counting(), steps in steps(true)) {
        let promised = run(&[spec], steps, |_, _, _, _, _| {});
        promised.assert_kept(&spec);
    }

    #[test]
    fn what_is_promised_keeps_the_definitions_of_several_limits(a in counting(), b in counting(), c in counting(), steps in steps(true)) {
        let specs = [a, b, c];
        let promised = run(&specs, steps, |_, _, _, _, _| {});
        for spec in &specs {
            promised.assert_kept(spec);
        }
    }
}

// Two turns begin in each millisecond, and the first of them is done before it ends: just after it
// nothing is missing, although it is taken.
#[test]
fn a_restart_forgets_no_turn_that_is_done_within_its_millisecond() {
    let spec = Spec {
        kind: Kind::Shaper,
        limit: 10,
        window: 3,
        amount: 5,
        more: 100,
    };
    let ask = || Step::Ask {
        cost: 1,
        patience: None,
        definition: 0,
    };
    let mut steps: Vec<(i64, Step)> = (0..5).map(|_| (0, ask())).collect();
    // The two of the millisecond before the last go.
    steps.extend([(0, Step::Cancel(2)), (0, Step::Cancel(1)), (2, ask())]);
    for _ in 0..3 {
        steps.extend([(0, Step::Restart), (0, ask())]);
    }
    let promised = run(&[spec], steps, |_, _, _, _, _| {});
    promised.assert_kept(&spec);
}
