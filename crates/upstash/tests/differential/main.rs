//! The same commands and scripts, with the same random arguments, against a real Redis server and
//! against this package: no reply and no stored value may differ, but for the differences that
//! `docs/upstash.md` names.
//!
//! Needs redis-server, and Node with a registry to fetch the packages that the scripts are taken
//! from. Where one is missing the tests say so and are skipped; with `TOLLGATE_REQUIRE_REDIS=1`, as
//! in continuous integration, they fail instead.
#![cfg(unix)]
#![allow(clippy::unwrap_used)] // the helpers of tests

mod commands;
mod compare;
mod floats;
mod ours;
mod random;
mod redis;
mod scripts;
mod tags;

use std::io::Write;

use ours::Ours;
use redis::Redis;
use tollgate_upstash::reply::Reply;

use compare::{same, Shape};

/// A command in words, for literals.
pub(crate) fn words(text: &str) -> Vec<Vec<u8>> {
    text.split(' ')
        .map(|word| word.as_bytes().to_vec())
        .collect()
}

/// Moves the random sequences elsewhere: `TOLLGATE_SEED=1`, 2, … for more than the pinned ones.
pub(crate) fn seed() -> u64 {
    let text = std::env::var("TOLLGATE_SEED").unwrap_or_default();
    text.parse::<u64>().unwrap_or(0) << 32
}

/// Says that a test was skipped, past the test runner, which would swallow it.
pub(crate) fn skipped(what: &str) {
    assert!(
        std::env::var_os("TOLLGATE_REQUIRE_REDIS").is_none(),
        "cannot be skipped: {what}"
    );
    let _ = writeln!(std::io::stderr(), "\nSKIPPED: {what}\n");
}

/// One step of a sequence.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// What our side runs.
    pub(crate) ours: Vec<Vec<u8>>,
    /// What Redis runs.
    pub(crate) theirs: Vec<Vec<u8>>,
    /// How the replies compare.
    pub(crate) shape: Shape,
    /// Whether it is the script under test.
    pub(crate) script: bool,
}

impl Step {
    pub(crate) fn command(command: Vec<Vec<u8>>, shape: Shape) -> Step {
        Step {
            ours: command.clone(),
            theirs: command,
            shape,
            script: false,
        }
    }
}

/// What is stored under a key, as commands ask for it.
fn look(key: &str) -> [Step; 6] {
    let ask = |command: &str, shape| Step::command(words(&format!("{command} {key}")), shape);
    [
        ask("TYPE", Shape::Exact),
        ask("PTTL", Shape::Milliseconds),
        ask("GET", Shape::Exact),
        ask("HGETALL", Shape::Pairs),
        ask("SMEMBERS", Shape::Unordered),
        Step::command(
            words(&format!("ZRANGE {key} 0 -1 WITHSCORES")),
            Shape::Exact,
        ),
    ]
}

/// Runs a sequence on both sides from nothing and compares every reply, and what is stored at the
/// end. A script that fails ends it, because Redis leaves half of its writes and we leave none;
/// that we do is checked. `forgets_expiry`: the script is one of those that never set the expiry
/// they mean to, and ours do. Answers how many calls of the script succeeded.
pub(crate) fn compare_sequence(
    redis: &mut Redis,
    steps: &[Step],
    keys: &[&str],
    forgets_expiry: bool,
) -> Result<u64, String> {
    let mut ours = Ours::new(redis.now());
    let mut replies = Vec::new();
    let mut failed = false;
    for step in steps {
        let before = ours.rows();
        let reply = ours.run(&step.ours);
        failed = step.script && matches!(reply, Reply::Error(_));
        if failed && ours.rows() != before {
            return Err(format!("failed half-written: {:?}\n{reply:?}", shown(step)));
        }
        replies.push(reply);
        if failed {
            break;
        }
    }
    let mut asked: Vec<Step> = steps[..replies.len()].to_vec();
    if !failed {
        let looks: Vec<Step> = keys.iter().flat_map(|key| look(key)).collect();
        replies.extend(looks.iter().map(|step| ours.run(&step.ours)));
        asked.extend(looks);
    }
    let mut commands = vec![words("FLUSHALL")];
    commands.extend(asked.iter().map(|step| step.theirs.clone()));
    let theirs = redis.run(&commands);
    for (at, step) in asked.iter().enumerate() {
        let (ours, theirs) = (&replies[at], &theirs[at + 1]);
        let expires = step.shape == Shape::Milliseconds || step.shape == Shape::Seconds;
        let forgotten = expires
            && forgets_expiry
            && *theirs == Reply::Integer(-1)
            && matches!(ours, Reply::Integer(0..));
        if !same(ours, theirs, step.shape) && !forgotten {
            let history: Vec<String> = asked[..=at.min(steps.len())].iter().map(shown).collect();
            return Err(format!(
                "{}\nours   {ours:?}\ntheirs {theirs:?}",
                history.join("\n")
            ));
        }
    }
    let decided = steps.iter().zip(&replies);
    Ok(decided
        .filter(|(step, reply)| step.script && !matches!(reply, Reply::Error(_)))
        .count() as u64)
}

/// A step in words; the text of a script only as far as it tells which.
fn shown(step: &Step) -> String {
    let word = |word: &Vec<u8>| {
        String::from_utf8_lossy(word)
            .chars()
            .take(60)
            .collect::<String>()
    };
    let words: Vec<String> = step.ours.iter().map(word).collect();
    words.join(" ").replace('\n', " ")
}
