//! A rate, as JSON shows it.

use serde::{Deserialize, Serialize};

use crate::limit::Rate;
use crate::number::Decimal;

/// So many units per interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateBody {
    /// Units: the decimal number itself, which a floating point number might not hold.
    #[serde(with = "exact")]
    pub amount: Decimal,
    /// In ms.
    pub interval: u64,
}

impl From<Rate> for RateBody {
    fn from(rate: Rate) -> RateBody {
        RateBody {
            amount: rate.amount(),
            interval: rate.interval().as_millis(),
        }
    }
}

/// A decimal as a JSON number, digit for digit.
pub(in crate::api) mod exact {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::value::RawValue;

    use crate::number::Decimal;

    pub(in crate::api) fn serialize<S: Serializer>(
        decimal: &Decimal,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        // They always are a JSON number.
        let digits = RawValue::from_string(decimal.to_string()).ok();
        digits.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Decimal, D::Error> {
        let digits = Box::<RawValue>::deserialize(deserializer)?;
        Decimal::parse(digits.get()).map_err(D::Error::custom)
    }
}
