//! Numbers as Redis reads and writes them: strict 64-bit integers, C's `strtod`, and C's `%.17g`.
//!
//! The standard library reads and writes the digits of a double exactly; what is left here is the
//! form that C gives them. Hexadecimal floats, which the library does not read, are in `exact`.

use super::exact::Number;
use super::scan;
use crate::bounds::MAX_NUMBER;

/// Significant digits with which Redis writes any double: enough to read the same double back.
pub const EXACT: usize = 17;

/// An integer, written as Redis wants it: no sign but `-`, no leading zero, no space, within 64
/// bits.
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    let mut value: i64 = 0;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        let digit = i64::from(digit - b'0');
        // Counting downwards reaches i64::MIN, which has no positive counterpart.
        value = value.checked_mul(10)?.checked_sub(digit)?;
    }
    if negative {
        Some(value)
    } else {
        value.checked_neg()
    }
}

/// An integer as text.
pub fn integer_text(value: i64) -> Vec<u8> {
    let mut digits = [0u8; 20];
    let mut start = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        start -= 1;
        digits[start] = b'-';
    }
    digits[start..].to_vec()
}

/// A double as Redis takes it in `ZADD` and its like: the whole text, no space, `inf` allowed,
/// `nan` and overflow not.
pub fn parse_double(text: &[u8]) -> Option<f64> {
    let (value, length) = scan_double(text)?;
    let named = text.iter().any(|byte| byte.eq_ignore_ascii_case(&b'i'));
    if length != text.len() || value.is_nan() || (value.is_infinite() && !named) {
        return None;
    }
    Some(value)
}

/// A double at the start of `text`, as C's `strtod` reads it (without leading space), and its
/// length. A text of more than [`MAX_NUMBER`] bytes is none.
pub fn scan_double(text: &[u8]) -> Option<(f64, usize)> {
    if text.len() > MAX_NUMBER {
        return None;
    }
    let (negative, start) = scan::sign(text);
    let (magnitude, length) = scan_magnitude(&text[start..])?;
    let value = if negative { -magnitude } else { magnitude };
    Some((value, start + length))
}

fn scan_magnitude(text: &[u8]) -> Option<(f64, usize)> {
    if let Some(found) = scan::word(text) {
        return Some(found);
    }
    if let Some((number, length)) = Number::scan_hexadecimal(text) {
        return Some((number.to_double(), length));
    }
    let length = scan::decimal_length(text)?;
    let number = std::str::from_utf8(&text[..length]).ok()?;
    Some((number.parse().ok()?, length))
}

/// A double as C's `%.<precision>g` writes it; `precision` is at least 1.
pub fn double_text(value: f64, precision: usize) -> Vec<u8> {
    if value.is_nan() {
        // What 0/0 prints on the processors Redis runs on, where its sign bit is set.
        return b"-nan".to_vec();
    }
    let negative = value.is_sign_negative();
    let magnitude = value.abs();
    let mut text = Vec::with_capacity(24);
    if negative {
        text.push(b'-');
    }
    if magnitude.is_infinite() {
        text.extend_from_slice(b"inf");
    } else if magnitude < 1e14 && magnitude == magnitude.floor() && precision >= 14 {
        text.extend_from_slice(&integer_text(magnitude as i64));
    } else {
        let (digits, exponent) = digits(magnitude, precision);
        write_general(&mut text, &digits, exponent, precision as i32);
    }
    text
}

/// The first `precision` significant digits of a positive or zero double, rounded half to even, as
/// ASCII without trailing zeros, and the power of ten of the first.
fn digits(value: f64, precision: usize) -> (Vec<u8>, i32) {
    let text = format!("{value:.*e}", precision - 1);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let mut digits: Vec<u8> = mantissa.bytes().filter(|&byte| byte != b'.').collect();
    while digits.len() > 1 && digits.last() == Some(&b'0') {
        digits.pop();
    }
    (digits, exponent.parse().unwrap_or(0))
}

