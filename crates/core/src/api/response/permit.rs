//! What the holder of a permit is answered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::subject_state::{Settled, Share, Topped};
use crate::Duration;

/// The body of `POST /limit/renew`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewedBody {
    /// Always true.
    pub success: bool,
    /// The same permit.
    pub permit: String,
    /// The same fence.
    pub fence: u64,
    /// The new deadline, in Unix ms.
    pub expires: u64,
}

/// Units by the names of limits; of limits without a name, or of all where each has the same,
/// under `cost`. Of several limits of one name the most.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Units {
    /// Of each limit that is not in `costs`; absent where all are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<u64>,
    /// By name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub costs: BTreeMap<String, u64>,
}

impl Units {
    /// Of these limits: with the most of those that have no name, or the same.
    fn of<'a>(units: impl Iterator<Item = (&'a str, u64)>) -> Units {
        let mut all = Units::default();
        for (name, units) in units {
            if name.is_empty() {
                all.cost = all.cost.max(Some(units));
                continue;
            }
            let known = all.costs.entry(name.to_owned()).or_default();
            *known = (*known).max(units);
        }
        all
    }
}

/// The body of `POST /limit/settle`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettledBody {
    /// Always true.
    pub success: bool,
    /// How the permit has ended: `settled`, or `released` where it held slots alone.
    pub state: String,
    /// What was charged to the limits at the permit's home.
    #[serde(flatten)]
    pub charged: Units,
    /// By how much limits are in debt now, where they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub debt: Option<Units>,
    /// What was not charged, because a limit carries no more debt than the whole of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forgiven: Option<Units>,
}

impl SettledBody {
    /// The body for what a settlement has charged.
    pub fn of(settled: &Settled) -> SettledBody {
        let units = |of: fn(&Share) -> u64| {
            let shares = settled.shares.iter();
            let units = shares.map(move |share| (share.name.as_str(), of(share)));
            let units = units.filter(|(_, units)| *units > 0);
            let units = Units::of(units);
            (units != Units::default()).then_some(units)
        };
        let charged = settled.shares.iter();
        SettledBody {
            success: true,
            state: settled.how.word().to_owned(),
            charged: Units::of(charged.map(|share| (share.name.as_str(), share.units))),
            debt: units(|share| share.debt),
            forgiven: units(|share| share.forgiven),
        }
    }
}

/// The body of `POST /limit/topup`, 200 or 429.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToppedBody {
    /// Whether the permit holds what was asked for, or with `overage: "cap"` what there was.
    pub success: bool,
    /// The same permit.
    pub permit: String,
    /// What it holds now of the limits at its home.
    #[serde(flatten)]
    pub held: Units,
    /// When it expires, in Unix ms.
    pub expires: u64,
    /// How long until there is room, in ms, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl ToppedBody {
    /// The body for what a permit holds now.
    pub fn of(topped: &Topped, permit: String) -> ToppedBody {
        let held = topped
            .held
            .iter()
            .map(|(name, units)| (name.as_str(), *units));
        ToppedBody {
            success: topped.success,
            permit,
            held: Units::of(held),
            expires: topped.expires.as_millis(),
            retry_after: topped.retry_after.map(Duration::as_millis),
        }
    }
}
