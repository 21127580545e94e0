//! Named policies have versions, and isolates learn of a change one after the other: a subject that
//! was decided by one version is never decided by an older one again, whatever is asked, also after
//! its object slept.

#![allow(clippy::unwrap_used)]

mod common;

use common::object::Object;
use common::{algorithm, bucket, fixed, leaky, moment, named, version, Kind, Spec, START};
use proptest::prelude::*;
use tollgate_core::api::response::DecisionBody;
use tollgate_core::decide::Check;
use tollgate_core::decision::{Decision, Reason, Source};
use tollgate_core::limit::{Concurrency, Name};
use tollgate_core::message::{encode_limit, Answer, Call, MESSAGES};
use tollgate_core::policy::{Policy, Version};
use tollgate_core::subject::{Namespace, SubjectParts};
use tollgate_core::subject_state::{Effects, Item, Refusal};
use tollgate_core::{Algorithm, Duration, Limit};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A policy of this name and version, with limits without names.
fn policy_of(name: &str, version: Version, algorithms: &[Algorithm]) -> Policy {
    let limits = algorithms.iter().map(|it| Limit::new(None, it.clone()));
    let policy = Policy::new(limits.collect()).unwrap();
    policy.named(Name::new("policy", name).unwrap(), version)
}

/// The policy `p` of one limit.
fn p(number: u64, algorithm: Algorithm) -> Policy {
    policy_of("p", version(number), &[algorithm])
}

fn slots(limit: u64, ttl: u64) -> Algorithm {
    Algorithm::Concurrency(Concurrency::new(limit, Duration::from_millis(ttl)).unwrap())
}

/// The version that decided, of an answer to what was asked.
fn decided_by(asked: &Policy, decision: &Decision) -> Version {
    let newer = decision.newer.as_deref();
    newer.map_or(asked.version(), Policy::version)
}

fn peek(cost: i64) -> Check {
    Check {
        peek: true,
        ..Check::of(cost)
    }
}

fn admitted(object: &mut Object, policy: &Policy, most: u64, now: u64) -> u64 {
    (0..most)
        .filter(|_| object.ask(policy, 1, now).success)
        .count() as u64
}

/// Charges four units that were admitted elsewhere.
fn charge(object: &mut Object, policy: &Policy, operation: u128) {
    let mut effects = Effects::default();
    let items = [Item {
        policy: policy.clone(),
        check: Check::of(4),
    }];
    let at = moment(START);
    (object.state.charge(&items, operation, at, &mut effects)).unwrap();
    object.apply(effects);
}

fn limit_all(object: &mut Object, items: &[(&Policy, Check)], now: u64) -> Vec<Decision> {
    let items: Vec<Item> = (items.iter())
        .map(|(policy, check)| Item {
            policy: (*policy).clone(),
            check: check.clone(),
        })
        .collect();
    let mut effects = Effects::default();
    let answers = object
        .state
        .limit(&items, None, &mut common::bits, moment(now), &mut effects);
    object.apply(effects);
    answers.unwrap()
}

/// The rows of policies.
fn policy_rows(object: &Object) -> Vec<&str> {
    let of_policies = object
        .rows
        .iter()
        .filter(|(key, _)| key.starts_with("policy/"));
    of_policies.map(|(_, row)| row.as_str()).collect()
}

#[test]
fn c3_an_older_caller_is_decided_by_the_newest_version_also_after_a_sleep() {
    let (old, new) = (p(3, fixed(1_000, HOUR)), p(4, fixed(10, HOUR)));
    let mut object = Object::default();
    assert_eq!(admitted(&mut object, &old, 5, START), 5);
    assert!(object.ask(&new, 1, START).success);
    for mut object in [object.restarted(), object] {
        // Callers of both versions side by side have what is left of the lowered limit, together.
        let mut left = 0;
        for _ in 0..50 {
            left += admitted(&mut object, &old, 1, START);
            left += admitted(&mut object, &new, 1, START);
        }
        assert_eq!(left, 4);
        let refused = object.ask(&old, 1, START);
        assert_eq!((refused.success, refused.limits[0].limit), (false, 10));
        assert_eq!(refused.newer.as_deref(), Some(&new), "it says by which");
        assert_eq!(
            refused.cache_for,
            Duration::ZERO,
            "an isolate asks anew by the newer one"
        );
        assert_eq!(object.ask(&new, 1, START).newer, None);
    }
}

#[test]
fn c3_another_window_and_other_limits_stay_in_force_also_after_a_sleep() {
    let old = p(3, fixed(100, HOUR));
    let new = policy_of("p", version(4), &[fixed(100, DAY), fixed(20, MINUTE)]);
    let new = new.with_write_ahead(7).unwrap();
    let mut object = Object::default();
    assert!(object.ask(&old, 50, START).success);
    assert!(object.ask(&new, 20, START).success);
    let mut object = object.restarted();
    let seen = object.ask(&old, 1, START);
    assert!(!seen.success, "the minute's limit is the newest's alone");
    assert_eq!(seen.limits.len(), 2);
    assert_eq!(
        seen.newer.as_deref(),
        Some(&new),
        "limits in order, and writeAhead"
    );
    // Each minute 20 more, until the day's 100 are used up.
    let minutes = (1..10).map(|i| START + i * MINUTE);
    let later: u64 = minutes
        .map(|now| admitted(&mut object, &old, 30, now))
        .sum();
    assert_eq!(later, 80);
}