/// Lays out digits (without trailing zeros) of a number `d.ddd` times ten to the `exponent`.
fn write_general(text: &mut Vec<u8>, digits: &[u8], exponent: i32, precision: i32) {
    if exponent < -4 || exponent >= precision {
        text.push(digits[0]);
        if digits.len() > 1 {
            text.push(b'.');
            text.extend_from_slice(&digits[1..]);
        }
        text.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
        if exponent.abs() < 10 {
            text.push(b'0');
        }
        text.extend_from_slice(&integer_text(i64::from(exponent.abs())));
        return;
    }
    if exponent < 0 {
        text.extend_from_slice(b"0.");
        text.resize(text.len() + (-exponent - 1) as usize, b'0');
        text.extend_from_slice(digits);
        return;
    }
    let whole = exponent as usize + 1;
    for at in 0..whole {
        text.push(*digits.get(at).unwrap_or(&b'0'));
    }
    if digits.len() > whole {
        text.push(b'.');
        text.extend_from_slice(&digits[whole..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_taken_exactly_as_redis_takes_them() {
        for (text, value) in [
            ("0", Some(0)),
            ("-0", None),
            ("+1", None),
            ("01", None),
            (" 1", None),
            ("1 ", None),
            ("", None),
            ("-", None),
            ("1.0", None),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("-9223372036854775808", Some(i64::MIN)),
            ("-9223372036854775809", None),
        ] {
            assert_eq!(parse_integer(text.as_bytes()), value, "{text}");
            if let Some(value) = value {
                assert_eq!(integer_text(value), text.as_bytes());
            }
        }
    }

    #[test]
    fn doubles_are_written_as_c_writes_them() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.5, "1.5"),
            (0.1, "0.10000000000000001"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (1e100, "1e+100"),
            (123456789012345680.0, "1.2345678901234568e+17"),
            (0.0001, "0.0001"),
            (0.00001, "1.0000000000000001e-05"),
            (5e-324, "4.9406564584124654e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            // An exact tie goes to the even digit.
            (((1u64 << 50) as f64) + 0.25, "1125899906842624.2"),
            (((1u64 << 50) as f64) + 0.75, "1125899906842624.8"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(String::from_utf8(double_text(value, EXACT)).unwrap(), text);
        }
        assert_eq!(double_text(1.795222800000e12, 14), b"1795222800000");
        assert_eq!(double_text(0.1, 14), b"0.1");
        assert_eq!(double_text(99999999999999.9, 14), b"1e+14");
    }

    #[test]
    fn every_double_reads_back_and_agrees_with_the_standard_library() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for round in 0..4_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let value = match round % 3 {
                0 => f64::from_bits(state),
                1 => (state >> 20) as f64 / 1000.0,
                _ => f64::from_bits(state % (1 << 52)), // without an exponent: subnormal
            };
            if !value.is_finite() {
                continue;
            }
            let text = double_text(value, EXACT);
            assert_eq!(
                parse_double(&text).map(f64::to_bits),
                Some(value.to_bits()),
                "{value:e}"
            );
            for text in [
                format!("{value:e}"),
                format!("{value:.9e}"),
                format!("{}", state >> 3),
            ] {
                let expected: f64 = text.parse().unwrap();
                assert_eq!(parse_double(text.as_bytes()), Some(expected), "{text}");
            }
        }
    }

    #[test]
    fn texts_that_are_no_doubles_are_refused() {
        for text in ["", " 1", "1 ", "1x", "nan", "1e400", ".", "-", "--1", "e5"] {
            assert_eq!(parse_double(text.as_bytes()), None, "{text}");
        }
        for (text, value) in [
            ("1e", 1.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("+3", 3.0),
            ("1e5", 1e5),
            ("-inf", f64::NEG_INFINITY),
        ] {
            assert_eq!(
                scan_double(text.as_bytes()).map(|(value, _)| value),
                Some(value),
                "{text}"
            );
        }
        assert_eq!(scan_double(b"1e"), Some((1.0, 1)));
        let halfway = format!("9007199254740993{}1", ".".to_owned() + &"0".repeat(900));
        assert_eq!(parse_double(halfway.as_bytes()), Some(9007199254740994.0));
        assert_eq!(parse_double(b"9007199254740993"), Some(9007199254740992.0));
        assert_eq!(parse_double(&[b'1'; MAX_NUMBER + 1]), None);
    }
}
