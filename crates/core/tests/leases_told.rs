//! What a lender makes of what borrowers tell, message by message: sums, returns, repeats, ends,
//! and what a restart finds.

#![allow(clippy::unwrap_used, reason = "a panic is a failure")]

mod common;

use common::lending::first;
use common::object::{policy, Object};
use common::{fixed, moment, START};
use tollgate_core::decide::Check;
use tollgate_core::lease::{Borrowing, Loan, Returned, GRACE, LIFE, MAX_LIFE};
use tollgate_core::message::Call;
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::{Effects, Item, LimitStatus};

const LIMIT: u64 = 100;
const NOW: u64 = START + 1_000;

/// A hundred units in a minute, whose rows are exact.
fn lending() -> Policy {
    policy(fixed(LIMIT, 60_000), Some(1))
}

/// The same borrower, a message later: so much is spent, and so much left.
fn next(after: Borrowing, spent: u64, left: u64) -> Borrowing {
    Borrowing {
        turn: after.turn + 1,
        spent,
        left,
        ..after
    }
}

/// Asks for one unit; what was lent with it.
fn ask(object: &mut Object, borrowing: Borrowing, now: u64) -> Option<Loan> {
    let item = Item {
        policy: lending(),
        check: Check::ONE,
    };
    let mut effects = Effects::default();
    let (random, at) = (&mut || 1, moment(now));
    let state = &mut object.state;
    let answer = state.limit_borrowing(&item, &borrowing, random, at, &mut effects);
    object.apply(effects);
    answer.unwrap().remove(0).loan.map(|loan| *loan)
}

fn give_back(object: &mut Object, borrowing: Borrowing, spent: u64, now: u64) {
    let returned = Returned {
        borrower: borrowing.borrower,
        number: borrowing.number,
        spent,
    };
    let mut effects = Effects::default();
    let taken = object
        .state
        .take_lease_back(&returned, moment(now), &mut effects);
    taken.unwrap();
    object.apply(effects);
}

/// How the limit stands once what is over has come to its end.
fn status(object: &mut Object, now: u64) -> LimitStatus {
    let mut effects = Effects::default();
    let call = Call::Status { policy: None };
    object
        .state
        .answer(&call, &mut || 1, moment(now), &mut effects);
    object.apply(effects);
    object
        .state
        .status(None, moment(now))
        .unwrap()
        .limits
        .remove(0)
}

/// What is charged, and what is lent.
fn charged(object: &mut Object, now: u64) -> (u64, u64) {
    let status = status(object, now);
    (LIMIT - status.remaining - status.lent, status.lent)
}

#[test]
fn a_lender_charges_what_a_sum_has_grown_by() {
    let (mut object, one) = (Object::default(), first(1));
    assert_eq!(ask(&mut object, one, NOW).unwrap().units, 8);
    assert_eq!(charged(&mut object, NOW), (1, 8));
    // Six are spent and two left: six are charged, beside the one that asks, and more are lent.
    let two = next(one, 6, 2);
    let lent = ask(&mut object, two, NOW + 500).unwrap().units;
    assert_eq!(charged(&mut object, NOW + 500), (1 + 6 + 1, 2 + lent));
    // One more is spent.
    let three = next(two, 7, 1 + lent);
    ask(
        &mut object,
        Borrowing {
            wants: false,
            ..three
        },
        NOW + 600,
    );
    assert_eq!(
        charged(&mut object, NOW + 600),
        (1 + 6 + 1 + 1 + 1, 1 + lent)
    );
}

#[test]
fn what_is_given_back_late_comes_back_once_until_the_lender_has_waited() {
    let life = LIFE.as_millis();
    for (after, is_back) in [
        (life + GRACE.as_millis() - 1, true),
        (life + GRACE.as_millis(), false),
    ] {
        let (mut object, one) = (Object::default(), first(1));
        ask(&mut object, one, NOW);
        let other = ask(&mut object, first(2), NOW + after - 1).unwrap().units;
        for _ in 0..2 {
            give_back(&mut object, one, 3, NOW + after);
            let spent = if is_back { 3 } else { 8 };
            assert_eq!(
                charged(&mut object, NOW + after),
                (2 + spent, other),
                "{after}"
            );
        }
    }
}

#[test]
fn no_borrower_has_more_left_than_it_was_lent() {
    let (mut object, one) = (Object::default(), first(1));
    ask(&mut object, one, NOW);
    let more = Borrowing {
        wants: false,
        ..next(one, 3, 90)
    };
    ask(&mut object, more, NOW + 1);
    assert_eq!(charged(&mut object, NOW + 1), (5, 5));
    // Nor once it says to have spent more than it had: that is charged as it is told.
    let most = Borrowing {
        wants: false,
        ..next(more, 20, 90)
    };
    ask(&mut object, most, NOW + 2);
    assert_eq!(charged(&mut object, NOW + 2), (3 + 20, 0));
}

#[test]
fn a_question_that_comes_twice_is_lent_to_once() {
    let (mut object, one) = (Object::default(), first(1));
    let lent = ask(&mut object, one, NOW).unwrap();
    let again = ask(&mut object, one, NOW + 100).unwrap();
    // Both answers say for how long all of it may be spent.
    assert_eq!(again.units, lent.units);
    assert_eq!(again.life.as_millis(), lent.life.as_millis() - 100);
    assert_eq!(charged(&mut object, NOW + 100), (2, lent.units));
    assert_eq!(ask(&mut object, one, NOW + 1_000), None);
}

