//! Which bodies are read, and how.

use crate::error::{ApiError, Code};

/// The largest body, in bytes. The largest sensible request, 32 entries of 8 limits, is a quarter
/// of it.
pub const MAX_BODY: usize = 65_536;

/// Whether a body of this type is read as JSON: `application/json`, anything `+json`, `text/plain`
/// (what `fetch` sends unasked), the form type (what `curl -d` sends unasked), or no type at all,
/// which is empty. The body itself has to be JSON whatever its type.
pub fn check_type(content_type: &str) -> Result<(), ApiError> {
    let essence = content_type.split(';').next().unwrap_or("").trim_ascii();
    let is = |name: &str| essence.eq_ignore_ascii_case(name);
    let ends = |end: &str| {
        let at = essence.len().saturating_sub(end.len());
        essence
            .get(at..)
            .is_some_and(|last| last.eq_ignore_ascii_case(end))
    };
    if is("application/json")
        || is("")
        || is("text/plain")
        || is("application/x-www-form-urlencoded")
        || (essence.contains('/') && ends("+json"))
    {
        return Ok(());
    }
    let detail = "Send the body as JSON, with `Content-Type: application/json`.";
    Err(ApiError::new(Code::UnsupportedMediaType, detail))
}

/// How a body has to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Its length was announced, is small enough, and the runtime holds the sender to it.
    Announced,
    /// Its length is not known: it is counted while it arrives.
    Counted,
}

/// How a body of at most `max` bytes is read; `None` when it announces itself to be larger.
/// `content_length`: empty where there is none.
pub fn reading_of(content_length: &str, max: usize) -> Option<Reading> {
    match content_length.parse::<usize>() {
        Ok(length) if length <= max => Some(Reading::Announced),
        Ok(_) => None,
        Err(_) => Some(Reading::Counted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_read_as_json_or_refused() {
        for good in [
            "",
            "application/json",
            "Application/JSON; charset=utf-8",
            "text/plain;charset=UTF-8",
            "application/x-www-form-urlencoded",
            "Application/X-WWW-Form-URLencoded; charset=UTF-8",
            "application/vnd.api+json",
            "application/problem+JSON",
        ] {
            assert_eq!(check_type(good), Ok(()), "{good:?}");
        }
        for bad in [
            "application/x-www-form-urlencoded2",
            "text/html",
            "json",
            "+json",
            "application/jsonp",
            "multipart/form-data; boundary=x",
            "ä",
        ] {
            let error = check_type(bad).unwrap_err();
            assert_eq!(error.code(), Code::UnsupportedMediaType, "{bad}");
        }
    }

    #[test]
    fn a_body_is_refused_before_it_is_read_or_counted_while_it_arrives() {
        let table = [
            ("0", Some(Reading::Announced)),
            ("65536", Some(Reading::Announced)),
            ("65537", None),
            ("99999999999999999999999", Some(Reading::Counted)),
            ("-1", Some(Reading::Counted)),
            ("", Some(Reading::Counted)),
        ];
        for (header, expected) in table {
            assert_eq!(reading_of(header, MAX_BODY), expected, "{header:?}");
        }
    }
}
