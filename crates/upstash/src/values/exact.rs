//! Rounds texts to binary floats that the standard library does not read: hexadecimal floats, and
//! the floats of 64 bits in `extended`, decimal ones too. Redis reads both, and its answers show
//! every digit.
//!
//! The plain way of doing it: the number is held as a fraction of two whole numbers of any length,
//! which are divided.

use std::cmp::Ordering;

use super::natural::Natural;
use super::scan;

/// Bits of a hexadecimal number that are kept exactly: more than any float has, and their half.
const MAX_HEXADECIMAL_BITS: u32 = 128;

/// A number on its way to a binary float.
pub(super) enum Number {
    /// In decimal digits.
    Decimal(Decimal),
    /// A whole number times a power of two, out of hexadecimal digits.
    Binary(Natural, i32),
}

impl Number {
    /// A decimal or hexadecimal number without a sign at the start of `text`, and its length.
    /// Keeps `max` decimal digits exactly.
    pub(super) fn scan(text: &[u8], max: usize) -> Option<(Number, usize)> {
        if let Some(found) = Number::scan_hexadecimal(text) {
            return Some(found);
        }
        let mut number = Decimal::new(max);
        let mut at = scan::digits(text, 10, |digit, fraction| {
            number.push_digit(digit, fraction)
        })?;
        if let Some((exponent, length)) = scan::exponent(&text[at..], b'e') {
            number.scale(exponent);
            at += length;
        }
        Some((Number::Decimal(number), at))
    }

    /// A hexadecimal number without a sign at the start of `text`, and its length. Without a digit
    /// behind it the `x` is not part of the number.
    pub(super) fn scan_hexadecimal(text: &[u8]) -> Option<(Number, usize)> {
        let [b'0', b'x' | b'X', text @ ..] = text else {
            return None;
        };
        let (mut number, mut power) = (Natural::default(), 0);
        let mut at = scan::digits(text, 16, |digit, fraction| {
            // Far beyond what any float holds exactly; what follows can only break a tie.
            if number.bits() < MAX_HEXADECIMAL_BITS {
                number.multiply_add(16, u32::from(digit));
                power -= 4 * i32::from(fraction);
            } else {
                number.set_lowest(digit != 0);
                power += 4 * i32::from(!fraction);
            }
        })?;
        if let Some((exponent, length)) = scan::exponent(&text[at..], b'p') {
            power += exponent;
            at += length;
        }
        Some((Number::Binary(number, power), at + 2))
    }

    /// The nearest double, ties to even; infinity when it is too large.
    pub(super) fn to_double(&self) -> f64 {
        match self.nearest(53, -1074, 1024) {
            Some((mantissa, exponent)) => {
                // The hidden bit of the mantissa carries into the exponent's field.
                let bits = ((i64::from(exponent) + 1074) << 52) as u64 + mantissa as u64;
                f64::from_bits(bits.min(f64::INFINITY.to_bits()))
            }
            None => f64::INFINITY,
        }
    }

