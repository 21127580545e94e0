//! What isolates record, what is kept of it, and what a preview tells.

#![allow(clippy::unwrap_used)]

mod common;

use common::{answer, asked, at, name, policy, record, Kept, Objects, START};
use tollgate_core::api::overrides::parse_effect;
use tollgate_core::decide::Check;
use tollgate_core::message::{Answer as ObjectAnswer, Call as ObjectCall};
use tollgate_core::overrides::{Effect, Kind, Matched, Override, Target};
use tollgate_core::policy::Policy;
use tollgate_core::replay::trace::{Apart, ALWAYS};
use tollgate_core::subject_state::{Item, Place};
use tollgate_core::Duration;
use tollgate_records::busiest::{Busiest, List, BUSIEST, JOINS_AFTER};
use tollgate_records::channel::{Parcel, OVERDUE};
use tollgate_records::chunk::Chunk;
use tollgate_records::keeper::{Keeper, MAX_BYTES, MAX_EVENTS};
use tollgate_records::message::{Answer, Call, Sent};
use tollgate_records::recorder::{space_of, Recorder, Sending, STATE_EVERY};
use tollgate_records::sampling::{hash, is_sampled};

const ALICE: &str = "rate-limit:default:alice";

fn keeper() -> Keeper {
    Keeper::new([7; 32], false)
}

/// Has an isolate send what it has, until nothing is left; when that was.
fn send(recorder: &mut Recorder, keeper: &mut Keeper, kept: &mut Kept, now: u64) {
    for Sending { space, parcel } in recorder.send(at(now)) {
        let sequence = parcel.sequence;
        match answer(keeper, kept, &Call::Keep(parcel), now) {
            Answer::Kept(list) => recorder.kept(&space, sequence, list),
            other => panic!("{other:?}"),
        }
    }
}

