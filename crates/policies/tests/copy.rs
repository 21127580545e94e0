//! An isolate's copy: how long it is good for, who asks, and what holds while nobody answers.

#![allow(clippy::unwrap_used)] // a test may panic, also in its helpers

mod common;

use common::name;
use proptest::prelude::*;
use tollgate_core::policy::Version;
use tollgate_core::Timestamp;
use tollgate_policies::book::{Book, By};
use tollgate_policies::copy::{Copy, Missing, Next, FRESH, MAX_AGE};
use tollgate_policies::message::Call;
use tollgate_policies::precondition::Precondition;
use tollgate_policies::snapshot::{Changes, Known};

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000_000 + ms)
}

fn put(book: &mut Book, limit: u64, now: Timestamp) {
    let written = format!(r#"{{"limit":{limit},"window":"1h"}}"#);
    let by = By {
        author: "",
        reason: "",
        now,
    };
    let put = book.put(&name("a"), &written, Precondition::None, by);
    put.unwrap();
}

/// Asks and is answered at once.
fn confirm(copy: &mut Copy, book: &Book, now: Timestamp) {
    let Call::Since { known, .. } = copy.ask(now) else {
        panic!("another call")
    };
    copy.learn(Changes::since(book, known), now);
}

const USE: Next = Next::Use {
    asks: false,
    is_degraded: false,
};
const USE_AND_ASK: Next = Next::Use {
    asks: true,
    is_degraded: false,
};
const DEGRADED: Next = Next::Use {
    asks: false,
    is_degraded: true,
};
const DEGRADED_AND_ASK: Next = Next::Use {
    asks: true,
    is_degraded: true,
};

#[test]
fn a_copy_is_used_then_confirmed_in_the_background_then_waited_for() {
    let mut copy = Copy::default();
    assert_eq!(copy.next(at(0)), Next::Ask);
    confirm(&mut copy, &Book::default(), at(0));
    let (fresh, most) = (FRESH.as_millis(), MAX_AGE.as_millis());
    let table = [(0, USE), (fresh, USE), (fresh + 1, USE_AND_ASK)];
    for (age, next) in table
        .into_iter()
        .chain([(most, USE_AND_ASK), (most + 1, Next::Ask)])
    {
        assert_eq!(copy.next(at(age)), next, "{age}");
    }
    // Whoever asks in the background is not joined by others.
    copy.ask(at(3_000));
    assert_eq!(copy.next(at(3_999)), USE);
    assert_eq!(copy.next(at(4_000)), USE_AND_ASK);
    // A call confirms from when it was sent, not from when it was answered.
    copy.learn(
        Changes::since(&Book::default(), Known::default()),
        at(3_000),
    );
    assert_eq!(copy.next(at(3_000 + most)), USE_AND_ASK);
    assert_eq!(copy.next(at(3_001 + most)), Next::Ask);
}

#[test]
fn one_request_asks_and_the_others_look_again_but_not_for_ever() {
    let mut copy = Copy::default();
    copy.ask(at(0));
    assert_eq!(copy.next(at(0)), Next::Join);
    assert_eq!(copy.next(at(299)), Next::Join);
    assert_eq!(copy.next(at(300)), Next::Ask);
    copy.ask(at(300));
    assert_eq!(copy.next(at(301)), Next::Join);
    confirm(&mut copy, &Book::default(), at(310));
    assert_eq!(copy.next(at(311)), USE);
}

#[test]
fn of_those_that_have_to_know_what_holds_now_one_asks_at_a_time() {
    let (mut copy, book) = (Copy::default(), Book::default());
    confirm(&mut copy, &book, at(0));
    // However fresh it is: an object knows more.
    assert_eq!(copy.next_since(at(0), at(0)), Next::Ask);
    copy.ask(at(5));
    for since in [5, 6] {
        assert_eq!(copy.next_since(at(since), at(6)), Next::Join);
    }
    assert_eq!(copy.next_since(at(5), at(304)), Next::Join);
    assert_eq!(copy.next_since(at(5), at(305)), Next::Ask);
    // Only a call that was sent afterwards tells what held then.
    copy.learn(Changes::since(&book, Known::default()), at(5));
    assert_eq!(copy.next_since(at(4), at(7)), USE);
    for since in [5, 6] {
        assert_eq!(copy.next_since(at(since), at(7)), Next::Ask);
    }
    confirm(&mut copy, &book, at(8));
    for since in [5, 6, 7] {
        assert_eq!(copy.next_since(at(since), at(9)), USE);
    }
    // Nobody waits for who does not answer; every second one asks in the background.
    copy.ask(at(20));
    copy.fail(at(30));
    assert_eq!(copy.next_since(at(25), at(31)), USE);
    assert_eq!(copy.next_since(at(25), at(1_019)), USE);
    assert_eq!(copy.next_since(at(25), at(1_020)), USE_AND_ASK);
    assert_eq!(copy.next_since(at(7), at(1_020)), USE);
    copy.ask(at(1_020));
    assert_eq!(copy.next_since(at(25), at(1_021)), USE);
    assert_eq!(copy.next_since(at(25), at(10_030)), Next::Ask);
}

#[test]
fn a_call_is_known_to_have_been_overtaken_by_the_answer_to_a_later_one() {
    let (mut copy, book) = (Copy::default(), Book::default());
    assert!(!copy.is_known_since(at(0), at(0)));
    confirm(&mut copy, &book, at(10));
    assert!(copy.is_known_since(at(9), at(11)));
    assert!(!copy.is_known_since(at(10), at(11)));
    // It was confirmed by a clock that has stepped back since.
    confirm(&mut copy, &book, at(60_000));
    assert!(!copy.is_known_since(at(9), at(11)));
}

#[test]
fn where_objects_are_silent_a_look_of_the_last_second_is_enough() {
    let mut copy = Copy::default();
    assert!(!copy.has_looked(at(0)));
    copy.look(at(100));
    for (now, is_enough) in [(100, true), (1_099, true), (1_100, false)] {
        assert_eq!(copy.has_looked(at(now)), is_enough, "{now}");
    }
    // Answers overtake each other, and clocks step back.
    copy.look(at(50));
    assert!(copy.has_looked(at(1_099)));
    copy.look(at(60_000));
    assert!(!copy.has_looked(at(1_000)));
}

#[test]
fn out_of_reach_the_last_copy_is_used_as_degraded_and_none_is_unavailable() {
    let mut copy = Copy::default();
    copy.ask(at(0));
    copy.fail(at(100));
    assert_eq!(copy.next(at(101)), Next::Unavailable);
    // The next second somebody tries again.
    assert_eq!(copy.next(at(1_000)), Next::Ask);
    let mut book = Book::default();
    put(&mut book, 7, at(0));
    copy.restore(Changes::since(&book, Known::default()));
    assert_eq!(copy.next(at(101)), DEGRADED);
    assert_eq!(copy.next(at(1_000)), DEGRADED_AND_ASK);
    copy.ask(at(1_000));
    assert_eq!(copy.next(at(1_999)), DEGRADED);
    // Long after the failure nobody knows: a request waits again.
    assert_eq!(copy.next(at(10_100)), Next::Ask);
    copy.ask(at(10_100));
    assert_eq!(copy.next(at(10_101)), Next::Join);
    copy.fail(at(10_500));
    assert_eq!(copy.next(at(10_501)), DEGRADED);
    confirm(&mut copy, &book, at(11_000));
    assert_eq!(copy.next(at(11_001)), USE);
    // A younger copy than the most is not degraded by a failure.
    copy.fail(at(14_000));
    assert_eq!(copy.next(at(15_000)), USE_AND_ASK);
    assert_eq!(copy.next(at(16_001)), DEGRADED_AND_ASK);
}

#[test]
fn an_answer_ends_the_time_out_of_reach() {
    let mut copy = Copy::default();
    copy.ask(at(0));
    copy.fail(at(100));
    confirm(&mut copy, &Book::default(), at(1_000));
    // Ten seconds have not passed since the failure, but the object has answered after it.
    assert_eq!(copy.next(at(6_000)), USE_AND_ASK);
    assert_eq!(copy.next(at(6_001)), Next::Ask);
}

#[test]
fn answers_that_overtake_each_other_confirm_each_from_when_it_was_asked() {
    let most = MAX_AGE.as_millis();
    let mut copy = Copy::default();
    copy.ask(at(0));
    copy.ask(at(300));
    let nothing = || Changes::since(&Book::default(), Known::default());
    // The first one is answered: that tells nothing of what was changed before the second was sent.
    copy.learn(nothing(), at(0));
    assert_eq!(copy.next(at(most)), USE_AND_ASK);
    assert_eq!(copy.next(at(most + 1)), Next::Ask);
    copy.learn(nothing(), at(300));
    assert_eq!(copy.next(at(most + 300)), USE_AND_ASK);
    // It comes once more, late.
    copy.learn(nothing(), at(0));
    assert_eq!(copy.next(at(most + 300)), USE_AND_ASK);
    assert_eq!(copy.next(at(most + 301)), Next::Ask);
}

#[test]
fn a_clock_that_steps_back_makes_no_copy_young() {
    let mut book = Book::default();
    put(&mut book, 1, at(0));
    let mut copy = Copy::default();
    confirm(&mut copy, &book, at(3_600_000));
    // Nobody knows how long ago that was.
    assert_eq!(copy.next(at(0)), Next::Ask);
    copy.ask(at(0));
    assert_eq!(copy.next(at(1)), Next::Join);
    confirm(&mut copy, &book, at(2));
    assert_eq!(copy.next(at(3)), USE);
    assert_eq!(copy.next(at(3 + MAX_AGE.as_millis())), Next::Ask);
    // Requests may see clocks a little apart.
    copy.ask(at(10_000));
    assert_eq!(copy.next(at(9_990)), Next::Join);
    confirm(&mut copy, &book, at(10_000));
    assert_eq!(copy.next(at(9_990)), USE);
    // Nor is the object out of reach for as long as the clock stands back.
    copy.fail(at(3_600_000));
    assert_eq!(copy.next(at(17_000)), Next::Ask);
}

#[test]
fn what_kv_kept_takes_the_place_of_nothing_newer() {
    let mut book = Book::default();
    put(&mut book, 1, at(0));
    let kept = Changes::since(&book, Known::default());
    put(&mut book, 2, at(1));
    let mut copy = Copy::default();
    confirm(&mut copy, &book, at(2));
    copy.restore(kept);
    let policy = copy.policy(&name("a")).unwrap();
    assert_eq!(policy.policy.version().number, 2);
    assert_eq!(copy.policy(&name("b")), Err(Missing::Unknown));
}

#[test]
fn an_answer_that_does_not_follow_on_the_copy_confirms_nothing() {
    let mut book = Book::default();
    put(&mut book, 1, at(0));
    let mut copy = Copy::default();
    confirm(&mut copy, &book, at(0));
    let Call::Since { known, .. } = copy.ask(at(10)) else {
        panic!("another call")
    };
    put(&mut book, 2, at(11));
    let changes = Changes::since(&book, known);
    // Meanwhile the copy was dropped, because there was no room for it.
    let mut dropped = Copy::default();
    assert!(!dropped.learn(changes.clone(), at(10)));
    assert!(dropped.is_empty());
    assert_eq!(dropped.next(at(20)), Next::Ask);
    assert!(copy.learn(changes, at(10)));
    assert_eq!(copy.next(at(20)), USE);
}

#[test]
fn nobody_is_sent_away_while_kv_may_still_tell_what_it_kept() {
    let mut book = Book::default();
    put(&mut book, 7, at(0));
    let mut copy = Copy::default();
    copy.ask(at(0));
    assert_eq!(copy.next(at(100)), Next::Join);
    // The object does not answer; KV is looked at, and only then is the copy out of reach.
    copy.restore(Changes::since(&book, Known::default()));
    copy.fail(at(150));
    assert_eq!(copy.next(at(151)), DEGRADED);
}

#[test]
fn kv_is_read_every_ten_seconds_while_the_object_is_out_of_reach() {
    let mut copy = Copy::default();
    assert!(copy.begin_restoring(at(0)));
    assert!(!copy.begin_restoring(at(9_999)));
    assert!(copy.begin_restoring(at(10_000)));
    // A clock that has stepped back is no reason to wait for it.
    assert!(copy.begin_restoring(at(5_000)));
}

#[test]
fn a_policy_is_read_anew_when_it_has_changed() {
    let mut book = Book::default();
    let mut copy = Copy::default();
    for limit in 1..4 {
        put(&mut book, limit, at(limit));
        confirm(&mut copy, &book, at(limit));
        let policy = copy.policy(&name("a")).unwrap();
        let number = policy.policy.limits()[0].algorithm().limit();
        assert_eq!((policy.policy.version().number, number), (limit, limit));
        assert_eq!(policy.policy.name_or_empty(), "a");
    }
}

#[test]
fn a_policy_that_this_build_cannot_read_is_not_taken_for_another() {
    let text = "1 changes generation=1 revision=1 whole=1\npolicy name=a version=1 text=%7B%22dance%22%3A1%7D";
    let mut copy = Copy::default();
    copy.restore(Changes::decode(text).unwrap());
    assert!(matches!(
        copy.policy(&name("a")),
        Err(Missing::Unreadable(_))
    ));
}

#[test]
fn a_newer_version_at_an_object_is_asked_for_at_once_and_once() {
    let mut book = Book::default();
    put(&mut book, 1, at(0));
    let mut copy = Copy::default();
    confirm(&mut copy, &book, at(0));
    let version = |number| Version {
        generation: book.state.generation,
        number,
        ..Version::NONE
    };
    copy.notice(&name("a"), version(1), at(100));
    assert_eq!(copy.next(at(100)), USE, "it is known");
    copy.ask(at(99));
    copy.notice(&name("a"), version(2), at(100));
    assert_eq!(
        copy.next(at(100)),
        USE_AND_ASK,
        "the call before knew nothing of it"
    );
    let call = copy.ask(at(500));
    assert!(matches!(&call, Call::Since { seen: Some((_, seen)), .. } if *seen == version(2)));
    copy.notice(&name("a"), version(2), at(501));
    assert_eq!(copy.next(at(501)), USE);
    // Where no answer comes it is asked for again.
    assert_eq!(copy.next(at(799)), USE);
    assert_eq!(copy.next(at(800)), USE_AND_ASK);
    let mut newer = book.clone();
    put(&mut newer, 2, at(1));
    confirm(&mut copy, &newer, at(802));
    assert_eq!(copy.next(at(1_500)), USE);
    assert!(matches!(
        copy.ask(at(1_600)),
        Call::Since { seen: None, .. }
    ));
}

#[derive(Debug, Clone)]
enum Event {
    Pass(u64),
    Change,
    /// A request, whose call, if it makes one, takes so long; `None`: it is never answered.
    Request(Option<u64>),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (1..3_000u64).prop_map(Event::Pass),
        1 => Just(Event::Change),
        6 => prop_oneof![
            9 => (0..900u64).prop_map(Some),
            1 => Just(None),
        ].prop_map(Event::Request),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// While the object answers, no request is decided by a version that was changed more than
    /// five seconds before; and what is older is called degraded.
    #[test]
    fn no_request_uses_what_was_changed_five_seconds_before(
        events in prop::collection::vec(event(), 1..80),
    ) {
        let mut book = Book::default();
        let mut copy = Copy::default();
        let mut now = 0;
        let mut limit = 1;
        put(&mut book, limit, at(0));
        // When each version took the place of the one before.
        let mut changed = vec![0, 0];
        let mut waiting: Vec<(u64, Timestamp, Changes)> = Vec::new();
        for event in events {
            match event {
                Event::Pass(time) => now += time,
                Event::Change => {
                    limit += 1;
                    put(&mut book, limit, at(now));
                    changed.push(now);
                }
                Event::Request(takes) => {
                    let next = copy.next(at(now));
                    if matches!(next, Next::Ask | Next::Use { asks: true, .. }) {
                        let Call::Since { known, .. } = copy.ask(at(now)) else { panic!() };
                        if let Some(takes) = takes {
                            let answer = Changes::since(&book, known);
                            waiting.push((now + takes, at(now), answer));
                        }
                    }
                    if let Next::Use { is_degraded, .. } = next {
                        let used = copy.policy(&name("a")).unwrap().policy.version().number;
                        let replaced = changed.get(used as usize + 1);
                        let is_old = replaced.is_some_and(|&at| now - at > MAX_AGE.as_millis());
                        prop_assert!(!is_old || is_degraded, "version {used} at {now}");
                    }
                }
            }
            waiting.sort_by_key(|(when, ..)| *when);
            while waiting.first().is_some_and(|(when, ..)| *when <= now) {
                let (_, sent, changes) = waiting.remove(0);
                copy.learn(changes, sent);
            }
        }
    }
}
