//! Rows that earlier builds have written under several names of one time zone.
#![allow(clippy::unwrap_used)] // a test may panic, also in its helpers

mod common;

use std::collections::BTreeMap;

use common::object::{policy, Object};
use common::{fixed, named, START};
use proptest::prelude::*;
use tollgate_core::limit::quota::{Anchor, Period, Quota, TimeZoneName};
use tollgate_core::policy::Policy;
use tollgate_core::Algorithm;

const DAY: u64 = 86_400_000;
/// Names of UTC, which needs no clocks of a runtime. The first is its own.
const NAMES: [&str; 5] = ["UTC", "GMT", "Zulu", "etc/gmt", "Etc/Greenwich"];

fn daily(limit: u64) -> Policy {
    let zone = TimeZoneName::default();
    let quota = Quota::new(limit, Period::Day, zone, Anchor::default()).unwrap();
    policy(Algorithm::Quota(quota), None)
}

/// The row of a subject that has used `cost` at `now`, as a build has written it that took `name`
/// for a zone of its own.
fn row_under(name: &str, limit: u64, cost: i64, now: u64) -> (String, String) {
    let mut object = Object::default();
    object.ask(&daily(limit), cost, now);
    object.close_until(now + DAY);
    let (key, row) = object.rows.pop_first().unwrap();
    let renamed = (
        key.replace(":UTC:", &format!(":{name}:")),
        row.replace("timeZone=UTC", &format!("timeZone={name}")),
    );
    assert!(renamed.0.contains(name) && renamed.1.contains(name));
    renamed
}

fn woken(rows: BTreeMap<String, String>) -> Object {
    Object {
        rows,
        ..Object::default()
    }
    .restarted()
}

#[test]
fn a_row_under_another_name_is_found_counted_and_moved() {
    for name in NAMES {
        let mut object = woken(BTreeMap::from([row_under(name, 10, 7, START)]));
        assert_eq!(object.left(&daily(10), START + 1), 3, "{name}");
        assert!(!object.ask(&daily(10), 4, START + 1).success, "{name}");
        assert!(object.ask(&daily(10), 2, START + 1).success, "{name}");
        let keys: Vec<_> = object.rows.keys().map(String::as_str).collect();
        assert_eq!(keys, ["limit//quota/day:UTC:0:0:0"], "{name}");
        assert_eq!(object.restarted().left(&daily(10), START + 2), 1);
    }
}

#[test]
fn rows_under_several_names_are_deleted_when_idle_or_reset() {
    let rows = || BTreeMap::from(NAMES.map(|name| row_under(name, 10, 1, START)));
    let mut object = woken(rows());
    object.clean(START + 2 * DAY);
    assert!(object.rows.is_empty(), "{:?}", object.rows);
    let mut object = woken(rows());
    object.reset(START + 1);
    assert!(object.rows.is_empty(), "{:?}", object.rows);
    assert_eq!(object.left(&daily(10), START + 1), 10);
}

#[test]
fn a_key_that_is_not_the_rows_is_still_damage() {
    let (_, row) = row_under("GMT", 10, 1, START);
    for key in ["limit//quota/day:Zulu:0:0:0", "limit//quota/hour:GMT:0:0:0"] {
        let mut object = woken(BTreeMap::from([(key.to_owned(), row.clone())]));
        assert!(object
            .limit(&daily(10), tollgate_core::decide::Check::ONE, None, START)
            .is_err());
    }
}

#[test]
fn another_definition_of_the_name_deletes_no_row_of_a_quota() {
    let of = |algorithm| Policy::new(vec![named("a", algorithm)]).unwrap();
    let quota = of(daily(100).limits()[0].algorithm().clone());
    let row = |(key, row): (String, String)| {
        let key = key.replace("/quota/", "/a/");
        (key, row.replace(" algorithm=", " name=a algorithm="))
    };
    let rows = ["UTC", "GMT"].map(|name| row(row_under(name, 100, 40, START)));
    let mut object = woken(BTreeMap::from(rows));
    let hourly = of(fixed(50, DAY / 24));
    assert!(!object.ask(&hourly, 1, START + 1).success);
    let mut woken = object.restarted();
    assert_eq!(object.left(&quota, START + 1), 20);
    assert_eq!(woken.left(&quota, START + 1), 20);
    // Also once the hour has gone.
    assert_eq!(woken.left(&quota, START + DAY / 2), 20);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_was_used_under_every_name_adds_up_and_no_restart_forgets_or_doubles_it(
        uses in proptest::collection::vec((0..NAMES.len(), 1i64..300, 0..2u64, 100u64..2_000), 1..5),
        costs in proptest::collection::vec(1i64..50, 0..6),
        limit in 100u64..2_000,
    ) {
        // The last use under a name is what its row tells.
        let mut last = BTreeMap::new();
        for (name, cost, day, of) in uses {
            last.insert(name, (cost.min(of as i64), day, of));
        }
        let day = last.values().map(|&(_, day, _)| day).max().unwrap();
        let counted = last.values().filter(|&&(_, of_day, _)| of_day == day);
        let mut used: u64 = counted.map(|&(cost, ..)| cost as u64).sum();
        let rows = last.iter().map(|(&name, &(cost, day, of))| {
            row_under(NAMES[name], of, cost, START + day * DAY)
        });
        let mut object = woken(rows.collect());
        let now = START + day * DAY + 5_000;
        let left = |object: &mut Object, now| object.left(&daily(limit), now);
        for (i, cost) in costs.into_iter().enumerate() {
            let now = now + i as u64;
            prop_assert_eq!(left(&mut object, now), limit.saturating_sub(used));
            prop_assert_eq!(left(&mut object.restarted(), now), limit.saturating_sub(used));
            let admitted = object.ask(&daily(limit), cost, now).success;
            prop_assert_eq!(admitted, used + cost as u64 <= limit);
            if admitted {
                used += cost as u64;
                prop_assert_eq!(object.rows.len(), 1);
                object.close_until(now + 3_000);
            }
        }
        prop_assert_eq!(left(&mut object.restarted(), now + 9_000), limit.saturating_sub(used));
        object.clean(now + 2 * DAY);
        prop_assert!(object.rows.is_empty());
    }
}
