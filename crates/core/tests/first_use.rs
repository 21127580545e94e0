//! Windows that begin with the first use, by example: how they stand to aligned ones, what is
//! promised in them, and what no build from before may take them for. What they admit, the
//! properties of all algorithms say.

#![allow(clippy::unwrap_used)]

mod common;

use common::object::Object;
use common::{moment, version, START};
use tollgate_core::api::policy::named;
use tollgate_core::api::request::{parse, Rule};
use tollgate_core::decision::Decision;
use tollgate_core::explain::explain;
use tollgate_core::limit::Name;
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::Item;
use tollgate_core::Duration;

/// What is asked, beside the identifier.
fn item(rest: &str) -> Item {
    let request = parse(&format!(r#"{{"identifier": "u1", {rest}}}"#)).unwrap();
    let Rule::Inline(policy) = request.rule else {
        unreachable!()
    };
    let check = request.check;
    Item { policy, check }
}

const FIRST_USE: &str =
    r#""name": "n", "algorithm": "fixedWindow", "limit": 10, "window": "10s", "start": "firstUse""#;
const ALIGNED: &str = r#""name": "n", "algorithm": "fixedWindow", "limit": 10, "window": "10s""#;

struct Subject(Object);

impl Subject {
    fn ask(&mut self, rest: &str, at: u64) -> Decision {
        let Item { policy, check } = item(rest);
        self.0.limit(&policy, check, None, START + at).unwrap()
    }

    /// What is left, and when that ends, in ms from the start.
    fn seen(&mut self, rest: &str, at: u64) -> (u64, u64) {
        let standing = self.ask(&format!("{rest}, \"cost\": 0"), at).limits[0];
        (standing.remaining, standing.reset.as_millis() - START)
    }
}

fn subject() -> Subject {
    Subject(Object::with_exact_waits())
}

#[test]
fn it_is_another_window_than_the_aligned_one_and_neither_way_makes_a_unit() {
    for (from, to) in [(ALIGNED, FIRST_USE), (FIRST_USE, ALIGNED)] {
        let mut subject = subject();
        subject.ask(&format!("{from}, \"cost\": 7"), 4_000);
        subject.ask(&format!("{to}, \"cost\": 1"), 5_000);
        assert_eq!(subject.seen(to, 5_000).0, 2);
        // Both have been charged.
        assert_eq!(subject.seen(from, 5_000).0, 2);
        assert!(!subject.ask(&format!("{from}, \"cost\": 3"), 6_000).success);
    }
    let (first_use, aligned) = (item(FIRST_USE).policy, item(ALIGNED).policy);
    let (first_use, aligned) = (&first_use.limits()[0], &aligned.limits()[0]);
    assert!(!first_use.shares_state_with(aligned) && !first_use.takes_place_of(aligned));
}

#[test]
fn a_count_that_is_taken_over_opens_a_window() {
    let mut subject = subject();
    subject.ask(FIRST_USE, 1_000);
    subject.ask(&format!("{ALIGNED}, \"cost\": 4"), 8_000);
    // All five count for a window from now: some of the four are younger than the open one.
    subject.ask(FIRST_USE, 9_000);
    assert_eq!(subject.seen(FIRST_USE, 9_000), (4, 19_000));
}

#[test]
fn while_somebody_waits_windows_follow_each_other() {
    let mut subject = subject();
    subject.ask(&format!("{FIRST_USE}, \"cost\": 10"), 1_000);
    let both = r#""limits": [{"name": "n", "algorithm": "fixedWindow", "limit": 10, "window": "10s", "start": "firstUse"}, {"name": "b", "algorithm": "tokenBucket", "capacity": 10, "refill": {"amount": 1, "interval": "1.4s"}}], "maxDelay": "1m", "cost": 10"#;
    let both = both.replace("1.4s", "1400ms");
    subject.ask(&both, 1_000);
    // Promised for 25 s, by the bucket: in the window from 21 s to 31 s, which no use before moves.
    let told = subject.ask(&both, 1_000);
    assert_eq!(told.delay, Some(Duration::from_millis(24_000)));
    let next = format!("{FIRST_USE}, \"cost\": 10, \"maxDelay\": \"1m\", \"peek\": true");
    let next = subject.ask(&next, 1_000);
    assert_eq!(next.delay, Some(Duration::from_millis(30_000)));
    assert_eq!(subject.seen(FIRST_USE, 12_000), (0, 21_000));
    assert_eq!(subject.seen(FIRST_USE, 22_000), (0, 31_000));
    assert_eq!(subject.seen(FIRST_USE, 31_500), (10, 41_500));
}

#[test]
fn its_worst_case_is_that_of_two_windows_and_none_is_aligned() {
    let policy: Policy = item(FIRST_USE).policy;
    let worst = explain(&policy, moment(START + 5)).unwrap().remove(0);
    assert_eq!(worst.worst_case.units, 20);
    assert_eq!(worst.worst_case.aligned, None);
    // All used now is back one window from now.
    assert_eq!(worst.curve.emptied_at.as_millis(), START + 5);
    let last = worst.curve.points.last().unwrap();
    assert_eq!((last.at, last.available), (Duration::from_secs(10), 10));
}

#[test]
fn a_step_of_its_stages_begins_at_its_instant() {
    let staged = r#"{"name": "n", "algorithm": "fixedWindow", "window": "10s", "start": "firstUse",
        "stages": [{"for": "4s", "limit": 2}, {"limit": 5}]}"#;
    let policy = named::parse(staged).unwrap().policy;
    let policy = policy.named(Name::new("policy", "p").unwrap(), version(1));
    let mut object = Object::default();
    assert!(object.ask(&policy, 2, START + 1_000).success);
    assert_eq!(object.left(&policy, START + 4_999), 0);
    assert_eq!(object.left(&policy, START + 5_000), 3);
    assert_eq!(object.left(&policy, START + 11_000), 5);
}
