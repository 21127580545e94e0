//! The door to the objects that keep Redis keys: the questions of a session asked at once, the
//! answers in their order, within the deadline. There is no failure mode here: the session makes
//! errors of what gives no answer.

use tollgate_core::Duration;
use tollgate_upstash::message::{in_version, Allowance, MESSAGES};
use worker::Env;

use super::object::{addressed, Asker, Door};
use super::Failure;
use crate::hot::Bindings;

/// Asks each object of `calls`, by its name, what stands beside it.
pub(crate) async fn ask(
    env: &Env,
    calls: Vec<(String, String)>,
    allowance: Allowance,
    patience: Duration,
) -> Vec<Result<String, Failure>> {
    let door = Door {
        namespace: env.bound().keyspace(),
        versions: MESSAGES,
        in_version,
        patience,
        asker: Asker::Worker,
    };
    // Each text goes as soon as it is copied.
    let calls = calls
        .into_iter()
        .map(|(name, text)| addressed(&name, &text));
    door.ask_all(calls.collect(), Some(&allowance)).await
}
