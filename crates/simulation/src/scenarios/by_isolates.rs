//! Scenarios in which isolates decide: by what they have borrowed, and by counting.

use super::strong::{BURSTS, CLOCKS, HOT_KEY, ROUGH, STEADY, SURGE};
use crate::rule::{Kind, Rule};
use crate::scenario::{Mode, Phase, Scenario, Subjects, Troubles};

/// Leases of one hot subject.
pub(super) const LEASED: Scenario = Scenario {
    name: "leased",
    mode: Mode::Leased,
    isolates: 20,
    ..HOT_KEY
};

/// Leases of one subject in a surge of fifteen times, in many isolates.
pub(super) const LEASED_SURGE: Scenario = Scenario {
    name: "leased-surge",
    mode: Mode::Leased,
    rule: Rule::new(Kind::FixedWindow, 300_000, 10_000),
    subjects: HOT_KEY.subjects,
    ..SURGE
};

/// The same of four isolates that ask at 1.2 times the limit, whose object is aborted a hundred
/// times, and all of which end at once twenty times.
pub(super) const LEASED_ENDS: Scenario = Scenario {
    name: "leased-ends",
    mode: Mode::Leased,
    rule: Rule::new(Kind::FixedWindow, 100_000, 10_000),
    subjects: Subjects::One,
    phases: &[Phase {
        seconds: 60.0,
        rate: 12_000.0,
    }],
    seconds: 1_200,
    isolates: 4,
    troubles: Troubles {
        crash: 12_000,
        kill_all: 60_000,
        ..STEADY.troubles
    },
    ..STEADY
};

/// Leases of many, while everything goes wrong.
pub(super) const LEASED_ROUGH: Scenario = Scenario {
    name: "leased-rough",
    mode: Mode::Leased,
    rule: Rule::new(Kind::FixedWindow, 3_000, 10_000),
    subjects: Subjects::Zipf {
        count: 10,
        skew: 0.5,
    },
    phases: BURSTS.phases,
    isolates: 10,
    network: ROUGH,
    troubles: Troubles {
        crash: 500,
        isolate_ends: 5_000,
        kill_all: 30_000,
        ..CLOCKS
    },
    ..STEADY
};

/// Counting in isolates, through KV.
pub(super) const EVENTUAL: Scenario = Scenario {
    name: "eventual",
    mode: Mode::Eventual,
    rule: Rule::new(Kind::FixedWindow, 10_000, 600_000),
    subjects: Subjects::Zipf {
        count: 10,
        skew: 0.0,
    },
    phases: &[Phase {
        seconds: 60.0,
        rate: 200.0,
    }],
    seconds: 1_200,
    ..STEADY
};

/// The same while isolates end.
pub(super) const EVENTUAL_ENDS: Scenario = Scenario {
    name: "eventual-ends",
    troubles: Troubles {
        isolate_ends: 6_000,
        clock_steps: 0,
        clocks_off: 0,
        ..CLOCKS
    },
    ..EVENTUAL
};
