//! What the server says of itself, without a token: `GET /healthz`, status and version and nothing
//! else, and `GET /openapi.json`, what can be asked.

use serde::Serialize;
use tollgate_core::api::response::to_json;

use crate::openapi;
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

/// Answers 200 with the description of the API.
pub(crate) fn openapi() -> Reply {
    Reply::json(openapi::DOCUMENT.to_owned())
}