#[test]
fn c4_a_restored_store_gives_the_same_numbers_to_others_and_its_generation_is_the_newer() {
    let of = |generation, number, limit| {
        let version = Version {
            generation,
            number,
            ..Version::NONE
        };
        policy_of("p", version, &[fixed(limit, HOUR)])
    };
    let (ghost, restored) = (of(START, 7, 10), of(START + DAY, 6, 1_000));
    let same_number = of(START + DAY, 7, 500);
    let mut object = Object::default();
    assert_eq!(admitted(&mut object, &ghost, 20, START), 10);
    let mut object = object.restarted();
    assert_eq!(
        admitted(&mut object, &restored, 20, START),
        20,
        "no ghost rules"
    );
    let told = object.ask(&ghost, 1, START);
    assert_eq!(decided_by(&ghost, &told), restored.version());
    let mut object = object.restarted();
    let told = object.ask(&same_number, 1, START);
    assert_eq!((told.newer, told.limits[0].limit), (None, 500));
    let told = object.restarted().ask(&ghost, 1, START);
    assert_eq!(decided_by(&ghost, &told), same_number.version());
}

#[test]
fn a_refusal_takes_up_a_version_and_a_peek_does_not() {
    let (old, new) = (p(1, fixed(10, DAY)), p(2, fixed(10, MINUTE)));
    let mut object = Object::default();
    object.ask(&old, 1, START);
    // A peek is answered by the newest that is known, or asked.
    let seen = object.limit(&new, peek(11), None, START).unwrap();
    assert_eq!((seen.success, seen.newer), (false, None));
    assert_eq!(object.ask(&old, 1, START).newer, None, "and takes up none");
    // A refusal does, although the state that refused is as good as new and is not kept.
    assert!(!object.ask(&new, 11, START).success);
    assert_eq!(object.rows.len(), 2, "the day's, and the policy's");
    for mut object in [object.restarted(), object] {
        let (rows, writes) = (object.rows.clone(), object.writes);
        let seen = object.limit(&old, peek(11), None, START).unwrap();
        assert_eq!(seen.newer.as_deref(), Some(&new));
        assert_eq!((&object.rows, object.writes), (&rows, writes));
        assert_eq!(admitted(&mut object, &old, 20, START + 1), 10);
    }
}

#[test]
fn a_change_writes_one_row_more_at_most_and_a_check_none() {
    // All of a policy is in its only limit's row.
    let mut object = Object::default();
    object.ask(&p(1, fixed(10, HOUR)), 1, START);
    assert_eq!(object.writes, 1);
    let row = "1 limit policy=p version=1 generation=1798848000000 whole=1 algorithm=fixedWindow limit=10 window=3600000 used=1 start=1798848000000 end=1798851600000 time=1798848000000";
    assert_eq!(object.rows["limit/p/fixedWindow/3600000"], row);
    object.ask(&p(2, fixed(9, HOUR)), 1, START);
    assert_eq!(object.writes, 2, "another limit is written anyway");
    // Only the number changes: an admission that runs within its row writes the policy's.
    for _ in 0..4 {
        object.ask(&p(3, fixed(9_000, HOUR)), 1, START);
    }
    let writes = object.writes;
    object.ask(&p(4, fixed(9_000, HOUR)), 1, START);
    let row = "1 policy policy=p version=4 generation=1798848000000\nlimit algorithm=fixedWindow limit=9000 window=3600000";
    assert_eq!(policy_rows(&object), [row]);
    assert_eq!(object.writes, writes + 1);
    // Refusals of it, and older callers, write nothing more.
    for number in [4, 3, 4, 1] {
        assert!(
            !object
                .ask(&p(number, fixed(9_000, HOUR)), 9_001, START)
                .success
        );
    }
    assert_eq!(object.writes, writes + 1);

    // Of several limits each has a row, and the policy one; until the next change that is all.
    let several = |number| {
        let limits = [fixed(10, HOUR), fixed(10, DAY)];
        policy_of("p", version(number), &limits)
            .with_write_ahead(3)
            .unwrap()
    };
    let mut object = Object::default();
    object.ask(&several(1), 10, START);
    assert_eq!(object.writes, 3);
    let row = "1 policy policy=p version=1 generation=1798848000000 writeAhead=3\nlimit algorithm=fixedWindow limit=10 window=3600000\nlimit algorithm=fixedWindow limit=10 window=86400000";
    assert_eq!(policy_rows(&object), [row]);
    let mut object = object.restarted();
    assert!(!object.ask(&several(1), 1, START).success);
    assert_eq!(object.writes, 3);
    assert!(!object.ask(&several(2), 1, START).success);
    assert_eq!(object.writes, 4);
}

/// What was lifted meanwhile is in nobody's row, and yet no isolate that has not heard of it brings
/// it back, a restart later: the version that was decided by is known, also where it says the same
/// as the one before.
#[test]
fn what_was_lifted_meanwhile_does_not_come_back() {
    let at = |adjusted: u64, limit: u64| {
        let limits = [fixed(limit, DAY), fixed(10 * limit, HOUR)];
        policy_of("p", version(1), &limits).adjusted_at(adjusted)
    };
    let mut object = Object::default();
    assert!(object.ask(&at(100, 5), 5, START).success);
    // A hundredfold from 200 to 300, of which the object hears nothing.
    assert!(!object.ask(&at(300, 5), 1, START).success);
    for _ in 0..2 {
        assert!(!object.ask(&at(200, 500), 1, START).success);
        object = object.restarted();
    }
}

