//! Numbers as JSON callers write them: integers that every JSON reader keeps exact, and decimals
//! kept as exact fractions of their text.
//!
//! Both are read from the digits of the JSON text and never pass through a floating point number:
//! `1.0` and `1e3` are integers, `0.1` is a tenth, and 9007199254740993 is refused instead of
//! becoming its even neighbour.

use core::fmt;

use thiserror::Error;

/// 2^53: the largest magnitude of an integer that JSON carries exactly. Limits, capacities and
/// costs end here.
pub const MAX_SAFE: u64 = 1 << 53;

/// A positive decimal number, exactly as written: `mantissa / 10^scale`, with no trailing zeros
/// after the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal {
    mantissa: u64,
    scale: u8,
}

impl Decimal {
    /// The most digits after the point: a nano-unit.
    pub const MAX_SCALE: u8 = 9;

    /// `mantissa / 10^scale`, brought to its shortest form. `None` when zero, above 2^53, or finer
    /// than [`Decimal::MAX_SCALE`].
    pub fn new(mut mantissa: u64, mut scale: u8) -> Option<Decimal> {
        while scale > 0 && mantissa.is_multiple_of(10) && mantissa > 0 {
            mantissa /= 10;
            scale -= 1;
        }
        let fits = mantissa > 0
            && scale <= Decimal::MAX_SCALE
            && u128::from(mantissa) <= u128::from(MAX_SAFE) * 10u128.pow(u32::from(scale));
        fits.then_some(Decimal { mantissa, scale })
    }

    /// Reads JSON number text, exponents included: above 0 and at most 2^53.
    ///
    /// Programs print rates with as many digits as a floating point number has. Decimals beyond the
    /// ninth are dropped, and beyond the eighteenth or nineteenth digit where the whole part is
    /// long: the result is never above the number, and below it by less than one in its last place.
    ///
    /// ```
    /// # use tollgate_core::number::Decimal;
    /// assert_eq!(Decimal::parse("1.50"), Ok(Decimal::new(15, 1).unwrap()));
    /// assert_eq!(Decimal::parse("25e-4").unwrap().to_string(), "0.0025");
    /// assert_eq!(Decimal::parse("1.6666666666666667").unwrap().to_string(), "1.666666666");
    /// assert!(Decimal::parse("0").is_err());
    /// assert!(Decimal::parse("1e-10").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Decimal, InvalidNumber> {
        let number = JsonNumber::parse(text)?;
        if number.negative || number.is_zero() {
            return Err(InvalidNumber::OutOfRange);
        }
        let decimals = number.exponent.min(0).unsigned_abs();
        let mut scale = decimals.min(u64::from(Decimal::MAX_SCALE));
        let mut mantissa = number
            .shortened(decimals - scale, number.exponent.max(0))
            .filter(|&mantissa| mantissa <= u128::from(MAX_SAFE) * 10u128.pow(scale as u32))
            .ok_or(InvalidNumber::OutOfRange)?;
        if mantissa == 0 {
            return Err(InvalidNumber::TooSmall);
        }
        // 2^53 itself has 16 digits, so this ends with decimals left.
        while mantissa > u128::from(u64::MAX) {
            mantissa /= 10;
            scale -= 1;
        }
        // At most `MAX_SCALE` and `u64::MAX`, so both fit.
        Decimal::new(mantissa as u64, scale as u8).ok_or(InvalidNumber::OutOfRange)
    }

    /// The digits without the point.
    pub const fn mantissa(self) -> u64 {
        self.mantissa
    }

    /// How many digits stand after the point, 0 to 9.
    pub const fn scale(self) -> u8 {
        self.scale
    }
}

impl fmt::Display for Decimal {
    /// Plain digits, never an exponent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = 10u64.pow(u32::from(self.scale));
        write!(f, "{}", self.mantissa / one)?;
        if self.scale > 0 {
            write!(
                f,
                ".{:0width$}",
                self.mantissa % one,
                width = usize::from(self.scale)
            )?;
        }
        Ok(())
    }
}

/// Why a JSON number is not one that Tollgate can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidNumber {
    /// The text is no JSON number.
    #[error("must be a number")]
    NotANumber,
    /// It is a number with a fraction where a whole one is needed.
    #[error("must be a whole number")]
    NotWhole,
    /// It is beyond 2^53 or, where only numbers above zero are meant, not above zero.
    #[error("must be between the bounds")]
    OutOfRange,
    /// It is above zero, and below one in the ninth decimal.
    #[error("must be at least 0.000000001")]
    TooSmall,
}

