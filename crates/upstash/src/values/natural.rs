//! Natural numbers of any length, with what conversions between binary and decimal need of them.

use std::cmp::Ordering;

/// A natural number of any length: 32 bits a limb, the lowest first, no zero limb at the end.
#[derive(Clone, Default)]
pub(crate) struct Natural(Vec<u32>);

impl From<u128> for Natural {
    fn from(value: u128) -> Self {
        let mut number = Natural((0..4).map(|limb| (value >> (32 * limb)) as u32).collect());
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

    pub(crate) fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets the lowest bit, if asked to.
    pub(crate) fn set_lowest(&mut self, set: bool) {
        if let Some(limb) = self.0.first_mut() {
            *limb |= u32::from(set);
        }
    }

    pub(crate) fn bits(&self) -> u32 {
        self.0
            .last()
            .map_or(0, |top| self.0.len() as u32 * 32 - top.leading_zeros())
    }

    pub(crate) fn multiply_add(&mut self, factor: u32, summand: u32) {
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

    pub(crate) fn multiply_by_ten_to(&mut self, power: u32) {
        for _ in 0..power / 9 {
            self.multiply_add(1_000_000_000, 0);
        }
        for _ in 0..power % 9 {
            self.multiply_add(10, 0);
        }
    }

    /// Divides by a number that is not 0; answers the remainder.
    fn divide(&mut self, divisor: u32) -> u32 {
        let mut rest = 0;
        for limb in self.0.iter_mut().rev() {
            let part = u64::from(rest) << 32 | u64::from(*limb);
            *limb = (part / u64::from(divisor)) as u32;
            rest = (part % u64::from(divisor)) as u32;
        }
        self.trim();
        rest
    }

    /// In decimal digits, as ASCII; nothing for 0.
    pub(crate) fn into_digits(mut self) -> Vec<u8> {
        let mut digits = Vec::new();
        while !self.is_zero() {
            let mut part = self.divide(1_000_000_000);
            for _ in 0..9 {
                digits.push(b'0' + (part % 10) as u8);
                part /= 10;
            }
        }
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        digits.reverse();
        digits
    }

    pub(crate) fn shift_left(&mut self, bits: u32) {
        if self.is_zero() {
            return;
        }
        self.multiply_add(1 << (bits % 32), 0);
        let limbs = (bits / 32) as usize;
        self.0.splice(0..0, std::iter::repeat_n(0, limbs));
    }

    pub(crate) fn compare(&self, other: &Natural) -> Ordering {
        self.0
            .len()
            .cmp(&other.0.len())
            .then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }

    pub(crate) fn add(&mut self, other: &Natural) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        let mut carry = 0;
        for (at, limb) in self.0.iter_mut().enumerate() {
            carry += u64::from(*limb) + u64::from(*other.0.get(at).unwrap_or(&0));
            *limb = carry as u32;
            carry >>= 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    /// Subtracts a number that is not larger.
    pub(crate) fn subtract(&mut self, other: &Natural) {
        let mut borrow: i64 = 0;
        for (at, limb) in self.0.iter_mut().enumerate() {
            let difference = i64::from(*limb) - i64::from(*other.0.get(at).unwrap_or(&0)) + borrow;
            *limb = difference as u32;
            borrow = difference >> 32;
        }
        self.trim();
    }
}
