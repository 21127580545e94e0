//! A permit with parts in two objects: held, topped up, settled, released, renewed or left to its
//! deadline, by the clocks of both; with every message late, lost or twice, and the objects and the
//! Worker restarted or dead at any time.

#![allow(clippy::unwrap_used, reason = "a panic is a failure")]

mod calls;
#[path = "../common/mod.rs"]
mod common;
mod life;
mod state;

use calls::Act;
use common::{check, refute};
use life::{Life, Wrong, AT_HOME, ELSEWHERE, PROMISED};
use state::{COMES_BACK, EARLY};
use tollgate_core::decide::OnExpiry;

const BOTH: [OnExpiry; 2] = [OnExpiry::Keep, OnExpiry::GiveBack];

#[test]
fn a_permit_is_settled_once_or_released_whatever_comes_late_or_twice() {
    for on_expiry in BOTH {
        let acts = [(Act::Settle(4), 2), (Act::Settle(1), 1), (Act::Release, 1)];
        check(Life {
            crashes: [1, 1],
            asks: [1, 1],
            ..Life::of(on_expiry, &acts)
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