/// Reads JSON number text as a whole number between -2^53 and 2^53; `1.0`, `1e3` and `-0` are
/// whole.
///
/// ```
/// # use tollgate_core::number::{integer, InvalidNumber};
/// assert_eq!(integer("-1.20e2"), Ok(-120));
/// assert_eq!(integer("9007199254740993"), Err(InvalidNumber::OutOfRange));
/// ```
pub fn integer(text: &str) -> Result<i64, InvalidNumber> {
    let number = JsonNumber::parse(text)?;
    if number.exponent < 0 {
        return Err(InvalidNumber::NotWhole);
    }
    let magnitude = number
        .shortened(0, number.exponent)
        .filter(|&magnitude| magnitude <= u128::from(MAX_SAFE))
        .ok_or(InvalidNumber::OutOfRange)?;
    // At most 2^53, so the cast and the sign are exact.
    let magnitude = magnitude as i64;
    Ok(if number.negative {
        -magnitude
    } else {
        magnitude
    })
}

/// The parts of a JSON number: `digits * 10^exponent`, where the digits end in no zero unless all
/// are zero (then the exponent is 0).
struct JsonNumber<'a> {
    negative: bool,
    /// Digits before the point, and after it. Leading zeros may stand there.
    digits: (&'a str, &'a str),
    exponent: i64,
}

impl<'a> JsonNumber<'a> {
    fn parse(text: &'a str) -> Result<JsonNumber<'a>, InvalidNumber> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, rest) = split_digits(rest);
        let (fraction, rest) = match rest.strip_prefix('.') {
            Some(rest) => split_digits(rest),
            None => ("0", rest),
        };
        let lone_zero = whole.len() == 1 || !whole.starts_with('0');
        if whole.is_empty() || !lone_zero || fraction.is_empty() {
            return Err(InvalidNumber::NotANumber);
        }
        let written = match rest.strip_prefix(['e', 'E']) {
            Some(exponent) => parse_exponent(exponent)?,
            None if rest.is_empty() => 0,
            None => return Err(InvalidNumber::NotANumber),
        };
        Ok(JsonNumber::normal(negative, whole, fraction, written))
    }

    /// Moves trailing zeros from the digits into the exponent.
    fn normal(negative: bool, whole: &'a str, fraction: &'a str, written: i64) -> JsonNumber<'a> {
        let fraction = fraction.trim_end_matches('0');
        let kept = match fraction {
            "" => whole.trim_end_matches('0'),
            _ => whole,
        };
        let dropped = (whole.len() - kept.len()) as i64;
        let zero = kept.is_empty() && fraction.is_empty();
        let exponent = written
            .saturating_add(dropped)
            .saturating_sub(fraction.len() as i64);
        JsonNumber {
            negative,
            digits: (kept, fraction),
            exponent: if zero { 0 } else { exponent },
        }
    }

    const fn is_zero(&self) -> bool {
        self.digits.0.is_empty() && self.digits.1.is_empty()
    }

    /// The digits without the last `dropped`, times `10^zeros`; `None` when that does not fit.
    fn shortened(&self, dropped: u64, zeros: i64) -> Option<u128> {
        let length = (self.digits.0.len() + self.digits.1.len()) as u64;
        // What is kept is at most the length, which is a `usize`.
        let kept = length.saturating_sub(dropped) as usize;
        let mut digits = self
            .digits
            .0
            .bytes()
            .chain(self.digits.1.bytes())
            .take(kept);
        let value = digits.try_fold(0u128, |value, digit| {
            value.checked_mul(10)?.checked_add(u128::from(digit - b'0'))
        })?;
        let power = 10u128.checked_pow(u32::try_from(zeros).ok()?)?;
        value.checked_mul(power)
    }
}

/// The digits in front, and the rest.
fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

