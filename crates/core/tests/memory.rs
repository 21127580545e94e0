//! What the tables of an isolate take of its memory when they are full: bytes that are allocated
//! for each entry, with whatever the map around it keeps, by an allocator that counts. Natively,
//! where a pointer is twice as long as in wasm. One test alone, so that nothing else allocates.

#![allow(clippy::unwrap_used)] // a test may panic, also in its helpers

mod common;

use common::{fixed, moment, policy_of, START};
use stats_alloc::{Region, StatsAlloc, INSTRUMENTED_SYSTEM};
use std::alloc::System;
use tollgate_core::algorithm::state::LimitState;
use tollgate_core::decide::{decide, Check};
use tollgate_core::decision::Decision;
use tollgate_core::isolate::bounded::Secret;
use tollgate_core::isolate::circuit::{CallKind, CallOutcome, Circuits, MAX_CIRCUITS};
use tollgate_core::isolate::counts::{self, IsolateCounts, Purpose};
use tollgate_core::isolate::debts::{self, Debts};
use tollgate_core::isolate::kept::{Kept, MAX_KEPT};
use tollgate_core::isolate::refusals::{CallTimes, Refusals, MAX_REFUSALS};
use tollgate_core::isolate::refused_last::{RefusedLast, MAX_KNOWN};
use tollgate_core::isolate::shares::{self, Shares};
use tollgate_core::policy::{FailMode, Policy};
use tollgate_core::Timestamp;

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes that an entry may take.
const MOST: usize = 200;
/// These hold more than a number: a whole decision, a policy with a state, the counts of one limit
/// and what others published of it.
const MOST_OF_A_REFUSAL: usize = 376;
const MOST_OF_A_DEBT: usize = 808;
const MOST_OF_A_COUNT: usize = 920;
const SECRET: Secret = Secret::new(0x5eed);
const NOW: Timestamp = Timestamp::from_millis(START);

/// The bytes that stay allocated for each of `most` entries that `put` puts.
fn bytes_each<T>(mut table: T, most: usize, mut put: impl FnMut(&mut T, &str)) -> usize {
    let region = Region::new(COUNTING);
    for i in 0..most {
        put(&mut table, &format!("rate-limit:default:org:user-{i}"));
    }
    let change = region.change();
    let bytes = change.bytes_allocated - change.bytes_deallocated;
    drop(table);
    bytes.div_ceil(most)
}

fn refusal(policy: &Policy) -> Decision {
    let limit = policy.limits()[0].algorithm();
    let mut state = LimitState::fresh(limit, moment(START)).unwrap();
    let mut ask = || decide(policy, &mut [&mut state], &Check::ONE, None, moment(START)).unwrap();
    ask();
    ask()
}

#[test]
fn no_idle_entry_of_an_isolate_takes_more_than_its_bytes() {
    let policy = policy_of(fixed(1, 60_000));
    let sharing = policy.clone().with_fail_mode(FailMode::Share).unwrap();
    let refused = refusal(&policy);
    assert!(!refused.success);
    let asked = CallTimes {
        sent: NOW,
        received: NOW,
    };
    let table = [
        (
            "refusals",
            bytes_each(Refusals::new(SECRET), MAX_REFUSALS, |table, object| {
                let key = table.key(object, &policy);
                table.record_decision(key, &Check::ONE, asked, &refused);
            }),
            MOST_OF_A_REFUSAL,
        ),
        (
            "refused_last",
            bytes_each(RefusedLast::new(SECRET), MAX_KNOWN, |table, object| {
                table.record_answer(object, &policy, true, NOW);
            }),
            MOST,
        ),
        (
            "kept",
            bytes_each(Kept::default(), MAX_KEPT, |table, object| {
                table.record(SECRET.key(object, &policy), true, NOW);
            }),
            MOST,
        ),
        (
            "circuit",
            bytes_each(Circuits::new(SECRET), MAX_CIRCUITS, |table, object| {
                let (kind, outcome) = (CallKind::Normal, CallOutcome::Overloaded);
                table.record_outcome(object, kind, outcome, NOW, 7);
            }),
            MOST,
        ),
        (
            "shares",
            bytes_each(
                Shares::new(SECRET, shares::MAX_SUBJECTS),
                shares::MAX_SUBJECTS,
                |table, object| table.record_decision(object, &sharing, &refused),
            ),
            MOST,
        ),
        (
            "debts",
            bytes_each(Debts::new(SECRET), debts::MAX_SUBJECTS, |table, object| {
                table
                    .record(object, &policy, &Check::ONE, moment(START))
                    .unwrap();
            }),
            MOST_OF_A_DEBT,
        ),
        (
            "counts",
            bytes_each(
                IsolateCounts::new("eventual", 1, SECRET),
                counts::MAX_SUBJECTS,
                |table, object| {
                    let check = &Check::ONE;
                    table
                        .check(Purpose::Mode, object, &policy, check, moment(START))
                        .unwrap();
                },
            ),
            MOST_OF_A_COUNT,
        ),
    ];
    for (name, bytes, most) in table {
        println!("{name}: {bytes} bytes an entry, at most {most}");
    }
    for (name, bytes, most) in table {
        assert!(bytes <= most, "{name}: {bytes} bytes an entry");
    }
}
