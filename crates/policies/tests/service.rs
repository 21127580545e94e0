//! Calls answered on a book and a storage in memory.

#![allow(clippy::unwrap_used)] // a test may panic, also in its helpers

mod common;

use common::name;
use std::collections::BTreeMap;

use tollgate_core::algorithm::state::Moment;
use tollgate_core::calendar::UtcOnly;
use tollgate_core::overrides::{Kind, Target};
use tollgate_core::policy::Version;
use tollgate_core::Timestamp;
use tollgate_policies::body::{of_versions, PAGE_BYTES};
use tollgate_policies::book::Book;
use tollgate_policies::history::{Act, AuditEntry, PastVersion, Signed, Storage, Stored, MAX_PAGE};
use tollgate_policies::message::{
    Action, Answer, Call, Installation, Requested, RequestedOverride, POLICY_MESSAGES,
};
use tollgate_policies::precondition::Precondition;
use tollgate_policies::service::answer;
use tollgate_policies::snapshot::{Changes, Known, Snapshot};
use tollgate_policies::stage::{StageNews, StageNote};

#[derive(Default)]
struct Memory {
    book: Book,
    versions: BTreeMap<(String, u64), PastVersion>,
    audit: Vec<AuditEntry>,
    is_full: bool,
}

impl Storage for Memory {
    type Error = &'static str;

    fn store(&mut self, book: &Book, stored: &[Stored<'_>]) -> Result<(), Self::Error> {
        if self.is_full {
            return Err("full");
        }
        self.book = book.clone();
        stored.iter().for_each(|it| self.keep(book, it));
        Ok(())
    }

    fn version(&self, name: &str, version: u64) -> Result<Option<PastVersion>, Self::Error> {
        Ok(self.versions.get(&(name.to_owned(), version)).cloned())
    }

    fn versions(&self, name: &str, before: u64) -> Result<Vec<PastVersion>, Self::Error> {
        let range = (name.to_owned(), 0)..(name.to_owned(), before);
        let newest = self.versions.range(range).rev().take(MAX_PAGE);
        Ok(newest.map(|(_, past)| past.clone()).collect())
    }

    fn audit(&self, before: u64, from: Timestamp) -> Result<Vec<AuditEntry>, Self::Error> {
        let entries = self.audit.iter().rev();
        let entries = entries.filter(|it| it.id < before && it.signed.at >= from);
        Ok(entries.take(MAX_PAGE).cloned().collect())
    }
}

impl Memory {
    fn keep(&mut self, book: &Book, stored: &Stored<'_>) {
        for name in &stored.entry.changed {
            let (act, record) = stored.made(book, name).unwrap();
            let past = PastVersion {
                version: record.version,
                act,
                signed: Signed {
                    at: record.at,
                    author: record.author.clone(),
                    reason: record.reason.clone(),
                },
                written: record.content.as_ref().map(|it| it.written.clone()),
            };
            self.versions.insert((name.clone(), record.version), past);
        }
        let id = self.audit.len() as u64 + 1;
        let entry = stored.entry.clone();
        self.audit.push(AuditEntry { id, ..entry });
    }
}

/// A book in memory beside its storage, and the second that it is.
#[derive(Default)]
struct Object {
    book: Book,
    storage: Memory,
    second: u64,
}

impl Object {
    fn text(&mut self, call: &Call) -> Result<String, &'static str> {
        self.second += 1;
        let now = Timestamp::from_millis(self.second * 1_000);
        let call = (POLICY_MESSAGES.written(), call);
        let moment = Moment {
            now,
            zones: &UtcOnly,
        };
        answer(&mut self.book, &mut self.storage, call, moment)
    }

    fn ask(&mut self, call: &Call) -> Answer {
        Answer::decode(&self.text(call).unwrap()).unwrap()
    }

    fn body(&mut self, call: &Call) -> String {
        match self.ask(call) {
            Answer::Body { json, .. } => json,
            refused => panic!("{refused:?}"),
        }
    }

