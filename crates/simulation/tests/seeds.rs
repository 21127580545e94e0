//! Seeds that are kept, and one that is new each time.

#![allow(clippy::unwrap_used)]

use tollgate_simulation::{named, run, Phase, Scenario};

/// A part of what `npm run simulate` runs: so long, in s of simulated time, that all of it takes
/// some seconds.
fn short(name: &str) -> Scenario {
    let scenario = named(name).unwrap();
    scenario.lasting(match name {
        "sleepers" => 100,
        "eventual" | "eventual-ends" => 300,
        "leased-rough" => 90,
        "bursts" | "crashes" | "kills" => 12,
        "surge" | "leased-surge" => 2,
        _ => 4,
    })
}

fn check(name: &str, seed: u64) {
    let done = run(short(name), seed);
    let tally = done.unwrap_or_else(|wrong| {
        panic!("{name}, seed {seed}: {wrong}\nAdd to crates/simulation/seeds.txt: {name} {seed}")
    });
    assert!(tally.checks > 1_000 && tally.admitted > 0, "{tally:?}");
}

#[test]
fn nothing_is_violated_under_the_seeds_that_are_kept() {
    let lines = include_str!("../seeds.txt").lines();
    for line in lines.filter(|line| !line.starts_with('#')) {
        let (name, seed) = line.split_once(' ').unwrap();
        check(name, seed.parse().unwrap());
    }
}

#[test]
fn nothing_is_violated_under_a_new_seed() {
    let seed = fastrand::u64(..1 << 32);
    println!("seed {seed}");
    for name in ["bursts", "crashes", "kills", "sleepers", "leased"] {
        check(name, seed);
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for name in ["kills", "tenants", "eventual-ends"] {
        let twice = [7, 7, 8].map(|seed| run(short(name).lasting(4), seed).unwrap());
        assert_eq!(twice[0], twice[1], "{name}");
        assert_ne!(twice[0].digest, twice[2].digest, "{name}");
    }
}

/// Three times the subjects over three times the time leave no more behind, at any instant.
#[test]
fn subjects_that_pass_by_vanish() {
    let scenario = Scenario {
        phases: &[Phase {
            seconds: 60.0,
            rate: 300.0,
        }],
        ..named("passers-by").unwrap()
    };
    let [short, long] = [150, 450].map(|seconds| run(scenario.lasting(seconds), 1).unwrap());
    assert!(long.subjects > 2 * short.subjects + short.subjects / 2);
    assert!(long.most_kept < short.most_kept * 3 / 2, "{long:?}");
    assert!(long.most_awake < short.most_awake * 5 / 4, "{long:?}");
}
