//! Overrides as the object keeps them and as isolates have them.

#![allow(clippy::unwrap_used)] // a test may panic, also in its helpers

mod common;

use common::Memory;
use proptest::prelude::*;
use tollgate_core::algorithm::state::Moment;
use tollgate_core::calendar::UtcOnly;
use tollgate_core::limit::Name;
use tollgate_core::overrides::{Effect, Kind, Stop, Target};
use tollgate_core::subject::{Namespace, Subject, SubjectParts};
use tollgate_core::Timestamp;
use tollgate_policies::book::Book;
use tollgate_policies::bounds::{MAX_SUBJECT_OVERRIDES, MAX_WIDE_OVERRIDES};
use tollgate_policies::copy::Copy;
use tollgate_policies::message::{
    Action, Answer, Call, Requested, RequestedOverride, POLICY_MESSAGES,
};
use tollgate_policies::overrides::OverrideRecord;
use tollgate_policies::precondition::Precondition;
use tollgate_policies::service::answer;
use tollgate_policies::snapshot::{Changes, Known};

#[derive(Default)]
struct Object {
    book: Book,
    storage: Memory,
    now: u64,
}

/// One second after the beginning of time.
fn begun() -> Object {
    Object {
        now: 1_000,
        ..Object::default()
    }
}

fn requested(target: &str, kind: Kind, body: Option<&str>) -> RequestedOverride {
    RequestedOverride {
        target: Target::parse(target).unwrap(),
        kind,
        body: body.map(str::to_owned),
        precondition: Precondition::None,
        author: "ann".to_owned(),
        reason: String::new(),
    }
}

impl Object {
    fn text(&mut self, call: &Call) -> String {
        let moment = Moment {
            now: Timestamp::from_millis(self.now),
            zones: &UtcOnly,
        };
        // As a Worker of this build says it.
        let written = POLICY_MESSAGES.written();
        let (_, call) = Call::decode(&call.encode_in(written)).unwrap();
        answer(&mut self.book, &mut self.storage, (written, &call), moment).unwrap()
    }

    fn ask(&mut self, call: &Call) -> Result<String, String> {
        match Answer::decode(&self.text(call)).unwrap() {
            Answer::Body { json, .. } => Ok(json),
            Answer::Refused { code, field, .. } => {
                Err(format!("{code} {}", field.unwrap_or_default()))
            }
        }
    }

    fn set(&mut self, target: &str, kind: Kind, body: &str) -> Result<String, String> {
        self.ask(&Call::Override(requested(target, kind, Some(body))))
    }

    fn lift(&mut self, target: &str, kind: Kind) -> Result<String, String> {
        self.ask(&Call::Override(requested(target, kind, None)))
    }

    fn put(&mut self, name: &str, written: &str) {
        let change = Call::Change(Requested {
            name: Name::new("name", name).unwrap(),
            action: Action::Put {
                written: written.to_owned(),
            },
            precondition: Precondition::None,
            author: String::new(),
            reason: String::new(),
            is_dry_run: false,
        });
        self.ask(&change).unwrap();
    }

    fn bring(&mut self, copy: &mut Copy) {
        let call = copy.ask(Timestamp::from_millis(self.now));
        let changes = Changes::decode(&self.text(&call)).unwrap();
        assert!(copy.learn(changes, Timestamp::from_millis(self.now)));
    }
}

fn subject(provider: &str, identifier: &str) -> Subject {
    let parts = SubjectParts::new(identifier).unwrap();
    let parts = parts.with_provider(provider).unwrap();
    parts.in_namespace(Namespace::default())
}

fn is_stopped(copy: &Copy, who: &Subject, now: u64) -> bool {
    let now = Timestamp::from_millis(now);
    copy.overrides(who, None, now).stopped().is_some()
}

