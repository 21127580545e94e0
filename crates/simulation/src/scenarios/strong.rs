//! Scenarios in which objects decide.

use crate::fault::Fault;
use crate::rule::{Kind, Rule};
use crate::scenario::{Mode, Network, Phase, Scenario, Subjects, Troubles};

pub(super) const CALM: Network = Network {
    least: 500,
    more: 4_000,
    lost: 0,
    doubled: 0,
    durable: 8_000,
    kv: 60_000,
};

pub(super) const ROUGH: Network = Network {
    lost: 2_000,
    doubled: 2_000,
    more: 15_000,
    durable: 40_000,
    ..CALM
};

pub(super) const CLOCKS: Troubles = Troubles {
    crash: 0,
    kill_all: 0,
    isolate_ends: 0,
    clock_steps: 700,
    clocks_off: 400,
    deploy: 0,
};

/// 1.2 times what the limit of one subject allows, evenly: everything else is made of it.
pub(super) const STEADY: Scenario = Scenario {
    name: "steady",
    mode: Mode::Strong,
    rule: Rule::new(Kind::FixedWindow, 1_000, 10_000),
    subjects: Subjects::Zipf {
        count: 100,
        skew: 0.0,
    },
    phases: &[Phase {
        seconds: 60.0,
        rate: 12_000.0,
    }],
    seconds: 100,
    isolates: 20,
    network: CALM,
    troubles: Troubles {
        crash: 0,
        kill_all: 0,
        isolate_ends: 0,
        clock_steps: 0,
        clocks_off: 0,
        deploy: 0,
    },
    has_operations: false,
    is_text: false,
    fault: Fault::None,
};

pub(super) const BURSTS: Scenario = Scenario {
    name: "bursts",
    rule: Rule::new(Kind::TokenBucket, 500, 5_000),
    phases: &[
        Phase {
            seconds: 2.0,
            rate: 40_000.0,
        },
        Phase {
            seconds: 13.0,
            rate: 20.0,
        },
    ],
    seconds: 150,
    network: ROUGH,
    troubles: Troubles {
        crash: 250,
        ..CLOCKS
    },
    ..STEADY
};

pub(super) const SURGE: Scenario = Scenario {
    name: "surge",
    rule: Rule::new(Kind::TokenBucket, 30_000, 1_000),
    subjects: Subjects::Zipf {
        count: 1_000,
        skew: 0.9,
    },
    phases: &[
        Phase {
            seconds: 8.0,
            rate: 22_000.0,
        },
        Phase {
            seconds: 2.0,
            rate: 367_000.0,
        },
    ],
    seconds: 20,
    isolates: 200,
    ..STEADY
};

pub(super) const TENANTS: Scenario = Scenario {
    name: "tenants",
    rule: Rule::new(Kind::SlidingLog, 20, 10_000),
    subjects: Subjects::Zipf {
        count: 20_000,
        skew: 1.1,
    },
    phases: &[Phase {
        seconds: 60.0,
        rate: 10_000.0,
    }],
    isolates: 50,
    network: ROUGH,
    troubles: Troubles {
        crash: 100,
        isolate_ends: 10_000,
        ..CLOCKS
    },
    ..STEADY
};

pub(super) const HOT_KEY: Scenario = Scenario {
    name: "hot-key",
    rule: Rule::new(Kind::FixedWindow, 50_000, 10_000),
    subjects: Subjects::One,
    phases: &[Phase {
        seconds: 60.0,
        rate: 7_000.0,
    }],
    isolates: 100,
    ..STEADY
};

/// One key, of which the object crashes a hundred times.
pub(super) const CRASHES: Scenario = Scenario {
    name: "crashes",
    rule: Rule::new(Kind::FixedWindow, 10_000, 10_000),
    phases: &[Phase {
        seconds: 60.0,
        rate: 2_000.0,
    }],
    subjects: Subjects::One,
    network: ROUGH,
    troubles: Troubles {
        crash: 1_000,
        ..CLOCKS
    },
    ..STEADY
};

/// Everything is killed twenty times.
pub(super) const KILLS: Scenario = Scenario {
    name: "kills",
    network: ROUGH,
    has_operations: true,
    phases: &[Phase {
        seconds: 60.0,
        rate: 4_000.0,
    }],
    rule: Rule::new(Kind::FixedWindow, 300, 10_000),
    troubles: Troubles {
        kill_all: 5_000,
        ..CLOCKS
    },
    ..STEADY
};

/// Subjects that sleep and wake: each asks now and then.
pub(super) const SLEEPERS: Scenario = Scenario {
    name: "sleepers",
    rule: Rule::new(Kind::FixedWindow, 300, 600_000),
    subjects: Subjects::Zipf {
        count: 500,
        skew: 0.7,
    },
    phases: &[
        Phase {
            seconds: 3.0,
            rate: 2_000.0,
        },
        Phase {
            seconds: 22.0,
            rate: 2.0,
        },
    ],
    seconds: 2_400,
    has_operations: true,
    network: ROUGH,
    troubles: Troubles {
        crash: 500,
        kill_all: 300_000,
        ..CLOCKS
    },
    ..STEADY
};

/// Millions of subjects, each of which asks twice: nothing of them may stay.
pub(super) const PASSERS_BY: Scenario = Scenario {
    name: "passers-by",
    rule: Rule::new(Kind::TokenBucket, 20, 10_000),
    subjects: Subjects::Fresh { asks: 2 },
    phases: &[Phase {
        seconds: 60.0,
        rate: 4_000.0,
    }],
    seconds: 200,
    ..STEADY
};

/// The same until there were ten millions; not among those that `simulate` runs, because it takes
/// minutes.
pub const TEN_MILLION: Scenario = Scenario {
    name: "ten-million",
    seconds: 5_000,
    ..PASSERS_BY
};

/// Builds that write other versions, of which one is left out each time; all messages as text.
pub(super) const DEPLOYS: Scenario = Scenario {
    name: "deploys",
    phases: &[Phase {
        seconds: 60.0,
        rate: 600.0,
    }],
    rule: Rule::new(Kind::FixedWindow, 200, 20_000),
    seconds: 450,
    has_operations: true,
    is_text: true,
    network: ROUGH,
    troubles: Troubles {
        crash: 500,
        deploy: 100_000,
        ..CLOCKS
    },
    ..STEADY
};
