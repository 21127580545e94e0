//! Changes of a namespace's policies: versions, what extends what, and what is refused.

#![allow(clippy::unwrap_used)] // a test may panic, also in its helpers

mod common;

use common::name;
use std::collections::BTreeMap;

use proptest::prelude::*;
use tollgate_core::policy::Version;
use tollgate_core::Timestamp;
use tollgate_policies::book::{Book, By, Change, Record};
use tollgate_policies::bounds::{MAX_LEVELS, MAX_POLICIES, MAX_POLICY, MAX_SNAPSHOT};
use tollgate_policies::precondition::Precondition;
use tollgate_policies::refused::Refused;

const PLAIN: &str = r#"{"name":"hour","algorithm":"fixedWindow","limit":100,"window":"1h"}"#;

fn by(second: u64) -> By<'static> {
    By {
        author: "ann",
        reason: "because",
        now: Timestamp::from_millis(second * 1_000),
    }
}

fn put(book: &mut Book, policy: &str, written: &str) -> Result<Change, Refused> {
    book.put(&name(policy), written, Precondition::None, by(7))
}

fn delete(book: &mut Book, policy: &str) -> Result<Change, Refused> {
    book.delete(&name(policy), Precondition::None, by(8))
}

fn extending(base: &str, limit: u64) -> String {
    format!(r#"{{"extends":"{base}","limits":[{{"name":"hour","limit":{limit}}}]}}"#)
}

fn version(book: &Book, policy: &str) -> u64 {
    book.policy(policy).unwrap().0.version
}

fn canonical<'a>(book: &'a Book, policy: &str) -> &'a str {
    &book.policy(policy).unwrap().1.canonical
}

/// Nothing has changed, and the refusal is this one.
#[track_caller]
fn refuses(book: &mut Book, change: impl Fn(&mut Book) -> Result<Change, Refused>) -> Refused {
    let before = book.clone();
    let refused = change(book).unwrap_err();
    assert_eq!(*book, before, "{refused}");
    refused
}

#[test]
fn versions_rise_for_ever_also_across_deletion() {
    let mut book = Book::default();
    let mut last = 0;
    for limit in 1..20 {
        let text = PLAIN.replace("100", &limit.to_string());
        put(&mut book, "a", &text).unwrap();
        assert!(version(&book, "a") > last);
        last = version(&book, "a");
        if limit % 3 == 0 {
            let gone = delete(&mut book, "a").unwrap();
            assert_eq!((gone.before, gone.after), (Some(text), None));
            last = book.record("a").unwrap().version;
        }
    }
    assert_eq!(
        refuses(&mut book, |book| delete(book, "b")),
        Refused::UnknownPolicy("b".into())
    );
}

#[test]
fn versions_rise_also_for_names_that_were_forgotten() {
    let mut book = Book::default();
    for _ in 0..9 {
        put(&mut book, "old", PLAIN).unwrap();
        delete(&mut book, "old").unwrap();
    }
    let last = book.record("old").unwrap().version;
    let mut forgotten = Vec::new();
    for i in 0..=MAX_POLICIES {
        put(&mut book, &format!("n{i}"), PLAIN).unwrap();
        forgotten.extend(delete(&mut book, &format!("n{i}")).unwrap().forgotten);
    }
    assert_eq!(forgotten, ["old", "n0"]);
    assert!(book.record("old").is_none() && book.state.forgotten > 0);
    // Who has seen it still does not take the storage for a restored one.
    let version_of = |number| Version {
        generation: book.state.generation,
        number,
        ..Version::NONE
    };
    assert!(book.has_given("old", version_of(last)));
    assert!(!book.has_given("old", version_of(last + 1)));
    put(&mut book, "old", PLAIN).unwrap();
    assert!(version(&book, "old") > last);
}

#[test]
fn the_same_text_again_changes_nothing() {
    let mut book = Book::default();
    put(&mut book, "a", PLAIN).unwrap();
    let before = book.clone();
    let again = put(&mut book, "a", PLAIN).unwrap();
    assert_eq!((again.changed.len(), &book), (0, &before));
}

