//! Policies that are asked together: what may stand above what, and what is refused.

#![allow(clippy::unwrap_used)] // a test may panic, also in its helpers

mod common;

use common::{name, BY};
use tollgate_policies::book::{Book, Change};
use tollgate_policies::bounds::MAX_LEVELS;
use tollgate_policies::precondition::Precondition;
use tollgate_policies::refused::Refused;

const PLAIN: &str = r#"{"limit":100,"window":"1h"}"#;
const SLOTS: &str = r#"{"algorithm":"concurrency","limit":3,"ttl":"1m"}"#;
const EVENTUAL: &str = r#"{"limit":100,"window":"1h","consistency":"eventual"}"#;
const SHEDDING: &str = r#"{"limit":100,"window":"1h","shed":{"limit":9,"window":"10s"}}"#;

fn put(book: &mut Book, policy: &str, written: &str) -> Result<Change, Refused> {
    book.put(&name(policy), written, Precondition::None, BY)
}

fn delete(book: &mut Book, policy: &str) -> Result<Change, Refused> {
    book.delete(&name(policy), Precondition::None, BY)
}

/// A policy as it is written, with this one above it.
fn under(parent: &str, written: &str) -> String {
    written.replacen('{', &format!(r#"{{"parent":{{"policy":"{parent}"}},"#), 1)
}

/// Nothing has changed, and the refusal is about the parent.
#[track_caller]
fn refuses(book: &mut Book, policy: &str, written: &str) -> Refused {
    let before = book.clone();
    let refused = put(book, policy, written).unwrap_err();
    assert_eq!(*book, before, "{refused}");
    assert_eq!(refused.field(), Some("parent"), "{refused}");
    refused
}

fn chain(names: &[&str]) -> Vec<String> {
    names.iter().map(|it| (*it).to_owned()).collect()
}

#[test]
fn a_parent_has_to_be_there() {
    let mut book = Book::default();
    let unknown = Refused::UnknownParent("top".into());
    assert_eq!(refuses(&mut book, "a", &under("top", PLAIN)), unknown);
    put(&mut book, "top", PLAIN).unwrap();
    put(&mut book, "a", &under("top", PLAIN)).unwrap();
    let (_, content) = book.policy("a").unwrap();
    assert_eq!(content.parent.as_deref(), Some("top"));
    assert_eq!(book.below("top").collect::<Vec<_>>(), ["a"]);
}

#[test]
fn circles_are_refused_with_their_chain() {
    let mut book = Book::default();
    let itself = Refused::ParentCycle(chain(&["a", "a"]));
    assert_eq!(refuses(&mut book, "a", &under("a", PLAIN)), itself);
    put(&mut book, "a", PLAIN).unwrap();
    put(&mut book, "b", &under("a", PLAIN)).unwrap();
    let refused = refuses(&mut book, "a", &under("b", PLAIN));
    assert_eq!(refused, Refused::ParentCycle(chain(&["a", "b", "a"])));
    assert!(refused.to_string().contains("a below b below a"));
    // A parent may come from what is extended, and stand above itself by that.
    let mut book = Book::default();
    put(&mut book, "base", PLAIN).unwrap();
    put(&mut book, "top", r#"{"extends":"base"}"#).unwrap();
    let refused = refuses(&mut book, "base", &under("top", PLAIN));
    assert!(matches!(refused, Refused::ParentCycle(_)), "{refused}");
}

#[test]
fn more_than_four_levels_are_refused_also_where_one_comes_on_top() {
    let mut book = Book::default();
    put(&mut book, "l1", PLAIN).unwrap();
    for level in 2..=MAX_LEVELS {
        let above = format!("l{}", level - 1);
        put(&mut book, &format!("l{level}"), &under(&above, PLAIN)).unwrap();
    }
    let refused = refuses(&mut book, "l5", &under("l4", PLAIN));
    let expected = chain(&["l5", "l4", "l3", "l2", "l1"]);
    assert_eq!(refused, Refused::TooManyLevels(expected));
    put(&mut book, "top", PLAIN).unwrap();
    let refused = refuses(&mut book, "l1", &under("top", PLAIN));
    let expected = chain(&["l4", "l3", "l2", "l1", "top"]);
    assert_eq!(refused, Refused::TooManyLevels(expected));
}

#[test]
fn each_level_is_decided_by_its_object_alone() {
    for other in [EVENTUAL, SHEDDING] {
        let mut book = Book::default();
        put(&mut book, "top", PLAIN).unwrap();
        let refused = refuses(&mut book, "a", &under("top", other));
        assert_eq!(refused, Refused::NotTogether("a".into()));
        put(&mut book, "a", &under("top", PLAIN)).unwrap();
        // So is what stands above others already.
        let refused = refuses(&mut book, "top", other);
        assert_eq!(refused, Refused::NotTogether("top".into()));
        // A policy without levels may be decided anywhere, and shed.
        put(&mut book, "alone", other).unwrap();
        let refused = refuses(&mut book, "b", &under("alone", PLAIN));
        assert_eq!(refused, Refused::NotTogether("alone".into()));
    }
}

#[test]
fn one_level_gives_permits_at_most() {
    let mut book = Book::default();
    put(&mut book, "top", SLOTS).unwrap();
    let refused = refuses(&mut book, "a", &under("top", SLOTS));
    assert_eq!(refused, Refused::SeveralPermits(chain(&["a", "top"])));
    put(&mut book, "a", &under("top", PLAIN)).unwrap();
    let refused = refuses(&mut book, "a", &under("top", SLOTS));
    assert_eq!(refused, Refused::SeveralPermits(chain(&["a", "top"])));
    put(&mut book, "top", PLAIN).unwrap();
    put(&mut book, "a", &under("top", SLOTS)).unwrap();
    let refused = refuses(&mut book, "top", SLOTS);
    assert_eq!(refused, Refused::SeveralPermits(chain(&["a", "top"])));
}

#[test]
fn a_parent_in_use_is_not_deleted() {
    let mut book = Book::default();
    put(&mut book, "top", PLAIN).unwrap();
    put(&mut book, "c", &under("top", PLAIN)).unwrap();
    put(&mut book, "b", r#"{"extends":"top"}"#).unwrap();
    put(
        &mut book,
        "a",
        r#"{"extends":"top","parent":{"policy":"top"}}"#,
    )
    .unwrap();
    let before = book.clone();
    let refused = delete(&mut book, "top").unwrap_err();
    assert_eq!(refused, Refused::InUse(chain(&["a", "b", "c"])));
    assert_eq!(book, before);
    for below in ["a", "b"] {
        delete(&mut book, below).unwrap();
    }
    let refused = delete(&mut book, "top").unwrap_err();
    assert_eq!(refused, Refused::InUse(chain(&["c"])));
    delete(&mut book, "c").unwrap();
    delete(&mut book, "top").unwrap();
}
