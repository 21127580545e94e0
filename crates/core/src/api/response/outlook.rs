//! What is known of an upstream, in answers: its gate, its breaker, and what follows it.

use std::borrow::Cow;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::report::{BreakerState, Broken, Closed, ClosedBy};
use crate::subject_state::OutlookStatus;
use crate::Timestamp;

/// What is known of the upstream of one policy, in `GET /limit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutlookBody<'a> {
    /// The policy's name; absent for inline limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Cow<'a, str>>,
    /// Its gate, where that is closed.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateBody<'a>>,
    /// Its breaker, where failures count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<BreakerBody>,
    /// Until when its admissions are spread, in Unix ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paced_until: Option<u64>,
    /// The number of the limit that adapts, where it is not its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adapted_to: Option<u64>,
}

impl<'a> OutlookBody<'a> {
    /// How it stands.
    pub fn new(status: &'a OutlookStatus) -> OutlookBody<'a> {
        OutlookBody {
            policy: (!status.policy.is_empty()).then(|| Cow::Borrowed(&*status.policy)),
            gate: status.gate.as_ref().map(GateBody::new),
            breaker: status.breaker.as_ref().map(BreakerBody::new),
            paced_until: status.paced_until.map(Timestamp::as_millis),
            adapted_to: status.adapted_to,
        }
    }
}

/// A closed gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GateBody<'a> {
    /// When it opens, in Unix ms.
    pub closed_until: u64,
    /// What says so.
    pub closed_by: ClosedBy,
    /// The name of the token that reported it; absent where it has none.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub reported_by: Cow<'a, str>,
}

/// How a breaker stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BreakerBody {
    /// `closed`, `open` or `halfOpen`.
    pub state: BreakerState,
    /// Until when it is open, in Unix ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_until: Option<u64>,
    /// Failures that count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<u64>,
}

impl BreakerBody {
    /// How it stands.
    pub fn new(broken: &Broken) -> BreakerBody {
        BreakerBody {
            state: broken.state,
            open_until: broken.until.map(Timestamp::as_millis),
            failures: Some(broken.failures).filter(|failures| *failures > 0),
        }
    }
}

impl<'a> GateBody<'a> {
    /// How a gate is closed.
    pub fn new(closed: &'a Closed) -> GateBody<'a> {
        GateBody {
            closed_until: closed.until.as_millis(),
            closed_by: closed.cause,
            reported_by: Cow::Borrowed(&closed.by),
        }
    }
}

impl Serialize for ClosedBy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl<'de> Deserialize<'de> for ClosedBy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ClosedBy, D::Error> {
        let word = Cow::<str>::deserialize(deserializer)?;
        ClosedBy::from_word(&word).ok_or_else(|| D::Error::custom("no cause of a cool-down"))
    }
}

impl Serialize for BreakerState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl<'de> Deserialize<'de> for BreakerState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<BreakerState, D::Error> {
        let word = Cow::<str>::deserialize(deserializer)?;
        let state = BreakerState::from_word(&word);
        state.ok_or_else(|| D::Error::custom("no state of a breaker"))
    }
}