    /// Mantissa and exponent: the nearest number, ties to even, that has at most `bits` bits (124
    /// or fewer) and no power of two below `least`. `None` when it is far above two to `max`.
    pub(super) fn nearest(&self, bits: u32, least: i32, max: i32) -> Option<(u128, i32)> {
        match self {
            Number::Decimal(decimal) => {
                // log10(2) is about 0.30103; a little room on both sides.
                let power = |binary: i32| (i64::from(binary) * 30_103 / 100_000) as i32;
                let magnitude = decimal.digits.len() as i32 + decimal.exponent;
                if decimal.digits.is_empty() || magnitude < power(least) - 5 {
                    return Some((0, least));
                }
                if magnitude > power(max) + 5 {
                    return None;
                }
                let (numerator, denominator) = decimal.fraction();
                Some(nearest(numerator, denominator, bits, least))
            }
            Number::Binary(number, power) => {
                let magnitude = number.bits() as i32 + power;
                if number.is_zero() || magnitude < least - 5 {
                    return Some((0, least));
                }
                if magnitude > max + 5 {
                    return None;
                }
                let (mut numerator, mut denominator) = (number.clone(), Natural::from(1));
                let side = if *power < 0 {
                    &mut denominator
                } else {
                    &mut numerator
                };
                side.shift_left(power.unsigned_abs());
                Some(nearest(numerator, denominator, bits, least))
            }
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        match self {
            Number::Decimal(decimal) => decimal.digits.is_empty(),
            Number::Binary(number, _) => number.is_zero(),
        }
    }
}

/// Decimal digits and a power of ten.
pub(super) struct Decimal {
    digits: Vec<u8>,
    exponent: i32,
    /// How many digits are kept exactly.
    max: usize,
}

impl Decimal {
    /// None yet. Keeps so many digits exactly, and of the others whether any was not 0.
    pub(super) fn new(max: usize) -> Decimal {
        Decimal {
            digits: Vec::new(),
            exponent: 0,
            max,
        }
    }

    /// Appends the next digit (0 to 9); `fraction` when it stands behind the point.
    pub(super) fn push_digit(&mut self, digit: u8, fraction: bool) {
        if self.digits.len() <= self.max {
            if digit != 0 || !self.digits.is_empty() {
                self.digits.push(digit);
            }
            self.exponent -= i32::from(fraction);
        } else {
            // Too far behind to count, but it can break a tie.
            if digit != 0 {
                self.digits[self.max] |= 1;
            }
            self.exponent += i32::from(!fraction);
        }
    }

    /// Multiplies by ten to the `exponent`.
    pub(super) fn scale(&mut self, exponent: i32) {
        self.exponent = self.exponent.saturating_add(exponent);
    }

    fn fraction(&self) -> (Natural, Natural) {
        let mut numerator = Natural::default();
        for part in self.digits.chunks(9) {
            let shown =
                |(factor, sum): (u32, u32), &digit: &u8| (factor * 10, sum * 10 + u32::from(digit));
            let (factor, sum) = part.iter().fold((1, 0), shown);
            numerator.multiply_add(factor, sum);
        }
        let mut denominator = Natural::from(1);
        let side = if self.exponent < 0 {
            &mut denominator
        } else {
            &mut numerator
        };
        side.multiply_by_ten_to(self.exponent.unsigned_abs());
        (numerator, denominator)
    }
}

/// Mantissa and exponent of the nearest number to the fraction, ties to even: see
/// [`Number::nearest`].
fn nearest(mut numerator: Natural, mut denominator: Natural, bits: u32, least: i32) -> (u128, i32) {
    // One or two bits of quotient more than are wanted, to round by; or fewer where the lowest
    // power is reached.
    let length = numerator.bits() as i32 - denominator.bits() as i32;
    let mut exponent = (length - bits as i32 - 1).max(least - 1);
    if exponent < 0 {
        numerator.shift_left(exponent.unsigned_abs());
    } else {
        denominator.shift_left(exponent.unsigned_abs());
    }
    denominator.shift_left(bits + 2);
    let mut quotient: u128 = 0;
    for _ in 0..=bits + 2 {
        quotient <<= 1;
        if numerator.compare(&denominator) != Ordering::Less {
            numerator.subtract(&denominator);
            quotient |= 1;
        }
        numerator.shift_left(1);
    }
    let mut sticky = !numerator.is_zero();
    if quotient >> (bits + 1) > 0 {
        sticky |= quotient & 1 == 1;
        quotient >>= 1;
        exponent += 1;
    }
    let half = quotient & 1 == 1;
    let mut mantissa = quotient >> 1;
    mantissa += u128::from(half && (sticky || mantissa & 1 == 1));
    exponent += 1;
    // Rounding up may have made it a power of two with a bit too many.
    if mantissa >> bits > 0 {
        mantissa >>= 1;
        exponent += 1;
    }
    (mantissa, exponent)
}