#[test]
fn a_policy_without_states_is_forgotten_with_its_row() {
    let several = |number| policy_of("p", version(number), &[fixed(10, MINUTE), fixed(10, HOUR)]);
    let mut object = Object::default();
    object.ask(&several(2), 1, START);
    object.ask(&p(1, fixed(1, DAY)).clone(), 1, START);
    let other = policy_of("q", version(1), &[fixed(10, 2 * DAY)]);
    object.ask(&other, 1, START);
    object.clean(START + DAY);
    assert_eq!(policy_rows(&object), Vec::<&str>::new());
    assert_eq!(object.rows.len(), 1, "q's");
    for mut object in [object.restarted(), object] {
        let taken = object.ask(&several(1), 1, START + DAY);
        assert_eq!(taken.newer, None, "taken as it comes");
    }
    // A subject that is idle altogether ends with no row.
    let mut object = Object::default();
    object.ask(&several(2), 1, START);
    object.clean(START + 2 * HOUR);
    assert!(object.rows.is_empty());
}

#[test]
fn a_version_outlives_the_limit_whose_row_told_it() {
    // The newest definition's only state is idle and gone, that of an older one is not.
    let (old, new) = (p(1, fixed(10, DAY)), p(2, fixed(5, MINUTE)));
    let mut object = Object::default();
    object.ask(&old, 1, START);
    object.ask(&new, 1, START);
    assert_eq!(policy_rows(&object), Vec::<&str>::new());
    object.clean(START + HOUR);
    assert_eq!(policy_rows(&object).len(), 1);
    for mut object in [object.restarted(), object] {
        assert_eq!(admitted(&mut object, &old, 20, START + HOUR), 5);
    }
}

#[test]
fn a_reset_keeps_the_version_while_slots_are_held() {
    let old = policy_of("p", version(1), &[fixed(10, DAY)]);
    let new = policy_of("p", version(2), &[slots(2, HOUR), fixed(3, DAY)]);
    let mut object = Object::default();
    object.ask(&new, 1, START);
    object.reset(START + 1);
    for mut object in [object.restarted(), object.restarted()] {
        let told = object.ask(&old, 1, START + 2);
        assert!(told.success && told.grant.is_some());
        assert_eq!(decided_by(&old, &told), version(2));
    }
    // Without a holder there is nothing to keep.
    let mut object = Object::default();
    object.ask(&p(2, fixed(3, DAY)), 1, START);
    object.reset(START + 1);
    assert!(object.rows.is_empty());
    assert_eq!(object.ask(&old, 1, START + 2).newer, None);
}

#[test]
fn items_of_one_call_are_decided_by_one_version() {
    let (old, new) = (p(1, fixed(100, HOUR)), p(2, fixed(3, HOUR)));
    let inline = common::policy_of(fixed(5, HOUR));
    for order in [[&old, &new], [&new, &old]] {
        let items = [
            (order[0], Check::of(2)),
            (order[1], Check::of(1)),
            (&inline, Check::ONE),
        ];
        let mut object = Object::default();
        let answers = limit_all(&mut object, &items, START);
        assert!(answers.iter().all(|answer| answer.success));
        assert!(!object.restarted().ask(&old, 1, START).success);
        let told = answers
            .iter()
            .zip(items)
            .map(|(it, (asked, _))| decided_by(asked, it));
        assert_eq!(
            told.collect::<Vec<_>>(),
            [version(2), version(2), Version::NONE]
        );
    }
    // Refused, all of it has taken up the version, and nothing is charged.
    let mut object = Object::default();
    object.ask(&old, 1, START);
    let items = [(&old, Check::of(2)), (&new, Check::of(2))];
    let answers = limit_all(&mut object, &items, START);
    assert!(!answers.iter().all(|answer| answer.success));
    assert_eq!(admitted(&mut object.restarted(), &old, 10, START), 2);
    // Who only looks takes up nothing beside others either.
    let mut object = Object::default();
    let items = [(&old, Check::ONE), (&new, peek(1))];
    let answers = limit_all(&mut object, &items, START);
    assert_eq!(
        answers
            .iter()
            .map(|it| it.newer.is_some())
            .collect::<Vec<_>>(),
        [false; 2]
    );
    assert_eq!(object.ask(&old, 1, START).newer, None);
}

#[test]
fn what_was_given_out_elsewhere_is_charged_under_the_newest_version() {
    let (old, new) = (p(1, fixed(1_000, HOUR)), p(2, fixed(10, MINUTE)));
    let lowered = p(3, fixed(10, HOUR));
    let mut object = Object::default();
    object.ask(&lowered, 1, START);
    charge(&mut object, &old, 1);
    assert_eq!(object.left(&old, START), 5);
    let mut object = Object::default();
    object.ask(&new, 1, START);
    charge(&mut object, &old, 1);
    assert_eq!(object.left(&new, START), 9);
    // Only what the newest counts nowhere is charged to a state of its own.
    assert_eq!(policy_rows(&object), Vec::<&str>::new());
    assert_eq!(object.rows.len(), 2);
}

