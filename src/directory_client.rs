//! The typed door to a namespace's directory.

use tollgate_core::Duration;

use crate::directory::{Listing, Notice};
use crate::limiter_client::{addressed, read, Reached};
use crate::runtime::{self, Env};
use crate::task::settled;
use crate::telemetry::Failure;

/// How long a notice may take: nobody waits for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tells the directory of this name something. It may be told again: all notices may be repeated.
pub(crate) async fn tell(env: &Env, directory: &str, notice: &Notice) -> Result<(), Failure> {
    tell_within(env, directory, notice, PATIENCE).await
}

/// As [`tell`], for when somebody waits: at most for this long.
pub(crate) async fn tell_within(
    env: &Env,
    directory: &str,
    notice: &Notice,
    patience: Duration,
) -> Result<(), Failure> {
    let patience = patience.as_millis() as u32; // seconds
    let call = addressed(directory, &notice.encode());
    let asked = runtime::ask_from_object(&env.directory(), &call, patience);
    let Reached(text) = read(settled(asked).await)?;
    match Listing::decode(&text) {
        Ok(Listing::Done) => Ok(()),
        Ok(_) => Err(Failure::Unavailable),
        Err(_) => Err(Failure::Unreadable),
    }
}
