//! The arithmetic of the scripts as Lua 5.1 and Redis do it: everything is a double, texts become
//! numbers when calculated with.

use crate::bounds::MAX_NUMBER;
use crate::error::RedisError;
use crate::reply::Reply;
use crate::values::number::{double_text, scan_double, EXACT};

/// Lua's complaint about a value that is no number.
const NO_NUMBER: RedisError = RedisError::ScriptArithmetic;

/// `tonumber` of a text.
pub(super) fn to_number(text: &[u8]) -> Option<f64> {
    // No further than a number may be long.
    let text = text.get(..=MAX_NUMBER).unwrap_or(text);
    // The number ends at a zero byte, as the conversion is one of C.
    let text = text.split(|&byte| byte == 0).next()?;
    if text.len() > MAX_NUMBER {
        return None;
    }
    let start = text.iter().position(|&byte| !is_space(byte))?;
    let (value, length) = scan_double(&text[start..])?;
    text[start + length..]
        .iter()
        .all(|&byte| is_space(byte))
        .then_some(value)
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | 9..=13)
}

/// A text that is calculated with.
pub(super) fn number(text: &[u8]) -> Result<f64, RedisError> {
    to_number(text).ok_or(NO_NUMBER)
}

/// An argument that is calculated with; an absent one is an error like any that is no number.
pub(super) fn argument(arguments: &[Vec<u8>], at: usize) -> Result<f64, RedisError> {
    arguments
        .get(at)
        .and_then(|text| to_number(text))
        .ok_or(NO_NUMBER)
}

/// A number that `tonumber` may have left nil, now calculated with.
pub(super) fn present(value: Option<f64>) -> Result<f64, RedisError> {
    value.ok_or(NO_NUMBER)
}

/// An argument that is handed to a command as it is.
pub(super) fn text(arguments: &[Vec<u8>], at: usize) -> Result<&[u8], RedisError> {
    let missing = RedisError::ScriptArgument;
    arguments.get(at).map(|text| &text[..]).ok_or(missing)
}

/// A number handed to a command.
pub(super) fn as_argument(value: f64) -> Vec<u8> {
    double_text(value, EXACT)
}

/// Lua's `%`.
pub(super) fn modulo(a: f64, b: f64) -> f64 {
    a - (a / b).floor() * b
}

/// The part of a window that has passed at `now`.
pub(super) fn passed(now: f64, window: f64) -> f64 {
    modulo(now, window) / window
}

/// `math.min`, which keeps its first argument when the second is no number.
pub(super) fn min(a: f64, b: f64) -> f64 {
    if b < a {
        b
    } else {
        a
    }
}

/// A number as Redis answers it: the fraction is cut off; what does not fit is the smallest
/// integer, as on its processors.
pub(super) fn integer(value: f64) -> Reply {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    let fits = (-LIMIT..LIMIT).contains(&value);
    Reply::Integer(if fits { value as i64 } else { i64::MIN })
}

/// A number or nil.
pub(super) fn integer_or_nil(value: Option<f64>) -> Reply {
    value.map_or(Reply::Nil, integer)
}

/// A table of numbers: it ends at the first nil.
pub(super) fn integers(values: &[Option<f64>]) -> Reply {
    Reply::Array(
        values
            .iter()
            .map_while(|value| value.map(integer))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_numbers_as_in_lua() {
        for (text, value) in [
            (" 12 ", Some(12.0)),
            ("\t1.5e3\n", Some(1500.0)),
            ("12\0abc", Some(12.0)),
            ("1 2", None),
            ("", None),
            ("null", None),
            ("-inf", Some(f64::NEG_INFINITY)),
            (&"1".repeat(100_000), None),
            (&("7\0".to_owned() + &"1".repeat(100_000)), Some(7.0)),
        ] {
            assert_eq!(to_number(text.as_bytes()), value, "{text:?}");
        }
    }

    #[test]
    fn answers_are_cut_and_never_wrapped() {
        for (value, answer) in [
            (1.9, 1),
            (-1.9, -1),
            (-0.0, 0),
            (1e300, i64::MIN),
            (f64::NAN, i64::MIN),
            (-9.3e18, i64::MIN),
        ] {
            assert_eq!(integer(value), Reply::Integer(answer));
        }
        assert_eq!(
            integers(&[Some(1.0), None, Some(2.0)]),
            Reply::Array(vec![Reply::Integer(1)])
        );
        assert_eq!(modulo(-1.0, 3.0), 2.0);
    }
}