#[test]
fn a_charge_of_one_limit_is_not_taken_for_its_policy() {
    // Isolates charge limit by limit, and each of them once.
    let both =
        |number, hourly| policy_of("p", version(number), &[fixed(hourly, HOUR), fixed(50, DAY)]);
    let charged = |object: &mut Object, number, operation| {
        charge(object, &p(number, fixed(100, HOUR)), operation);
        charge(object, &p(number, fixed(50, DAY)), operation + 1);
    };
    let left = |object: &mut Object| -> Vec<u64> {
        let seen = object.limit(&both(3, 80), peek(0), None, START).unwrap();
        seen.limits.iter().map(|it| it.remaining).collect()
    };
    // The first to name a version, they bring no policy of one limit in force.
    let mut object = Object::default();
    charged(&mut object, 3, 1);
    assert_eq!(policy_rows(&object), Vec::<&str>::new());
    for mut object in [object.restarted(), object] {
        assert_eq!(object.ask(&both(1, 100), 1, START).limits.len(), 2);
    }
    // Of an older version they are charged to the newest's, once each; nothing else changes.
    let mut object = Object::default();
    object.ask(&both(2, 80), 1, START);
    charged(&mut object, 1, 1);
    assert_eq!(left(&mut object), [75, 45]);
    let told = object.restarted().ask(&both(1, 100), 81, START);
    assert_eq!(told.reason, Some(Reason::CostExceedsCapacity));
    // Of a newer version they take it up neither.
    charged(&mut object, 3, 3);
    for mut object in [object.restarted(), object] {
        assert_eq!(object.ask(&both(1, 100), 1, START).limits[0].limit, 80);
    }
    // The limit's row goes on telling the whole of a policy that has no other.
    let mut object = Object::default();
    object.ask(&p(2, fixed(80, HOUR)), 1, START);
    charge(&mut object, &p(1, fixed(100, HOUR)), 1);
    charge(&mut object, &p(2, fixed(80, HOUR)), 2);
    assert_eq!(policy_rows(&object), Vec::<&str>::new());
    let told = object.restarted().ask(&p(1, fixed(9, HOUR)), 1, START);
    assert_eq!(told.limits[0].limit, 80);
}

#[test]
fn a_blocked_caller_takes_up_nothing() {
    let (old, new) = (p(1, fixed(10, HOUR)), p(2, fixed(5, HOUR)));
    let mut object = Object::default();
    object.ask(&old, 1, START);
    let mut effects = Effects::default();
    let block = Duration::from_secs(1);
    (object
        .state
        .block(Some("p"), block, "", moment(START), &mut effects))
    .unwrap();
    object.apply(effects);
    assert_eq!(object.ask(&new, 1, START).reason, Some(Reason::Blocked));
    let told = object.ask(&old, 1, START + 2 * SECOND);
    assert_eq!((told.success, told.newer), (true, None));
}

#[test]
fn a_repeated_operation_tells_the_same_version_and_a_cancelled_one_gives_back() {
    let (old, new) = (p(1, fixed(100, HOUR)), p(2, fixed(5, HOUR)));
    let mut object = Object::default();
    object.ask(&new, 1, START);
    let first = object.limit(&old, Check::of(2), Some(7), START).unwrap();
    assert_eq!(decided_by(&old, &first), version(2));
    object.ask(&p(3, fixed(4, HOUR)), 1, START);
    assert_eq!(
        object.limit(&old, Check::of(2), Some(7), START).unwrap(),
        first
    );
    object.cancel(7, START);
    assert_eq!(object.left(&old, START), 2);
}

#[test]
fn policies_and_names_without_versions_are_as_before() {
    let named = |algorithm| policy_of("p", Version::NONE, &[algorithm]);
    let mut object = Object::default();
    object.ask(&named(fixed(10, HOUR)), 1, START);
    assert_eq!(object.ask(&named(fixed(20, HOUR)), 1, START).newer, None);
    let told = object.ask(&named(fixed(10, HOUR)), 1, START);
    assert_eq!((told.limits[0].limit, told.newer), (10, None));
    assert_eq!(policy_rows(&object), Vec::<&str>::new());
    // Among callers with versions, the numbers without one hold for their call alone.
    object.ask(&p(2, fixed(30, HOUR)), 1, START);
    let told = object.ask(&named(fixed(10, HOUR)), 1, START);
    assert_eq!((told.limits[0].limit, told.newer), (10, None));
    for mut object in [object.restarted(), object] {
        let told = object.ask(&p(1, fixed(40, HOUR)), 1, START);
        assert_eq!(told.limits[0].limit, 30);
    }
}

#[test]
fn rows_of_builds_before_tell_a_version_and_no_policy() {
    let row = "1 limit policy=p version=3 algorithm=fixedWindow limit=10 window=3600000 used=4 start=1798848000000 end=1798851600000 time=1798848000000";
    let mut object = Object::default();
    object
        .rows
        .insert("limit/p/fixedWindow/3600000".into(), row.into());
    let mut object = object.restarted();
    let old = Version {
        number: 2,
        ..Version::NONE
    };
    let told = object.ask(&policy_of("p", old, &[fixed(20, HOUR)]), 1, START);
    assert_eq!((told.newer, told.limits[0].remaining), (None, 15));
}

#[test]
fn a_damaged_row_of_a_policy_is_not_taken_as_none() {
    let row = "1 policy policy=p version=4\nlimit algorithm=fixedWindow limit=9 window=1000";
    for (key, row) in [
        ("policy/q", row),
        ("policy/p", "1 policy policy=p version=4"),
        ("policy/p", &row.replace("limit=9", "limit=x")),
    ] {
        let mut object = Object::default();
        object.rows.insert(key.into(), row.into());
        let asked = object
            .restarted()
            .limit(&p(1, fixed(1, HOUR)), Check::ONE, None, START);
        assert!(
            matches!(asked, Err(Refusal::Unavailable(_))),
            "{key}: {row}"
        );
    }
}

