//! Policies that the deployment brings: what they may be, when they hold, and how their versions
//! follow on what is stored.

#![allow(clippy::unwrap_used)] // a test may panic, also in its helpers

mod common;

use common::{name, Memory};
use std::rc::Rc;

use proptest::prelude::*;
use tollgate_core::algorithm::state::Moment;
use tollgate_core::api::policy::named::NamedPolicy;
use tollgate_core::calendar::UtcOnly;
use tollgate_core::overrides::{Kind, Target};
use tollgate_core::policy::Version;
use tollgate_core::{Algorithm, Timestamp};
use tollgate_policies::book::{Book, By, Change};
use tollgate_policies::copy::{Copy, Missing, Next, MAX_AGE};
use tollgate_policies::deployed::{Deployed, MAX_BYTES, MAX_DEPLOYED};
use tollgate_policies::message::{
    Action, Answer, Call, Installation, Requested, RequestedOverride, POLICY_MESSAGES,
};
use tollgate_policies::precondition::Precondition;
use tollgate_policies::refused::Refused;
use tollgate_policies::service::answer;
use tollgate_policies::snapshot::Changes;

const BRINGS: &str = r#"{
    "inbox": {"limits": [{"name": "s", "limit": 100, "window": "1s"}], "parent": {"policy": "all"}, "fallbackTo": ["spare"]},
    "vip": {"extends": "inbox", "limits": [{"name": "s", "limit": 1000}]},
    "all": {"limit": 5000, "window": "1s"},
    "spare": {"limit": 7, "window": "1h"}
}"#;

fn by(second: u64) -> By<'static> {
    By {
        author: "ann",
        reason: "",
        now: Timestamp::from_millis(second * 1_000),
    }
}

fn deployed(text: &str) -> Rc<Deployed> {
    Rc::new(Deployed::parse(text).unwrap())
}

