//! Policies that are asked where others refuse: what may be named, and what keeps a name.

#![allow(clippy::unwrap_used)] // a test may panic, also in its helpers

mod common;

use common::{name, BY};
use tollgate_policies::book::{Book, Change};
use tollgate_policies::precondition::Precondition;
use tollgate_policies::refused::Refused;

/// Writes a policy that falls back to these.
fn put(book: &mut Book, policy: &str, fallbacks: &[&str]) -> Result<Change, Refused> {
    let names: Vec<String> = fallbacks.iter().map(|it| format!("\"{it}\"")).collect();
    let field = match fallbacks {
        [] => String::new(),
        _ => format!(r#","fallbackTo":[{}]"#, names.join(",")),
    };
    let written = format!(r#"{{"limit":100,"window":"1h"{field}}}"#);
    book.put(&name(policy), &written, Precondition::None, BY)
}

/// Nothing has changed, and the refusal is about the fallbacks.
#[track_caller]
fn refuses(book: &mut Book, policy: &str, fallbacks: &[&str]) -> Refused {
    let before = book.clone();
    let refused = put(book, policy, fallbacks).unwrap_err();
    assert_eq!(*book, before, "{refused}");
    assert_eq!(
        (refused.code(), refused.field()),
        ("invalidField", Some("fallbackTo"))
    );
    refused
}

fn chain(names: &[&str]) -> Refused {
    Refused::FallbackCycle(names.iter().map(|it| (*it).to_owned()).collect())
}

#[test]
fn what_is_fallen_back_to_has_to_be_there() {
    let mut book = Book::default();
    put(&mut book, "b", &[]).unwrap();
    let unknown = Refused::UnknownFallback("c".into());
    assert_eq!(refuses(&mut book, "a", &["b", "c"]), unknown);
    put(&mut book, "c", &[]).unwrap();
    put(&mut book, "a", &["b", "c"]).unwrap();
    assert_eq!(book.falling_back_to("c").collect::<Vec<_>>(), ["a"]);
}

#[test]
fn circles_are_refused_with_their_chain() {
    let mut book = Book::default();
    assert_eq!(refuses(&mut book, "a", &["a"]), chain(&["a", "a"]));
    put(&mut book, "x", &[]).unwrap();
    put(&mut book, "a", &["x"]).unwrap();
    put(&mut book, "b", &["x", "a"]).unwrap();
    put(&mut book, "c", &["b"]).unwrap();
    assert_eq!(
        refuses(&mut book, "a", &["x", "c"]),
        chain(&["a", "c", "b", "a"])
    );
    // Several ways to one policy are none.
    put(&mut book, "d", &["c", "b", "a"]).unwrap();
}

#[test]
fn many_ways_are_searched_once() {
    let mut book = Book::default();
    put(&mut book, "p0", &[]).unwrap();
    let name = |i: usize| format!("p{i}");
    for i in 1usize..300 {
        let fallbacks: Vec<String> = (i.saturating_sub(3)..i).map(name).collect();
        let fallbacks: Vec<&str> = fallbacks.iter().map(String::as_str).collect();
        put(&mut book, &name(i), &fallbacks).unwrap();
    }
    assert!(matches!(
        refuses(&mut book, "p0", &["p299"]),
        Refused::FallbackCycle(_)
    ));
}

#[test]
fn what_is_fallen_back_to_is_not_deleted() {
    let mut book = Book::default();
    put(&mut book, "b", &[]).unwrap();
    put(&mut book, "a", &["b"]).unwrap();
    let refused = book.delete(&name("b"), Precondition::None, BY);
    assert_eq!(refused, Err(Refused::InUse(vec!["a".into()])));
    put(&mut book, "a", &[]).unwrap();
    book.delete(&name("b"), Precondition::None, BY).unwrap();
}

#[test]
fn a_variant_falls_back_as_its_base_does_unless_it_says_otherwise() {
    let mut book = Book::default();
    put(&mut book, "b", &[]).unwrap();
    put(&mut book, "a", &[]).unwrap();
    let extends = r#"{"extends":"a"}"#;
    book.put(&name("v"), extends, Precondition::None, BY)
        .unwrap();
    put(&mut book, "a", &["b"]).unwrap();
    let falling: Vec<&str> = book.falling_back_to("b").collect();
    assert_eq!(falling, ["a", "v"]);
    // By way of its base it would fall back to itself.
    assert_eq!(refuses(&mut book, "a", &["v"]), chain(&["v", "v"]));
}