#[test]
fn messages_tell_versions_and_the_newer_policy_in_this_form() {
    let (old, new) = (
        p(1, fixed(100, HOUR)),
        policy_of("p", version(2), &[fixed(5, HOUR), fixed(9, DAY)]),
    );
    let mut object = Object::default();
    object.ask(&new.clone().with_write_ahead(2).unwrap(), 1, START);
    let told = Answer::Decided(vec![object.ask(&old, 1, START), object.ask(&new, 1, START)]);
    let text = told.encode_in(MESSAGES.written());
    let first = "1 decided\ndecision at=1798848000000 success=1 deciding=0 cacheFor=0 keeps=1 policy=p version=2 generation=1798848000000 writeAhead=2\nlimit algorithm=fixedWindow limit=5 window=3600000\nlimit algorithm=fixedWindow limit=9 window=86400000\nstanding limit=5 remaining=3 reset=1798851600000\n";
    assert!(text.starts_with(first), "{text}");
    assert!(
        !text[first.len()..].contains("policy="),
        "the newest is not told"
    );
    assert_eq!(Answer::decode(&text), Ok(told));
    let item = Item {
        policy: old,
        check: Check::ONE,
    };
    let text = encode_limit(None, core::slice::from_ref(&item), &|_| false);
    let form = "1 limit\nitem policy=p version=1 generation=1798848000000 cost=1\nlimit algorithm=fixedWindow limit=100 window=3600000";
    assert_eq!(text, form);
    let call = Call::Limit {
        operation: None,
        items: vec![item],
        holding: None,
    };
    assert_eq!(Call::decode(&text), Ok((MESSAGES.written(), call)));
}

#[test]
fn what_a_caller_reads_is_of_the_version_that_decided() {
    let old = p(1, fixed(100, HOUR));
    let new = policy_of("p", version(2), &[fixed(5, HOUR), fixed(9, DAY)]);
    let mut object = Object::default();
    object.ask(&new, 5, START);
    let told = object.ask(&old, 1, START);
    let shown = old.under(told.newer.as_deref().unwrap());
    assert_eq!(shown, new);
    let subject = SubjectParts::new("u1").unwrap();
    let subject = subject.in_namespace(Namespace::default());
    let body = DecisionBody::new(&told, &shown, &subject, Source::Object);
    assert_eq!((body.version, body.limit), (Some(2), Some(5)));
    assert_eq!(body.limited_by.as_deref(), Some("5/1h"));
    let names: Vec<&str> = body.limits.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["5/1h", "9/1d"]);
}

/// A request that its own version allows and the newest does not is refused or passes as for
/// whoever asks the newest so, and what is refused charges nothing.
#[test]
fn what_the_newest_version_cannot_give_is_refused_and_charges_nothing() {
    let held = Check {
        hold: Some(Duration::from_secs(5)),
        ..Check::of(2)
    };
    let waits = Check {
        max_delay: Some(Duration::from_secs(60)),
        ..Check::of(2)
    };
    let old_slots = p(1, slots(10, MINUTE));
    let old_window = p(1, fixed(100, HOUR));
    let two = |first, second| policy_of("p", version(2), &[first, second]);

    // Costs above what one of the limits can ever give.
    let new = two(fixed(50, HOUR), fixed(10, DAY));
    let mut object = Object::default();
    object.ask(&new, 1, START);
    let told = object.ask(&old_window, 20, START);
    assert_eq!(told.reason, Some(Reason::CostExceedsCapacity));
    let told = object
        .restarted()
        .limit(&old_window, peek(0), None, START)
        .unwrap();
    let left: Vec<u64> = told.limits.iter().map(|it| it.remaining).collect();
    assert_eq!(left, [49, 9]);

    // Holds what is no slot: units are held in place of slots.
    let mut object = Object::default();
    object.ask(&p(2, fixed(10, HOUR)), 1, START);
    let told = object.limit(&old_slots, held, None, START).unwrap();
    assert!(told.success && told.grant.is_some());
    assert_eq!(object.left(&old_window, START), 7);

    // Waits for slots, which nobody can promise; gives back units to slots, which changes nothing.
    let new = two(slots(3, MINUTE), fixed(10, HOUR));
    let mut object = Object::default();
    object.ask(&new, 1, START);
    let waited = p(1, Algorithm::LeakyBucket(leaky(5, 1, SECOND)));
    assert!(
        object
            .limit(&waited, waits.clone(), None, START)
            .unwrap()
            .success
    );
    assert!(!object.limit(&waited, waits, None, START).unwrap().success);
    assert!(object.ask(&old_window, -2, START).success);
    let told = object
        .restarted()
        .limit(&old_window, peek(0), None, START)
        .unwrap();
    let left: Vec<u64> = told.limits.iter().map(|it| it.remaining).collect();
    assert_eq!(left, [0, 9]);
}

/// What happens to a subject.
#[derive(Debug, Clone)]
enum Event {
    /// The operation is known by the event's place.
    Ask(Vec<Asked>, Option<u128>),
    /// One of the limits is charged alone, as isolates do.
    Charge(Asked, u128, usize),
    /// Of the event so many before this one.
    Cancel(u128),
    Reset(bool),
    Block(u64),
    Clean,
    Close,
    Sleep,
}

/// A policy and its version, by their places, and what is asked of it.
#[derive(Debug, Clone)]
struct Asked {
    policy: usize,
    version: usize,
    check: Check,
}

/// Two policies, each with its definitions, oldest first, and what happens.
#[derive(Debug, Clone)]
struct History {
    policies: [Vec<Policy>; 2],
    events: Vec<(u64, Event)>,
}

