//! Circles of what policies stand on, when several relations make them.

#![allow(clippy::unwrap_used)] // a test may panic, also in its helpers

mod common;

use common::{name, BY};
use proptest::prelude::*;
use tollgate_policies::book::{Book, Change};
use tollgate_policies::circles::Relation::{Below, Extends, FallsBack};
use tollgate_policies::circles::{Link, Relation};
use tollgate_policies::precondition::Precondition;
use tollgate_policies::refused::Refused;

/// Writes a policy that stands on these.
fn put(book: &mut Book, policy: &str, on: &[(&str, Relation)]) -> Result<Change, Refused> {
    let mut fields = vec![r#""limits":[{"name":"l","limit":9,"window":"1h"}]"#.to_owned()];
    for (other, relation) in on {
        fields.push(match relation {
            Extends => format!(r#""extends":"{other}""#),
            Below => format!(r#""parent":{{"policy":"{other}"}}"#),
            FallsBack => format!(r#""fallbackTo":["{other}"]"#),
        });
    }
    let written = format!("{{{}}}", fields.join(","));
    book.put(&name(policy), &written, Precondition::None, BY)
}

fn links(circle: &[(&str, Relation)]) -> Vec<Link> {
    let link = |(name, relation): &(&str, Relation)| ((*name).to_owned(), *relation);
    circle.iter().map(link).collect()
}

#[test]
fn circles_of_several_relations_are_refused_with_their_way() {
    // What is there, then what would close the circle.
    let b = |relation| [("x", FallsBack), ("a", relation)];
    let table = [
        (b(Below), FallsBack, "fallbackTo"),
        (b(Extends), FallsBack, "fallbackTo"),
        (b(Extends), Below, "parent"),
    ];
    for (of_b, closes, field) in table {
        let mut book = Book::default();
        for free in ["x", "a"] {
            put(&mut book, free, &[]).unwrap();
        }
        put(&mut book, "b", &of_b).unwrap();
        let before = book.clone();
        let refused = put(&mut book, "a", &[("b", closes)]).unwrap_err();
        assert_eq!(book, before, "{refused}");
        if closes == Below {
            // The variant has the parent as well, so that it would be its own.
            assert!(matches!(refused, Refused::ParentCycle(_)), "{refused}");
            continue;
        }
        let circle = links(&[("a", closes), ("b", of_b[1].1)]);
        assert_eq!(refused, Refused::MixedCycle(circle));
        assert_eq!(
            (refused.code(), refused.field()),
            ("invalidField", Some(field))
        );
        let told = refused.to_string();
        assert!(told.contains("a falls back to b, b "), "{told}");
    }
}

#[test]
fn a_long_way_round_is_found_and_told_without_the_way_to_it() {
    let mut book = Book::default();
    for free in ["a", "x"] {
        put(&mut book, free, &[]).unwrap();
    }
    put(&mut book, "b", &[("a", Below)]).unwrap();
    put(&mut book, "c", &[("b", Extends), ("x", FallsBack)]).unwrap();
    put(&mut book, "d", &[("c", FallsBack)]).unwrap();
    put(&mut book, "e", &[("d", Below)]).unwrap();
    let refused = put(&mut book, "a", &[("d", FallsBack)]).unwrap_err();
    let told = refused.to_string();
    let Refused::MixedCycle(circle) = refused else {
        panic!("{told}")
    };
    let names: Vec<&str> = circle.iter().map(|(name, _)| name.as_str()).collect();
    assert!(
        names.starts_with(&["a", "d", "c"]) && names.len() <= 4,
        "{told}"
    );
    assert!(!names.contains(&"e"), "{told}");
}

#[test]
fn a_thousand_variants_of_one_base_are_looked_at_once() {
    let mut book = Book::default();
    put(&mut book, "f0", &[]).unwrap();
    for i in 1..400 {
        let before = format!("f{}", i - 1);
        put(&mut book, &format!("f{i}"), &[(&before, FallsBack)]).unwrap();
    }
    put(&mut book, "base", &[]).unwrap();
    for i in 0..500 {
        let extends = format!(r#"{{"extends":"base","limits":[{{"name":"l","limit":{i}}}]}}"#);
        let variant = name(&format!("v{i}"));
        book.put(&variant, &extends, Precondition::None, BY)
            .unwrap();
    }
    // All of them fall back to the end of a long row now.
    let change = put(&mut book, "base", &[("f399", FallsBack)]).unwrap();
    assert_eq!(change.changed.len(), 501);
}

type Step = (usize, Option<usize>, Option<usize>, Option<usize>);

fn step() -> impl Strategy<Value = Step> {
    let other = || prop::option::weighted(0.4, 0..5usize);
    (0..5usize, other(), other(), other())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever was accepted can be taken away one by one, so it can be made one by one as well.
    #[test]
    fn what_was_accepted_can_be_taken_away(steps in prop::collection::vec(step(), 1..40)) {
        const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
        let mut book = Book::default();
        for (policy, base, parent, fallback) in steps {
            let on = [(base, Extends), (parent, Below), (fallback, FallsBack)];
            let on = on.into_iter().filter_map(|(other, it)| Some((NAMES[other?], it)));
            let _ = put(&mut book, NAMES[policy], &on.collect::<Vec<_>>());
        }
        let mut left = book.policies().count();
        while left > 0 {
            for policy in NAMES {
                let _ = book.delete(&name(policy), Precondition::None, BY);
            }
            let kept = book.policies().count();
            prop_assert!(kept < left, "{kept} keep each other");
            left = kept;
        }
    }
}
