//! `GET /healthz`: alive, and which version. Says nothing else, as it asks for no token.

use serde::Serialize;
use tollgate_core::api::response::to_json;

use crate::reply::Reply;

#[derive(Serialize)]
struct Health<'a> {
    status: &'static str,
    version: &'a str,
}

/// Alive.
pub(crate) fn healthz(version: &str) -> Reply {
    Reply::json(to_json(&Health {
        status: "ok",
        version,
    }))
}