fn definition() -> impl Strategy<Value = (Vec<Limit>, Option<u64>)> {
    let kinds = prop::sample::select(Kind::ALL.to_vec());
    let limit = prop_oneof![4 => 1u64..30, 1 => 200u64..2_000];
    let window = prop_oneof![Just(100u64), Just(1_000), Just(7_000), Just(3_600_000)];
    let names = prop_oneof![3 => Just(None), 3 => Just(Some("a")), 1 => Just(Some("b"))];
    let spec =
        (kinds, limit, window, 1u64..20, 0u64..4).prop_map(|(kind, limit, window, amount, how)| {
            match (kind, how) {
                (Kind::TokenBucket, 0) => {
                    Algorithm::TokenBucket(bucket(limit, amount, window).stepped().unwrap())
                }
                (Kind::LeakyBucket, 0) => Algorithm::LeakyBucket(
                    leaky(limit, amount, window)
                        .with_max_delay(Duration::from_millis(500))
                        .unwrap(),
                ),
                (Kind::SlidingLog | Kind::Concurrency, _) => algorithm(&Spec {
                    kind,
                    limit: limit.min(30),
                    window,
                    amount,
                }),
                _ => algorithm(&Spec {
                    kind,
                    limit,
                    window,
                    amount,
                }),
            }
        });
    let of = |(algorithm, name): (Algorithm, Option<&str>)| match name {
        Some(name) => named(name, algorithm),
        None => Limit::new(None, algorithm),
    };
    let limits = prop::collection::vec((spec, names).prop_map(of), 1..4);
    let limits = limits.prop_map(|limits| match Policy::new(limits.clone()) {
        Ok(_) => limits,
        Err(_) => vec![limits[0].clone()],
    });
    (
        limits,
        prop_oneof![2 => Just(None), 1 => (1u64..50).prop_map(Some)],
    )
}

/// Definitions under rising versions, of two generations. Some differ in their number alone.
fn versions(name: &'static str) -> impl Strategy<Value = Vec<Policy>> {
    let definitions = prop::collection::vec((definition(), prop::bool::weighted(0.3)), 2..5);
    (definitions, 1usize..4).prop_map(move |(definitions, restored)| {
        let (mut last, _) = definitions[0].clone();
        let mut policies = Vec::new();
        for (i, (next, is_same)) in definitions.into_iter().enumerate() {
            if !is_same {
                last = next;
            }
            let is_restored = i >= restored;
            let version = Version {
                generation: START + u64::from(is_restored),
                number: 1 + (if is_restored { i - restored } else { i }) as u64,
                ..Version::NONE
            };
            let policy = Policy::new(last.0.clone()).unwrap();
            let policy = policy.named(Name::new("policy", name).unwrap(), version);
            policies.push(match last.1 {
                Some(units) => policy.with_write_ahead(units).unwrap(),
                None => policy,
            });
        }
        policies
    })
}

fn event() -> impl Strategy<Value = Event> {
    let cost = prop_oneof![10 => 1i64..8, 2 => 20i64..200, 1 => -5i64..1, 1 => Just(i64::MAX)];
    let delay = prop::option::weighted(0.15, 0u64..2_000);
    let hold = prop::option::weighted(0.15, 1u64..5_000);
    let check =
        (cost, prop::bool::weighted(0.15), delay, hold).prop_map(|(cost, peek, delay, hold)| {
            Check {
                cost,
                peek,
                max_delay: delay.map(Duration::from_millis),
                hold: hold.map(Duration::from_millis),
                bypass: false,
                ..Check::ONE
            }
        });
    let asked = || {
        (
            prop_oneof![3 => Just(0usize), 1 => Just(1)],
            0usize..5,
            check.clone(),
        )
            .prop_map(|(policy, version, check)| Asked {
                policy,
                version,
                check,
            })
    };
    prop_oneof![
        16 => (asked(), prop::option::weighted(0.3, 1u128..8)).prop_map(|(asked, operation)| Event::Ask(vec![asked], operation)),
        4 => (prop::collection::vec(asked(), 2..4), prop::option::weighted(0.3, 1u128..8)).prop_map(|(asked, operation)| Event::Ask(asked, operation)),
        2 => (asked(), 0usize..3).prop_map(|(asked, which)| Event::Charge(asked, 0, which)),
        2 => (1u128..8).prop_map(Event::Cancel),
        1 => any::<bool>().prop_map(Event::Reset),
        1 => (0u64..100).prop_map(Event::Block),
        2 => Just(Event::Clean),
        2 => Just(Event::Close),
        4 => Just(Event::Sleep),
    ]
}

fn history() -> impl Strategy<Value = History> {
    let pause =
        prop_oneof![6 => 0u64..20, 4 => 0u64..1_500, 1 => Just(3_600_000u64), 1 => Just(61_000)];
    let events = prop::collection::vec((pause, event()), 1..40);
    (versions("p"), versions("q"), events).prop_map(|(p, q, events)| {
        let mut now = START + 10_000;
        let at = |(place, (pause, mut event)): (u128, (u64, Event))| {
            now += pause;
            match &mut event {
                Event::Ask(_, Some(operation)) | Event::Charge(_, operation, _) => {
                    *operation = place
                }
                Event::Cancel(operation) => *operation = place.saturating_sub(*operation),
                _ => {}
            }
            (now, event)
        };
        History {
            policies: [p, q],
            events: (1..).zip(events).map(at).collect(),
        }
    })
}

impl History {
    fn policy(&self, asked: &Asked) -> &Policy {
        let versions = &self.policies[asked.policy];
        &versions[asked.version % versions.len()]
    }

    fn item(&self, asked: &Asked) -> Item {
        Item {
            policy: self.policy(asked).clone(),
            check: asked.check.clone(),
        }
    }
}

/// What a model of the rule knows: the newest version of each policy that was decided.
#[derive(Debug, Default)]
struct Newest([Option<usize>; 2]);

