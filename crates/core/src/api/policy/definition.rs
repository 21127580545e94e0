//! A limit's definition, as JSON shows it: the words that a request takes, durations in
//! milliseconds.

use serde::{Deserialize, Serialize};

use crate::limit::quota::{Anchor, Period, Quota, Weekday};
use crate::limit::{LeakyBucket, TokenBucket, FORGET_AFTER};
use crate::{Algorithm, Duration, Limit};

use super::numbers::Start;
use super::rate::RateBody;
use super::schedule::{stages_of, times_of, StepBody};

/// What a limit is, beside its algorithm, name and limit. A field is there where the algorithm has
/// it and it is not as by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DefinitionBody {
    /// The window's length, in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<u64>,
    /// What the window begins with, where it is not aligned to the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Start>,
    /// A bucket's capacity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u64>,
    /// How a token bucket refills.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refill: Option<RateBody>,
    /// The tokens of a new subject, where it does not start full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial: Option<u64>,
    /// True where whole amounts come back at whole intervals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stepped: Option<bool>,
    /// What is earned while the bucket is full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst_credits: Option<BurstCreditsBody>,
    /// How long an idle bucket is remembered, in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forget_after: Option<u64>,
    /// How a leaky bucket leaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leak: Option<RateBody>,
    /// How long a shaper lets callers wait, in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_delay: Option<u64>,
    /// A quota's period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<Period>,
    /// A quota's time zone, by its own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// What moves the start of a quota's period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchor: Option<AnchorBody>,
    /// How long a slot is held, in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u64>,
    /// The steps from a subject's start on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StepBody>,
    /// Hours with other numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub times: Vec<StepBody>,
}

/// Credits of a bucket that has been full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BurstCreditsBody {
    /// The most of them.
    pub cap: u64,
    /// How long they last, in ms.
    pub expiry: u64,
}

/// The start of a period; what is absent is as by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnchorBody {
    /// The time of day, as `HH:MM:SS`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The day of the week.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weekday: Option<Weekday>,
    /// The day of the month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<u8>,
    /// The month of the year.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub month: Option<u8>,
}

impl From<&Limit> for DefinitionBody {
    /// With the numbers in force.
    fn from(limit: &Limit) -> DefinitionBody {
        DefinitionBody {
            stages: stages_of(limit),
            times: times_of(limit),
            ..DefinitionBody::from(limit.algorithm())
        }
    }
}

impl From<&Algorithm> for DefinitionBody {
    fn from(algorithm: &Algorithm) -> DefinitionBody {
        match algorithm {
            Algorithm::FixedWindow(w)
            | Algorithm::FirstUse(w)
            | Algorithm::SlidingWindow(w)
            | Algorithm::SlidingLog(w) => DefinitionBody {
                window: Some(w.window().as_millis()),
                start: matches!(algorithm, Algorithm::FirstUse(_)).then_some(Start::FirstUse),
                ..DefinitionBody::default()
            },
            Algorithm::TokenBucket(bucket) => token_bucket(bucket),
            Algorithm::LeakyBucket(bucket) => leaky_bucket(bucket),
            Algorithm::Quota(quota) => of_quota(quota),
            Algorithm::Concurrency(slots) => DefinitionBody {
                ttl: Some(slots.ttl().as_millis()),
                ..DefinitionBody::default()
            },
        }
    }
}

fn token_bucket(bucket: &TokenBucket) -> DefinitionBody {
    let forget_after = bucket.forget_after();
    DefinitionBody {
        capacity: Some(bucket.capacity()),
        refill: Some(bucket.refill().into()),
        initial: bucket.initial(),
        stepped: bucket.is_stepped().then_some(true),
        burst_credits: bucket.burst_credits().map(|credits| BurstCreditsBody {
            cap: credits.cap(),
            expiry: credits.expiry().as_millis(),
        }),
        forget_after: (forget_after != FORGET_AFTER).then(|| forget_after.as_millis()),
        ..DefinitionBody::default()
    }
}

fn leaky_bucket(bucket: &LeakyBucket) -> DefinitionBody {
    DefinitionBody {
        capacity: Some(bucket.capacity()),
        leak: Some(bucket.leak().into()),
        max_delay: bucket.max_delay().map(Duration::as_millis),
        ..DefinitionBody::default()
    }
}

fn of_quota(quota: &Quota) -> DefinitionBody {
    let anchor = quota.anchor();
    DefinitionBody {
        period: Some(quota.period()),
        time_zone: Some(quota.time_zone().as_str().to_owned()),
        anchor: (anchor != Anchor::default()).then(|| AnchorBody {
            time: anchor.clock_time(),
            weekday: anchor.weekday(),
            day: anchor.day(),
            month: anchor.month(),
        }),
        ..DefinitionBody::default()
    }
}
