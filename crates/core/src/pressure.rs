//! How full a limit is, so that who produces may slow down before he is refused.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::decision::{Decision, Standing};
use crate::number::Decimal;

/// The use of a limit as a part of it, from 0 to 1, in thousandths, rounded down: 1 is told only of
/// one that has nothing left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pressure(u16);

impl Pressure {
    /// Of a limit that has nothing left.
    pub const FULL: Pressure = Pressure(1_000);
    /// From here on an admission counts as one near the limit, unless its policy says otherwise.
    pub const NEAR: Pressure = Pressure(800);

    /// The part of which a number tells; `None` unless it is one of 0.001 to 1 with at most three
    /// decimals.
    pub fn of(part: Decimal) -> Option<Pressure> {
        let finer = 3u8.checked_sub(part.scale())?;
        let thousandths = part.mantissa().checked_mul(10u64.pow(u32::from(finer)))?;
        let thousandths = u16::try_from(thousandths).ok()?;
        (1..=1_000)
            .contains(&thousandths)
            .then_some(Pressure(thousandths))
    }

    /// Of a limit with so much left. One that never admits anything is full.
    fn at(standing: &Standing) -> Pressure {
        let (limit, left) = (u128::from(standing.limit), u128::from(standing.remaining));
        let used = limit.saturating_sub(left);
        match (used * 1_000).checked_div(limit) {
            // At most 1,000.
            Some(thousandths) => Pressure(thousandths as u16),
            None => Pressure::FULL,
        }
    }
}

impl Decision {
    /// How full the tightest limit is after this decision; `None` where that is not known: of a
    /// stop, a native binding, and most failure modes.
    pub fn pressure(&self) -> Option<Pressure> {
        self.limits.iter().map(Pressure::at).max()
    }
}

impl Serialize for Pressure {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let digits = match self.0 {
            0 => "0".to_owned(),
            1_000.. => "1".to_owned(),
            thousandths => {
                let digits = format!("0.{thousandths:03}");
                digits.trim_end_matches('0').to_owned()
            }
        };
        // They always are a JSON number.
        RawValue::from_string(digits).ok().serialize(to)
    }
}

impl<'de> Deserialize<'de> for Pressure {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Pressure, D::Error> {
        let digits = Box::<RawValue>::deserialize(from)?;
        if digits.get() == "0" {
            return Ok(Pressure(0));
        }
        let part = Decimal::parse(digits.get()).map_err(D::Error::custom)?;
        Pressure::of(part).ok_or_else(|| D::Error::custom("no part of a limit"))
    }
}