impl Newest {
    /// What is asked, by the newest version that is known or asked beside it.
    fn of(
        &self,
        history: &History,
        asked: &[Asked],
        decides: impl Fn(&Asked) -> bool,
    ) -> Vec<Asked> {
        let place = |it: &Asked| it.version % history.policies[it.policy].len();
        let newest = |it: &Asked| {
            let beside = asked
                .iter()
                .filter(|other| other.policy == it.policy && decides(other));
            let beside = beside.map(place).max();
            let version = Some(place(it)).max(beside).max(self.0[it.policy]).unwrap();
            Asked {
                version,
                ..it.clone()
            }
        };
        asked.iter().map(newest).collect()
    }

    fn take_up(&mut self, asked: &[Asked], decides: impl Fn(&Asked) -> bool) {
        for it in asked.iter().filter(|it| decides(it)) {
            self.0[it.policy] = self.0[it.policy].max(Some(it.version));
        }
    }

    /// A policy without a state is forgotten.
    fn forget(&mut self, object: &Object) {
        for (known, name) in self.0.iter_mut().zip(["p", "q"]) {
            let prefix = format!("limit/{name}/");
            if !object.rows.keys().any(|key| key.starts_with(&prefix)) {
                *known = None;
            }
        }
    }
}

/// One limit of a policy, in its name.
fn alone(policy: &Policy, which: usize) -> Policy {
    let limits = policy.limits();
    let limit = limits[which % limits.len()].clone();
    let alone = Policy::new(vec![limit]).unwrap();
    alone.named(policy.name().unwrap().clone(), policy.version())
}

/// The limits of the newest version to which those of an older one are charged; itself where there
/// are none.
fn counting_the_same(newest: &Policy, asked: &Policy) -> Policy {
    let is_same = |a: &Limit, b: &Limit| {
        a.shares_state_with(b) || (a.name().is_some() && a.name() == b.name())
    };
    let mut limits = newest.limits().to_vec();
    limits.retain(|it| asked.limits().iter().any(|other| is_same(it, other)));
    let Ok(policy) = Policy::new(limits) else {
        return asked.clone();
    };
    let policy = policy.named(newest.name().unwrap().clone(), newest.version());
    match newest.write_ahead() {
        Some(units) => policy.with_write_ahead(units).unwrap(),
        None => policy,
    }
}

/// One event, as an object meets it.
fn happen(
    object: &mut Object,
    items: &[Item],
    event: &Event,
    now: u64,
) -> Option<Result<Vec<Decision>, Refusal>> {
    let (mut effects, at) = (Effects::default(), moment(now));
    let mut answer = None;
    match event {
        Event::Ask(_, operation) => {
            object.permits += 1;
            let permit = object.permits;
            answer = Some(
                object
                    .state
                    .limit(items, *operation, &mut || permit, at, &mut effects),
            );
        }
        Event::Charge(_, operation, _) => {
            answer = Some(
                object
                    .state
                    .charge(items, *operation, at, &mut effects)
                    .map(|()| Vec::new()),
            );
        }
        Event::Cancel(operation) => object.state.cancel(*operation, at, &mut effects).unwrap(),
        Event::Reset(all) => object
            .state
            .reset((!all).then_some("p"), at, &mut effects)
            .unwrap(),
        Event::Block(length) => {
            let length = Duration::from_millis(*length);
            object
                .state
                .block(Some("p"), length, "", at, &mut effects)
                .unwrap();
        }
        Event::Clean => object.state.clean(at, &mut effects).unwrap(),
        Event::Close => object.state.close(at, &mut effects),
        Event::Sleep => {
            *object = Object {
                permits: object.permits,
                ..object.restarted()
            };
        }
    }
    object.apply(effects);
    answer
}

fn reference(policy: &Policy) -> Policy {
    Policy::reference(policy.name().unwrap().clone(), policy.version())
}

#[test]
fn what_an_object_keeps_is_asked_by_name_and_version_alone() {
    let whole = policy_of("p", version(1), &[fixed(10, HOUR), fixed(100, DAY)]);
    let mut object = Object::default();
    let unknown = object.limit(&reference(&whole), Check::of(1), None, START);
    assert_eq!(unknown, Err(Refusal::UnknownDefinition("p".to_owned())));
    assert!(object.rows.is_empty());
    // Nothing was used, so nothing is kept: and so it is told.
    assert!(
        !object
            .limit(&whole, peek(1), None, START)
            .unwrap()
            .keeps_policy
    );
    assert!(object.ask(&whole, 1, START).keeps_policy);
    for _ in 0..3 {
        object = object.restarted();
        let brief = object.ask(&reference(&whole), 1, START);
        assert!(brief.keeps_policy && brief.newer.is_none());
        let limits: Vec<u64> = brief.limits.iter().map(|it| it.limit).collect();
        assert_eq!(limits, [10, 100]);
    }
    assert_eq!(object.left(&whole, START), 6);
    // A call that is kept is completed once.
    let mut items = [&whole, &policy_of("p", version(2), &[fixed(1, HOUR)])].map(|policy| Item {
        policy: reference(policy),
        check: Check::of(1),
    });
    object.state.complete(&mut items);
    assert_eq!(items[0].policy, whole);
    assert!(items[1].policy.is_reference());
    // An older version is decided by the newest, and one that is not known by none.
    object.ask(&policy_of("p", version(3), &[fixed(5, HOUR)]), 1, START);
    let older = object.ask(&reference(&whole), 1, START);
    let decided = decided_by(&whole, &older);
    assert_eq!((decided, older.success), (version(3), false));
    let unknown = Policy::reference(Name::new("policy", "p").unwrap(), version(4));
    let unknown = object.limit(&unknown, Check::of(1), None, START);
    assert!(matches!(unknown, Err(Refusal::UnknownDefinition(_))));
    // A version that is only looked at is not kept, though an older one is.
    let looked = object.limit(&p(4, fixed(5, HOUR)), peek(1), None, START);
    assert!(!looked.unwrap().keeps_policy);
    // When the last state is gone, so is the policy.
    object.clean(START + 2 * DAY);
    let gone = object.limit(&reference(&whole), Check::of(1), None, START + 2 * DAY);
    assert!(matches!(gone, Err(Refusal::UnknownDefinition(_))));
}

