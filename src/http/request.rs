//! The parts of a request that are read: its head, and its body within bounds.

use js_sys::Uint8Array;

use super::router::{reading_of, Reading};
use crate::error::{ApiError, Code};
use crate::hot::{self, Request};
use crate::task::settled;

/// What is always read of a request. Headers that are not there are empty.
pub(super) struct Head<'a> {
    pub(super) method: &'a str,
    pub(super) url: &'a str,
    pub(super) authorization: &'a str,
    pub(super) content_type: &'a str,
    content_length: &'a str,
}

impl<'a> Head<'a> {
    /// Splits what [`hot::head`] read.
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

/// Why there is no body.
pub(super) enum Unread {
    /// It has more bytes than are read.
    TooLarge,
    /// It did not arrive in full.
    Broken,
}

/// The body, of at most `max` bytes; empty where there is none.
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
    Ok(Uint8Array::new(&bytes).to_vec())
}

/// A body as text.
pub(super) fn text(body: Vec<u8>) -> Result<String, ApiError> {
    String::from_utf8(body)
        .map_err(|_| ApiError::new(Code::InvalidJson, "The body must be JSON in UTF-8."))
}

impl Unread {
    /// What the caller is told, who sent more than `max` bytes or less than all.
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
