//! The parts of a request that are read: its body, within bounds, and its id.

use js_sys::Uint8Array;

use crate::error::{ApiError, Code};
use crate::router::{check_length, check_type, too_large, Body, MAX_BODY};
use crate::runtime::{self, Headers, Request};
use crate::task::settled;

/// What is always read of a request. Headers that are not there are empty.
pub(super) struct Head<'a> {
    pub(super) method: &'a str,
    pub(super) url: &'a str,
    pub(super) authorization: &'a str,
    content_type: &'a str,
    content_length: &'a str,
}

impl<'a> Head<'a> {
    /// Splits what [`runtime::head`] read.
    pub(super) fn parse(lines: &'a str) -> Head<'a> {
        let mut lines = lines.split('\n');
        let mut next = || lines.next().unwrap_or("");
        Head {
            method: next(),
            url: next(),
            authorization: next(),
            content_type: next(),
            content_length: next(),
        }
    }
}

/// The body as text, if it is of a type that is read, not too large, and UTF-8.
pub(super) async fn body(request: &Request, head: &Head<'_>) -> Result<String, ApiError> {
    check_type(head.content_type)?;
    let reading = match check_length(head.content_length)? {
        Body::Announced => request.array_buffer().map_err(|_| unread())?,
        Body::Counted => runtime::read_counted(request, MAX_BODY as u32),
    };
    let bytes = settled(reading).await.map_err(|_| unread())?;
    if bytes.is_undefined() {
        return Err(too_large());
    }
    String::from_utf8(Uint8Array::new(&bytes).to_vec())
        .map_err(|_| ApiError::new(Code::InvalidJson, "The body must be JSON in UTF-8."))
}

fn unread() -> ApiError {
    let detail = "The body did not arrive in full: send it again.";
    ApiError::new(Code::InvalidJson, detail)
}

/// The platform's id of the request where there is one, else a random one.
pub(super) fn id_of(headers: &Headers) -> String {
    headers
        .get("cf-ray")
        .unwrap_or_else(|| format!("{:032x}", runtime::random_bits()))
}
