//! The typed door to a namespace's directory.

use tollgate_core::Duration;

use crate::directory::{self, Listing, Notice, NOTICES};
use crate::object_client::{addressed, Asker, Door};
use crate::runtime::Bindings;
use worker::Env;
use crate::telemetry::Failure;

/// Tells the directory of this name something, which may take so long. It may be told again: all notices may be repeated.
pub(crate) async fn tell(
    env: &Env,
    directory: &str,
    notice: &Notice,
    patience: Duration,
) -> Result<(), Failure> {
    let door = Door {
        namespace: env.bound().directory(),
        versions: NOTICES,
        in_version: directory::in_version,
        deadline: patience.as_millis() as u32, // seconds
        asker: Asker::Object,
    };
    let call = addressed(directory, &notice.encode_in(NOTICES.written()));
    let came = door.ask(vec![call]).await.pop();
    let reached = came.unwrap_or(Err(Failure::Unreachable))?; // one for each call
    match Listing::decode(&reached.0) {
        Ok(Listing::Done) => Ok(()),
        Ok(_) => Err(Failure::Unavailable),
        Err(_) => Err(Failure::Unreadable),
    }
}
