//! The door to the objects that keep Redis keys. The calls of a session are sent at once, within
//! the deadline; the answers keep their order. There is no failure mode: the session turns a
//! missing answer into an error.

use tollgate_core::Duration;
use tollgate_upstash::message::{in_version, Allowance, MESSAGES};
use worker::Env;

use super::object::{addressed, Asker, Door};
use super::Failure;
use crate::hot::Bindings;

/// Sends each object of `calls` its message.
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
    // Each text is dropped as soon as it is copied.
    let calls = calls
        .into_iter()
        .map(|(name, text)| addressed(&name, &text));
    door.ask_all(calls.collect(), Some(&allowance)).await
}
