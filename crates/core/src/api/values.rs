//! What one JSON value means, read from its text: the strict types, and nothing between them.

use std::borrow::Cow;

use super::{bytes_between, Problem, Unit};
use crate::duration::InvalidDuration;
use crate::number::{self, Decimal, InvalidNumber};
use crate::Duration;

/// What a string must be whose escapes do not stand for text.
pub(super) const WHOLE_TEXT: Problem = Problem::Malformed {
    expected: "text of whole characters, without half a surrogate pair",
};
const DURATION: &str = "a duration: whole milliseconds, or text such as \"15m\"";

/// What a string stands for; `expected` says what a value of another type should have been.
pub(super) fn string<'a>(value: &'a str, expected: &'static str) -> Result<Cow<'a, str>, Problem> {
    let inner = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let inner = inner.ok_or(Problem::WrongType { expected })?;
    if !inner.contains('\\') {
        return Ok(Cow::Borrowed(inner));
    }
    serde_json::from_str(value)
        .map(Cow::Owned)
        .map_err(|_| WHOLE_TEXT)
}

/// A string of `min` to `max` bytes.
pub(super) fn text(value: &str, (min, max): (usize, usize)) -> Result<Cow<'_, str>, Problem> {
    let text = string(value, "a string")?;
    if (min..=max).contains(&text.len()) {
        Ok(text)
    } else {
        Err(bytes_between(min, max))
    }
}

/// A whole number within bounds, both inclusive.
pub(super) fn integer(value: &str, bounds: (i64, i64)) -> Result<i64, Problem> {
    whole(value, bounds, Unit::None, "a whole number")
}

/// What a number above zero is whose bounds are those of [`Decimal`].
pub(super) const DECIMAL: &str = "a number between 0.000000001 and 9007199254740992";

/// A number above zero; decimals beyond the ninth round down. `expected` says the bounds that hold
/// for it.
pub(super) fn decimal(value: &str, expected: &'static str) -> Result<Decimal, Problem> {
    Decimal::parse(value).map_err(|error| match error {
        InvalidNumber::NotANumber => Problem::WrongType {
            expected: "a number",
        },
        _ => Problem::Malformed { expected },
    })
}

/// A duration within bounds, both inclusive: a text, or whole milliseconds.
pub(super) fn duration(value: &str, (min, max): (Duration, Duration)) -> Result<Duration, Problem> {
    // What comes from a request is at most 2^53, and so are the bounds.
    let bounds = (min.as_millis() as i64, max.as_millis() as i64);
    let unit = Unit::Millis;
    if !value.starts_with('"') {
        let millis = whole(value, bounds, unit, DURATION)?;
        return Ok(Duration::from_millis(millis.unsigned_abs()));
    }
    match string(value, DURATION)?.parse::<Duration>() {
        Ok(length) if (min..=max).contains(&length) => Ok(length),
        Ok(_) | Err(InvalidDuration::TooLong) => {
            let (min, max) = bounds;
            Err(Problem::OutOfRange { min, max, unit })
        }
        Err(InvalidDuration::Malformed) => Err(Problem::Malformed {
            expected: Duration::GRAMMAR,
        }),
    }
}

/// `true` or `false`.
pub(super) fn boolean(value: &str) -> Result<bool, Problem> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Problem::WrongType {
            expected: "true or false",
        }),
    }
}

fn whole(
    value: &str,
    (min, max): (i64, i64),
    unit: Unit,
    expected: &'static str,
) -> Result<i64, Problem> {
    match number::integer(value) {
        Ok(value) if (min..=max).contains(&value) => Ok(value),
        Ok(_) | Err(InvalidNumber::OutOfRange) => Err(Problem::OutOfRange { min, max, unit }),
        Err(_) => Err(Problem::WrongType { expected }),
    }
}
