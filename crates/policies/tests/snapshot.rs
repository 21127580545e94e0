//! Isolates that ask now and then have the policies of the revision that they were told, whatever
//! happened in between.

#![allow(clippy::unwrap_used)] // a test may panic, also in its helpers

mod common;

use common::name;
use proptest::prelude::*;
use tollgate_core::policy::Version;
use tollgate_core::Timestamp;
use tollgate_policies::book::{Book, By};
use tollgate_policies::bounds::MAX_POLICIES;
use tollgate_policies::precondition::Precondition;
use tollgate_policies::snapshot::{Changes, Held, Known, Snapshot};

fn by(second: u64) -> By<'static> {
    By {
        author: "",
        reason: "",
        now: Timestamp::from_millis(second * 1_000),
    }
}

fn put(book: &mut Book, policy: &str, limit: u64) {
    let text = format!(r#"{{"limit":{limit},"window":"1h","description":"ä b\n%"}}"#);
    let name = name(policy);
    book.put(&name, &text, Precondition::None, by(limit))
        .unwrap();
}

/// The same as what the object has.
#[track_caller]
fn assert_same(isolate: &Snapshot, book: &Book) {
    let held = |(name, number, canonical): (&str, u64, &str)| {
        let generation = book.state.generation;
        let version = Version {
            generation,
            number,
            ..Version::NONE
        };
        let canonical = canonical.to_owned();
        (name.to_owned(), Held { version, canonical })
    };
    let live = book.policies();
    let live = live.map(|(name, record, it)| held((name, record.version, &it.canonical)));
    let known = isolate
        .names()
        .map(|name| (name.to_owned(), isolate.policy(name).unwrap().clone()));
    assert_eq!(known.collect::<Vec<_>>(), live.collect::<Vec<_>>());
}

/// Asks as the Worker does: through text, and after a restored storage was found out.
fn ask(isolate: &mut Snapshot, book: &mut Book) {
    if isolate.known().is_ahead_of(book) {
        book.restored(isolate.known().generation, Timestamp::from_millis(5));
    }
    let text = Changes::since(book, isolate.known()).encode();
    isolate.apply(Changes::decode(&text).unwrap());
}

#[test]
fn only_what_has_changed_is_sent() {
    let mut book = Book::default();
    let mut isolate = Snapshot::default();
    for i in 0..100 {
        put(&mut book, &format!("p{i}"), 7);
    }
    ask(&mut isolate, &mut book);
    let nothing = Changes::since(&book, isolate.known()).encode();
    assert!(nothing.len() < 100, "{nothing}");
    put(&mut book, "p50", 8);
    book.delete(&name("p51"), Precondition::None, by(9))
        .unwrap();
    let changes = Changes::since(&book, isolate.known()).encode();
    assert_eq!(changes.lines().count(), 3, "{changes}");
    ask(&mut isolate, &mut book);
    assert_same(&isolate, &book);
}

#[test]
fn names_that_are_forgotten_are_gone_for_who_has_slept() {
    let mut book = Book::default();
    let mut isolate = Snapshot::default();
    put(&mut book, "old", 7);
    ask(&mut isolate, &mut book);
    book.delete(&name("old"), Precondition::None, by(9))
        .unwrap();
    for i in 0..=MAX_POLICIES {
        let gone = format!("n{i}");
        put(&mut book, &gone, 7);
        book.delete(&name(&gone), Precondition::None, by(9))
            .unwrap();
    }
    assert!(book.record("old").is_none());
    ask(&mut isolate, &mut book);
    assert_same(&isolate, &book);
}

#[test]
fn answers_that_overtake_each_other_bring_nothing_back() {
    let mut book = Book::default();
    put(&mut book, "a", 1);
    let mut isolate = Snapshot::default();
    ask(&mut isolate, &mut book);
    put(&mut book, "a", 2);
    let early = Changes::since(&book, isolate.known());
    put(&mut book, "a", 3);
    book.delete(&name("a"), Precondition::None, by(9)).unwrap();
    ask(&mut isolate, &mut book);
    isolate.apply(early);
    assert_same(&isolate, &book);
    // Nor is part of another generation taken for all of it.
    let mut other = Book::default();
    other.restored(7, Timestamp::from_millis(u64::MAX / 2));
    put(&mut other, "b", 1);
    put(&mut other, "c", 1);
    let generation = other.state.generation;
    isolate.apply(Changes::since(
        &other,
        Known {
            generation,
            revision: 1,
        },
    ));
    assert_same(&isolate, &book);
}

#[test]
fn what_cannot_be_read_is_refused() {
    for text in [
        "",
        "1",
        "2 changes generation=1 revision=1",
        "1 changes generation=1",
        "1 change generation=1 revision=1",
        "1 changes generation=1 revision=1\nnew name=a",
        "1 changes generation=1 revision=1\npolicy name=a",
        "1 changes generation=1 revision=1\npolicy version=1",
        "1 changes generation=1 revision=1\ngone",
    ] {
        assert!(Changes::decode(text).is_err(), "{text}");
    }
    assert!(Changes::decode("1 changes generation=1 revision=1 colour=red").is_ok());
}

#[derive(Debug, Clone)]
enum Step {
    Put {
        policy: u8,
        limit: u64,
    },
    Delete {
        policy: u8,
    },
    /// The storage goes back to what it was so many changes ago.
    Restore {
        back: usize,
    },
    Ask {
        isolate: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6u8, 1..9u64).prop_map(|(policy, limit)| Step::Put { policy, limit }),
        2 => (0..6u8).prop_map(|policy| Step::Delete { policy }),
        1 => (1..4usize).prop_map(|back| Step::Restore { back }),
        4 => (0..3usize).prop_map(|isolate| Step::Ask { isolate }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whoever asks has what the object has, and never an older version than it had: where the
    /// storage was restored, an isolate that has seen more brings that to light.
    #[test]
    fn who_asks_has_what_the_object_has(steps in prop::collection::vec(step(), 1..60)) {
        let mut book = Book::default();
        let mut isolates = [const { None::<Snapshot> }; 3].map(Option::unwrap_or_default);
        let mut history = vec![book.clone()];
        for step in steps {
            match step {
                Step::Put { policy, limit } => put(&mut book, &format!("p{policy}"), limit),
                Step::Delete { policy } => {
                    let _ = book.delete(&name(&format!("p{policy}")), Precondition::None, by(9));
                }
                Step::Restore { back } => {
                    // Somebody who has seen the newest asks before anything is changed.
                    let mut witness = Snapshot::default();
                    ask(&mut witness, &mut book);
                    book = history[history.len().saturating_sub(back)].clone();
                    ask(&mut witness, &mut book);
                    assert_same(&witness, &book);
                }
                Step::Ask { isolate } => {
                    let isolate = &mut isolates[isolate];
                    let before = isolate.clone();
                    ask(isolate, &mut book);
                    assert_same(isolate, &book);
                    for policy in before.names() {
                        let (old, new) = (before.policy(policy), isolate.policy(policy));
                        prop_assert!(new.is_none_or(|new| Some(new.version) >= old.map(|it| it.version)));
                    }
                }
            }
            history.push(book.clone());
        }
    }
}
