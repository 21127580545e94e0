//! Floats with a mantissa of 64 bits, as `long double` is on the processors that Redis mostly runs
//! on: what `INCRBYFLOAT` calculates with. Their sums are rounded to the nearest, ties to even, and
//! printed as C's `%.17Lf` prints them. The standard library has no such floats.

use std::cmp::Ordering;

use super::exact::Number;
use super::natural::Natural;
use super::scan;

/// The longest text that Redis reads as such a number, bytes.
const MAX_TEXT: usize = 5 * 1024 - 1;

/// Bits of a mantissa.
const BITS: u32 = 64;

/// The lowest power of two: that of the smallest number above zero.
const MIN_EXPONENT: i32 = -16_445;

/// Every number is below two to this.
const MAX_POWER: i32 = 16_384;

/// Digits behind the point.
const PLACES: u32 = 17;

/// More bits than any number below two to 64 has times ten to 17.
const PLACED_BITS: u32 = 124;

/// A number, which may be infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Extended {
    negative: bool,
    mantissa: u128,
    /// The mantissa counts so many times two to this.
    exponent: i32,
    infinite: bool,
}

impl Extended {
    const ZERO: Extended = Extended {
        negative: false,
        mantissa: 0,
        exponent: 0,
        infinite: false,
    };

    /// Reads a text as Redis reads a float: the whole of it, no space before it, infinity allowed;
    /// a number is refused when it is too large, or so small that nothing is left.
    pub(crate) fn parse(text: &[u8]) -> Option<Extended> {
        if text.len() > MAX_TEXT {
            return None;
        }
        let (negative, start) = scan::sign(text);
        let rest = &text[start..];
        if let Some((value, length)) = scan::word(rest) {
            let infinite = length == rest.len() && value.is_infinite();
            return infinite.then_some(Extended {
                infinite,
                ..Extended::ZERO
            });
        }
        let (number, length) = Number::scan(rest, MAX_TEXT)?;
        let (mantissa, exponent) = number.nearest(BITS, MIN_EXPONENT, MAX_POWER)?;
        let vanished = mantissa == 0 && !number.is_zero();
        if length != rest.len() || vanished {
            return None;
        }
        finite(negative, mantissa, exponent)
    }

    /// What calculating with it counts in members looked at: a high or low power of two is held as
    /// a long integer.
    pub(crate) fn looks(self) -> usize {
        self.exponent.unsigned_abs() as usize / 4
    }

    pub(crate) fn is_infinite(self) -> bool {
        self.infinite
    }

    /// The sum; `None` when it is no number or infinite.
    pub(crate) fn plus(self, other: Extended) -> Option<Extended> {
        if self.infinite || other.infinite {
            return None;
        }
        let exponent = self.exponent.min(other.exponent);
        let (mut sum, mut part) = (self.whole(exponent), other.whole(exponent));
        let mut negative = self.negative;
        if self.negative == other.negative {
            sum.add(&part);
        } else {
            if sum.compare(&part) == Ordering::Less {
                std::mem::swap(&mut sum, &mut part);
                negative = other.negative;
            }
            sum.subtract(&part);
        }
        let (mantissa, exponent) =
            Number::Binary(sum, exponent).nearest(BITS, MIN_EXPONENT, MAX_POWER)?;
        finite(negative, mantissa, exponent)
    }

    /// How many times two to a power it is, which is not above its own.
    fn whole(self, exponent: i32) -> Natural {
        let mut whole = Natural::from(self.mantissa);
        whole.shift_left(self.exponent.abs_diff(exponent));
        whole
    }