/// The number after `e`, clamped far outside anything that fits, so that no length of it can
/// overflow.
fn parse_exponent(text: &str) -> Result<i64, InvalidNumber> {
    const FAR: i64 = 1 << 40;
    let (sign, text) = match text.as_bytes().first() {
        Some(b'-') => (-1, &text[1..]),
        Some(b'+') => (1, &text[1..]),
        _ => (1, text),
    };
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(InvalidNumber::NotANumber);
    }
    let size = text
        .bytes()
        .fold(0, |n: i64, b| (n * 10 + i64::from(b - b'0')).min(FAR));
    Ok(sign * size)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whole_numbers_are_read_however_json_writes_them() {
        let table = [
            ("0", 0),
            ("-0", 0),
            ("0.0", 0),
            ("0e999999999999999999999", 0),
            ("-0.00e-5", 0),
            ("7", 7),
            ("-7", -7),
            ("1.0", 1),
            ("1e3", 1_000),
            ("1E+3", 1_000),
            ("1.5e1", 15),
            ("1200e-2", 12),
            ("10.00", 10),
            ("0.0001e4", 1),
            ("9007199254740992", 1 << 53),
            ("-9007199254740992", -(1 << 53)),
            ("9007199254740992.0", 1 << 53),
            ("9.007199254740992e15", 1 << 53),
            ("90071992547409920000000e-7", 1 << 53),
        ];
        for (text, value) in table {
            assert_eq!(integer(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn other_integers_are_refused_with_the_reason() {
        use InvalidNumber::{NotANumber, NotWhole, OutOfRange};
        let table = [
            ("9007199254740993", OutOfRange),
            ("-9007199254740993", OutOfRange),
            ("18446744073709551616", OutOfRange),
            ("1e16", OutOfRange),
            ("1e99999999999999999999999999", OutOfRange),
            ("1.5", NotWhole),
            ("1e-1", NotWhole),
            ("0.1", NotWhole),
            ("9007199254740992.5", NotWhole),
            ("1e-99999999999999999999999999", NotWhole),
            ("", NotANumber),
            ("-", NotANumber),
            ("+1", NotANumber),
            ("01", NotANumber),
            ("00", NotANumber),
            ("1.", NotANumber),
            (".5", NotANumber),
            ("1e", NotANumber),
            ("1e+", NotANumber),
            ("1e5x", NotANumber),
            ("1e++5", NotANumber),
            ("0x10", NotANumber),
            (" 1", NotANumber),
            ("1 ", NotANumber),
            ("NaN", NotANumber),
            ("Infinity", NotANumber),
            ("--1", NotANumber),
            ("1,0", NotANumber),
            ("٣", NotANumber),
        ];
        for (text, problem) in table {
            assert_eq!(integer(text), Err(problem), "{text}");
        }
    }

    #[test]
    fn decimals_keep_exactly_what_was_written() {
        let table = [
            ("0.11", (11, 2)),
            ("1.67", (167, 2)),
            ("100", (100, 0)),
            ("1.0", (1, 0)),
            ("0.000000001", (1, 9)),
            ("1e-9", (1, 9)),
            ("1.5e2", (150, 0)),
            ("2.50E-1", (25, 2)),
            ("9007199254740992", (1 << 53, 0)),
            ("0.10000000000000000000000000000000000000000", (1, 1)),
            ("1000000000.123456789", (1_000_000_000_123_456_789, 9)),
        ];
        for (text, (mantissa, scale)) in table {
            assert_eq!(
                Decimal::parse(text).map(|d| (d.mantissa(), d.scale())),
                Ok((mantissa, scale)),
                "{text}"
            );
        }
    }

    #[test]
    fn decimals_beyond_those_that_are_kept_round_down() {
        let table = [
            ("1.6666666666666667", "1.666666666"),
            ("0.1111111111111111", "0.111111111"),
            ("0.0016666666666666668", "0.001666666"),
            ("16.666666666666668", "16.666666666"),
            ("1.0000000001", "1"),
            ("0.9999999999", "0.999999999"),
            ("0.0000000019", "0.000000001"),
            ("1.9e-9", "0.000000001"),
            ("1E-7", "0.0000001"),
            ("1.0E-7", "0.0000001"),
            ("1e-07", "0.0000001"),
            ("2.7777777777777777e-5", "0.000027777"),
            ("99999999999.123456789", "99999999999.12345678"),
            ("9007199254740991.999999999", "9007199254740991.999"),
            ("9007199254740992.0000000001", "9007199254740992"),
        ];
        for (text, kept) in table {
            let read = Decimal::parse(text).map(|decimal| decimal.to_string());
            assert_eq!(read.as_deref(), Ok(kept), "{text}");
        }
        let long = format!("0.{}", "3".repeat(60_000));
        assert_eq!(Decimal::parse(&long).unwrap().to_string(), "0.333333333");
    }

    /// `digits * 10^exponent` written out: its whole part without leading zeros, and its decimals.
    fn written_out(digits: &str, exponent: i32) -> (String, String) {
        let zeros = "0".repeat(64);
        let point = 64 + digits.len() as i32 + exponent;
        let all = format!("{zeros}{digits}{zeros}");
        let (whole, decimals) = all.split_at(point as usize);
        let whole = whole.trim_start_matches('0').to_owned();
        (whole, decimals.to_owned())
    }

    /// The digits of a number with nine decimals, without the point.
    fn nine_decimals(whole: &str, decimals: &str) -> String {
        format!("{whole}{:0<9.9}", decimals)
    }

    #[test]
    fn other_decimals_are_refused_with_the_reason() {
        use InvalidNumber::{NotANumber, OutOfRange, TooSmall};
        let table = [
            ("0", OutOfRange),
            ("0.000", OutOfRange),
            ("-1", OutOfRange),
            ("-0.5", OutOfRange),
            ("9007199254740993", OutOfRange),
            ("9007199254740992.1", OutOfRange),
            ("9007199254740992.000000001", OutOfRange),
            ("1e16", OutOfRange),
            ("1e400", OutOfRange),
            ("99999999999999999999999", OutOfRange),
            ("0.0000000001", TooSmall),
            (
                "0.0000000009999999999999999999999999999999999999999999",
                TooSmall,
            ),
            ("1e-10", TooSmall),
            ("1e-400", TooSmall),
            ("1e-99999999999999999999999999", TooSmall),
            ("1.2.3", NotANumber),
            ("\"1\"", NotANumber),
        ];
        for (text, problem) in table {
            assert_eq!(Decimal::parse(text), Err(problem), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn every_safe_integer_reads_back(value in -(1i64 << 53)..=(1i64 << 53)) {
            prop_assert_eq!(integer(&value.to_string()), Ok(value));
        }

        #[test]
        fn an_exponent_moves_the_point_and_nothing_else(value in -9_999_999i64..9_999_999, zeros in 0usize..9) {
            let text = format!("{value}{}e-{zeros}", "0".repeat(zeros));
            prop_assert_eq!(integer(&text), Ok(value));
        }

        #[test]
        fn every_decimal_reads_back(mantissa in 1u64..=MAX_SAFE, scale in 0u8..=9) {
            let decimal = Decimal::new(mantissa, scale).unwrap();
            prop_assert_eq!(Decimal::parse(&decimal.to_string()), Ok(decimal));
        }

        #[test]
        fn no_rate_is_above_its_text_or_a_last_place_below_it(
            whole in "0|[1-9][0-9]{0,14}",
            decimals in "[0-9]{1,30}",
            exponent in -30i32..=3,
            mark in "[eE]",
            signed in any::<bool>(),
        ) {
            let plus = if signed && exponent >= 0 { "+" } else { "" };
            let text = format!("{whole}.{decimals}{mark}{plus}{exponent}");
            let (exact, places) =
                written_out(&format!("{whole}{decimals}"), exponent - decimals.len() as i32);
            let exact = nine_decimals(&exact, &places);
            let read = Decimal::parse(&text);
            if exact.trim_start_matches('0').is_empty() {
                prop_assert!(read.is_err(), "{} is {:?}", text, read);
                return Ok(());
            }
            if exact.parse::<u128>().unwrap() > u128::from(MAX_SAFE) * 1_000_000_000 {
                prop_assert_eq!(read, Err(InvalidNumber::OutOfRange), "{}", text);
                return Ok(());
            }
            let read = read.unwrap().to_string();
            let (kept, rest) = read.split_once('.').unwrap_or((&read, ""));
            let kept = nine_decimals(kept.trim_start_matches('0'), rest);
            // Nineteen digits are always kept, and nine decimals where they are among them.
            let places = exact.len().min(19);
            prop_assert_eq!(&kept[..places], &exact[..places], "{}", text);
            prop_assert!(kept <= exact, "{} is above {}", read, text);
        }

        #[test]
        fn a_rate_is_read_however_a_program_prints_it(rate in 1e-9f64..9_007_199_254_740_992.0) {
            for text in [format!("{rate}"), format!("{rate:e}"), format!("{rate:E}")] {
                let read: f64 = Decimal::parse(&text).unwrap().to_string().parse().unwrap();
                // Reading the digits back as a floating point number rounds once more.
                prop_assert!(read <= rate && rate - read <= 1e-9 + rate * 1e-15, "{}", text);
            }
        }

        #[test]
        fn what_a_json_reader_calls_a_number_is_one_here(text in "-?[0-9]{1,20}([.][0-9]{0,4})?([eE][+-]?[0-9]{0,3})?") {
            let json = serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok();
            prop_assert_eq!(json, integer(&text) != Err(InvalidNumber::NotANumber));
            prop_assert_eq!(json, Decimal::parse(&text) != Err(InvalidNumber::NotANumber));
        }
    }
}
