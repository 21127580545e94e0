//! Isolates that borrow units of one object and spend them without a question: with every message
//! late, lost or twice, isolates lost and the object restarted at any time, by another clock, too,
//! and with a window that turns or a bucket that refills meanwhile.

#![allow(clippy::unwrap_used, reason = "a panic is a failure")]

mod borrower;
#[path = "../common/mod.rs"]
mod common;
mod lender;
mod model;

use common::{check, refute};
use model::{Lending, Wrong, COVERED, FREES, NEVER_ABOVE, START};
use tollgate_core::limit::{Rate, TokenBucket, Window};
use tollgate_core::number::Decimal;
use tollgate_core::policy::Policy;
use tollgate_core::{Algorithm, Duration, Limit};

/// The shortest window of which units are lent.
const WINDOW: u64 = 10_000;

/// So many units in each window. Rows are exact, so that a restart changes no number.
fn window(limit: u64) -> Policy {
    let window = Window::new(limit, Duration::from_millis(WINDOW)).unwrap();
    policy(Algorithm::FixedWindow(window))
}

/// So many units at once, one more every second.
fn bucket(capacity: u64) -> Policy {
    let one = Decimal::new(1, 0).unwrap();
    let rate = Rate::new("interval", one, Duration::from_secs(1)).unwrap();
    policy(Algorithm::TokenBucket(
        TokenBucket::new(capacity, rate).unwrap(),
    ))
}

fn policy(algorithm: Algorithm) -> Policy {
    let policy = Policy::new(vec![Limit::new(None, algorithm)]).unwrap();
    policy.with_write_ahead(1).unwrap()
}

/// Shortly before the window turns: time comes to the last millisecond before it.
fn before_the_turn(lending: Lending) -> Lending {
    Lending {
        from: START + WINDOW - 501,
        step: 500,
        ..lending
    }
}

#[test]
fn one_borrower_whatever_comes_late_or_twice() {
    check(Lending {
        ticks: 1,
        doubled: 1,
        ..Lending::of(window(8), None, &[4])
    });
    check(Lending {
        ticks: 2,
        silent: 1,
        ..Lending::of(window(8), None, &[4])
    });
}

#[test]
fn one_borrower_whose_window_turns() {
    check(before_the_turn(Lending {
        ticks: 3,
        ..Lending::of(window(8), None, &[4])
    }));
}

#[test]
fn borrowers_that_are_lost() {
    check(Lending {
        ticks: 2,
        evictions: 1,
        ..Lending::of(window(8), None, &[4])
    });
}

#[test]
fn an_object_that_starts_anew() {
    check(Lending {
        ticks: 2,
        crashes: 2,
        ..Lending::of(window(8), None, &[4])
    });
}

#[test]
fn an_object_that_forgets_what_is_over_and_starts_anew() {
    check(Lending {
        ticks: 2,
        crashes: 1,
        cleans: 1,
        ..Lending::of(window(8), None, &[3])
    });
}

#[test]
fn an_object_that_starts_anew_by_another_clock() {
    for skew in [3_000, -3_000] {
        // In the last millisecond an answer may be on its way of a lease that counts as spent
        // already, in the window that is left: of the next one it is no part.
        let lending = before_the_turn(Lending {
            ticks: 2,
            crashes: 1,
            skews: vec![skew],
            ..Lending::of(window(8), None, &[4])
        });
        check(Lending {
            from: START + WINDOW - 700,
            ..lending
        });
    }
}

#[test]
fn two_borrowers_of_one_limit() {
    check(Lending {
        doubled: 1,
        ..Lending::of(window(12), Some(2), &[3, 2])
    });
    check(Lending {
        crashes: 1,
        ..Lending::of(window(12), Some(2), &[3, 2])
    });
}

#[test]
fn a_permit_beside_leases() {
    check(Lending {
        ticks: 1,
        crashes: 1,
        held: 4,
        ..Lending::of(window(8), None, &[3])
    });
}

#[test]
fn a_bucket_that_refills_while_its_units_are_lent() {
    check(Lending {
        ticks: 2,
        crashes: 1,
        ..Lending::of(bucket(6), None, &[4])
    });
}

#[test]
fn an_answer_before_its_row_is_written_is_found() {
    let lending = Lending {
        crashes: 1,
        wrong: Some(Wrong::AnswersBeforeItWrites),
        ..Lending::of(window(8), None, &[5])
    };
    refute(lending.clone(), FREES);
    refute(lending, COVERED);
}

#[test]
fn a_lease_that_begins_with_its_answer_is_found() {
    let lending = before_the_turn(Lending {
        ticks: 4,
        wrong: Some(Wrong::CountsFromTheAnswer),
        ..Lending::of(window(8), None, &[4])
    });
    refute(lending, COVERED);
}

#[test]
fn what_is_given_back_without_what_was_spent_is_found() {
    let lending = Lending {
        ticks: 1,
        wrong: Some(Wrong::ForgetsWhatWasSpent),
        ..Lending::of(window(8), None, &[4])
    };
    refute(lending, COVERED);
}

#[test]
fn an_isolate_that_goes_on_with_the_leases_of_before_is_found() {
    let lending = Lending {
        evictions: 1,
        wrong: Some(Wrong::GoesOnAfterItsEnd),
        ..Lending::of(window(4), None, &[9])
    };
    refute(lending, NEVER_ABOVE);
}