    fn code(&mut self, call: &Call) -> String {
        match self.ask(call) {
            Answer::Refused { code, .. } => code,
            body => panic!("{body:?}"),
        }
    }

    fn changes(&mut self, known: Known, seen: Option<(&str, u64, u64)>) -> Changes {
        let version = |generation, number| Version {
            generation,
            number,
            ..Version::NONE
        };
        let seen =
            seen.map(|(policy, generation, number)| (name(policy), version(generation, number)));
        let call = Call::Since { known, seen };
        Changes::decode(&self.text(&call).unwrap()).unwrap()
    }
}

fn change(policy: &str, action: Action) -> Call {
    Call::Change(Requested {
        name: name(policy),
        action,
        precondition: Precondition::None,
        author: "ann".to_owned(),
        reason: "because".to_owned(),
        is_dry_run: false,
    })
}

fn put(policy: &str, limit: u64) -> Call {
    let written = format!(r#"{{"limit":{limit},"window":"1h"}}"#);
    change(policy, Action::Put { written })
}

fn dry(call: Call) -> Call {
    let Call::Change(requested) = call else {
        panic!("{call:?}")
    };
    Call::Change(Requested {
        is_dry_run: true,
        ..requested
    })
}

#[test]
fn each_change_is_stored_with_one_entry_of_the_audit() {
    let mut object = Object::default();
    let calls = [
        put("a", 1),
        put("a", 2),
        put("a", 2),
        change("a", Action::Rollback { version: 1 }),
        change("a", Action::Delete),
    ];
    for call in &calls {
        object.body(call);
        assert_eq!(object.storage.book, object.book);
    }
    let acts = object.storage.audit.iter();
    let acts: Vec<_> = acts.map(|it| (it.act.word(), it.version)).collect();
    // The third has changed nothing.
    assert_eq!(
        acts,
        [("put", 1), ("put", 2), ("rollback", 3), ("delete", 4)]
    );
    assert_eq!(object.storage.versions.len(), 4);
    let last = &object.storage.audit[3];
    let told = (&*last.signed.author, &*last.signed.reason, &*last.policy);
    assert_eq!(told, ("ann", "because", "a"));
    assert_eq!(last.before, object.storage.audit[0].after);
    assert_eq!(last.after, None);
}

#[test]
fn what_is_refused_or_only_tried_stores_nothing() {
    let mut object = Object::default();
    object.body(&put("a", 1));
    let before = object.book.clone();
    for (call, code) in [
        (change("b", Action::Delete), "unknownPolicy"),
        (
            change("a", Action::Rollback { version: 7 }),
            "unknownVersion",
        ),
        (Call::Get(name("b")), "unknownPolicy"),
        (
            Call::Versions {
                name: name("b"),
                before: None,
            },
            "unknownPolicy",
        ),
    ] {
        assert_eq!(object.code(&call), code);
    }
    let tried = object.body(&dry(put("a", 2)));
    assert!(
        tried.contains(r#""version":2"#) && tried.contains(r#""dryRun":true"#),
        "{tried}"
    );
    let tried = object.body(&dry(change("a", Action::Delete)));
    assert!(tried.contains(r#""deleted":true"#), "{tried}");
    let tried = object.body(&dry(put("b", 2)));
    assert!(
        tried.contains(r#""changed":[{"name":"b","version":1}]"#),
        "{tried}"
    );
    assert_eq!((&object.book, object.storage.audit.len()), (&before, 1));
}

#[test]
fn what_is_only_tried_makes_nothing_and_gives_no_version_to_match() {
    let mut object = Object::default();
    object.body(&put("a", 1));
    for name in ["a", "b"] {
        match object.ask(&dry(put(name, 2))) {
            Answer::Body {
                version, is_new, ..
            } => assert_eq!((version, is_new), (None, false), "{name}"),
            refused => panic!("{refused:?}"),
        }
    }
}

#[test]
fn a_deletion_is_nothing_to_go_back_to_but_what_was_before_is() {
    let mut object = Object::default();
    object.body(&put("a", 1));
    object.body(&change("a", Action::Delete));
    let back = change("a", Action::Rollback { version: 2 });
    assert_eq!(object.code(&back), "unknownVersion");
    let back = object.body(&change("a", Action::Rollback { version: 1 }));
    assert!(back.contains(r#""version":3"#), "{back}");
}

#[test]
fn a_storage_that_fails_is_told() {
    let mut object = Object::default();
    object.storage.is_full = true;
    assert_eq!(object.text(&put("a", 1)), Err("full"));
    assert!(object.storage.audit.is_empty());
}

#[test]
fn pages_are_bounded_and_lead_to_the_next() {
    let mut object = Object::default();
    for limit in 0..250 {
        object.body(&put("a", limit));
    }
    let mut before = None;
    let mut seen = 0;
    for _ in 0..9 {
        let page = object.body(&Call::Audit { before });
        seen += page.matches(r#""action""#).count();
        before = page
            .split_once(r#""next":"#)
            .map(|(_, next)| next.trim_end_matches('}').parse().unwrap());
        if before.is_none() {
            break;
        }
    }
    assert_eq!((seen, before), (250, None));
    let long = "x".repeat(1_000);
    for i in 0..400 {
        let written = format!(r#"{{"limit":{i},"window":"1h","description":"{long}"}}"#);
        object.body(&change("b", Action::Put { written }));
    }
    let name = name("b");
    let page = object.body(&Call::Versions { name, before: None });
    assert!(page.len() < PAGE_BYTES + 2_000 && page.contains(r#""next":"#));
    // Beyond its age an entry is not shown.
    object.second += 401 * 24 * 3_600;
    assert_eq!(
        object.body(&Call::Audit { before: None }),
        r#"{"entries":[]}"#
    );
}

#[test]
fn pages_of_long_policies_are_bounded_in_bytes_and_leave_nothing_out() {
    let mut object = Object::default();
    for limit in 0..20 {
        let written = format!(r#"{{"limit":{limit},"window":"1h"{}}}"#, " ".repeat(30_000));
        object.body(&change("a", Action::Put { written }));
    }
    for (is_audit, pages) in [(false, 3), (true, 5)] {
        let (mut before, mut seen) = (None, 0);
        for page in 1..=pages {
            let name = name("a");
            let text = object.body(&match is_audit {
                true => Call::Audit { before },
                false => Call::Versions { name, before },
            });
            assert!(text.len() < PAGE_BYTES + 1_000, "{}", text.len());
            seen += text.matches(r#""action""#).count();
            let next = text.split_once(r#""next":"#);
            before = next.map(|(_, next)| next.trim_end_matches('}').parse().unwrap());
            assert_eq!(before.is_some(), page < pages, "{page} of {pages}");
        }
        assert_eq!(seen, 20);
    }
}

#[test]
fn an_entry_that_is_longer_than_a_page_stands_alone() {
    let past = |version| PastVersion {
        version,
        act: Act::Put,
        signed: Signed {
            at: Timestamp::from_millis(0),
            author: String::new(),
            reason: String::new(),
        },
        written: Some("7".repeat(PAGE_BYTES + 1)),
    };
    let page = of_versions("a", &[past(2), past(1)], false);
    assert_eq!(page.matches(r#""action""#).count(), 1);
    assert!(page.ends_with(r#""next":2}"#));
}

#[test]
fn a_restored_storage_comes_to_light_by_a_revision() {
    let mut object = Object::default();
    object.body(&put("a", 1));
    let old = object.book.clone();
    object.body(&put("a", 2));
    let mut isolate = Snapshot::default();
    isolate.apply(object.changes(Known::default(), None));
    (object.book, object.storage.book) = (old.clone(), old);
    isolate.apply(object.changes(isolate.known(), None));
    let generation = object.book.state.generation;
    assert_eq!(isolate.known().generation, generation);
    let held = isolate.policy("a").unwrap();
    assert_eq!(
        held.version,
        Version {
            generation,
            number: 1,
            ..Version::NONE
        }
    );
    assert_eq!(object.storage.book.state.generation, generation);
    let last = object.storage.audit.last().unwrap();
    assert_eq!((last.act.word(), last.version), ("restored", generation));
    // Above what is known, also where that is far ahead of the clock.
    let known = Known {
        generation: generation + 1_000_000,
        revision: 0,
    };
    object.changes(known, None);
    assert!(object.book.state.generation > known.generation);
}

#[test]
fn a_restored_storage_comes_to_light_by_a_version_that_an_object_has_decided_by() {
    let mut object = Object::default();
    object.body(&put("a", 1));
    object.body(&put("b", 1));
    let generation = object.book.state.generation;
    // As it is, or from before: nothing is strange.
    for seen in [
        ("a", generation, 1),
        ("a", generation - 1, 99),
        ("c", generation, 0),
    ] {
        object.changes(Known::default(), Some(seen));
        assert_eq!(object.book.state.generation, generation, "{seen:?}");
    }
    for seen in [
        ("a", 0, 2),
        ("gone", 0, 1),
        ("a", 5, 1),
        ("a", 1_000_000, 1), // far ahead of the clock
    ] {
        let mut object = Object::default();
        object.body(&put("a", 1));
        let before = object.book.state.generation;
        let changes = object.changes(Known::default(), Some((seen.0, before + seen.1, seen.2)));
        let after = object.book.state.generation;
        assert!(after > before + seen.1, "{seen:?}");
        let mut isolate = Snapshot::default();
        isolate.apply(changes);
        assert_eq!(isolate.policy("a").unwrap().version.generation, after);
    }
}

#[test]
fn a_stage_has_an_entry_before_it_is_set_and_one_afterwards_of_the_same_version() {
    let mut object = Object::default();
    object.body(&put("a", 1));
    let mut isolate = Snapshot::default();
    isolate.apply(object.changes(Known::default(), None));
    let note = |news| {
        Call::Stage(StageNote {
            target: Target::parse("subject:a/b/c%20d").unwrap(),
            news,
            author: "ann".to_owned(),
            reason: "warm".to_owned(),
        })
    };
    let asked = note(StageNews::Asked {
        asked: r#"{"paused":true}"#.to_owned(),
    });
    let Answer::Body { version, .. } = object.ask(&asked) else {
        panic!("refused");
    };
    let version = version.unwrap();
    assert!(version > isolate.known().revision); // no other change has it
    object.body(&put("b", 1));
    let set = note(StageNews::Set {
        version,
        before: None,
        after: r#"{"start":5}"#.to_owned(),
    });
    assert_eq!(object.body(&set), "");
    let json: serde_json::Value =
        serde_json::from_str(&object.body(&Call::Audit { before: None })).unwrap();
    let entries = json["entries"].as_array().unwrap();
    let said: Vec<_> = entries
        .iter()
        .map(|it| (it["action"].as_str().unwrap(), &it["version"]))
        .collect();
    let version = serde_json::Value::from(version);
    let made = serde_json::Value::from(1);
    assert_eq!(
        said,
        [
            ("staged", &version),
            ("put", &made),
            ("stage", &version),
            ("put", &made)
        ]
    );
    for entry in [&entries[0], &entries[2]] {
        assert_eq!(entry["target"], "subject:a/b/c%20d");
        assert_eq!(entry["kind"], "stage");
        assert_eq!(entry["author"], "ann");
        assert_eq!(entry["reason"], "warm");
    }
    assert_eq!(entries[0]["after"]["start"], 5);
    assert_eq!(entries[2]["after"]["paused"], true);
    // Isolates learn nothing of it, and go on.
    isolate.apply(object.changes(isolate.known(), None));
    assert_eq!(isolate.known().generation, object.book.state.generation);
    assert!(isolate.policy("a").is_some() && isolate.policy("b").is_some());
    object.storage.is_full = true;
    assert!(object.text(&asked).is_err());
}

fn installation(policies: &[(&str, &str)], is_dry_run: bool) -> Call {
    let policy = |(policy, written): &(&str, &str)| (name(policy), (*written).to_owned());
    Call::Install(Installation {
        policies: policies.iter().map(policy).collect(),
        author: "ann".to_owned(),
        reason: "to begin with".to_owned(),
        is_dry_run,
    })
}

#[test]
fn an_installation_makes_all_policies_at_once_or_none() {
    let mut object = Object::default();
    let plain = r#"{"limit":1,"window":"1s"}"#;
    let below = r#"{"parent":{"policy":"p.a"},"limit":1,"window":"1s"}"#;
    let both = [("p.a", plain), ("p.b", below)];

    let dry = object.body(&installation(&both, true));
    assert!(dry.contains(r#""name":"p.b","version":1"#) && dry.ends_with(r#""dryRun":true}"#));
    assert_eq!(object.book, Book::default());
    assert!(object.storage.audit.is_empty());

    let Answer::Body { is_new, json, .. } = object.ask(&installation(&both, false)) else {
        panic!("refused");
    };
    assert!(
        is_new && json.starts_with(r#"{"policies":[{"name":"p.a""#),
        "{json}"
    );
    assert_eq!(object.book, object.storage.book);
    let audit: Vec<_> = object.storage.audit.iter().collect();
    assert_eq!(audit.len(), 2);
    for (entry, policy) in audit.into_iter().zip(["p.a", "p.b"]) {
        assert_eq!((entry.act, entry.policy.as_str()), (Act::Preset, policy));
        assert_eq!(entry.signed.author, "ann");
        assert_eq!(entry.signed.reason, "to begin with");
    }
    // Isolates are told of both.
    let mut snapshot = Snapshot::default();
    snapshot.apply(object.changes(Known::default(), None));
    assert!(snapshot.policy("p.a").is_some() && snapshot.policy("p.b").is_some());

    // One name that is taken, or one policy that cannot be made, and nothing is.
    let before = object.book.clone();
    let refused = object.ask(&installation(
        &[("c", plain), ("p.b", plain), ("p.a", plain)],
        false,
    ));
    let Answer::Refused { code, detail, .. } = refused else {
        panic!("{refused:?}");
    };
    assert!(
        code == "nameTaken" && detail.contains("p.b, p.a"),
        "{detail}"
    );
    let bad = [("c", plain), ("d", r#"{"limit":1}"#)];
    assert_eq!(object.code(&installation(&bad, false)), "invalidField");
    // Nor where it cannot be stored.
    object.storage.is_full = true;
    assert!(object.text(&installation(&[("c", plain)], false)).is_err());
    assert_eq!((&object.book, object.storage.audit.len()), (&before, 2));
}

#[test]
fn a_body_that_cannot_be_read_has_the_code_that_it_has_everywhere() {
    let mut object = Object::default();
    let put = |written: &str| {
        let written = written.to_owned();
        change("a", Action::Put { written })
    };
    let set = |body: &str| {
        Call::Override(RequestedOverride {
            target: Target::All,
            kind: Kind::Replace,
            body: Some(body.to_owned()),
            precondition: Precondition::None,
            author: String::new(),
            reason: String::new(),
        })
    };
    for (body, code) in [
        ("{bad", "invalidJson"),
        ("", "invalidJson"),
        ("7", "invalidField"),
        (r#"{"limits":[]}"#, "invalidField"),
        (
            r#"{"limits":[{"algorithm":"quota","limit":1,"period":"day","timeZone":"Mars/Olympus"}]}"#,
            "unknownTimeZone",
        ),
    ] {
        assert_eq!(object.code(&put(body)), code, "{body}");
        assert_eq!(object.code(&dry(put(body))), code, "{body}");
        assert_eq!(object.code(&set(body)), code, "{body}");
    }
}
