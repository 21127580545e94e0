//! What carries the machines is made wrong in one way after the other: the simulation has to notice
//! each, by what it says here, or it would prove nothing.

#![allow(clippy::unwrap_used)]

use tollgate_simulation::{named, run, Fault};

/// So many seeds are tried: a wrong carrier need not show in each run.
const SEEDS: u64 = 8;

/// A fault is found within some seconds of simulated time, and by this judgement.
fn refute(fault: Fault, scenario: &str, seconds: u64, judgement: &str) {
    let scenario = named(scenario).unwrap().lasting(seconds);
    run(scenario, 1).unwrap(); // of the same without the fault nothing is wrong
    let found = (1..=SEEDS).find_map(|seed| run(scenario.with(fault), seed).err());
    let found = found.unwrap_or_else(|| panic!("nobody notices {fault:?}"));
    assert!(found.contains(judgement), "{fault:?} is taken for: {found}");
}

#[test]
fn a_store_that_forgets_writes_is_noticed() {
    refute(Fault::ForgetsWrites, "crashes", 60, "are stored");
}

#[test]
fn a_store_that_is_empty_after_a_crash_is_noticed() {
    refute(Fault::ForgetsRows, "crashes", 10, "0 are stored");
}

#[test]
fn an_answer_that_leaves_before_it_is_durable_is_noticed() {
    refute(Fault::AnswersEarly, "crashes", 30, "are stored");
}

#[test]
fn a_clock_that_is_wrong_is_noticed() {
    refute(Fault::WrongClock, "kills", 3, "was told at");
}

#[test]
fn a_doubled_question_that_is_charged_twice_is_noticed() {
    refute(Fault::ForgetsOperations, "kills", 12, "were charged");
}

#[test]
fn a_subject_that_no_alarm_cleans_is_noticed() {
    refute(Fault::ForgetsAlarms, "kills", 3, "idle subjects have rows");
}

#[test]
fn a_row_that_nobody_closes_before_sleep_is_noticed() {
    refute(Fault::ForgetsClosing, "sleepers", 60, "0 may be lost");
}

#[test]
fn a_refusal_that_is_taken_for_an_admission_is_noticed() {
    refute(
        Fault::AdmitsRemembered,
        "crashes",
        20,
        "more than the limit",
    );
}

#[test]
fn an_isolate_that_never_reads_what_others_count_is_noticed() {
    refute(Fault::NeverReads, "eventual", 595, "admitted, at most");
}

#[test]
fn a_lease_that_does_not_tell_what_was_spent_is_noticed() {
    refute(
        Fault::ForgetsSpent,
        "leased-rough",
        60,
        "more than the limit",
    );
}
