//! Several builds side by side. One test, because what is pretended holds for the whole process.

#![allow(clippy::unwrap_used)]

use tollgate_simulation::{named, run};

#[test]
fn builds_that_leave_a_version_out_read_each_others_rows_and_messages() {
    let scenario = named("deploys").unwrap().lasting(120);
    let tally = run(scenario, 1).unwrap();
    assert_eq!(tally.deploys, 1);
    assert!(
        tally.calls > tally.checks,
        "nobody was asked again: {tally:?}"
    );
}
