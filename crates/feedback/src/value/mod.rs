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
/// 9110, 5.3 and 5.6.1): parts that are empty are none. One part where nothing else would be, or
/// where it may be one number with its thousands set apart.
pub(crate) fn parts(value: &str) -> impl Iterator<Item = &str> {
    let is_one = has_thousands(value) || split(value).all(str::is_empty);
    let all = split(value).filter(move |part| !is_one && !part.is_empty());
    is_one.then_some(value).into_iter().chain(all)
}

/// What stands between commas. The one behind the day of the week is one of an HTTP date.
fn split(value: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(value);
    core::iter::from_fn(move || {
        let text = rest?;
        let mut commas = text.match_indices(',').map(|(at, _)| at);
        let end = commas.find(|&at| !ends_in_weekday(&text[..at]));
        rest = end.map(|at| &text[at + 1..]);
        Some(text[..end.unwrap_or(text.len())].trim_matches([' ', '\t']))
    })
}

fn ends_in_weekday(text: &str) -> bool {
    let word = text.trim_start_matches([' ', '\t']);
    civil::is_weekday(word)
}

/// Whether a value is `1,000`, which may be a number as well as two.
fn has_thousands(value: &str) -> bool {
    let is_number = |part: &str| part.bytes().all(|it| it.is_ascii_digit());
    let mut groups = value.split(',');
    let first = groups.next().unwrap_or_default();
    let mut rest = groups.peekable();
    let short = (1..=3).contains(&first.len()) && is_number(first);
    short && rest.peek().is_some() && rest.all(|it| it.len() == 3 && is_number(it))
}