    /// With up to 17 digits behind the point, without zeros at the end. Not for infinity.
    pub(crate) fn text(self) -> Vec<u8> {
        let (mut digits, mut places) = (Vec::new(), 0);
        if self.exponent >= 0 {
            digits = self.whole(0).into_digits();
        } else {
            let mut scaled = Natural::from(self.mantissa);
            scaled.multiply_by_ten_to(PLACES);
            let rounded = Number::Binary(scaled, self.exponent).nearest(PLACED_BITS, 0, MAX_POWER);
            if let Some((rounded, _)) = rounded {
                digits = Natural::from(rounded).into_digits();
                places = PLACES as usize;
            }
        }
        while places > 0 && digits.last() == Some(&b'0') {
            digits.pop();
            places -= 1;
        }
        if digits.is_empty() {
            return vec![b'0'];
        }
        let mut text = Vec::with_capacity(digits.len() + places + 2);
        if self.negative {
            text.push(b'-');
        }
        let whole = digits.len().saturating_sub(places);
        text.extend_from_slice(if whole == 0 { b"0" } else { &digits[..whole] });
        if places > 0 {
            text.push(b'.');
            text.resize(text.len() + places.saturating_sub(digits.len()), b'0');
            text.extend_from_slice(&digits[whole..]);
        }
        text
    }
}

/// A number, unless it is too large.
fn finite(negative: bool, mantissa: u128, exponent: i32) -> Option<Extended> {
    if mantissa == 0 {
        return Some(Extended::ZERO);
    }
    let length = (u128::BITS - mantissa.leading_zeros()) as i32;
    (exponent + length <= MAX_POWER).then_some(Extended {
        negative,
        mantissa,
        exponent,
        infinite: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(a: &str, b: &str) -> Option<String> {
        let read = |text: &str| Extended::parse(text.as_bytes());
        let sum = read(a)?.plus(read(b)?)?;
        Some(String::from_utf8(sum.text()).unwrap())
    }

    #[test]
    fn sums_are_those_of_redis() {
        for (a, b, expected) in [
            ("0", "0.1", "0.1"),
            ("0.1", "0.2", "0.3"),
            ("10.5", "0.1", "10.6"),
            ("5.0e3", "2.0e2", "5200"),
            ("3", "-1.5", "1.5"),
            ("2", "-3", "-1"),
            ("-2.5", "3", "0.5"),
            ("1", "-1", "0"),
            ("-0", "-0", "0"),
            ("0", "-1e-30", "0"),
            ("0", "1e-17", "0.00000000000000001"),
            ("0", "-0.000000000000000006", "-0.00000000000000001"),
            ("0", "1e20", "100000000000000000000"),
            ("9223372036854775807", "1", "9223372036854775808"),
            ("18446744073709551615", "1", "18446744073709551616"),
            ("18446744073709551616", "1", "18446744073709551616"),
            ("18446744073709551616", "3", "18446744073709551620"),
            ("1e19", "0.25", "10000000000000000000"),
            ("0x10", "0x.8p0", "16.5"),
            ("+5", ".5", "5.5"),
        ] {
            assert_eq!(sum(a, b).as_deref(), Some(expected), "{a} {b}");
        }
    }

    #[test]
    fn long_integers_are_counted_and_zero_is_none() {
        let looks = |text: &str| Extended::parse(text.as_bytes()).map(Extended::looks);
        for (text, counted) in [
            ("0", 0),
            ("-0.0", 0),
            ("0.1", 16),
            ("1e20", 0),
            ("1e4930", 4_078),
            ("1e-4940", 4_111),
        ] {
            assert_eq!(looks(text), Some(counted), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_or_too_large_or_lost_is_refused() {
        for text in [
            "", " 1", "1 ", "1x", "nan", "1e5000", "1e-5000", "0x", ".", "1\0",
        ] {
            assert_eq!(Extended::parse(text.as_bytes()), None, "{text}");
        }
        assert!(Extended::parse(&[b'1'; MAX_TEXT]).is_none());
        assert!(Extended::parse(&[b'0'; MAX_TEXT]).is_some());
        assert!(Extended::parse(&[b'0'; MAX_TEXT + 1]).is_none());
        assert_eq!(sum("inf", "1"), None);
        assert_eq!(sum("1.1e4932", "1.1e4932"), None);
        assert!(sum("5e4931", "5e4931").is_some_and(|text| text.len() == 4933));
    }
}
