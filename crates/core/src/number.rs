//! Numbers as JSON callers write them: integers that every JSON reader keeps exact, and decimals kept as exact fractions of their text.

/// 2^53: the largest magnitude of an integer that JSON carries exactly. Limits, capacities and costs end here.
pub const MAX_SAFE: u64 = 1 << 53;

/// A positive decimal number, exactly as written: `mantissa / 10^scale`, with no trailing zeros after the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal {
    mantissa: u64,
    scale: u8,
}

impl Decimal {
    /// The most digits after the point: a nano-unit.
    pub const MAX_SCALE: u8 = 9;

    /// `mantissa / 10^scale`, brought to its shortest form. `None` when zero, above 2^53, or finer than [`Decimal::MAX_SCALE`].
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

    /// The digits without the point.
    pub const fn mantissa(self) -> u64 {
        self.mantissa
    }

    /// How many digits stand after the point, 0 to 9.
    pub const fn scale(self) -> u8 {
        self.scale
    }
}

impl core::fmt::Display for Decimal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
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
