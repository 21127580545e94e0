use proptest::prelude::*;

use super::{documents, written};
use crate::tree::Tree;

fn trees() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        any::<String>().prop_map(Tree::Text),
        "[a-z0-9:. -]{0,6}".prop_map(Tree::Text),
        any::<i32>().prop_map(|it| Tree::Bare(it.to_string())),
        Just(Tree::Bare("true".to_owned())),
        Just(Tree::Bare("0.10".to_owned())),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        let fields = proptest::collection::btree_map("[a-z:# ]{1,4}", inner.clone(), 0..4);
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(Tree::List),
            fields.prop_map(|it| Tree::Fields(it.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_as_the_same(
        fields in proptest::collection::btree_map("[a-zA-Z]{1,4}", trees(), 1..4),
    ) {
        let tree = Tree::Fields(fields.into_iter().collect());
        let text = written(&tree);
        let read = documents(&text).map_err(|error| TestCaseError::fail(format!("{error:?}\n{text}")))?;
        prop_assert_eq!(read.len(), 1);
        prop_assert_eq!(&read[0].tree, &tree, "{}", text);
    }
}

#[test]
fn types_are_strict() {
    let read = |text: &str| documents(text).map(|it| it[0].tree.to_string());
    let good = "a: 10s\nb: 100\nc: \"100\"\nd: true\ne: 0.50\nf: github.rest\ng: 1 h\n";
    let json = r#"{"a":"10s","b":100,"c":"100","d":true,"e":0.50,"f":"github.rest","g":"1 h"}"#;
    assert_eq!(read(good).unwrap(), json);
    for text in [
        "no",
        "Yes",
        "on",
        "0x10",
        "010",
        "1_000",
        "+1",
        "9:30",
        "2026-01-01",
        "True",
        "~",
        "",
    ] {
        let (line, _) = read(&format!("a: 1\nb: {text}\n")).unwrap_err();
        assert_eq!(line, 2, "{text}");
    }
}

#[test]
fn anchors_tags_and_what_stands_twice_are_refused_with_their_line() {
    for (text, line) in [
        ("a: &x [1]\nb: *x\n", 1),
        ("a: 1\nb: !!str 5\n", 2),
        ("a: 1\nb: 2\na: 3\n", 3),
        ("a: 1\n<<: 2\n? [b]\n: 2\n", 3),
        ("a: [1\nb: 2\n", 2),
        ("a:\n  - b: 1\n    b: 2\n", 3),
    ] {
        assert_eq!(documents(text).unwrap_err().0, line, "{text}");
    }
    let deep = format!("a: {}{}", "[".repeat(50), "]".repeat(50));
    assert!(documents(&deep).is_err());
}

#[test]
fn documents_and_fields_have_their_lines() {
    let read = documents("a: 1\n---\nname: b\nlimits:\n  - limit: 5\n    window: x\n").unwrap();
    assert_eq!((read.len(), read[1].line), (2, 3));
    assert_eq!(read[1].lines.get("limits[0].window"), Some(&6));
}
