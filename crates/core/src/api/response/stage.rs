//! What is shown of a subject's stage, and what the answer to setting it says.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::api::stage::KIND;
use crate::limit::schedule::StageClock;
use crate::subject_state::{StageChange, StepChange};
use crate::{Duration, Timestamp};

/// The clock by which a subject's stages run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageClockBody {
    /// When the stages began or will begin, in Unix ms.
    pub start: u64,
    /// How long the clock stood in pauses that are over, in ms; absent where it never did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_for: Option<u64>,
    /// Since when it stands, in Unix ms; absent while it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_since: Option<u64>,
}

/// From which step to which a limit has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepChangeBody<'a> {
    /// The policy.
    pub policy: Cow<'a, str>,
    /// What the limit is called.
    pub limit: Cow<'a, str>,
    /// The step that was in force, from 1, of those in `stages`.
    pub from: u64,
    /// The step that is.
    pub to: u64,
}

/// What a subject's stage is since it was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedBody<'a> {
    /// The clock.
    #[serde(flatten)]
    pub clock: StageClockBody,
    /// The limits of the policy that was named, and those of which the subject's object keeps
    /// something.
    pub steps: Vec<StepChangeBody<'a>>,
}

/// The answer to `PUT /overrides/subject:<provider>/<scope>/<identifier>/stage`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageBody<'a> {
    /// The subject, as the limit counts it.
    pub target: Cow<'a, str>,
    /// Always `stage`.
    pub kind: Cow<'a, str>,
    /// The version that both entries of the audit have.
    pub version: u64,
    /// The clock before; absent where the subject had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<StageClockBody>,
    /// What it is since.
    #[serde(flatten)]
    pub staged: StagedBody<'a>,
    /// Who set it: the name of the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<Cow<'a, str>>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'a, str>>,
}

impl From<&StageClock> for StageClockBody {
    fn from(clock: &StageClock) -> StageClockBody {
        let stood = clock.stood();
        StageClockBody {
            start: clock.start.as_millis(),
            paused_for: (stood > Duration::ZERO).then_some(stood.as_millis()),
            paused_since: clock.paused_since().map(Timestamp::as_millis),
        }
    }
}

impl<'a> From<&'a StepChange> for StepChangeBody<'a> {
    fn from(step: &'a StepChange) -> StepChangeBody<'a> {
        StepChangeBody {
            policy: step.policy.as_str().into(),
            limit: step.limit.as_str().into(),
            from: step.from as u64 + 1, // at most 64
            to: step.to as u64 + 1,
        }
    }
}

impl<'a> From<&'a StageChange> for StagedBody<'a> {
    fn from(change: &'a StageChange) -> StagedBody<'a> {
        StagedBody {
            clock: (&change.after).into(),
            steps: change.steps.iter().map(StepChangeBody::from).collect(),
        }
    }
}

impl<'a> StageBody<'a> {
    /// The body for a subject's stage that was set, by whom and why; empty where that is not said.
    pub fn new(
        target: &'a str,
        version: u64,
        change: &'a StageChange,
        (author, reason): (&'a str, &'a str),
    ) -> StageBody<'a> {
        let said = |text: &'a str| (!text.is_empty()).then_some(Cow::Borrowed(text));
        StageBody {
            target: target.into(),
            kind: KIND.into(),
            version,
            before: change.before.as_ref().map(StageClockBody::from),
            staged: change.into(),
            author: said(author),
            reason: said(reason),
        }
    }
}
