//! A permit with parts in two objects: held, topped up, settled, released, renewed or left to its
//! deadline, by the clocks of both; with every message late, lost or twice, and the objects and the
//! Worker restarted or dead at any time.

#![allow(clippy::unwrap_used, reason = "a panic is a failure")]

mod calls;
#[path = "../common/mod.rs"]
mod common;
mod life;
mod model;
mod state;

use calls::Act;
use common::{check, refute};
use life::{Life, Wrong};
use model::{AT_HOME, ELSEWHERE, PROMISED};
use state::{COMES_BACK, EARLY};
use tollgate_core::decide::OnExpiry;

const BOTH: [OnExpiry; 2] = [OnExpiry::Keep, OnExpiry::GiveBack];

#[test]
fn a_permit_has_one_outcome_whatever_comes_late_or_twice() {
    for on_expiry in BOTH {
        let acts = [(Act::Settle(4), 2), (Act::Settle(1), 1), (Act::Release, 1)];
        check(Life {
            ticks: 3,
            ..Life::of(on_expiry, &acts)
        });
    }
}

#[test]
fn a_restart_changes_no_outcome() {
    for on_expiry in BOTH {
        check(Life {
            crashes: [1, 1],
            ticks: 3,
            ..Life::of(on_expiry, &[(Act::Settle(4), 2)])
        });
    }
}

#[test]
fn nobody_is_admitted_to_what_is_held_or_owed() {
    for on_expiry in BOTH {
        let acts = [(Act::Settle(4), 1), (Act::TopUp(3), 1)];
        check(Life {
            asks: [1, 1],
            ticks: 1,
            ..Life::of(on_expiry, &acts)
        });
    }
}

#[test]
fn a_longer_hold_is_a_longer_hold_in_all_parts() {
    for on_expiry in BOTH {
        let acts = [(Act::Renew, 1), (Act::Settle(4), 1)];
        check(Life {
            ticks: 3,
            ..Life::of(on_expiry, &acts)
        });
    }
}

#[test]
fn a_topup_names_the_total_of_all_parts_whoever_dies_in_between() {
    let twice = [(Act::TopUp(3), 2), (Act::Settle(4), 1)];
    let two = [(Act::TopUp(3), 1), (Act::TopUp(1), 1)];
    for (acts, asks) in [(twice, [0, 0]), (two, [0, 1])] {
        check(Life {
            asks,
            ticks: 1,
            ..Life::of(OnExpiry::Keep, &acts)
        });
    }
}

#[test]
fn what_is_taken_is_taken_in_all_parts_or_taken_back() {
    for on_expiry in BOTH {
        let life = Life {
            is_taken: true,
            silent: 2,
            ticks: 2,
            ..Life::of(on_expiry, &[(Act::Settle(4), 1)])
        };
        check(Life {
            asks: [0, 2],
            deaths: 1,
            ..life.clone()
        });
        check(Life {
            crashes: [1, 1],
            ..life
        });
    }
}

#[test]
fn a_part_that_is_forgotten_is_found() {
    let life = Life::of(OnExpiry::Keep, &[(Act::Settle(3), 1)]);
    let wrong = Some(Wrong::ForgetsAPart);
    refute(Life { wrong, ..life }, ELSEWHERE);
}

#[test]
fn a_settlement_that_is_charged_twice_is_found() {
    let life = Life::of(OnExpiry::Keep, &[(Act::Settle(3), 2)]);
    let wrong = Some(Wrong::ChargesAgain);
    refute(Life { wrong, ..life }, AT_HOME);
}

#[test]
fn a_notice_that_is_forgotten_is_found() {
    let life = Life::of(OnExpiry::Keep, &[(Act::Settle(3), 1)]);
    let wrong = Some(Wrong::ForgetsANotice);
    refute(Life { wrong, ..life }, ELSEWHERE);
}

#[test]
fn an_object_that_goes_by_the_clock_of_another_is_found() {
    let life = Life::of(OnExpiry::Keep, &[]);
    let wrong = Some(Wrong::OneClock);
    refute(Life { wrong, ..life }, EARLY);
}

#[test]
fn an_answer_before_its_row_is_written_is_found() {
    for (act, property) in [(Act::Settle(3), AT_HOME), (Act::Release, COMES_BACK)] {
        let life = Life {
            crashes: [1, 0],
            wrong: Some(Wrong::AnswersBeforeItWrites),
            ..Life::of(OnExpiry::Keep, &[(act, 1)])
        };
        refute(life, property);
    }
}

#[test]
fn a_cancellation_of_what_was_answered_is_found() {
    let life = Life::of(OnExpiry::Keep, &[(Act::Settle(3), 1)]);
    let life = Life {
        is_taken: true,
        wrong: Some(Wrong::CancelsTheAnswered),
        ..life
    };
    refute(life, PROMISED);
}