#[test]
fn an_override_is_set_told_lifted_and_over() {
    let mut object = begun();
    let (mut copy, mut late) = (Copy::default(), Copy::default());
    object.bring(&mut copy);
    let body = object.set(
        "provider:p",
        Kind::Pause,
        r#"{"until": "10s", "reason": "ban"}"#,
    );
    assert_eq!(
        body.unwrap(),
        r#"{"target":"provider:p","kind":"pause","version":1,"until":11000,"at":1000,"author":"ann","reason":"ban"}"#
    );
    object.bring(&mut copy);
    let who = subject("p", "u");
    assert!(is_stopped(&copy, &who, 10_999) && !is_stopped(&copy, &who, 11_000));
    assert!(!is_stopped(&copy, &subject("q", "u"), 2_000));
    object.lift("provider:p", Kind::Pause).unwrap();
    object.bring(&mut copy);
    object.bring(&mut late);
    assert!(!is_stopped(&copy, &who, 2_000) && !is_stopped(&late, &who, 2_000));
    assert_eq!(
        object.lift("provider:p", Kind::Pause),
        Err("unknownOverride ".to_owned())
    );
    let acts: Vec<&str> = object
        .storage
        .audit
        .iter()
        .map(|it| it.act.word())
        .collect();
    assert_eq!(acts, ["override", "lift"]);
    let last = object.ask(&Call::Audit { before: None }).unwrap();
    assert!(
        last.contains(r#""action":"lift","target":"provider:p","kind":"pause""#),
        "{last}"
    );
}

#[test]
fn what_is_over_is_forgotten_and_does_not_count() {
    let mut object = begun();
    for i in 0..MAX_WIDE_OVERRIDES {
        let target = format!("provider:{i}");
        object
            .set(&target, Kind::Pause, r#"{"until": "1s"}"#)
            .unwrap();
    }
    assert_eq!(
        object.set("all", Kind::Deny, "{}"),
        Err("tooManyOverrides ".to_owned())
    );
    // One that is there may be set anew, and those of subjects are counted apart.
    object
        .set("provider:7", Kind::Pause, r#"{"until": "1s"}"#)
        .unwrap();
    object.set("subject:p//u", Kind::Deny, "{}").unwrap();
    object.now = 2_000;
    object.set("all", Kind::Deny, "{}").unwrap();
    assert_eq!(object.book.overrides().count(), 2);
    assert_eq!(object.storage.overrides.len(), MAX_WIDE_OVERRIDES + 1);
}

#[test]
fn subjects_have_a_bound_of_their_own() {
    let mut object = begun();
    // As its rows tell it: set one by one they would be counted ten thousand times.
    let record = OverrideRecord {
        revision: 1,
        at: Timestamp::from_millis(object.now),
        author: String::new(),
        reason: String::new(),
        until: None,
        effect: Some(Effect::Deny(Stop::default())),
    };
    let of = |i| {
        let target = Target::parse(&format!("subject:p//{i}")).unwrap();
        ((target, Kind::Deny), record.clone())
    };
    let all_but_one = (1..MAX_SUBJECT_OVERRIDES).map(of);
    object.book = Book::default().with_overrides(all_but_one);
    object.set("subject:p//0", Kind::Deny, "{}").unwrap();
    assert_eq!(object.book.overrides().count(), MAX_SUBJECT_OVERRIDES);
    let refused = Err("tooManyOverrides ".to_owned());
    assert_eq!(object.set("subject:p//more", Kind::Deny, "{}"), refused);
    object.lift("subject:p//7", Kind::Deny).unwrap();
    object.set("subject:p//more", Kind::Deny, "{}").unwrap();
    object.set("prefix:p//*", Kind::Deny, "{}").unwrap();
}

/// What a bucket's or an unused window's reset is, is now: the pause would be over at once (e5).
#[test]
fn e5_reset_is_an_instant_when_it_is_stored() {
    let mut object = Object {
        now: 5_000,
        ..Object::default()
    };
    object.put("mail", r#"{"limits": [{"name": "hour", "algorithm": "fixedWindow", "limit": 1, "window": "1h"}, {"name": "day", "algorithm": "quota", "limit": 9, "period": "day"}]}"#);
    object.put(
        "burst",
        r#"{"algorithm": "tokenBucket", "capacity": 5, "refill": {"amount": 1, "interval": "1s"}}"#,
    );
    let reset = r#"{"until": "reset"}"#;
    let set = object.set("policy:mail", Kind::Pause, reset).unwrap();
    assert!(set.contains(r#""until":86400000"#), "{set}");
    // Whenever they began, all that are open now have turned by then.
    object.put(
        "own",
        r#"{"algorithm": "fixedWindow", "limit": 1, "window": "1h", "start": "firstUse"}"#,
    );
    let set = object.set("policy:own", Kind::Pause, reset).unwrap();
    assert!(set.contains(r#""until":3605000"#), "{set}");
    let of = r#"{"until": "reset", "resetOf": "mail"}"#;
    let set = object.set("provider:smtp", Kind::Pause, of).unwrap();
    assert!(set.contains(r#""until":86400000"#), "{set}");
    for (target, body, error) in [
        ("provider:smtp", reset, "invalidField resetOf"),
        ("policy:burst", reset, "invalidField until"),
        ("policy:none", reset, "unknownPolicy "),
        (
            "all",
            r#"{"until": "reset", "resetOf": "none"}"#,
            "unknownPolicy ",
        ),
        ("all", r#"{"until": 5000}"#, "invalidField until"),
        ("all", r#"{"colour": 1}"#, "invalidField colour"),
    ] {
        let before = object.book.clone();
        assert_eq!(object.set(target, Kind::Pause, body), Err(error.to_owned()));
        assert_eq!(object.book, before);
    }
}

#[test]
fn a_replacement_has_to_suit_its_policy() {
    let mut object = begun();
    object.put(
        "day",
        r#"{"algorithm": "fixedWindow", "limit": 5, "window": "1h", "consistency": "eventual"}"#,
    );
    let bucket = r#"{"limits": [{"algorithm": "tokenBucket", "capacity": 5, "refill": {"amount": 1, "interval": "1s"}}]}"#;
    assert_eq!(
        object.set("policy:day", Kind::Replace, bucket),
        Err("invalidField limits".to_owned())
    );
    let window = r#"{"limits": [{"algorithm": "fixedWindow", "limit": 9, "window": "1h"}]}"#;
    object.set("policy:day", Kind::Replace, window).unwrap();
}

/// The number in a field of a body.
fn number(body: &str, field: &str) -> u64 {
    let (_, rest) = body.split_once(&format!(r#""{field}":"#)).unwrap();
    let digits = rest.find(|sign: char| !sign.is_ascii_digit()).unwrap();
    rest[..digits].parse().unwrap()
}

#[test]
fn a_grant_that_is_set_again_goes_on_and_one_that_was_lifted_begins_anew() {
    const DAY: u64 = 86_400_000;
    let mut object = begun();
    let target = "subject:crm//acme";
    let set = |object: &mut Object, body: &str| object.set(target, Kind::Grant, body);
    let first = set(&mut object, r#"{"units": 100, "until": "2d"}"#).unwrap();
    let (id, until) = (number(&first, "id"), number(&first, "until"));
    assert_eq!(until, 1_000 + 2 * DAY);
    // The same call once more, as who has got no answer sends it; and more units, for longer.
    object.now = 5_000;
    let again = set(&mut object, r#"{"units": 100, "until": "2d"}"#).unwrap();
    assert_eq!(number(&again, "id"), id);
    let longer = set(&mut object, r#"{"units": 150, "until": "32d"}"#).unwrap();
    assert_eq!((number(&longer, "id"), number(&longer, "units")), (id, 150));
    // What was taken is known until 31 days after the first end, and so long it may last.
    let longest = until + 31 * DAY;
    let body = |until: u64| format!(r#"{{"units": 1, "until": {until}}}"#);
    set(&mut object, &body(longest)).unwrap();
    let before = object.book.clone();
    let refused = Err("invalidField until".to_owned());
    assert_eq!(set(&mut object, &body(longest + 1)), refused);
    assert_eq!(object.book, before);
    let far = body(5_000 + 366 * DAY + 1);
    object.lift(target, Kind::Grant).unwrap();
    assert_eq!(set(&mut object, &far), refused);
    set(&mut object, &body(longest)).unwrap();
    // Also where it is set again within the millisecond in which it was lifted.
    object.lift(target, Kind::Grant).unwrap();
    let anew = set(&mut object, r#"{"units": 100, "until": "2d"}"#).unwrap();
    assert!(number(&anew, "id") > id);
    // And where it was over.
    object.now += 3 * DAY;
    let last = set(&mut object, r#"{"units": 100, "until": "2d"}"#).unwrap();
    assert!(number(&last, "id") > number(&anew, "id"));
}

#[test]
fn a_grant_needs_a_policy_that_can_take_units() {
    let mut object = begun();
    object.put(
        "slots",
        r#"{"algorithm": "concurrency", "limit": 5, "ttl": "1m"}"#,
    );
    object.put(
        "day",
        r#"{"algorithm": "fixedWindow", "limit": 5, "window": "1h", "consistency": "eventual"}"#,
    );
    let body = r#"{"units": 1, "until": "1d"}"#;
    for (target, error) in [
        ("policy:slots", "invalidField kind"),
        ("policy:day", "invalidField kind"),
        ("policy:none", "unknownPolicy "),
    ] {
        let before = object.book.clone();
        assert_eq!(object.set(target, Kind::Grant, body), Err(error.to_owned()));
        assert_eq!(object.book, before);
    }
}

#[test]
fn each_change_of_limits_is_newer_than_the_one_before_also_when_it_ends_by_itself() {
    let mut object = begun();
    let mut copy = Copy::default();
    let adjusted = |object: &mut Object, copy: &mut Copy, now| {
        object.bring(copy);
        copy.adjusted(Timestamp::from_millis(now))
    };
    object.set("all", Kind::Pause, "{}").unwrap();
    assert_eq!(adjusted(&mut object, &mut copy, 1_000), 0);
    object
        .set("all", Kind::Scale, r#"{"factor": 2, "until": "5s"}"#)
        .unwrap();
    assert_eq!(adjusted(&mut object, &mut copy, 1_000), 1_000);
    object
        .set("provider:p", Kind::Scale, r#"{"factor": 3}"#)
        .unwrap();
    assert_eq!(adjusted(&mut object, &mut copy, 1_000), 1_001);
    assert_eq!(adjusted(&mut object, &mut copy, 5_999), 1_001);
    assert_eq!(adjusted(&mut object, &mut copy, 6_000), 6_000);
    object.now = 7_000;
    object.lift("all", Kind::Pause).unwrap(); // forgets what is over
    assert_eq!(adjusted(&mut object, &mut copy, 7_000), 6_000);
    object.lift("provider:p", Kind::Scale).unwrap();
    assert_eq!(adjusted(&mut object, &mut copy, 7_000), 7_000);
    // Under a bypass a policy is not scaled by what is further away, and after it is again.
    object
        .set("subject:p//u", Kind::Bypass, r#"{"until": "2s"}"#)
        .unwrap();
    assert_eq!(adjusted(&mut object, &mut copy, 7_000), 7_001);
    assert_eq!(adjusted(&mut object, &mut copy, 9_000), 9_000);
}

#[test]
fn builds_that_know_no_overrides_and_this_one_understand_each_other() {
    let mut object = begun();
    object.set("all", Kind::Pause, "{}").unwrap();
    // Such a build refuses lines of other words, in KV too, and passes over fields.
    let told = Changes::since(&object.book, Known::default()).encode();
    assert!(
        told.starts_with("1 changes ") && !told.contains('\n'),
        "{told}"
    );
    // One of its objects has told this isolate everything but the overrides: it asks for all.
    let mut copy = Copy::default();
    let older = Changes::decode("1 changes generation=1000 revision=1 whole=1").unwrap();
    assert!(copy.learn(older, Timestamp::from_millis(1_000)));
    let who = subject("p", "u");
    assert!(!is_stopped(&copy, &who, 1_000));
    object.bring(&mut copy);
    assert!(is_stopped(&copy, &who, 1_000));
    let Call::Since { known, .. } = copy.ask(Timestamp::from_millis(1_000)) else {
        panic!("another call");
    };
    let nothing = Changes::since(&object.book, known).encode();
    assert_eq!(nothing, "1 changes generation=1000 revision=1 floor=0");
}

#[derive(Debug, Clone)]
enum Step {
    Set(u8, Option<u64>),
    Lift(u8),
    Wait(u64),
    Ask(usize),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0_u8..6, prop::option::of(1_u64..40)).prop_map(|(who, time)| Step::Set(who, time)),
        1 => (0_u8..6).prop_map(Step::Lift),
        2 => (1_u64..30).prop_map(Step::Wait),
        3 => (0_usize..3).prop_map(Step::Ask),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn whoever_asks_now_and_then_stops_whom_the_object_stops(
        steps in prop::collection::vec(any_step(), 1..60),
    ) {
        let mut object = begun();
        let mut copies = [Copy::default(), Copy::default(), Copy::default()];
        for step in steps {
            match step {
                Step::Set(who, time) => {
                    let until = time.map(|time| format!(r#""until":{}"#, object.now + time));
                    let body = format!("{{{}}}", until.unwrap_or_default());
                    object.set(&format!("subject:p//{who}"), Kind::Deny, &body).unwrap();
                }
                Step::Lift(who) => {
                    let _ = object.lift(&format!("subject:p//{who}"), Kind::Deny);
                }
                Step::Wait(time) => object.now += time,
                Step::Ask(copy) => object.bring(&mut copies[copy]),
            }
        }
        for copy in &mut copies {
            object.bring(copy);
            for who in 0..6 {
                let who = subject("p", &who.to_string());
                let key = (Target::of_subject(&who), Kind::Deny);
                let now = Timestamp::from_millis(object.now);
                let record = object.book.override_record(&key);
                let holds = record.is_some_and(|it| it.is_in_force(now));
                prop_assert_eq!(is_stopped(copy, &who, object.now), holds);
            }
        }
    }
}

#[test]
fn long_overrides_have_a_bound_together() {
    let mut object = begun();
    let except = format!("subject:p//{}", "%C3%A4".repeat(512));
    let body = format!(
        r#"{{"except": [{}]}}"#,
        vec![format!("{except:?}"); 16].join(",")
    );
    let set = (0..1_000).take_while(|i| {
        let set = object.set(&format!("provider:{i}"), Kind::Deny, &body);
        set.is_ok()
    });
    let set = set.count();
    assert!((80..90).contains(&set), "{set}");
    let told = Changes::since(&object.book, Known::default()).encode();
    assert!(told.len() < 16 << 20, "{}", told.len());
}

#[test]
fn who_needs_no_policy_goes_on_where_nothing_can_be_known() {
    let at = Timestamp::from_millis;
    let mut copy = Copy::default();
    assert_eq!(copy.goes_without(at(1)), None, "it asks first");
    copy.ask(at(1));
    copy.fail(at(2));
    assert_eq!(copy.goes_without(at(3)), Some(false));
    let asks = copy.goes_without(at(1_001));
    assert_eq!(asks, Some(true), "and has it asked in the background");
    assert_eq!(copy.goes_without(at(10_002)), None);
    copy.fail(at(10_003));
    begun().bring(&mut copy);
    assert_eq!(copy.goes_without(at(10_004)), None, "there is an answer");
}

#[test]
fn pages_follow_each_other() {
    let mut object = begun();
    for i in 0..250 {
        let target = format!("provider:{i:03}");
        object.set(&target, Kind::Pause, "{}").unwrap();
    }
    let mut after = None;
    let mut seen = 0;
    for page in 0..3 {
        let target = None;
        let body = object.ask(&Call::Overrides { target, after }).unwrap();
        seen += body.matches("\"target\"").count();
        let next = body
            .split("\"next\":\"")
            .nth(1)
            .map(|it| it.trim_end_matches("\"}").to_owned());
        assert_eq!(next.is_some(), page < 2, "{page}");
        after = next.map(|next| {
            let (target, kind) = next.rsplit_once('/').unwrap();
            (
                Target::parse(target).unwrap(),
                Kind::from_word(kind).unwrap(),
            )
        });
    }
    assert_eq!(seen, 250);
}

#[test]
fn only_what_is_expected_is_changed() {
    let mut object = begun();
    let call = |precondition| {
        Call::Override(RequestedOverride {
            precondition,
            ..requested("all", Kind::Pause, Some("{}"))
        })
    };
    let moved = Err("versionMoved ".to_owned());
    assert_eq!(object.ask(&call(Precondition::Version(1))), moved);
    assert_eq!(object.ask(&call(Precondition::Present)), moved);
    object.ask(&call(Precondition::Absent)).unwrap();
    assert_eq!(object.ask(&call(Precondition::Absent)), moved);
    object.ask(&call(Precondition::Version(1))).unwrap();
}
