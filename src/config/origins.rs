//! `TOLLGATE_CORS_ORIGINS`: the pages that may read answers.

use super::invalid_setting::{wrong, InvalidSetting};

/// Origins, separated by commas: `https://app.example`, or `*` alone for all.
pub(super) fn origins(text: &str) -> Result<Vec<String>, InvalidSetting> {
    let text = text.trim_ascii();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let origins: Vec<&str> = text.split(',').map(str::trim_ascii).collect();
    if text == "*" || origins.iter().all(|origin| is_origin(origin)) {
        return Ok(origins.into_iter().map(str::to_owned).collect());
    }
    Err(wrong(
        "TOLLGATE_CORS_ORIGINS",
        "must be origins as browsers send them, such as `https://app.example`, separated by commas (in lower case, without a path \
         or the usual port), or `*` alone",
    ))
}

/// Whether a browser can send exactly this text as the `Origin` of a page. Any other text would
/// never match.
fn is_origin(origin: &str) -> bool {
    let (rest, usual) = match (
        origin.strip_prefix("https://"),
        origin.strip_prefix("http://"),
    ) {
        (Some(rest), _) => (rest, 443),
        (_, Some(rest)) => (rest, 80),
        _ => return false,
    };
    let is_ipv6 = rest.starts_with('[');
    let end = match is_ipv6 {
        true => rest.find(']').map_or(0, |at| at + 1),
        false => rest.find(':').unwrap_or(rest.len()),
    };
    let (host, port) = rest.split_at(end);
    let host_fits = |b: u8| match is_ipv6 {
        true => matches!(b, b'0'..=b'9' | b'a'..=b'f' | b':' | b'.' | b'[' | b']'),
        false => matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_'),
    };
    let port_fits = |port: &str| {
        let number = port.parse::<u16>();
        number.is_ok_and(|number| number > 0 && number != usual && number.to_string() == port)
    };
    host.len() > if is_ipv6 { 2 } else { 0 }
        && host.bytes().all(host_fits)
        && (port.is_empty() || port.strip_prefix(':').is_some_and(port_fits))
}
