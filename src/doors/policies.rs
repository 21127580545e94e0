//! The door to the object that keeps a namespace's policies.

use tollgate_core::Duration;
use tollgate_policies::message::{in_version, Answer, Call, POLICY_MESSAGES};
use tollgate_policies::snapshot::Changes;
use worker::Env;

use super::object::{addressed, Asker, Door};
use super::Failure;
use crate::hot::Bindings;

/// Asks what has changed; `call` is a [`Call::Since`].
pub(crate) async fn changes(
    (env, asker): (&Env, Asker),
    object: &str,
    call: &Call,
    patience: Duration,
) -> Result<Changes, Failure> {
    let reply = send((env, asker), object, (call, ""), patience).await?;
    Changes::decode(&reply).map_err(|_| Failure::Unreadable)
}

/// Makes any other call, beside what the deployment brings. A change that gets no answer may have
/// been made.
pub(crate) async fn ask(
    env: &Env,
    object: &str,
    call: (&Call, &str),
    patience: Duration,
) -> Result<Answer, Failure> {
    let reply = send((env, Asker::Worker), object, call, patience).await?;
    Answer::decode(&reply).map_err(|_| Failure::Unreadable)
}

async fn send(
    (env, asker): (&Env, Asker),
    object: &str,
    (call, deployed): (&Call, &str),
    patience: Duration,
) -> Result<String, Failure> {
    let door = Door {
        namespace: env.bound().policies(),
        versions: POLICY_MESSAGES,
        in_version,
        patience,
        asker,
    };
    let call = addressed(
        object,
        &call.encode_beside(deployed, POLICY_MESSAGES.written()),
    );
    door.ask(&call).await
}
