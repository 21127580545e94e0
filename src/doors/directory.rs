//! The door to a namespace's directory.

use tollgate_core::Duration;
use worker::Env;

use super::object::{addressed, Asker, Door};
use super::Failure;
use crate::directory::{in_version, DirectoryAnswer, DirectoryCall, Page, DIRECTORY_MESSAGES};
use crate::hot::Bindings;

/// Sends a call from an object to the directory of this name, within `patience`. Every such call
/// may be repeated.
pub(crate) async fn notify(
    env: &Env,
    directory: &str,
    notice: &DirectoryCall,
    patience: Duration,
) -> Result<(), Failure> {
    match ask(env, directory, notice, Asker::Object, patience).await? {
        DirectoryAnswer::Done => Ok(()),
        _ => Err(Failure::Unavailable),
    }
}

/// The names that a query finds.
pub(crate) async fn list(
    env: &Env,
    directory: &str,
    query: &DirectoryCall,
    patience: Duration,
) -> Result<Vec<String>, Failure> {
    match ask(env, directory, query, Asker::Worker, patience).await? {
        DirectoryAnswer::Names(names) => Ok(names),
        _ => Err(Failure::Unavailable),
    }
}

/// The subjects that a query finds.
pub(crate) async fn find(
    env: &Env,
    directory: &str,
    query: &DirectoryCall,
    patience: Duration,
) -> Result<Page, Failure> {
    match ask(env, directory, query, Asker::Worker, patience).await? {
        DirectoryAnswer::Subjects(page) => Ok(page),
        _ => Err(Failure::Unavailable),
    }
}

async fn ask(
    env: &Env,
    directory: &str,
    notice: &DirectoryCall,
    asker: Asker,
    patience: Duration,
) -> Result<DirectoryAnswer, Failure> {
    let door = Door {
        namespace: env.bound().directory(),
        versions: DIRECTORY_MESSAGES,
        in_version,
        patience,
        asker,
    };
    let call = addressed(directory, &notice.encode_in(DIRECTORY_MESSAGES.written()));
    let reply = door.ask(&call).await?;
    DirectoryAnswer::decode(&reply).map_err(|_| Failure::Unreadable)
}
