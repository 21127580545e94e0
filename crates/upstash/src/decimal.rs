//! Exact conversion between doubles and decimal digits, with whole numbers of any length.
//!
//! The plain way of doing it: both directions hold the number as a fraction of two long integers and divide. Slow beside the
//! tables that a standard library carries, exact all the same, and only met where a value is no small integer.

use std::cmp::Ordering;

/// More digits than any double needs to be told from its neighbour's half-way point (767).
const MAX_DIGITS: usize = 800;

/// A decimal number on its way to a double.
#[derive(Default)]
pub(crate) struct Decimal {
    digits: Vec<u8>,
    exponent: i32,
}

impl Decimal {
    /// Appends the next digit (0 to 9); `fraction` when it stands behind the point.
    pub(crate) fn push_digit(&mut self, digit: u8, fraction: bool) {
        if self.digits.len() <= MAX_DIGITS {
            if digit != 0 || !self.digits.is_empty() {
                self.digits.push(digit);
            }
            self.exponent -= i32::from(fraction);
        } else {
            // Too far behind to count, but it can break a tie.
            if digit != 0 {
                self.digits[MAX_DIGITS] |= 1;
            }
            self.exponent += i32::from(!fraction);
        }
    }

    /// Multiplies by ten to the `exponent`.
    pub(crate) fn scale(&mut self, exponent: i32) {
        self.exponent = self.exponent.saturating_add(exponent);
    }

    /// The nearest double, ties to even; infinity when it is too large.
    pub(crate) fn to_double(&self) -> f64 {
        let magnitude = self.digits.len() as i32 + self.exponent;
        if self.digits.is_empty() || magnitude < -330 {
            return 0.0;
        }
        if magnitude > 310 {
            return f64::INFINITY;
        }
        if self.digits.len() <= 15 && (-22..=22).contains(&self.exponent) {
            // Both are exact as doubles, so one multiplication or division rounds once.
            let whole =
                self.digits
                    .iter()
                    .fold(0u64, |sum, &digit| sum * 10 + u64::from(digit)) as f64;
            let power = (0..self.exponent.abs()).fold(1.0, |power, _| power * 10.0);
            return if self.exponent < 0 {
                whole / power
            } else {
                whole * power
            };
        }
        let mut numerator = Natural::default();
        for &digit in &self.digits {
            numerator.multiply_add(10, u32::from(digit));
        }
        let mut denominator = Natural::from(1);
        let side = if self.exponent < 0 {
            &mut denominator
        } else {
            &mut numerator
        };
        side.multiply_by_ten_to(self.exponent.unsigned_abs());
        nearest(numerator, denominator)
    }
}

/// The double nearest to the fraction, ties to even.
fn nearest(mut numerator: Natural, mut denominator: Natural) -> f64 {
    // 54 or 55 bits of quotient, or fewer where the double has fewer: one more than needed, to round by.
    let shift = (numerator.bits() as i32 - denominator.bits() as i32 - 54).max(-1075);
    if shift < 0 {
        numerator.shift_left(shift.unsigned_abs());
    } else {
        denominator.shift_left(shift.unsigned_abs());
    }
    denominator.shift_left(55);
    let mut quotient: u64 = 0;
    for _ in 0..=55 {
        quotient <<= 1;
        if numerator.compare(&denominator) != Ordering::Less {
            numerator.subtract(&denominator);
            quotient |= 1;
        }
        numerator.shift_left(1);
    }
    let mut sticky = !numerator.is_zero();
    let mut exponent = shift;
    while quotient >= 1 << 54 {
        sticky |= quotient & 1 == 1;
        quotient >>= 1;
        exponent += 1;
    }
    let half = quotient & 1 == 1;
    let mut mantissa = quotient >> 1;
    exponent += 1;
    if half && (sticky || mantissa & 1 == 1) {
        mantissa += 1;
    }
    // The hidden bit of the mantissa carries into the exponent's field, and so does rounding up to the next power of two.
    let bits = ((i64::from(exponent) + 1074) << 52) as u64 + mantissa;
    f64::from_bits(bits.min(f64::INFINITY.to_bits()))
}

/// The first `precision` significant digits of a positive or zero double, rounded half to even, as ASCII without trailing
/// zeros, and the power of ten of the first.
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
    let mut numerator = Natural::from(mantissa);
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

/// Multiplies one side by a power of ten so that the fraction is at least 1 and below 10; answers the power taken out.
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

/// A natural number of any length: 32 bits a limb, the lowest first, no zero limb at the end.
#[derive(Clone, Default)]
struct Natural(Vec<u32>);

impl From<u64> for Natural {
    fn from(value: u64) -> Self {
        let mut number = Natural(vec![value as u32, (value >> 32) as u32]);
        number.trim();
        number
    }
}

impl Natural {
    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    fn bits(&self) -> u32 {
        self.0
            .last()
            .map_or(0, |top| self.0.len() as u32 * 32 - top.leading_zeros())
    }

    fn multiply_add(&mut self, factor: u32, summand: u32) {
        let mut carry = u64::from(summand);
        for limb in &mut self.0 {
            carry += u64::from(*limb) * u64::from(factor);
            *limb = carry as u32;
            carry >>= 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    fn multiply_by_ten_to(&mut self, power: u32) {
        for _ in 0..power {
            self.multiply_add(10, 0);
        }
    }

    fn shift_left(&mut self, bits: u32) {
        if self.is_zero() {
            return;
        }
        self.multiply_add(1 << (bits % 32), 0);
        let limbs = (bits / 32) as usize;
        self.0.splice(0..0, std::iter::repeat_n(0, limbs));
    }

    fn compare(&self, other: &Natural) -> Ordering {
        self.0
            .len()
            .cmp(&other.0.len())
            .then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }

    /// Subtracts a number that is not larger.
    fn subtract(&mut self, other: &Natural) {
        let mut borrow: i64 = 0;
        for (at, limb) in self.0.iter_mut().enumerate() {
            let difference = i64::from(*limb) - i64::from(*other.0.get(at).unwrap_or(&0)) + borrow;
            *limb = difference as u32;
            borrow = difference >> 32;
        }
        self.trim();
    }
}
