//! Exact conversion between binary floats and decimal digits, with whole numbers of any length.
//!
//! The plain way of doing it: both directions hold the number as a fraction of two long integers
//! and divide. Slow beside the tables that a standard library carries, exact all the same, and only
//! met where a value is no small integer.

use std::cmp::Ordering;

use crate::natural::Natural;

/// More digits than any double needs to be told from its neighbour's half-way point (767).
pub(crate) const MAX_DIGITS: usize = 800;

/// A number on its way to a binary float.
pub(crate) enum Number {
    /// In decimal digits.
    Decimal(Decimal),
    /// A whole number times a power of two, out of hexadecimal digits.
    Binary(Natural, i32),
}

impl Number {
    /// The nearest double, ties to even; infinity when it is too large.
    pub(crate) fn to_double(&self) -> f64 {
        if let Number::Decimal(decimal) = self {
            if let Some(value) = decimal.to_short_double() {
                return value;
            }
        }
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
    /// or fewer) and no power of two below `least`. `None` when it is far above two to `most`.
    pub(crate) fn nearest(&self, bits: u32, least: i32, most: i32) -> Option<(u128, i32)> {
        match self {
            Number::Decimal(decimal) => {
                // log10(2) is about 0.30103; a little room on both sides.
                let power = |binary: i32| (i64::from(binary) * 30_103 / 100_000) as i32;
                let magnitude = decimal.digits.len() as i32 + decimal.exponent;
                if decimal.digits.is_empty() || magnitude < power(least) - 5 {
                    return Some((0, least));
                }
                if magnitude > power(most) + 5 {
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
                if magnitude > most + 5 {
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

    pub(crate) fn is_zero(&self) -> bool {
        match self {
            Number::Decimal(decimal) => decimal.digits.is_empty(),
            Number::Binary(number, _) => number.is_zero(),
        }
    }
}

/// Decimal digits and a power of ten.
pub(crate) struct Decimal {
    digits: Vec<u8>,
    exponent: i32,
    /// How many digits are kept exactly.
    most: usize,
}

impl Decimal {
    /// None yet. Keeps so many digits exactly, and of the others whether any was not 0.
    pub(crate) fn new(most: usize) -> Decimal {
        Decimal {
            digits: Vec::new(),
            exponent: 0,
            most,
        }
    }

    /// Appends the next digit (0 to 9); `fraction` when it stands behind the point.
    pub(crate) fn push_digit(&mut self, digit: u8, fraction: bool) {
        if self.digits.len() <= self.most {
            if digit != 0 || !self.digits.is_empty() {
                self.digits.push(digit);
            }
            self.exponent -= i32::from(fraction);
        } else {
            // Too far behind to count, but it can break a tie.
            if digit != 0 {
                self.digits[self.most] |= 1;
            }
            self.exponent += i32::from(!fraction);
        }
    }

    /// Multiplies by ten to the `exponent`.
    pub(crate) fn scale(&mut self, exponent: i32) {
        self.exponent = self.exponent.saturating_add(exponent);
    }

    /// The double, where one rounding finds it.
    fn to_short_double(&self) -> Option<f64> {
        if self.digits.len() > 15 || !(-22..=22).contains(&self.exponent) {
            return None;
        }
        // Both are exact as doubles, so one multiplication or division rounds once.
        let whole = self
            .digits
            .iter()
            .fold(0u64, |sum, &digit| sum * 10 + u64::from(digit)) as f64;
        let power = (0..self.exponent.abs()).fold(1.0, |power, _| power * 10.0);
        Some(if self.exponent < 0 {
            whole / power
        } else {
            whole * power
        })
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

/// The first `precision` significant digits of a positive or zero double, rounded half to even, as
/// ASCII without trailing zeros, and the power of ten of the first.
pub(crate) fn digits(value: f64, precision: usize) -> (Vec<u8>, i32) {
    if value == 0.0 {
        return (vec![b'0'], 0);
    }
    let bits = value.to_bits();
    let field = (bits >> 52) as i32 & 0x7ff;
    let fraction = bits & ((1 << 52) - 1);
    let (mantissa, binary) = if field == 0 {
        (fraction, -1074)
    } else {
        (fraction | 1 << 52, field - 1075)
    };
    let mut numerator = Natural::from(u128::from(mantissa));
    let mut denominator = Natural::from(1);
    if binary < 0 {
        denominator.shift_left(binary.unsigned_abs());
    } else {
        numerator.shift_left(binary.unsigned_abs());
    }
    let mut exponent = scale_to_one_digit(&mut numerator, &mut denominator);
    let mut digits = Vec::with_capacity(precision + 1);
    for _ in 0..precision {
        let mut digit = b'0';
        while numerator.compare(&denominator) != Ordering::Less {
            numerator.subtract(&denominator);
            digit += 1;
        }
        digits.push(digit);
        numerator.multiply_add(10, 0);
    }
    // The remainder was multiplied by ten, so half of a digit is five denominators.
    denominator.multiply_add(5, 0);
    let odd = digits.last().is_some_and(|digit| digit & 1 == 1);
    let up = match numerator.compare(&denominator) {
        Ordering::Greater => true,
        Ordering::Equal => odd,
        Ordering::Less => false,
    };
    if up && round_up(&mut digits) {
        exponent += 1;
    }
    while digits.len() > 1 && digits.last() == Some(&b'0') {
        digits.pop();
    }
    (digits, exponent)
}

/// Multiplies one side by a power of ten so that the fraction is at least 1 and below 10; answers
/// the power taken out.
fn scale_to_one_digit(numerator: &mut Natural, denominator: &mut Natural) -> i32 {
    // log10(2) is about 1233/4096; the loops below correct the estimate.
    let estimate = ((numerator.bits() as i32 - denominator.bits() as i32) * 1233) >> 12;
    let side = if estimate < 0 {
        &mut *numerator
    } else {
        &mut *denominator
    };
    side.multiply_by_ten_to(estimate.unsigned_abs());
    let mut exponent = estimate;
    while numerator.compare(denominator) == Ordering::Less {
        numerator.multiply_add(10, 0);
        exponent -= 1;
    }
    loop {
        let mut tenfold = denominator.clone();
        tenfold.multiply_add(10, 0);
        if numerator.compare(&tenfold) == Ordering::Less {
            return exponent;
        }
        *denominator = tenfold;
        exponent += 1;
    }
}

/// Adds one to the last digit; true when the number became a power of ten with one digit more.
fn round_up(digits: &mut [u8]) -> bool {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return false;
        }
        *digit = b'0';
    }
    digits[0] = b'1';
    true
}
