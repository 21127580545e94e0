//! Setting a subject's stage.

use crate::algorithm::state::{LimitState, Moment};
use crate::calendar::UnknownTimeZone;
use crate::limit::schedule::StageClock;
use crate::policy::Policy;
use crate::{Limit, Timestamp};

use super::limits::Limits;
use super::stage::SubjectStage;
use super::{Effects, Refusal};

/// What somebody sets of a subject's stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StageOverride {
    /// When its stages begin, earlier or later than they did; while it lies ahead the first step
    /// holds. Pauses before now count no longer. `None`: as it is.
    pub start: Option<Timestamp>,
    /// Whether its clock stands. `None`: as it is.
    pub paused: Option<bool>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageChange {
    /// The clock before; `None` where the subject had none.
    pub before: Option<StageClock>,
    /// The clock from now on.
    pub after: StageClock,
    /// The limits with stages of which something is kept, with their steps before and after.
    pub steps: Vec<StepChange>,
}

/// From which step to which a limit has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepChange {
    /// The policy.
    pub policy: String,
    /// What the limit is called.
    pub limit: String,
    /// The step that was in force, from 0.
    pub from: usize,
    /// The step that is.
    pub to: usize,
}

impl StageChange {
    /// The same, with those limits of a policy of which nothing is kept: an idle subject keeps its
    /// clock alone.
    pub fn with_policy(
        mut self,
        policy: &Policy,
        moment: Moment,
    ) -> Result<StageChange, UnknownTimeZone> {
        let name = policy.name_or_empty();
        for limit in policy.limits() {
            let label = limit.label();
            let mut known = self.steps.iter();
            if known.any(|step| step.policy == name && step.limit == label) {
                continue;
            }
            let (from, to) = (self.before.as_ref(), Some(&self.after));
            self.steps
                .extend(StepChange::of(name, limit, (from, to), moment)?);
        }
        Ok(self)
    }
}

impl StepChange {
    /// That of a limit under one clock and then another; `None` where it has no stages.
    fn of(
        policy: &str,
        limit: &Limit,
        (old, new): (Option<&StageClock>, Option<&StageClock>),
        moment: Moment,
    ) -> Result<Option<StepChange>, UnknownTimeZone> {
        let (from, to) = (limit.stage(old, moment)?, limit.stage(new, moment)?);
        Ok(from.zip(to).map(|((from, _), (to, _))| StepChange {
            policy: policy.to_owned(),
            limit: limit.label(),
            from,
            to,
        }))
    }
}

impl StageOverride {
    /// The stage as somebody sets it. A clock that did not go begins now.
    fn applied(&self, stage: Option<SubjectStage>, now: Timestamp) -> SubjectStage {
        let mut clock = stage.map_or(StageClock::starting(now), |stage| stage.clock);
        if let Some(start) = self.start {
            clock.set_start(start, now);
        }
        if let Some(paused) = self.paused {
            clock.set_paused(paused, now);
        }
        SubjectStage::of(clock, now)
    }
}

/// Sets the stage: the numbers of every limit with stages are those of its new step at once. What
/// came back until now came at the old ones, so the rows of buckets are written. An error changes
/// nothing. Answers also the keys of the states to which charges can no longer be taken back.
pub(super) fn set(
    limits: &mut Limits,
    set: &StageOverride,
    moment: Moment,
    effects: &mut Effects,
) -> Result<(StageChange, Vec<String>), Refusal> {
    let before = limits.stage;
    let after = set.applied(before, moment.now);
    let (old, new) = (before.as_ref().map(|stage| &stage.clock), &after.clock);
    let (mut steps, mut changed) = (Vec::new(), Vec::new());
    for (place, entry) in limits.entries.iter().enumerate() {
        let limit = &entry.usage.limit;
        if let Some(step) = StepChange::of(&entry.policy, limit, (old, Some(new)), moment)? {
            steps.push(step);
            changed.push((place, entry.restaged(old, new, moment)?));
        }
    }
    let mut final_for = Vec::new();
    for (place, entry) in changed {
        let is_bucket = matches!(entry.usage.state, LimitState::Bucket(_));
        limits.entries[place] = entry;
        if is_bucket {
            final_for.push(limits.entries[place].key());
            limits.entries[place].write_exact(moment, effects);
        }
    }
    limits.stage = Some(after);
    effects.writes.push(after.row());
    let change = StageChange {
        before: before.map(|stage| stage.clock),
        after: after.clock,
        steps,
    };
    Ok((change, final_for))
}