#[test]
fn a_message_of_a_lease_before_is_not_heard() {
    let (mut object, one) = (Object::default(), first(1));
    ask(&mut object, one, NOW);
    let second = Borrowing {
        number: 2,
        before: Some(2),
        ..one
    };
    let lent = ask(&mut object, second, NOW + 1_100).unwrap().units;
    assert_eq!(charged(&mut object, NOW + 1_100), (2 + 2, lent));
    // A message of the first lease comes late: its cost is charged, and nothing else is done.
    let late = next(one, 2, 6);
    assert_eq!(ask(&mut object, next(late, 2, 6), NOW + 1_200), None);
    assert_eq!(charged(&mut object, NOW + 1_200), (2 + 2 + 1, lent));
    give_back(&mut object, one, 0, NOW + 1_200);
    assert_eq!(charged(&mut object, NOW + 1_200), (2 + 2 + 1, lent));
    // The second one goes on as if nothing had come.
    ask(
        &mut object,
        Borrowing {
            wants: false,
            ..next(second, 1, 0)
        },
        NOW + 1_300,
    );
    assert_eq!(charged(&mut object, NOW + 1_300), (2 + 2 + 1 + 1 + 1, 0));
}

#[test]
fn what_was_spent_in_a_lease_is_told_by_the_one_after_it_alone() {
    let (mut object, one) = (Object::default(), first(1));
    ask(&mut object, one, NOW);
    // The message of the second lease was lost: nothing is known of the first.
    let third = Borrowing {
        number: 3,
        before: Some(0),
        wants: false,
        ..one
    };
    ask(&mut object, third, NOW + 1_100);
    assert_eq!(charged(&mut object, NOW + 1_100), (2 + 8, 0));
}

#[test]
fn others_have_as_much_as_is_left_of_a_half_beside_what_is_lent() {
    let mut object = Object::default();
    let mut lent = 0;
    for borrower in 1..=200 {
        let loan = ask(&mut object, first(borrower), NOW);
        lent += loan.map_or(0, |it| it.units);
        let (charged, out) = charged(&mut object, NOW);
        assert_eq!(out, lent);
        assert!(
            loan.is_none() || out <= (LIMIT - charged).div_ceil(2),
            "{charged} {out}"
        );
        if charged + out == LIMIT {
            break;
        }
    }
    assert!(lent >= 20, "{lent}");
}

#[test]
fn after_waking_a_lease_is_live_for_a_life_and_its_grace_whatever_the_clock_was() {
    let over = MAX_LIFE.as_millis() + GRACE.as_millis();
    for ahead in [0, 10_000] {
        let (mut object, one) = (Object::default(), first(1));
        ask(&mut object, one, NOW + ahead);
        for (after, spent) in [(over - 1, None), (over - 1, Some(3)), (over, None)] {
            let mut woken = object.restarted();
            assert_eq!(charged(&mut woken, NOW), (1, 8));
            if let Some(spent) = spent {
                give_back(&mut woken, one, spent, NOW + after);
                assert_eq!(charged(&mut woken, NOW + after), (1 + spent, 0));
                continue;
            }
            let all = if after < over { (1, 8) } else { (9, 0) };
            assert_eq!(charged(&mut woken, NOW + after), all, "{after}");
            // And so it is found the next time.
            assert_eq!(charged(&mut woken.restarted(), NOW + after), all, "{after}");
        }
    }
}

#[test]
fn what_a_lost_borrower_had_counts_before_the_turn_of_its_limit() {
    let turn = START + 60_000;
    let (mut object, one) = (Object::default(), first(1));
    let loan = ask(&mut object, one, turn - 500).unwrap();
    assert_eq!((loan.units, loan.life.as_millis()), (8, 500));
    // In the last millisecond before the turn the borrower may spend yet.
    assert_eq!(charged(&mut object, turn - 1), (9, 0));
    let (mut object, one) = (Object::default(), first(1));
    ask(&mut object, one, turn - 500);
    ask(&mut object, first(2), turn);
    assert_eq!(charged(&mut object, turn).0, 1);
    assert_eq!(charged(&mut object, turn + 5_000), (9, 0)); // of the second alone
}

#[test]
fn a_lost_borrower_leaves_no_row_behind() {
    let (mut object, one) = (Object::default(), first(1));
    ask(&mut object, one, NOW);
    let is_lease = |key: &String| key.starts_with("lease/");
    assert_eq!(object.rows.keys().filter(|it| is_lease(it)).count(), 1);
    // While it may yet come back its row stays, whatever is cleaned.
    object.clean(NOW + 100);
    assert_eq!(object.rows.keys().filter(|it| is_lease(it)).count(), 1);
    object.clean(NOW + 5_000);
    assert_eq!(object.rows.keys().filter(|it| is_lease(it)).count(), 0);
    assert_eq!(charged(&mut object, NOW + 5_000), (9, 0));
    assert_eq!(charged(&mut object.restarted(), NOW + 5_000), (9, 0));
    object.clean(NOW + 130_000);
    assert!(object.rows.is_empty(), "{:?}", object.rows);
}