/// The preview of a policy of so many a minute.
fn previewed(keeper: &mut Keeper, kept: &mut Kept, limit: u64, now: u64) -> String {
    let limits = format!(r#"{{"algorithm":"fixedWindow","limit":{limit},"window":60000}}"#);
    previewed_under(keeper, kept, &limits, now)
}

fn previewed_under(keeper: &mut Keeper, kept: &mut Kept, limit: &str, now: u64) -> String {
    let call = Call::Preview {
        name: name("api"),
        candidate: format!(r#"{{"limits":[{limit}]}}"#),
    };
    match answer(keeper, kept, &call, now) {
        Answer::Preview(json) => json,
        other => panic!("{other:?}"),
    }
}

fn chunk_of(sending: &Sending) -> Chunk {
    Chunk::decode(&Sent::decode(&sending.parcel.content).unwrap().chunk).unwrap()
}

#[test]
fn nobody_is_recorded_before_a_policy_wants_it_nor_after_it_does_no_more() {
    let mut recorder = Recorder::new(1);
    assert_eq!(recorder.wish(ALICE, at(0)), None);
    recorder.asked(ALICE, "api", Some(&record(ALWAYS)), at(0));
    assert_eq!(recorder.wish(ALICE, at(0)), Some(true));
    // Another namespace is another one.
    assert_eq!(recorder.wish("shop/rate-limit:default:alice", at(0)), None);
    assert_eq!(space_of("shop/rate-limit:default:alice"), "shop/");
    recorder.asked(ALICE, "api", None, at(1));
    assert_eq!(recorder.wish(ALICE, at(1)), None);
    // What nobody asks any more is forgotten.
    recorder.asked(ALICE, "api", Some(&record(ALWAYS)), at(0));
    assert_eq!(recorder.wish(ALICE, at(600_000)), None);
}

#[test]
fn subjects_are_sampled_by_their_names_so_that_all_isolates_agree() {
    let mut isolates = [Recorder::new(1), Recorder::new(2)];
    let names: Vec<String> = (0..200)
        .map(|i| format!("rate-limit:default:u{i}"))
        .collect();
    let mut recorded = 0;
    for object in &names {
        let wishes = isolates.each_mut().map(|recorder| {
            recorder.asked(object, "api", Some(&record(300_000)), at(0));
            recorder.wish(object, at(0))
        });
        assert_eq!(wishes[0], wishes[1]);
        assert_eq!(wishes[0].is_some(), is_sampled(hash(object), 300_000));
        recorded += usize::from(wishes[0].is_some());
    }
    assert!((30..90).contains(&recorded), "{recorded}");
}

#[test]
fn a_state_is_told_first_and_again_after_an_hour_and_after_a_loss() {
    let (mut recorder, mut objects) = (Recorder::new(1), Objects::default());
    objects.ask(&mut recorder, ALICE, ALWAYS, 0);
    objects.ask(&mut recorder, ALICE, ALWAYS, 1);
    assert_eq!(recorder.wish(ALICE, at(1)), Some(false));
    let sending = recorder.send(at(2)).remove(0);
    let chunk = chunk_of(&sending);
    assert_eq!((chunk.states.len(), chunk.events.len()), (1, 2));
    recorder.kept(&sending.space, sending.parcel.sequence, List::default());
    let hour = STATE_EVERY.as_millis();
    recorder.asked(ALICE, "api", Some(&record(ALWAYS)), at(hour));
    assert_eq!(recorder.wish(ALICE, at(hour)), Some(true));
    // A parcel is lost.
    objects.ask(&mut recorder, ALICE, ALWAYS, hour);
    recorder.send(at(hour)).remove(0);
    objects.ask(&mut recorder, ALICE, ALWAYS, hour + 60_000);
    let chunk = chunk_of(&recorder.send(at(hour + 60_000)).remove(0));
    assert_eq!(chunk.lost, 1);
    assert_eq!(recorder.wish(ALICE, at(hour + 60_001)), Some(true));
}

#[test]
fn a_chunk_reads_back_as_it_was() {
    let (mut recorder, mut objects) = (Recorder::new(1), Objects::default());
    objects.ask(&mut recorder, ALICE, ALWAYS, 5);
    let item = Item {
        policy: policy("api"),
        check: Check::ONE,
    };
    recorder.remembered(ALICE, &item, at(6));
    recorder.apart(ALICE, &item, Apart::Stopped, at(6));
    recorder.apart(ALICE, &item, Apart::Elsewhere, at(6));
    for (i, call) in [
        asked("api", Some(0xfeed)),
        ObjectCall::Cancel { operation: 0xfeed },
        ObjectCall::Charge {
            operation: 3,
            items: vec![item.clone()],
        },
        ObjectCall::Reset { policy: None },
        ObjectCall::Renew {
            permit: 5,
            hold: None,
        },
        ObjectCall::Block {
            policy: None,
            duration: Duration::from_secs(1),
            reason: "was rude".to_owned(),
        },
    ]
    .into_iter()
    .enumerate()
    {
        objects.call(&mut recorder, ALICE, &call, 7 + i as u64);
    }
    let sending = recorder.send(at(20)).remove(0);
    assert!(!sending.parcel.content.contains("rude"));
    let chunk = chunk_of(&sending);
    assert_eq!(chunk.isolate, 1);
    assert_eq!(chunk.events.len(), 10);
    let apart: Vec<Option<Apart>> = chunk.events.iter().map(|(_, it)| it.apart).collect();
    assert_eq!(
        apart[1..5],
        [None, Some(Apart::Stopped), Some(Apart::Elsewhere), None]
    );
    assert_eq!(Chunk::decode(&chunk.encode()), Ok(chunk.clone()));
    let calls: Vec<ObjectCall> = chunk
        .events
        .iter()
        .map(|(_, it)| it.asked.call.clone())
        .collect();
    // Equal calls are one, whatever their operations.
    assert_eq!(calls[4], asked("api", None));
    let operations: Vec<Option<u128>> = chunk.events.iter().map(|(_, it)| it.operation).collect();
    assert_eq!(
        operations[3..7],
        [None, Some(0xfeed), Some(0xfeed), Some(3)]
    );
    assert_eq!(calls[5], ObjectCall::Cancel { operation: 0 });
    // Renewing what nobody holds is not done.
    let undone: Vec<bool> = chunk
        .events
        .iter()
        .map(|(_, it)| it.told.is_undone)
        .collect();
    assert_eq!(undone.iter().filter(|it| **it).count(), 1);
    let remembered = &chunk.events[1].1;
    assert_eq!(
        (remembered.place, remembered.after),
        (None, chunk.events[0].1.place)
    );
    for damaged in [
        "",
        "1 chunk",
        "1 chunk at=1 days=1 dropped=0 lost=0\ne 0 0 1 - 1 - - -",
        "1 chunk at=1 days=1 dropped=0 lost=0\ncall text=1%20reset under=scale%20%7B%7D",
    ] {
        assert!(Chunk::decode(damaged).is_err(), "{damaged}");
    }
}

/// The text is kept for days, by whatever build: these forms are read for as long as chunks are of
/// this version.
#[test]
fn chunks_of_builds_from_before_are_read() {
    let text = "1 chunk at=1000 days=2 dropped=0 lost=0\nsubject name=alice\n\
        call text=1%20reset\ne 0 0 5 -10:3 - - - -\ne 0 0 6 ~-10:3 0 100000 a 1f";
    let chunk = Chunk::decode(text).unwrap();
    let first = &chunk.events[0].1;
    assert_eq!((chunk.isolate, first.isolate, first.apart), (0, 0, None));
    assert_eq!(first.asked.call, ObjectCall::Reset { policy: None });
    assert!(first.asked.under.is_empty());
    // And with what this build adds, which those pass over.
    let text = "1 chunk isolate=77 at=1000 days=2 dropped=0 lost=0\nsubject name=alice\n\
        call text=1%20reset under=0%201500%20scale%20%7B%22factor%22%3A2.5%7D%0A\n\
        e 0 0 5 - x - - - stopped";
    let chunk = Chunk::decode(text).unwrap();
    let first = &chunk.events[0].1;
    assert_eq!((chunk.isolate, first.isolate), (77, 77));
    assert_eq!(first.apart, Some(Apart::Stopped));
    assert!(matches!(
        first.asked.under[0].as_slice(),
        [Override {
            effect: Effect::Scale(_),
            until: Some(_),
            ..
        }]
    ));
    assert_eq!(chunk.encode(), text);
}

/// The policy `api` while its limit is doubled for ALICE.
#[test]
fn an_override_is_recorded_with_the_calls_that_it_changes() {
    let (mut recorder, mut objects) = (Recorder::new(1), Objects::default());
    let (mut keeper, mut kept) = (keeper(), Kept::default());
    let double = Override {
        target: Target::All,
        effect: parse_effect(Kind::Scale, r#"{"factor":2}"#).unwrap(),
        until: None,
        author: "ops".to_owned(),
        reason: "she has bought more".to_owned(),
    };
    let double = Matched::of(vec![&double]).changes();
    let doubled = Matched::of(double.iter().collect()).policy(&policy("api"));
    let doubled = doubled.unwrap().adjusted_at(7);
    let ask = |recorder: &mut Recorder, objects: &mut Objects, policy: &Policy, now| {
        let item = Item {
            policy: policy.clone(),
            check: Check::ONE,
        };
        let call = ObjectCall::Limit {
            operation: None,
            items: vec![item],
            holding: None,
        };
        objects.call(recorder, ALICE, &call, now);
    };
    for i in 0..8 {
        recorder.asked(ALICE, "api", Some(&record(ALWAYS)), at(i));
        recorder.overridden(ALICE, "api", (7, double.as_slice()), at(i));
        ask(&mut recorder, &mut objects, &doubled, i);
    }
    // It is lifted, and a request that was made ready before comes after that.
    recorder.overridden(ALICE, "api", (9, &[]), at(9));
    ask(&mut recorder, &mut objects, &doubled, 9);
    recorder.overridden(ALICE, "api", (9, &[]), at(10));
    ask(
        &mut recorder,
        &mut objects,
        &policy("api").adjusted_at(9),
        10,
    );
    send(&mut recorder, &mut keeper, &mut kept, 20);
    let chunk = Chunk::decode(&kept.rows[0].text).unwrap();
    assert_eq!((chunk.events.len(), chunk.dropped), (9, 1));
    let under = |event: usize| chunk.events[event].1.asked.under.clone();
    assert_eq!((under(0), under(7)), (vec![double.clone()], vec![double]));
    assert_eq!(under(8).concat(), []);
    // Who set it and why is nobody's business here.
    assert!(!kept.rows[0].text.contains("bought") && !kept.rows[0].text.contains("ops"));
    // Twice 3 are admitted of the first 8, and twice 2 under the candidate.
    let preview = previewed(&mut keeper, &mut kept, 2, 30);
    assert!(
        preview.contains(r#""before":{"admitted":6,"denied":3}"#),
        "{preview}"
    );
    assert!(
        preview.contains(r#""after":{"admitted":4,"denied":5}"#),
        "{preview}"
    );
    // The last one comes with a state of its own, as one before it is missing.
    assert!(preview.contains(r#""dropped":1"#), "{preview}");
}

#[test]
fn what_others_decided_is_counted_apart() {
    let (mut recorder, mut objects) = (Recorder::new(1), Objects::default());
    let (mut keeper, mut kept) = (keeper(), Kept::default());
    let item = Item {
        policy: policy("api"),
        check: Check::ONE,
    };
    recorder.asked(ALICE, "api", Some(&record(ALWAYS)), at(0));
    recorder.apart(ALICE, &item, Apart::Stopped, at(0));
    send(&mut recorder, &mut keeper, &mut kept, 1);
    // With nothing else there are figures, and they are 0.
    let preview = previewed(&mut keeper, &mut kept, 1, 2);
    assert!(preview.starts_with(r#"{"recorded":0,"from":"#), "{preview}");
    assert!(
        preview.contains(r#""stopped":1,"elsewhere":0"#),
        "{preview}"
    );
    for i in 0..3 {
        objects.ask(&mut recorder, ALICE, ALWAYS, 20_000 + i);
        recorder.apart(ALICE, &item, Apart::Elsewhere, at(20_000 + i));
    }
    recorder.apart(ALICE, &item.peek(), Apart::Stopped, at(20_003)); // no request
    send(&mut recorder, &mut keeper, &mut kept, 20_010);
    let preview = previewed(&mut keeper, &mut kept, 1, 20_020);
    assert!(preview.starts_with(r#"{"recorded":3,"#), "{preview}");
    assert!(
        preview.contains(r#""after":{"admitted":1,"denied":2}"#),
        "{preview}"
    );
    assert!(
        preview.contains(r#""skipped":0,"gaps":0,"stopped":1,"elsewhere":3"#),
        "{preview}"
    );
}

#[test]
fn what_a_preview_takes_for_granted_it_says() {
    let (mut recorder, mut objects) = (Recorder::new(1), Objects::default());
    let (mut keeper, mut kept) = (keeper(), Kept::default());
    objects.ask(&mut recorder, ALICE, ALWAYS, 0);
    send(&mut recorder, &mut keeper, &mut kept, 1);
    let limits = r#""limits":[{"algorithm":"fixedWindow","limit":3,"window":60000}]"#;
    for (settings, says) in [
        ("", ""),
        (r#","parent":{"policy":"top"}"#, r#","parents":"open""#),
        (r#","fallbackTo":["other"]"#, r#","fallbackTo":"refused""#),
        (
            r#","shed":{"limit":100,"window":"10s"}"#,
            r#","shed":"open""#,
        ),
    ] {
        let call = Call::Preview {
            name: name("api"),
            candidate: format!("{{{limits}{settings}}}"),
        };
        let Answer::Preview(json) = answer(&mut keeper, &mut kept, &call, 2) else {
            panic!("{settings}");
        };
        assert!(json.ends_with(&format!(r#""lost":0{says}}}"#)), "{json}");
    }
}

/// A call costs a line of about thirty bytes: names and definitions stand in a chunk once.
#[test]
fn a_call_takes_few_bytes() {
    let (mut recorder, mut objects) = (Recorder::new(1), Objects::default());
    for i in 0..1_000 {
        let object = format!("rate-limit:default:u{}", i % 10);
        objects.ask(&mut recorder, &object, ALWAYS, i * 9);
    }
    let bytes = recorder.send(at(9_000)).remove(0).parcel.content.len();
    assert!(bytes < 1_000 * 36, "{bytes}");
}

#[test]
fn memory_is_bounded_and_what_is_dropped_is_counted() {
    let (mut recorder, mut objects) = (Recorder::new(1), Objects::default());
    for i in 0..20_000 {
        objects.ask(&mut recorder, ALICE, ALWAYS, i);
    }
    let sending = recorder.send(at(20_000)).remove(0);
    assert!(sending.parcel.content.len() < 300 << 10);
    let chunk = chunk_of(&sending);
    assert_eq!(chunk.events.len() as u64 + chunk.dropped, 20_000);
    assert!(chunk.dropped > 0);
}

/// A subject whose state would fill all that is sent is left out for an hour, and says so.
#[test]
fn a_state_that_is_too_long_is_left_out_with_its_subject() {
    let mut recorder = Recorder::new(1);
    recorder.asked(ALICE, "api", Some(&record(ALWAYS)), at(0));
    let told = |number, bytes: usize| ObjectAnswer::Recorded {
        answer: Box::new(ObjectAnswer::Done),
        at: at(0),
        place: Place {
            since: at(0),
            number,
        },
        // Of these each is three bytes of text.
        state: vec![("k".to_owned(), " ".repeat(bytes / 3))],
    };
    let call = ObjectCall::Reset { policy: None };
    recorder.note(ALICE, &call, true, &told(1, 64 << 10));
    assert_eq!(recorder.wish(ALICE, at(1)), Some(false));
    let hour = STATE_EVERY.as_millis();
    recorder.asked(ALICE, "api", Some(&record(ALWAYS)), at(hour));
    recorder.note(ALICE, &call, true, &told(2, 3 + (64 << 10)));
    let wishes = [0, 1, hour - 1, hour].map(|now| recorder.wish(ALICE, at(now)));
    assert_eq!(wishes[1], None);
    let sending = recorder.send(at(hour)).remove(0);
    let chunk = chunk_of(&sending);
    assert_eq!((chunk.states.len(), chunk.events.len()), (1, 1));
    assert_eq!(chunk.dropped, 1);
    assert!(sending.parcel.content.len() < 70 << 10);
}

#[test]
fn so_many_policies_and_namespaces_are_recorded_and_no_more() {
    let mut recorder = Recorder::new(1);
    for i in 0..100 {
        let object = format!("space{i}/rate-limit:default:alice");
        recorder.asked(&object, "api", Some(&record(ALWAYS)), at(0));
        assert_eq!(recorder.wish(&object, at(0)).is_some(), i < 64, "{i}");
    }
    let mut recorder = Recorder::new(1);
    for i in 0..100 {
        let policy = format!("p{i}");
        // Only the last one would record this subject.
        let share = if i == 99 { ALWAYS } else { 1 };
        recorder.asked(ALICE, &policy, Some(&record(share)), at(0));
    }
    assert_eq!(recorder.wish(ALICE, at(0)), None);
}

#[test]
fn a_parcel_that_comes_twice_is_kept_once() {
    let (mut recorder, mut objects) = (Recorder::new(1), Objects::default());
    let (mut keeper, mut kept) = (keeper(), Kept::default());
    objects.ask(&mut recorder, ALICE, ALWAYS, 0);
    let sending = recorder.send(at(0)).remove(0);
    let call = Call::Keep(sending.parcel.clone());
    answer(&mut keeper, &mut kept, &call, 1); // and its answer is lost
    let again = recorder.send(at(OVERDUE.as_millis())).remove(0);
    assert_eq!(again, sending);
    assert!(matches!(
        answer(&mut keeper, &mut kept, &call, 2),
        Answer::Kept(_)
    ));
    assert_eq!(kept.rows.len(), 1);
    assert!(previewed(&mut keeper, &mut kept, 3, 3).starts_with(r#"{"recorded":1,"#));
}

#[test]
fn what_cannot_be_read_is_refused_and_not_taken_for_received() {
    let (mut keeper, mut kept) = (keeper(), Kept::default());
    let chunk = "1 chunk at=x".to_owned();
    let content = Sent {
        chunk,
        ..Sent::default()
    }
    .encode();
    let parcel = Parcel {
        isolate: 1,
        sequence: 1,
        content,
    };
    let refused = answer(&mut keeper, &mut kept, &Call::Keep(parcel), 0);
    assert!(matches!(refused, Answer::Refused(_)));
    assert!(kept.newest.is_empty() && kept.rows.is_empty());
}

#[test]
fn what_is_kept_names_nobody_unless_that_is_wanted() {
    for (names, is_named) in [(false, false), (true, true)] {
        let (mut recorder, mut objects) = (Recorder::new(1), Objects::default());
        let (mut keeper, mut kept) = (Keeper::new([7; 32], names), Kept::default());
        for i in 0..4 {
            objects.ask(&mut recorder, ALICE, ALWAYS, i);
        }
        send(&mut recorder, &mut keeper, &mut kept, 10);
        let text = &kept.rows[0].text;
        assert_eq!(text.contains("alice"), is_named);
        let preview = previewed(&mut keeper, &mut kept, 2, 20);
        assert_eq!(preview.contains("alice"), is_named);
        assert!(preview.contains(r#""newlyDenied":1,"newlyAdmitted":0,"subjectsChanged":1"#));
    }
}

#[test]
fn it_is_kept_for_its_days_and_within_its_bounds() {
    let (mut recorder, mut objects) = (Recorder::new(1), Objects::default());
    let (mut keeper, mut kept) = (keeper(), Kept::default());
    objects.ask(&mut recorder, ALICE, ALWAYS, 0);
    send(&mut recorder, &mut keeper, &mut kept, 10);
    let days = 2 * 86_400_000;
    assert_eq!(kept.rows[0].until.as_millis(), START + 10 + days);
    assert!(previewed(&mut keeper, &mut kept, 2, 9 + days).starts_with(r#"{"recorded":1,"#));
    let over = previewed(&mut keeper, &mut kept, 2, 10 + days);
    assert!(over.starts_with(r#"{"recorded":0,"why":"#), "{over}");
    // A preview says that it was cut.
    kept.rows[0].events = MAX_EVENTS;
    let newer = kept.rows[0].clone();
    kept.rows.push(newer);
    assert!(previewed(&mut keeper, &mut kept, 2, 20).contains(r#""cut":true"#));
    kept.rows.iter_mut().for_each(|row| row.events = 1);
    assert!(!previewed(&mut keeper, &mut kept, 2, 20).contains("cut"));
    // A candidate with steps has room for fewer, and for the newest parcel in any case.
    kept.rows
        .iter_mut()
        .for_each(|row| row.events = MAX_EVENTS / 12);
    let times = |of: usize| {
        let times = vec![r#"{"days":["mon"],"limit":1}"#; of].join(",");
        format!(r#"{{"algorithm":"fixedWindow","limit":2,"window":60000,"times":[{times}]}}"#)
    };
    for (of, is_cut) in [(1, false), (2, true), (32, true)] {
        let preview = previewed_under(&mut keeper, &mut kept, &times(of), 20);
        assert_eq!(preview.contains(r#""cut":true"#), is_cut, "{of}");
        assert!(
            preview.contains(r#""recorded":"#) && !preview.contains("why"),
            "{preview}"
        );
    }
    // So it does where few calls are many bytes.
    let lines = "\ncall text=1%20reset".repeat(MAX_BYTES as usize / 20);
    kept.rows[0].text += &lines;
    assert!(previewed(&mut keeper, &mut kept, 2, 20).contains(r#""cut":true"#));
}

#[test]
fn two_isolates_record_one_subject_and_its_sequence_is_whole() {
    let mut isolates = [Recorder::new(1), Recorder::new(2)];
    let mut objects = Objects::default();
    let (mut keeper, mut kept) = (keeper(), Kept::default());
    for i in 0..20u64 {
        // Several at one instant.
        objects.ask(
            &mut isolates[(i % 3 % 2) as usize],
            ALICE,
            ALWAYS,
            i / 4 * 100,
        );
    }
    for recorder in &mut isolates {
        send(recorder, &mut keeper, &mut kept, 10_000);
    }
    let preview = previewed(&mut keeper, &mut kept, 3, 20_000);
    assert!(preview.starts_with(r#"{"recorded":20,"#), "{preview}");
    assert!(preview
        .contains(r#""before":{"admitted":3,"denied":17},"after":{"admitted":3,"denied":17}"#));
    assert!(preview.contains(r#""skipped":0,"gaps":0"#));
}

#[test]
fn the_busiest_are_recorded_by_all_isolates_from_one_instant_on() {
    let mut isolates = [Recorder::new(1), Recorder::new(2)];
    let mut objects = Objects::default();
    let (mut keeper, mut kept) = (keeper(), Kept::default());
    // Whom the sample does not have.
    let loud = (0..).map(|i| format!("rate-limit:default:loud{i}"));
    let loud = loud
        .filter(|it| !is_sampled(hash(it), 1))
        .take(1)
        .next()
        .unwrap();
    for i in 0..200 {
        objects.ask(&mut isolates[i % 2], &loud, 1, i as u64);
        objects.ask(
            &mut isolates[i % 2],
            &format!("rate-limit:default:q{i}"),
            1,
            i as u64,
        );
    }
    for recorder in &mut isolates {
        assert_eq!(recorder.wish(&loud, at(200)), None);
        send(recorder, &mut keeper, &mut kept, 200);
    }
    let joins = 200 + JOINS_AFTER.as_millis();
    for recorder in &isolates {
        assert_eq!(recorder.wish(&loud, at(joins - 1)), None);
        assert_eq!(recorder.wish(&loud, at(joins)), Some(true));
    }
    // As one of the busiest it stands for itself alone.
    objects.ask(&mut isolates[0], &loud, 1, joins);
    send(&mut isolates[0], &mut keeper, &mut kept, joins);
    let preview = previewed(&mut keeper, &mut kept, 3, joins + 1);
    assert!(
        preview.contains(r#""requests":{"value":1,"low":1,"high":1}"#),
        "{preview}"
    );
}

#[test]
fn the_list_is_bounded_steady_and_outlives_the_object() {
    let mut busiest = Busiest::default();
    let many: Vec<(u64, u64)> = (0..200).map(|i| (i, 1_000 - i)).collect();
    busiest.add("api", &many);
    let list = busiest.list(at(0)).clone();
    assert_eq!(list.all().len(), BUSIEST);
    let joins = Some(at(JOINS_AFTER.as_millis()));
    assert!((0..BUSIEST as u64).all(|hash| list.joins(hash) == joins));
    // Who falls back a little stays, since when he did.
    busiest.add("api", &[(100, 5_000)]);
    let later = busiest.list(at(1_000)).clone();
    assert_eq!(later.all().len(), BUSIEST + 1);
    assert_eq!(later.joins(63), list.joins(63));
    // An object that has slept takes over what an isolate knows.
    let mut woken = Busiest::default();
    woken.adopt(&later);
    woken.add("api", &[(1, 1)]);
    assert_eq!(woken.list(at(2_000)), &later);
}
