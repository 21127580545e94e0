//! Reads a request: its head, and its body up to a maximum size.

use super::body::{reading_of, Reading};
use crate::error::{ApiError, Code};
use crate::hot::{self, Request};
use crate::task::settled;

/// The parts that are read of every request. A missing header is empty.
pub(super) struct Head<'a> {
    pub(super) method: &'a str,
    pub(super) url: &'a str,
    pub(super) authorization: &'a str,
    pub(super) content_type: &'a str,
    content_length: &'a str,
}

impl<'a> Head<'a> {
    /// Splits the text of [`hot::head`].
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

/// Why a body could not be read.
pub(super) enum Unread {
    /// It is larger than the maximum.
    TooLarge,
    /// It did not arrive in full.
    Broken,
}

/// The body, of at most `max` bytes; empty if the request has none.
pub(super) async fn body(
    request: &Request,
    head: &Head<'_>,
    max: usize,
) -> Result<Vec<u8>, Unread> {
    let reading = match reading_of(head.content_length, max).ok_or(Unread::TooLarge)? {
        Reading::Announced => request.array_buffer().map_err(|_| Unread::Broken)?,
        Reading::Counted => hot::read_counted(request, max as u32),
    };
    let bytes = settled(reading).await.map_err(|_| Unread::Broken)?;
    if bytes.is_undefined() {
        return Err(Unread::TooLarge);
    }
    Ok(hot::bytes_of(&bytes))
}

/// Whether the request has no body, or an empty one.
pub(super) async fn is_empty(request: &Request, head: &Head<'_>, max: usize) -> bool {
    head.content_length == "0" || body(request, head, max).await.is_ok_and(|it| it.is_empty())
}

/// A body as text.
pub(super) fn text(body: Vec<u8>) -> Result<String, ApiError> {
    String::from_utf8(body)
        .map_err(|_| ApiError::new(Code::InvalidJson, "The body must be JSON in UTF-8."))
}

impl Unread {
    /// The error for the caller. `max`: the largest body, in bytes.
    pub(super) fn error(&self, max: usize) -> ApiError {
        match self {
            Unread::TooLarge => {
                let detail = format!("The body must be at most {max} bytes long.");
                ApiError::new(Code::BodyTooLarge, detail)
            }
            Unread::Broken => {
                let detail = "The body did not arrive in full: send it again.";
                ApiError::new(Code::InvalidJson, detail)
            }
        }
    }
}