/// So many a second under the name `a`.
fn brings_a(limit: u64) -> Rc<Deployed> {
    deployed(&format!(r#"{{"a": {{"limit": {limit}, "window": "1s"}}}}"#))
}

fn put(book: &mut Book, policy: &str, written: &str) -> Result<Change, Refused> {
    book.put(&name(policy), written, Precondition::None, by(7))
}

fn delete(book: &mut Book, policy: &str) -> Result<Change, Refused> {
    book.delete(&name(policy), Precondition::None, by(8))
}

/// A book of nothing beside what the deployment brings.
fn beside(deployed: &Rc<Deployed>) -> Book {
    let mut book = Book::default();
    book.bring(Rc::clone(deployed));
    book
}

/// Asks and is answered at once.
fn confirm(copy: &mut Copy, book: &Book, now: Timestamp) {
    let Call::Since { known, .. } = copy.ask(now) else {
        panic!("another call")
    };
    let text = Changes::since(book, known).encode();
    copy.learn(Changes::decode(&text).unwrap(), now);
}

fn held(copy: &mut Copy, policy: &str) -> Rc<NamedPolicy> {
    copy.policy(&name(policy)).unwrap()
}

fn version_in(copy: &mut Copy, policy: &str) -> Version {
    held(copy, policy).policy.version()
}

fn limit_in(copy: &mut Copy, policy: &str) -> u64 {
    match held(copy, policy).policy.limits()[0].algorithm() {
        Algorithm::SlidingWindow(window) => window.limit(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_cannot_be_used_is_named_with_its_policy_and_its_field() {
    let many: Vec<String> = (0..=MAX_DEPLOYED)
        .map(|i| format!(r#""p{i}": {{"limit": 1, "window": "1s"}}"#))
        .collect();
    let many = format!("{{{}}}", many.join(","));
    let long = format!("{{{}}}", " ".repeat(MAX_BYTES));
    let table: [(&str, &[&str]); 20] = [
        ("7", &["one JSON object of 1 to 64 policies"]),
        ("[]", &["one JSON object"]),
        ("{", &["one JSON object"]),
        ("{}", &["one JSON object"]),
        (&many, &["1 to 64 policies"]),
        (&long, &["32768 bytes"]),
        (
            r#"{"a b": {"limit": 1, "window": "1s"}}"#,
            &["`a b` is no name"],
        ),
        (
            r#"{"..": {"limit": 1, "window": "1s"}}"#,
            &["`..` is no name", "neither `.` nor `..`"],
        ),
        (
            r#"{"a": {"limit": 1, "window": "1s", "scope": ".."}}"#,
            &["the policy `a`", "`scope`"],
        ),
        (
            r#"{"a": {"limit": 1, "window": "1s"}, "a": {}}"#,
            &["`a` is given more than once"],
        ),
        (
            r#"{"a": 7}"#,
            &["the policy `a`", "`body` must be an object"],
        ),
        (r#"{"a": {}}"#, &["the policy `a`", "`limits` is missing"]),
        (
            r#"{"b": {"limit": 1, "window": "1s"}, "a": {"limits": [{"limit": 1, "window": "0s"}]}}"#,
            &["the policy `a`", "`limits[0].window`"],
        ),
        (
            r#"{"a": {"limit": 1, "window": "1s", "colour": 7}}"#,
            &["`a`", "`colour`"],
        ),
        (
            r#"{"a": {"algorithm": "quota", "limit": 1, "period": "day", "timeZone": "Mars/Up"}}"#,
            &["`a`", "`timeZone`"],
        ),
        (
            r#"{"a": {"extends": "b", "limit": 1}}"#,
            &["`a`", "`extends` names `b`"],
        ),
        (
            r#"{"a": {"limit": 1, "window": "1s", "parent": {"policy": "b"}}}"#,
            &["`a`", "`parent` names `b`"],
        ),
        (
            r#"{"a": {"limit": 1, "window": "1s", "fallbackTo": ["b"]}}"#,
            &["`a`", "`fallbackTo` names `b`"],
        ),
        (
            r#"{"b": {"limit": 1, "window": "1s", "fallbackTo": ["a"]}, "a": {"limit": 1, "window": "1s", "parent": {"policy": "b"}}}"#,
            &["in a circle: b, a"],
        ),
        (
            r#"{"b": {"limit": 1, "window": "1s", "parent": {"policy": "a"}}, "a": {"limit": 1, "window": "1h", "consistency": "eventual"}}"#,
            &["`b`", "`a` would be decided together"],
        ),
    ];
    for (text, expected) in table {
        let told = Deployed::parse(text).unwrap_err().to_string();
        for part in expected {
            assert!(told.contains(part), "{text}: {told}");
        }
        assert!(told.ends_with('.'), "{told}");
    }
}

#[test]
fn they_stand_on_each_other_in_whichever_order_they_are_written() {
    for text in ["", "  \n"] {
        assert!(Deployed::parse(text).unwrap().is_empty());
    }
    let all = deployed(BRINGS);
    let names: Vec<&str> = all.all().map(|(name, _)| name).collect();
    assert_eq!(names, ["all", "inbox", "spare", "vip"]);
    let vip = &all.get("vip").unwrap().content;
    assert_eq!(
        (vip.base.as_deref(), vip.parent.as_deref()),
        (Some("inbox"), Some("all"))
    );
    assert!(vip.canonical.contains("\"limit\":1000"));
    // One definition is one edition, however it is written and whatever stands beside it.
    let edition = |text: &str| Deployed::parse(text).unwrap().get("a").unwrap().edition;
    let [same, written, other] = [
        r#"{"a": {"limit": 1, "window": "1s"}}"#,
        r#"{"b": {"limit": 9, "window": "1s"}, "a": {"window": 1000, "limit": 1}}"#,
        r#"{"a": {"limit": 2, "window": "1s"}}"#,
    ]
    .map(edition);
    assert!(same > 0 && same == written && same != other);
}

#[test]
fn what_is_put_takes_its_place_and_a_deletion_gives_it_back() {
    let deployed = brings_a(10);
    let edition = deployed.get("a").unwrap().edition;
    let (mut book, mut copy) = (beside(&deployed), Copy::beside(deployed));
    let mut seen = Vec::new();
    let mut look = |book: &Book| {
        confirm(&mut copy, book, Timestamp::from_millis(9_000));
        let version = version_in(&mut copy, "a");
        assert!(version.is_given());
        if let Some(last) = seen.last() {
            assert!(version > *last, "{version:?} behind {last:?}");
        }
        seen.push(version);
        (version.number, version.edition, limit_in(&mut copy, "a"))
    };
    assert_eq!(look(&book), (0, edition, 10));
    // Before anything is stored there is no generation either.
    put(&mut book, "other", r#"{"limit":1,"window":"1h"}"#).unwrap();
    assert_eq!(look(&book), (0, edition, 10));
    put(&mut book, "a", r#"{"limit":20,"window":"1s"}"#).unwrap();
    assert_eq!(look(&book), (1, 0, 20));
    put(&mut book, "a", r#"{"limit":30,"window":"1s"}"#).unwrap();
    assert_eq!(look(&book), (2, 0, 30));
    delete(&mut book, "a").unwrap();
    assert_eq!(look(&book), (3, edition, 10));
    put(&mut book, "a", r#"{"limit":40,"window":"1s"}"#).unwrap();
    assert_eq!(look(&book), (4, 0, 40));
    book.restored(1, Timestamp::from_millis(100_000));
    delete(&mut book, "a").unwrap();
    assert_eq!(look(&book), (5, edition, 10));
}

#[test]
fn versions_rise_also_behind_deletions_that_are_forgotten() {
    let one = |name: &str| format!(r#""{name}": {{"limit": 1, "window": "1s"}}"#);
    let deployed = deployed(&format!("{{{}}}", ["a", "b", "c"].map(one).join(",")));
    let plain = r#"{"limit":20,"window":"1s"}"#;
    let mut book = beside(&deployed);
    let mut early = Copy::beside(Rc::clone(&deployed));
    for _ in 0..3 {
        put(&mut book, "a", plain).unwrap();
        delete(&mut book, "a").unwrap();
    }
    put(&mut book, "c", plain).unwrap();
    confirm(&mut early, &book, Timestamp::from_millis(1));
    assert_eq!(version_in(&mut early, "a").number, 6);
    for i in 0..=1_000 {
        let other = format!("n{i}");
        put(&mut book, &other, plain).unwrap();
        delete(&mut book, &other).unwrap();
    }
    assert!(book.record("a").is_none());
    delete(&mut book, "c").unwrap();
    assert_eq!(book.record("c").unwrap().version, 2);
    // What is forgotten may have had any number until then, `b` too; `c` is not forgotten.
    for policy in ["a", "b", "c"] {
        let mut late = Copy::beside(Rc::clone(&deployed));
        confirm(&mut early, &book, Timestamp::from_millis(2));
        confirm(&mut late, &book, Timestamp::from_millis(2));
        let version = version_in(&mut early, policy);
        assert_eq!(version, version_in(&mut late, policy));
        assert_eq!(version.number, 6);
        assert!(book.has_given(policy, version));
        put(&mut book, policy, plain).unwrap();
        confirm(&mut early, &book, Timestamp::from_millis(3));
        assert!(version_in(&mut early, policy) > version);
    }
}

#[test]
fn out_of_reach_they_hold_where_nothing_else_is_known() {
    let now = |ms| Timestamp::from_millis(1_000_000 + ms);
    let mut copy = Copy::beside(brings_a(10));
    assert_eq!(copy.next(now(0)), Next::Ask);
    copy.ask(now(0));
    copy.fail(now(100));
    let degraded = Next::Use {
        asks: false,
        is_degraded: true,
    };
    assert_eq!(copy.next(now(101)), degraded);
    assert_eq!(limit_in(&mut copy, "a"), 10);
    // Older than whatever is stored: an object that has seen that decides by it.
    let version = version_in(&mut copy, "a");
    let stored = Version {
        generation: 1,
        number: 1,
        ..Version::NONE
    };
    assert!(version.is_given() && version < stored);
    assert_eq!(copy.policy(&name("other")), Err(Missing::Unknown));
    // What KV kept takes its place.
    let mut book = Book::default();
    put(&mut book, "a", r#"{"limit":20,"window":"1s"}"#).unwrap();
    copy.restore(Changes::since(&book, Default::default()));
    assert_eq!(limit_in(&mut copy, "a"), 20);
    assert_eq!(
        copy.next(now(101 + MAX_AGE.as_millis())),
        Next::Use {
            asks: true,
            is_degraded: true
        }
    );
}

#[test]
fn a_newer_version_that_an_object_knows_is_asked_for_once() {
    let deployed = brings_a(10);
    let (mut book, mut copy) = (beside(&deployed), Copy::beside(deployed));
    let now = Timestamp::from_millis(1_000);
    confirm(&mut copy, &book, now);
    let own = version_in(&mut copy, "a");
    let seen = |copy: &mut Copy| {
        let Call::Since { seen, .. } = copy.ask(now) else {
            panic!("another call")
        };
        seen
    };
    copy.notice(&name("a"), own, now);
    assert_eq!(seen(&mut copy), None);
    put(&mut book, "a", r#"{"limit":20,"window":"1s"}"#).unwrap();
    let stored = Version {
        generation: book.state.generation,
        number: 1,
        ..Version::NONE
    };
    copy.notice(&name("a"), stored, now);
    assert_eq!(seen(&mut copy), Some((name("a"), stored)));
    delete(&mut book, "a").unwrap();
    confirm(&mut copy, &book, now);
    let back = version_in(&mut copy, "a");
    copy.notice(&name("a"), stored, now);
    copy.notice(&name("a"), back, now);
    assert_eq!(seen(&mut copy), None);
    assert!(book.has_given("a", back));
}

#[test]
fn an_object_of_a_build_before_tells_no_deletions_and_is_asked_for_all() {
    let since = |copy: &mut Copy| match copy.ask(Timestamp::from_millis(1)) {
        Call::Since { known, .. } => known.revision,
        _ => panic!("another call"),
    };
    let older = "1 changes generation=5 revision=3 whole=1 overrides=1%20overrides";
    let mut copies = [Copy::beside(brings_a(10)), Copy::default()];
    for copy in &mut copies {
        let older = Changes::decode(older).unwrap();
        assert!(copy.learn(older, Timestamp::from_millis(1)));
    }
    // Only who needs them.
    assert_eq!(copies.each_mut().map(since), [0, 3]);
    let newer = format!("{older} floor=2\ngone name=a version=4");
    assert!(copies[0].learn(Changes::decode(&newer).unwrap(), Timestamp::from_millis(2)));
    assert_eq!(
        (
            since(&mut copies[0]),
            version_in(&mut copies[0], "a").number
        ),
        (3, 4)
    );
}

#[test]
fn what_is_stored_does_not_stand_on_them() {
    let mut book = beside(&deployed(BRINGS));
    for (written, field) in [
        (r#"{"extends":"all"}"#, "extends"),
        (
            r#"{"limit":1,"window":"1s","parent":{"policy":"all"}}"#,
            "parent",
        ),
        (
            r#"{"limit":1,"window":"1s","fallbackTo":["all"]}"#,
            "fallbackTo",
        ),
    ] {
        let before = book.clone();
        let refused = put(&mut book, "own", written).unwrap_err();
        assert_eq!(refused, Refused::StandsOnStatic(field, "all".to_owned()));
        assert_eq!(
            (refused.code(), refused.field()),
            ("invalidField", Some(field))
        );
        assert!(refused.to_string().contains("PUT `all` first"), "{refused}");
        assert_eq!(book, before);
        let mut stored = book.clone();
        put(&mut stored, "all", r#"{"limit":9,"window":"1s"}"#).unwrap();
        put(&mut stored, "own", written).unwrap();
        // And keeps what it stands on.
        assert_eq!(
            delete(&mut stored, "all"),
            Err(Refused::InUse(vec!["own".to_owned()]))
        );
    }
}

#[test]
fn what_takes_the_place_of_one_suits_those_that_stand_on_it() {
    let eventual = r#"{"limit":1,"window":"1h","consistency":"eventual"}"#;
    let mut book = beside(&deployed(BRINGS));
    let refused = put(&mut book, "all", eventual).unwrap_err();
    assert_eq!(refused, Refused::NotTogether("all".to_owned()));
    let deep = beside(&deployed(
        r#"{"c": {"limit": 1, "window": "1s", "parent": {"policy": "b"}}, "b": {"limit": 1, "window": "1s", "parent": {"policy": "a"}},
            "a": {"limit": 1, "window": "1s"}}"#,
    ));
    let mut book = deep.clone();
    let plain = r#"{"limit":1,"window":"1h"}"#;
    let under =
        |parent: &str| plain.replace('}', &format!(r#","parent":{{"policy":"{parent}"}}}}"#));
    put(&mut book, "t2", plain).unwrap();
    put(&mut book, "t1", &under("t2")).unwrap();
    let refused = put(&mut book, "a", &under("t1")).unwrap_err();
    assert!(matches!(refused, Refused::TooManyLevels(_)), "{refused}");
    put(&mut book, "a", &under("t2")).unwrap();
    // What comes back by a deletion has to suit as well: `b` stands below `a`, which is eventual.
    let mut book = deep;
    put(&mut book, "b", plain).unwrap();
    put(&mut book, "a", eventual).unwrap();
    let before = book.clone();
    assert_eq!(
        delete(&mut book, "b"),
        Err(Refused::NotTogether("a".to_owned()))
    );
    assert_eq!(book, before);
    put(&mut book, "a", plain).unwrap();
    delete(&mut book, "b").unwrap();
}

#[test]
fn a_later_deployment_that_does_not_suit_what_is_stored_is_found_out_where_it_is_asked() {
    let mut book = beside(&deployed(r#"{"top": {"limit": 1, "window": "1s"}}"#));
    put(
        &mut book,
        "top",
        r#"{"limit":1,"window":"1h","consistency":"eventual"}"#,
    )
    .unwrap();
    let later = deployed(
        r#"{"top": {"limit": 1, "window": "1s"}, "a": {"limit": 1, "window": "1s", "parent": {"policy": "top"}}}"#,
    );
    let mut copy = Copy::beside(later);
    // Not known to be stored yet.
    assert!(copy.policy(&name("a")).is_ok());
    confirm(&mut copy, &book, Timestamp::from_millis(1));
    let unfit = Missing::Unfit(Refused::NotTogether("top".to_owned()));
    assert_eq!(copy.policy(&name("a")), Err(unfit));
    assert!(copy.policy(&name("top")).is_ok());
    put(&mut book, "top", r#"{"limit":1,"window":"1h"}"#).unwrap();
    confirm(&mut copy, &book, Timestamp::from_millis(2));
    assert!(copy.policy(&name("a")).is_ok());
}

struct Object {
    book: Book,
    storage: Memory,
}

impl Object {
    fn ask(&mut self, call: &Call) -> Result<(Option<u64>, String), String> {
        let moment = Moment {
            now: Timestamp::from_millis(5_000),
            zones: &UtcOnly,
        };
        let call = (POLICY_MESSAGES.written(), call);
        let text = answer(&mut self.book, &mut self.storage, call, moment).unwrap();
        match Answer::decode(&text).unwrap() {
            Answer::Body { version, json, .. } => Ok((version, json)),
            Answer::Refused { code, .. } => Err(code),
        }
    }

    fn change(
        &mut self,
        action: Action,
        precondition: Precondition,
    ) -> Result<Option<u64>, String> {
        let change = Call::Change(Requested {
            name: name("a"),
            action,
            precondition,
            author: "ann".to_owned(),
            reason: String::new(),
            is_dry_run: false,
        });
        self.ask(&change).map(|(version, _)| version)
    }
}

fn object(deployed: &Rc<Deployed>) -> Object {
    Object {
        book: beside(deployed),
        storage: Memory::default(),
    }
}

#[test]
fn they_are_listed_shown_and_not_deleted() {
    let mut object = object(&deployed(BRINGS));
    let list = object.ask(&Call::List).unwrap().1;
    assert_eq!(
        list,
        r#"{"revision":0,"policies":[{"name":"all","version":0,"origin":"static"},{"name":"inbox","version":0,"origin":"static"},{"name":"spare","version":0,"origin":"static"},{"name":"vip","version":0,"origin":"static","extends":"inbox"}]}"#
    );
    let (version, shown) = object.ask(&Call::Get(name("inbox"))).unwrap();
    assert_eq!(version, Some(0));
    assert!(
        shown.starts_with(r#"{"name":"inbox","version":0,"origin":"static","policy":{"limits": "#),
        "{shown}"
    );
    assert!(shown.ends_with(r#""extendedBy":["vip"]}"#), "{shown}");
    put(&mut object.book, "all", r#"{"limit":1,"window":"1s"}"#).unwrap();
    let list = object.ask(&Call::List).unwrap().1;
    assert!(
        list.contains(r#"{"name":"all","version":1,"origin":"stored","at":7000,"author":"ann"},{"name":"inbox","version":0,"origin":"static"}"#),
        "{list}"
    );
    let shown = object.ask(&Call::Get(name("all"))).unwrap().1;
    assert!(shown.contains(r#""origin":"stored""#), "{shown}");
    let refused = delete(&mut object.book, "inbox").unwrap_err();
    assert_eq!(
        (
            refused.code(),
            refused.to_string().contains("TOLLGATE_POLICIES")
        ),
        ("staticPolicy", true)
    );
    let none = Call::Versions {
        name: name("inbox"),
        before: None,
    };
    assert_eq!(
        object.ask(&none).unwrap().1,
        r#"{"name":"inbox","versions":[]}"#
    );
    assert_eq!(
        object.ask(&Call::Get(name("nobody"))),
        Err("unknownPolicy".to_owned())
    );
}

#[test]
fn nobody_overwrites_one_that_they_have_not_read() {
    let put = || Action::Put {
        written: r#"{"limit":1,"window":"1s"}"#.to_owned(),
    };
    let moved = Err("versionMoved".to_owned());
    for (precondition, expected) in [
        (Precondition::None, Ok(Some(1))),
        // Nobody has made it: so it may be made.
        (Precondition::Absent, Ok(Some(1))),
        (Precondition::Present, Ok(Some(1))),
        (Precondition::Version(0), Ok(Some(1))),
        (Precondition::Version(1), moved.clone()),
    ] {
        let mut object = object(&brings_a(10));
        assert_eq!(
            object.change(put(), precondition),
            expected,
            "{precondition:?}"
        );
        if expected.is_err() {
            continue;
        }
        assert_eq!(object.change(put(), Precondition::Absent), moved);
        assert_eq!(object.change(put(), Precondition::Version(0)), moved);
        assert_eq!(
            object.change(Action::Delete, Precondition::Version(1)),
            Ok(None)
        );
        // It holds behind the deletion.
        assert_eq!(object.change(put(), Precondition::Version(1)), moved);
        assert_eq!(object.change(put(), Precondition::Version(2)), Ok(Some(3)));
        let acts: Vec<&str> = object
            .storage
            .audit
            .iter()
            .map(|it| it.act.word())
            .collect();
        assert_eq!(acts, ["put", "delete", "put"]);
        assert!(object
            .storage
            .audit
            .iter()
            .all(|it| it.act.word() != "put" || it.before.is_none()));
    }
}

#[test]
fn presets_and_overrides_take_them_for_what_they_are() {
    let mut object = object(&deployed(
        r#"{"a": {"limit": 1, "window": "1s"}, "day": {"algorithm": "fixedWindow", "limit": 1, "window": "1d"}}"#,
    ));
    let set = |target: &str, kind, body: &str| {
        Call::Override(RequestedOverride {
            target: Target::parse(target).unwrap(),
            kind,
            body: Some(body.to_owned()),
            precondition: Precondition::None,
            author: String::new(),
            reason: String::new(),
        })
    };
    for (target, kind, body) in [
        ("policy:a", Kind::Pause, "{}"),
        (
            "policy:a",
            Kind::Replace,
            r#"{"limits": [{"limit": 9, "window": "1s"}]}"#,
        ),
        ("policy:day", Kind::Pause, r#"{"until": "reset"}"#),
        (
            "all",
            Kind::Pause,
            r#"{"until": "reset", "resetOf": "day"}"#,
        ),
    ] {
        object.ask(&set(target, kind, body)).unwrap();
    }
    assert_eq!(
        object.ask(&set("policy:b", Kind::Pause, "{}")),
        Err("unknownPolicy".to_owned())
    );
    let install = Call::Install(Installation {
        policies: vec![(name("a"), r#"{"limit":5,"window":"1s"}"#.to_owned())],
        author: String::new(),
        reason: String::new(),
        is_dry_run: false,
    });
    object.ask(&install).unwrap();
    assert_eq!(object.ask(&install), Err("nameTaken".to_owned()));
}

#[derive(Debug, Clone)]
enum Step {
    Put(u8),
    Delete(u8),
    /// Another deployment answers from now on.
    Deploy(u64),
    Ask(usize),
    /// The storage is lost, and an isolate that asks brings it to light.
    Restore,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..3u8).prop_map(Step::Put),
        3 => (0..3u8).prop_map(Step::Delete),
        1 => (1..4u64).prop_map(Step::Deploy),
        6 => (0..4usize).prop_map(Step::Ask),
        1 => Just(Step::Restore),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Of two isolates the one that asked later has no older version of any name; those of two
    /// deployments may have two editions.
    #[test]
    fn who_asked_later_has_no_older_version(steps in prop::collection::vec(step(), 1..60)) {
        const NAMES: [&str; 3] = ["a", "b", "c"];
        let brings = |limit: u64| {
            let policies = NAMES.map(|it| format!(r#""{it}": {{"limit": {limit}, "window": "1s"}}"#));
            deployed(&format!("{{{}}}", policies.join(",")))
        };
        let mut deployment = brings(1);
        let mut book = Book::default();
        let mut copies: Vec<Copy> = (0..4).map(|_| Copy::beside(Rc::clone(&deployment))).collect();
        let mut newest: Vec<(&str, Version)> = Vec::new();
        for (second, step) in steps.into_iter().enumerate() {
            let now = Timestamp::from_millis(second as u64 + 1);
            match step {
                Step::Put(i) => {
                    let written = format!(r#"{{"limit":{},"window":"1h"}}"#, second + 100);
                    put(&mut book, NAMES[usize::from(i)], &written).unwrap();
                }
                Step::Delete(i) => drop(delete(&mut book, NAMES[usize::from(i)])),
                Step::Deploy(limit) => {
                    deployment = brings(limit);
                    copies.rotate_left(1);
                    copies[0] = Copy::beside(Rc::clone(&deployment));
                }
                Step::Restore if book.state.generation > 0 => {
                    let seen = book.state.generation;
                    book = Book::default();
                    book.restored(seen, now);
                }
                Step::Restore => {}
                Step::Ask(i) => {
                    confirm(&mut copies[i], &book, now);
                    for policy in NAMES {
                        let version = version_in(&mut copies[i], policy);
                        prop_assert!(book.has_given(policy, version));
                        let last = newest.iter_mut().find(|(it, _)| *it == policy);
                        match last {
                            None => newest.push((policy, version)),
                            Some((_, last)) => {
                                prop_assert!(
                                    version.partial_cmp(last).is_none_or(core::cmp::Ordering::is_ge),
                                    "{version:?} behind {last:?}"
                                );
                                *last = version;
                            }
                        }
                    }
                }
            }
        }
    }
}
