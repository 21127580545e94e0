//! Requests over two objects, as a policy and its parent are: all or nothing, never above a limit,
//! and of those that contend one goes; whatever is late, lost, dead or restarted.

#![allow(clippy::unwrap_used, reason = "a panic is a failure")]

#[path = "../common/mod.rs"]
mod common;
mod contest;

use common::worker::Request;
use common::{check, refute, LIMIT};
use contest::{Contest, Wrong, ADMITTED, ONE_GOES, REFUSED};

/// Each request alone has room, and two have not.
const COST: u64 = 2;
/// What is left beside this has room for no other request.
const LARGE: u64 = LIMIT;

/// A request over both objects.
fn request(objects: [usize; 2]) -> Request {
    Request {
        objects: objects.to_vec(),
        names: ["child", "parent"],
        cost: COST,
        holds: None,
        answers_all: false,
        is_open: false,
        is_slow: false,
        forgets_parts: false,
    }
}

/// A small request, which has room beside another one of its own, and a large one.
fn small_and_large() -> Vec<Request> {
    let small = Request {
        cost: 1,
        ..request([0, 1])
    };
    let large = Request {
        cost: LARGE,
        ..request([1, 0])
    };
    vec![small, large]
}

/// Two that ask in opposite order.
fn crossed() -> Vec<Request> {
    vec![request([0, 1]), request([1, 0])]
}

#[test]
fn one_request_is_all_or_nothing_whatever_happens_to_it() {
    for (answers_all, is_open) in [(false, false), (false, true), (true, false), (true, true)] {
        let request = Request {
            answers_all,
            is_open,
            ..request([0, 1])
        };
        check(Contest {
            silent: 3,
            deaths: 1,
            crashes: 2,
            ..Contest::of(vec![request])
        });
    }
}

#[test]
fn two_requests_that_contend_are_all_or_nothing_in_whatever_order_messages_arrive() {
    for mut requests in [crossed(), small_and_large()] {
        for answers_all in [false, true] {
            requests
                .iter_mut()
                .for_each(|it| it.answers_all = answers_all);
            check(Contest {
                silent: 2,
                deaths: 1,
                ..Contest::of(requests.clone())
            });
        }
    }
}

#[test]
fn where_there_is_no_time_to_ask_again_it_is_all_or_nothing_too() {
    let slow = |request| Request {
        is_slow: true,
        ..request
    };
    let requests = crossed().into_iter().map(slow).collect();
    check(Contest {
        silent: 2,
        deaths: 1,
        crashes: 1,
        ..Contest::of(requests)
    });
}

#[test]
fn a_restart_admits_nobody_too_many() {
    for requests in [crossed(), small_and_large()] {
        check(Contest {
            crashes: 2,
            silent: 1,
            ..Contest::of(requests)
        });
    }
}

#[test]
fn of_requests_that_contend_one_goes_where_messages_take_equally_long() {
    for requests in [crossed(), small_and_large(), vec![request([0, 1]); 2]] {
        check(Contest {
            is_timed: true,
            ..Contest::of(requests)
        });
    }
    check(Contest {
        is_timed: true,
        is_together: true,
        ..Contest::of(three())
    });
}

/// A third one that begins just when two others ask again can be in the way of the one, be refused
/// because of the other, and so on: then all are refused, and told that it was busy.
#[test]
fn of_three_that_begin_one_after_the_other_all_may_be_refused() {
    refute(
        Contest {
            is_timed: true,
            ..Contest::of(three())
        },
        ONE_GOES,
    );
}

fn three() -> Vec<Request> {
    [[0, 1], [1, 0], [0, 1]].map(request).to_vec()
}

/// Contending requests, with one reply that may stay away and a carrier that is wrong.
fn wrong(wrong: Wrong) -> Contest {
    Contest {
        silent: 1,
        wrong: Some(wrong),
        ..Contest::of(crossed())
    }
}

#[test]
fn a_cancellation_that_takes_back_another_charge_is_found() {
    refute(
        Contest {
            requests: small_and_large(),
            ..wrong(Wrong::CancelsTheNewest)
        },
        ADMITTED,
    );
}

#[test]
fn a_forgotten_cancellation_is_found() {
    refute(wrong(Wrong::ForgetsCancellations), REFUSED);
}

#[test]
fn a_charge_without_its_operation_is_found() {
    refute(wrong(Wrong::TakesLateCharges), REFUSED);
}

#[test]
fn requests_that_give_up_at_the_first_refusal_are_found() {
    refute(
        Contest {
            silent: 0,
            is_timed: true,
            ..wrong(Wrong::AsksOnce)
        },
        ONE_GOES,
    );
}

#[test]
fn requests_that_do_not_agree_on_an_order_are_found() {
    let other = Request {
        names: ["z", "parent"],
        ..request([1, 0])
    };
    refute(
        Contest {
            is_timed: true,
            ..Contest::of(vec![request([0, 1]), other])
        },
        ONE_GOES,
    );
}