#[test]
fn a_brief_call_has_this_form_and_is_read_back() {
    let policy = p(7, fixed(10, HOUR)).with_write_ahead(3).unwrap();
    let items = [Item {
        policy: policy.clone(),
        check: Check::of(2),
    }];
    let text = encode_limit(None, &items, &|policy| policy.version().is_given());
    let expected = format!("1 limit\nitem policy=p version=7 generation={START} cost=2");
    assert_eq!(text, expected);
    let (_, call) = Call::decode(&text).unwrap();
    let Call::Limit { items, .. } = call else {
        panic!("{call:?}")
    };
    assert_eq!(items[0].policy, reference(&policy));
    for wrong in ["1 limit\nitem cost=2", "1 limit\nitem policy=p cost=2"] {
        assert!(Call::decode(wrong).is_err(), "{wrong}");
    }
    let answer = Answer::Decided(vec![Decision {
        keeps_policy: true,
        ..Decision::bare(moment(5).now, true, None)
    }]);
    let text = answer.encode_in(MESSAGES.written());
    assert_eq!(
        text,
        "1 decided\ndecision at=5 success=1 cacheFor=0 keeps=1"
    );
    assert_eq!(Answer::decode(&text), Ok(answer));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Callers of any versions, in any order, are answered as callers are who all ask the newest
    /// that was decided: no unit more, no other wait, no other row of a limit.
    #[test]
    fn callers_of_all_versions_have_what_callers_of_the_newest_have(history in history()) {
        let (mut object, mut twin) = (Object::default(), Object::default());
        let (mut newest, mut blocked_until) = (Newest::default(), 0);
        for (now, event) in &history.events {
            let (asked, is_charge) = match event {
                Event::Ask(asked, _) => (asked.clone(), false),
                Event::Charge(asked, ..) => (vec![asked.clone()], true),
                _ => (Vec::new(), false),
            };
            if let Event::Block(length) = event {
                blocked_until = now + length;
            }
            let decides = |it: &Asked| {
                let is_blocked = it.policy == 0 && *now < blocked_until && it.check.cost >= 0;
                it.check.cost != 0 && !it.check.peek && !is_blocked && !is_charge
            };
            let by_newest = newest.of(&history, &asked, decides);
            let items = |asked: &[Asked]| asked.iter().map(|it| history.item(it)).collect::<Vec<Item>>();
            let (mut asked_items, mut by_model) = (items(&asked), items(&by_newest));
            if let Event::Charge(Asked { policy, .. }, _, which) = event {
                let part = alone(&asked_items[0].policy, *which);
                let asked = asked[0].version % history.policies[*policy].len();
                by_model[0].policy = match newest.0[*policy] {
                    Some(known) if known >= asked => counting_the_same(&by_model[0].policy, &part),
                    _ => part.clone(),
                };
                asked_items[0].policy = part;
            }
            let before = newest.0;
            let rows: Vec<String> = policy_rows(&object).into_iter().map(str::to_owned).collect();
            let told = happen(&mut object, &asked_items, event, *now);
            let model = happen(&mut twin, &by_model, event, *now);
            match (told, model) {
                (Some(Ok(told)), Some(Ok(model))) => {
                    for (i, (told, model)) in told.iter().zip(&model).enumerate() {
                        let mut plain = told.clone();
                        if let Some(newer) = plain.newer.take() {
                            prop_assert_eq!(plain.cache_for, Duration::ZERO);
                            plain.cache_for = model.cache_for;
                            prop_assert_eq!(&*newer, history.policy(&by_newest[i]));
                        }
                        prop_assert_eq!(&plain, model);
                    }
                    newest.take_up(&by_newest, decides);
                }
                (told, model) => prop_assert_eq!(told, model),
            }
            newest.forget(&object);
            prop_assert_eq!(&object.rows, &twin.rows);
            prop_assert_eq!(object.writes, twin.writes);
            // A check writes a policy's row where a version is taken up, and nowhere else.
            if matches!(event, Event::Ask(..)) && newest.0 == before {
                prop_assert_eq!(policy_rows(&object), rows);
            }
            // What a sleep would find is what is known.
            for (i, known) in newest.0.iter().enumerate() {
                let oldest = Asked { policy: i, version: 0, check: peek(0) };
                let woken = happen(&mut object.restarted(), &[history.item(&oldest)], &Event::Ask(vec![], None), *now);
                let awake = happen(&mut object, &[history.item(&oldest)], &Event::Ask(vec![], None), *now);
                object.permits -= 1;
                for seen in [woken, awake] {
                    let seen = seen.unwrap();
                    if let (Ok(seen), Some(known)) = (seen, known) {
                        let newer = seen[0].newer.as_deref();
                        prop_assert_eq!(newer, (*known > 0).then(|| &history.policies[i][*known]));
                    } else if known.is_some() {
                        prop_assert!(false, "a peek of what is known fails");
                    }
                }
            }
        }
    }
}
