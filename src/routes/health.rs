//! `GET /healthz`: status and version. It needs no token, so it shows nothing else.

use serde::Serialize;
use tollgate_core::api::response::to_json;

use crate::reply::Reply;

#[derive(Serialize)]
struct Health<'a> {
    status: &'static str,
    version: &'a str,
}

/// Answers 200 with the version.
pub(crate) fn healthz(version: &str) -> Reply {
    Reply::json(to_json(&Health {
        status: "ok",
        version,
    }))
}
