//! `GET /healthz`: alive, and which version. Says nothing else, as it asks for no token.

use serde::Serialize;
use tollgate_core::api::response::to_json;

use super::reply::Reply;
use crate::runtime::Bindings;
use worker::Env;

#[derive(Serialize)]
struct Health<'a> {
    status: &'static str,
    version: &'a str,
}

/// The version deployed: the platform's id where there is one, else that of the program.
pub(super) fn version(env: &Env) -> String {
    let known = env.bound().version_metadata().map(|known| known.id());
    known
        .filter(|id| !id.is_empty())
        .unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned())
}

/// Alive.
pub(super) fn healthz(env: &Env) -> Reply {
    Reply::json(to_json(&Health {
        status: "ok",
        version: &version(env),
    }))
}