#[test]
fn a_change_says_who_made_it_when_and_why() {
    let mut book = Book::default();
    let made = put(&mut book, "a", PLAIN).unwrap();
    assert_eq!((made.before, made.after.as_deref()), (None, Some(PLAIN)));
    let record = book.record("a").unwrap();
    let told = (&*record.author, &*record.reason, record.at.as_millis());
    assert_eq!(told, ("ann", "because", 7_000));
    assert_eq!((book.state.generation, book.state.revision), (7_000, 1));
}

#[test]
fn a_change_is_made_only_of_what_its_author_has_read() {
    let mut book = Book::default();
    let put_if = |book: &mut Book, limit: u64, precondition| {
        let text = PLAIN.replace("100", &limit.to_string());
        book.put(&name("a"), &text, precondition, by(7))
    };
    let version_1 = Precondition::Version(1);
    for precondition in [Precondition::Present, version_1] {
        let refused = refuses(&mut book, |book| put_if(book, 1, precondition));
        assert_eq!(refused, Refused::Moved(None));
    }
    put_if(&mut book, 1, Precondition::Absent).unwrap();
    put_if(&mut book, 2, version_1).unwrap();
    for precondition in [Precondition::Absent, version_1, Precondition::Version(3)] {
        let refused = refuses(&mut book, |book| put_if(book, 3, precondition));
        assert_eq!(refused, Refused::Moved(Some(2)));
        let refused = refuses(&mut book, |book| {
            book.delete(&name("a"), precondition, by(7))
        });
        assert_eq!(refused, Refused::Moved(Some(2)));
    }
    put_if(&mut book, 3, Precondition::Present).unwrap();
    book.delete(&name("a"), Precondition::Version(3), by(7))
        .unwrap();
}

