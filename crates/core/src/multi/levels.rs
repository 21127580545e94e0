//! A policy and those above it, asked together for one check: what their decisions come to.

use crate::decision::{Decision, Reason, Source};

use super::effect::deciding;

/// One decision in place of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// Whose decision it is: a place in the order from the lowest level.
    pub level: usize,
    /// The decision.
    pub decision: Decision,
    /// How good it is: where any level was decided without its object, where that was.
    pub source: Source,
    /// The level whose permit it carries, if it carries one.
    pub holder: Option<usize>,
}

/// What the decisions of all levels come to, from the lowest; `None` where none is known. Admitted
/// by all, it is that of the level with least left, with the longest delay and the permit of
/// whichever level has one; else that of a level at which an override denies, since no other policy
/// is asked instead, or of the one that refuses longest.
pub fn whole(levels: Vec<Option<(Decision, Source)>>) -> Option<Whole> {
    let known = || levels.iter().flatten();
    let success = known().all(|(decision, _)| decision.success);
    let decisions = levels.iter().map(|it| it.as_ref().map(|(it, _)| it));
    let first = levels.iter().position(Option::is_some)?;
    let is_denied = |(it, _): &(Decision, Source)| {
        !it.success && it.reason.is_some_and(|reason| !reason.is_of_policy())
    };
    let denied = levels
        .iter()
        .position(|it| it.as_ref().is_some_and(is_denied));
    let level = denied
        .or_else(|| deciding(success, decisions))
        .unwrap_or(first);
    let delay = known().filter_map(|(decision, _)| decision.delay).max();
    let degraded = known().find(|(it, _)| it.reason == Some(Reason::Degraded));
    let degraded = degraded.map(|(_, source)| *source);
    let holder = levels.iter().position(|it| {
        let granted = it.as_ref().map(|(decision, _)| decision.grant.is_some());
        granted.unwrap_or(false)
    });
    let mut levels = levels;
    let mut grant = holder.and_then(|at| levels[at].as_mut()?.0.grant.take());
    if let Some(grant) = &mut grant {
        // Of a permit with parts at several levels the first end is told.
        let others = levels.iter().flatten();
        let others = others.filter_map(|(it, _)| it.grant.as_deref());
        let parts = others.filter(|it| it.permit == grant.permit);
        grant.expires = parts.map(|it| it.expires).fold(grant.expires, Ord::min);
    }
    let (mut decision, mut source) = levels.swap_remove(level)?;
    decision.grant = grant;
    if success {
        decision.delay = delay;
        if let Some(degraded) = degraded {
            (decision.reason, source) = (Some(Reason::Degraded), degraded);
        }
    }
    Some(Whole {
        level,
        decision,
        source,
        holder,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::{Grant, Standing, Standings};
    use crate::{Duration, Timestamp};

    fn decision(success: bool, remaining: u64) -> Decision {
        let standing = Standing {
            limit: 10,
            remaining,
            reset: Timestamp::ZERO,
            refused: None,
            retry_at: None,
        };
        Decision {
            deciding: Some(0),
            limits: Standings::One([standing]),
            ..Decision::bare(Timestamp::ZERO, success, None)
        }
    }

    fn known(decision: Decision) -> Option<(Decision, Source)> {
        Some((decision, Source::Object))
    }

    #[test]
    fn an_admission_tells_the_tightest_level_the_longest_delay_and_the_permit() {
        let mut levels = [7, 2, 5].map(|left| decision(true, left));
        levels[0].delay = Some(Duration::from_millis(9));
        levels[1].delay = Some(Duration::from_millis(4));
        levels[2].grant = Some(Box::new(Grant {
            permit: 1,
            fence: 2,
            expires: Timestamp::ZERO,
        }));
        let whole = whole(levels.map(known).to_vec()).unwrap();
        assert_eq!((whole.level, whole.holder), (1, Some(2)));
        assert_eq!(whole.decision.delay, Some(Duration::from_millis(9)));
        assert!(whole.decision.grant.is_some_and(|grant| grant.permit == 1));
        assert_eq!(whole.source, Source::Object);
    }

    #[test]
    fn a_refusal_tells_the_level_with_the_longest_wait() {
        let refused = |wait: Option<u64>| Decision {
            retry_after: wait.map(Duration::from_millis),
            ..decision(false, 0)
        };
        let (short, long) = (known(refused(Some(5))), known(refused(Some(9))));
        let never = known(refused(None));
        let admitted = known(decision(true, 0));
        for (levels, level) in [
            (vec![admitted.clone(), short.clone(), long.clone()], 2),
            (vec![long.clone(), short.clone()], 0),
            (vec![short.clone(), never.clone(), long.clone()], 1),
            (vec![None, short.clone(), None], 1),
        ] {
            let whole = whole(levels).unwrap();
            assert_eq!((whole.level, whole.decision.success), (level, false));
        }
        assert_eq!(super::whole(vec![None, None]), None);
    }

    #[test]
    fn a_level_that_an_override_denies_is_told_however_long_others_refuse() {
        let refused = |reason, wait| Decision {
            retry_after: Some(Duration::from_millis(wait)),
            ..Decision::bare(Timestamp::ZERO, false, Some(reason))
        };
        let (full, denied) = (refused(Reason::Limit, 9), refused(Reason::Override, 5));
        for (levels, level) in [([&full, &denied], 1), ([&denied, &full], 0)] {
            let whole = whole(levels.map(|it| known(it.clone())).to_vec()).unwrap();
            assert_eq!((whole.level, whole.decision.falls_back()), (level, false));
        }
        let paused = known(refused(Reason::Paused, 9));
        let whole = whole(vec![known(full), paused]).unwrap();
        assert!(whole.decision.falls_back());
    }

    #[test]
    fn a_level_that_its_object_did_not_decide_is_told() {
        let absent = Decision::bare(Timestamp::ZERO, true, Some(Reason::Degraded));
        let absent = Some((absent, Source::Fallback));
        let both = whole(vec![known(decision(true, 3)), absent.clone()]).unwrap();
        assert_eq!((both.level, both.source), (0, Source::Fallback));
        assert_eq!(both.decision.reason, Some(Reason::Degraded));
        assert_eq!(whole(vec![absent.clone(), absent]).unwrap().level, 0);
    }
}
