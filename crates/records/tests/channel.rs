//! Parcels count once, whatever gets lost: the parcel, its answer, or the isolate.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use tollgate_core::Timestamp;
use tollgate_records::channel::{is_new, Outbox, Parcel, GIVEN_UP, OVERDUE, SPACING};

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + millis)
}

/// Whoever receives parcels of numbers, and adds them up.
#[derive(Default)]
struct Sum {
    newest: BTreeMap<u64, u64>,
    sum: u64,
}

impl Sum {
    fn receive(&mut self, parcel: &Parcel) {
        if is_new(self.newest.get(&parcel.isolate).copied(), parcel.sequence) {
            self.newest.insert(parcel.isolate, parcel.sequence);
            self.sum += parcel.content.parse::<u64>().unwrap();
        }
    }
}

fn content(number: u64) -> impl FnOnce(u64) -> Option<String> {
    move |_| (number > 0).then(|| number.to_string())
}

/// The answer to a parcel of 100 is lost; meanwhile 20 more have come.
#[test]
fn a_parcel_whose_answer_was_lost_counts_once_and_what_came_meanwhile_too() {
    let (mut outbox, mut sum) = (Outbox::new(7), Sum::default());
    let first = outbox.send(false, at(0), content(100)).unwrap();
    sum.receive(&first);
    // It is frozen: what has come since is not in it.
    assert_eq!(outbox.send(false, at(4_999), content(20)), None);
    let again = outbox.send(false, at(5_000), content(20)).unwrap();
    assert_eq!(again, first);
    sum.receive(&again);
    outbox.acknowledge(again.sequence);
    assert_eq!(outbox.send(false, at(9_999), content(20)), None);
    let next = outbox.send(false, at(10_000), content(20)).unwrap();
    assert_eq!((next.sequence, next.content.as_str()), (2, "20"));
    sum.receive(&next);
    sum.receive(&first); // late
    assert_eq!(sum.sum, 120);
}

#[test]
fn a_parcel_is_given_up_after_a_minute_and_the_next_one_says_so() {
    let mut outbox = Outbox::new(7);
    let mut now = 0;
    outbox.send(false, at(now), content(1)).unwrap();
    while now + OVERDUE.as_millis() < GIVEN_UP.as_millis() {
        now += OVERDUE.as_millis();
        let again = outbox.send(false, at(now), content(2)).unwrap();
        assert_eq!(again.sequence, 1);
    }
    let mut told = None;
    let next = outbox.send(false, at(GIVEN_UP.as_millis()), |lost| {
        told = Some(lost);
        Some("2".to_owned())
    });
    assert_eq!((next.unwrap().sequence, told), (2, Some(1)));
    // An answer to the first that comes after all is not one to the second.
    outbox.acknowledge(1);
    assert!(outbox.is_under_way());
    outbox.acknowledge(2);
    assert!(!outbox.is_under_way());
}

#[test]
fn what_is_full_does_not_wait_and_an_isolate_with_nothing_to_send_sends_nothing() {
    let mut outbox = Outbox::new(7);
    assert_eq!(outbox.send(false, at(0), content(0)), None);
    let first = outbox.send(false, at(0), content(1)).unwrap();
    outbox.acknowledge(first.sequence);
    assert_eq!(
        outbox.wait(false, at(1)).as_millis(),
        SPACING.as_millis() - 1
    );
    assert_eq!(outbox.wait(true, at(1)).as_millis(), 0);
    assert!(outbox.send(true, at(1), content(1)).is_some());
    // A clock that steps back does not stop it.
    let mut stepped = Outbox::new(8);
    let parcel = stepped.send(false, at(900_000), content(1)).unwrap();
    stepped.acknowledge(parcel.sequence);
    assert!(stepped.send(false, at(0), content(1)).is_some());
    assert!(stepped.wait(false, at(0)) <= SPACING);
}

/// An isolate that counts something, and sends it.
struct Counting {
    outbox: Outbox,
    /// Not sent yet.
    pending: u64,
    /// In the parcel under way.
    under_way: u64,
    /// In parcels that were given up: they may have arrived all the same.
    given_up: u64,
}

impl Counting {
    fn new(isolate: u64) -> Counting {
        Counting {
            outbox: Outbox::new(isolate),
            pending: 0,
            under_way: 0,
            given_up: 0,
        }
    }

    fn send(&mut self, now: u64) -> Option<Parcel> {
        let (pending, mut is_new) = (self.pending, false);
        let sent = self.outbox.send(false, at(now), |lost| {
            is_new = lost > 0 || pending > 0;
            is_new.then(|| pending.to_string())
        });
        if is_new {
            // What was under way is over, acknowledged or not.
            self.given_up += core::mem::replace(&mut self.under_way, pending);
            self.pending = 0;
        }
        sent
    }

    fn acknowledge(&mut self, parcel: &Parcel) {
        self.outbox.acknowledge(parcel.sequence);
        if !self.outbox.is_under_way() {
            self.under_way = 0;
        }
    }
}

proptest! {
    /// Parcels and answers are lost, doubled and late; isolates end. The sum is never above what
    /// came, and lacks no more than what was given up or ended with its isolate.
    #[test]
    fn the_sum_is_exact_for_isolates_that_live(
        steps in prop::collection::vec(
            (0u64..8_000, 0u64..5, any::<bool>(), any::<bool>(), 0u8..40),
            1..120,
        ),
    ) {
        let (mut sum, mut counting, mut isolate) = (Sum::default(), Counting::new(1), 1);
        let (mut now, mut came, mut ended) = (0, 0, 0);
        let mut late: Vec<Parcel> = Vec::new();
        for (gap, number, arrives, answered, fate) in steps {
            now += gap;
            came += number;
            counting.pending += number;
            if let Some(parcel) = counting.send(now) {
                if arrives {
                    sum.receive(&parcel);
                }
                if arrives && answered {
                    counting.acknowledge(&parcel);
                }
                late.push(parcel);
            }
            if fate == 0 && !late.is_empty() {
                sum.receive(&late[number as usize % late.len()]);
            }
            if fate == 1 {
                isolate += 1;
                ended += counting.pending + counting.under_way + counting.given_up;
                counting = Counting::new(isolate);
            }
            prop_assert!(sum.sum <= came);
        }
        // From now on everything arrives.
        for _ in 0..4 {
            now += SPACING.as_millis();
            if let Some(parcel) = counting.send(now) {
                sum.receive(&parcel);
                counting.acknowledge(&parcel);
            }
        }
        let missing = ended + counting.given_up;
        prop_assert!(sum.sum <= came && sum.sum + missing >= came);
    }
}