#[test]
fn a_changed_base_makes_new_versions_of_all_below_it() {
    let mut book = Book::default();
    put(&mut book, "base", PLAIN).unwrap();
    put(&mut book, "b", r#"{"extends":"base","failMode":"closed"}"#).unwrap();
    put(&mut book, "c", &extending("b", 7)).unwrap();
    put(&mut book, "other", PLAIN).unwrap();
    let changed = put(&mut book, "base", &PLAIN.replace("1h", "2h")).unwrap();
    assert_eq!(changed.changed, ["base", "b", "c"]);
    let revision = book.state.revision;
    for policy in ["base", "b", "c"] {
        assert_eq!(
            (
                version(&book, policy),
                book.record(policy).unwrap().revision
            ),
            (2, revision)
        );
        assert!(canonical(&book, policy).contains("7200000"), "{policy}");
    }
    assert_eq!(version(&book, "other"), 1);
    assert!(canonical(&book, "c").contains(r#""limit":7"#));
    assert!(canonical(&book, "c").contains(r#""failMode":"closed""#));
}

#[test]
fn a_base_in_use_is_neither_deleted_nor_made_one_that_does_not_fit() {
    let mut book = Book::default();
    put(&mut book, "base", PLAIN).unwrap();
    put(&mut book, "below", &extending("base", 7)).unwrap();
    let refused = refuses(&mut book, |book| delete(book, "base"));
    assert_eq!(refused, Refused::InUse(vec!["below".into()]));
    // Without the limit that `below` changes, `below` would lack a window.
    let refused = refuses(&mut book, |book| {
        put(book, "base", r#"{"limit":1,"window":"1h"}"#)
    });
    let Refused::BadBelow { name, error } = refused else {
        panic!("{refused}");
    };
    assert_eq!((&*name, &*error.field), ("below", "limits[1].window"));
    delete(&mut book, "below").unwrap();
    delete(&mut book, "base").unwrap();
}

#[test]
fn circles_and_more_than_four_levels_are_refused_with_their_chain() {
    let mut book = Book::default();
    put(&mut book, "l1", PLAIN).unwrap();
    for level in 2..=MAX_LEVELS {
        put(
            &mut book,
            &format!("l{level}"),
            &extending(&format!("l{}", level - 1), 7),
        )
        .unwrap();
    }
    let refused = refuses(&mut book, |book| put(book, "l5", &extending("l4", 7)));
    let chain = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        refused,
        Refused::TooDeep(chain(&["l5", "l4", "l3", "l2", "l1"]))
    );
    let refused = refuses(&mut book, |book| put(book, "l1", &extending("l3", 7)));
    assert_eq!(refused, Refused::Cycle(chain(&["l1", "l3", "l2", "l1"])));
    assert!(refused
        .to_string()
        .contains("l1 extends l3 extends l2 extends l1"));
    let refused = refuses(&mut book, |book| put(book, "l1", &extending("l1", 7)));
    assert_eq!(refused, Refused::Cycle(chain(&["l1", "l1"])));
    // A base put above is a level for all below.
    put(&mut book, "top", PLAIN).unwrap();
    let refused = refuses(&mut book, |book| put(book, "l1", &extending("top", 7)));
    assert_eq!(
        refused,
        Refused::TooDeep(chain(&["l4", "l3", "l2", "l1", "top"]))
    );
    let refused = refuses(&mut book, |book| put(book, "x", &extending("none", 7)));
    assert_eq!(refused, Refused::UnknownBase("none".into()));
}

#[test]
fn what_cannot_be_read_is_refused_by_its_field() {
    let mut book = Book::default();
    for (text, field) in [
        ("7", "body"),
        ("{", "body"),
        (r#"{"limits":[]}"#, "limits"),
        (r#"{"limit":1}"#, "window"),
        (
            r#"{"limit":1,"window":"1h","identifier":"u"}"#,
            "identifier",
        ),
        (r#"{"limit":1,"window":"1h","extends":"a b"}"#, "extends"),
    ] {
        let refused = refuses(&mut book, |book| put(book, "a", text));
        assert_eq!(refused.field(), Some(field), "{text}");
        let code = match text {
            "{" => "invalidJson",
            _ => "invalidField",
        };
        assert_eq!(refused.code(), code);
    }
}

#[test]
fn a_policy_that_this_build_cannot_read_is_in_the_way_of_no_other() {
    let mut book = Book::default();
    let below =
        |parent: &str| format!(r#"{{"limits":[{PLAIN}],"parent":{{"policy":"{parent}"}}}}"#);
    put(&mut book, "top", PLAIN).unwrap();
    put(&mut book, "below", &below("top")).unwrap();
    // A newer build has written it, and the deployment was rolled back.
    let newer = |mut record: Record| {
        let content = record.content.as_mut().unwrap();
        content.canonical = r#"{"limits":[],"dance":1}"#.to_owned();
        record
    };
    let record = newer(book.record("below").unwrap().clone());
    let top = book.record("top").unwrap().clone();
    let records = [("top".to_owned(), top), ("below".to_owned(), record)];
    let mut book = Book::new(book.state, records);
    put(&mut book, "other", PLAIN).unwrap();
    put(&mut book, "beside", &below("top")).unwrap();
    // What stands in one line with it is.
    assert!(put(&mut book, "under", &below("below")).is_err());
    put(&mut book, "below", &below("top")).unwrap();
}

#[test]
fn sizes_are_bounded() {
    let mut book = Book::default();
    let long = format!(r#"{{"limit":1,"window":"1h"{}}}"#, " ".repeat(MAX_POLICY));
    assert_eq!(
        refuses(&mut book, |book| put(book, "a", &long)),
        Refused::PolicyTooLarge
    );
    for i in 0..MAX_POLICIES {
        put(&mut book, &format!("p{i}"), PLAIN).unwrap();
    }
    assert_eq!(
        refuses(&mut book, |book| put(book, "more", PLAIN)),
        Refused::TooManyPolicies
    );
    put(&mut book, "p0", &PLAIN.replace("100", "7")).unwrap();
    delete(&mut book, "p0").unwrap();
    put(&mut book, "more", PLAIN).unwrap();
}

/// Puts policies of this text, from `p{made}` on, until the snapshot is full: near `fitting`.
fn fill(book: &mut Book, mut made: usize, text: &str, fitting: usize) {
    let refused = loop {
        match put(book, &format!("p{made}"), text) {
            Ok(_) => made += 1,
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused, Refused::SnapshotTooLarge);
    assert!(
        (fitting - 30..=fitting).contains(&made),
        "{made} of {fitting}"
    );
}

#[test]
fn all_together_are_bounded() {
    let mut book = Book::default();
    let names: Vec<String> = (0..64).map(|i| format!(r#""{i:064}""#)).collect();
    let text = format!(
        r#"{{"limit":1,"window":"1h","askedBy":[{}]}}"#,
        names.join(",")
    );
    fill(&mut book, 0, &text, MAX_SNAPSHOT / text.len());
    delete(&mut book, "p0").unwrap();
    put(&mut book, "p0", &text).unwrap();
}

#[test]
fn of_each_policy_the_longer_form_counts() {
    let names: Vec<String> = (0..64).map(|i| format!(r#""{i:064}""#)).collect();
    let asked_by = names.join(",");
    let base = format!(r#"{{"limit":1,"window":"1h","askedBy":[{asked_by}]}}"#);
    let padded = format!(r#"{{"limit":1,"window":"1h"{}}}"#, " ".repeat(base.len()));
    for text in [padded, r#"{"extends":"base"}"#.to_owned()] {
        let mut book = Book::default();
        put(&mut book, "base", &base).unwrap();
        fill(&mut book, 1, &text, MAX_SNAPSHOT / base.len());
    }
}

#[test]
fn a_restored_book_uses_no_version_twice() {
    let mut book = Book::default();
    put(&mut book, "a", PLAIN).unwrap();
    let old = book.clone();
    put(&mut book, "a", &PLAIN.replace("100", "7")).unwrap();
    let lost = (book.state.generation, version(&book, "a"));
    let mut book = old;
    book.restored(lost.0, Timestamp::from_millis(1)); // a clock that stands far back
    put(&mut book, "a", &PLAIN.replace("100", "9")).unwrap();
    assert!((book.state.generation, version(&book, "a")) > lost);
}

#[derive(Debug, Clone)]
enum Step {
    Put {
        policy: u8,
        base: Option<u8>,
        limit: u64,
    },
    Delete {
        policy: u8,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..8u8, proptest::option::of(0..8u8), 1..5u64)
            .prop_map(|(policy, base, limit)| Step::Put { policy, base, limit }),
        1 => (0..8u8).prop_map(|policy| Step::Delete { policy }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever is changed: what a policy is follows from the written texts alone, each version is
    /// used once, the levels are bounded, and a refused change changes nothing.
    #[test]
    fn a_policy_is_what_is_written_over_the_bases_of_today(steps in prop::collection::vec(step(), 1..40)) {
        let mut book = Book::default();
        let mut written: BTreeMap<String, (Option<String>, u64)> = BTreeMap::new();
        let mut versions: BTreeMap<String, u64> = BTreeMap::new();
        for step in steps {
            let before = book.clone();
            let done = match step {
                Step::Put { policy, base, limit } => {
                    let policy = format!("p{policy}");
                    let base = base.map(|base| format!("p{base}"));
                    let text = match &base {
                        Some(base) => extending(base, limit),
                        None => PLAIN.replace("100", &limit.to_string()),
                    };
                    let done = put(&mut book, &policy, &text);
                    if done.is_ok() {
                        written.insert(policy, (base, limit));
                    }
                    done
                }
                Step::Delete { policy } => {
                    let policy = format!("p{policy}");
                    let done = delete(&mut book, &policy);
                    if done.is_ok() {
                        written.remove(&policy);
                    }
                    done
                }
            };
            let Ok(done) = done else {
                prop_assert_eq!(&book, &before);
                continue;
            };
            let is_changed = !done.changed.is_empty();
            prop_assert_eq!(book.state.revision, before.state.revision + u64::from(is_changed));
            for policy in &done.changed {
                let version = book.record(policy).unwrap().version;
                prop_assert!(versions.insert(policy.clone(), version) < Some(version));
            }
            let names: Vec<&str> = book.policies().map(|(name, ..)| name).collect();
            prop_assert_eq!(names, written.keys().map(String::as_str).collect::<Vec<_>>());
            for (policy, (base, limit)) in &written {
                let (record, content) = book.policy(policy).unwrap();
                let wanted = format!(r#""limit":{limit},"#);
                prop_assert!(content.canonical.contains(&wanted));
                prop_assert_eq!(&content.base, base);
                // Nothing below is older than what it extends.
                let (mut levels, mut next) = (1, base.as_deref());
                while let Some(base) = next {
                    prop_assert!(record.revision >= book.record(base).unwrap().revision);
                    next = written[base].0.as_deref();
                    levels += 1;
                }
                prop_assert!(levels <= MAX_LEVELS);
            }
            // What is stored makes the same book again.
            let records = written.keys().chain(versions.keys());
            let records = records.filter_map(|name| Some((name.clone(), book.record(name)?.clone())));
            prop_assert_eq!(Book::new(book.state, records), book.clone());
        }
    }
}
