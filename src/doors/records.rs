//! The door to the object that keeps a namespace's recorded use.

use tollgate_core::Duration;
use tollgate_records::message::{in_version, Answer, Call, RECORD_MESSAGES};
use worker::Env;

use super::object::{addressed, Asker, Door};
use super::Failure;
use crate::hot::Bindings;

/// Makes a call. A parcel may be sent again: it counts once.
pub(crate) async fn ask(
    env: &Env,
    object: &str,
    call: &Call,
    patience: Duration,
) -> Result<Answer, Failure> {
    let door = Door {
        namespace: env.bound().records(),
        versions: RECORD_MESSAGES,
        in_version,
        patience,
        asker: Asker::Worker,
    };
    let call = addressed(object, &call.encode_in(RECORD_MESSAGES.written()));
    let reply = door.ask(&call).await?;
    Answer::decode(&reply).map_err(|_| Failure::Unreadable)
}
