//! Numbers, times and structured fields, as texts of headers. Each text is the whole of a value or
//! of a part of it, without white space around it.

mod civil;
mod duration;
mod http_date;
mod iso_date;
pub(crate) mod number;
pub(crate) mod structured;
pub(crate) mod when;

pub(crate) use duration::clock;

/// The parts of a header that is a list, or was there several times and has been made one (RFC
/// 9110, 5.3). The comma behind the day of the week is one of an HTTP date.
pub(crate) fn parts(value: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(value);
    core::iter::from_fn(move || {
        let text = rest?;
        let comma = text.match_indices(',').map(|(at, _)| at);
        let mut ends = comma.filter(|&at| !ends_in_weekday(&text[..at]));
        let end = ends.next();
        rest = end.map(|at| &text[at + 1..]);
        Some(text[..end.unwrap_or(text.len())].trim_matches([' ', '\t']))
    })
}

fn ends_in_weekday(text: &str) -> bool {
    let word = text.trim_start_matches([' ', '\t']);
    civil::is_weekday(word)
}
