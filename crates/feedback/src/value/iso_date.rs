//! Dates of ISO 8601 as RFC 3339 writes them.

use tollgate_core::Timestamp;

use super::civil::{digits, time, Civil};

/// The instant of `2026-11-27T02:59:36.5Z`, rounded up to milliseconds. Between date and time may
/// stand a space, the seconds may be left out (Jira), and the offset may have no colon (`+0200`).
/// Without an offset nobody knows which instant is meant, so that is none.
pub(crate) fn iso_date(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (shown, offset) = rest.split_at(rest.find(['Z', 'z', '+', '-'])?);
    let mut parts = date.splitn(3, '-');
    let mut next = |count| parts.next().and_then(|it| digits(it, count));
    let civil = Civil {
        year: next(4)?,
        month: next(2)?,
        day: next(2)?,
        time: time_of_day(shown)?,
    };
    civil.instant(ahead(offset)?)
}

/// `02:59`, `02:59:36` or `02:59:36.5`, in milliseconds.
fn time_of_day(shown: &str) -> Option<i64> {
    match shown.split_at_checked(8) {
        Some((seconds, fraction)) => Some(time(seconds)? + millis(fraction)?),
        None => time(&format!("{shown}:00")),
    }
}

/// `.5` or nothing, in milliseconds, rounded up.
fn millis(fraction: &str) -> Option<i64> {
    if fraction.is_empty() {
        return Some(0);
    }
    let decimals = fraction.strip_prefix('.')?;
    if decimals.is_empty() || !decimals.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    let (first, rest) = decimals.split_at(decimals.len().min(3));
    let whole = format!("{first:0<3}").parse::<i64>().ok()?;
    Some(whole + i64::from(rest.bytes().any(|it| it != b'0')))
}

/// `Z`, `+02:00` or `-0530`, in milliseconds.
fn ahead(offset: &str) -> Option<i64> {
    if offset.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, rest) = offset.split_at_checked(1)?;
    let (hours, minutes) = rest.split_at_checked(2)?;
    let minutes = minutes.strip_prefix(':').unwrap_or(minutes);
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    let ahead = (hours * 60 + minutes) * 60_000;
    let there = hours <= 23 && minutes <= 59;
    there.then_some(if sign == "-" { -ahead } else { ahead })
}
