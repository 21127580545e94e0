//! What the overrides that hold for a subject say together.

use super::{adjusted, Effect, Grant, Override, Stopped};
use crate::decision::Reason;
use crate::policy::{Granted, Later, Policy, MAX_LATER};
use crate::Timestamp;

/// Of so many overrides at most it is kept what they change.
const MAX_CHANGES: usize = 32;

/// The overrides that hold for a subject.
#[derive(Debug, Default)]
pub struct Matched<'a>(Vec<&'a Override>);

impl<'a> Matched<'a> {
    /// These, the nearest first.
    pub const fn of(nearest_first: Vec<&'a Override>) -> Matched<'a> {
        Matched(nearest_first)
    }

    /// Whether everything is refused, and until when.
    pub fn stopped(&self) -> Option<Stopped> {
        let mut stopped: Option<Stopped> = None;
        for it in self.0.iter().filter(|it| it.effect.stop().is_some()) {
            let is_denied = matches!(it.effect, Effect::Deny(_));
            let before = stopped.get_or_insert(Stopped {
                reason: Reason::Paused,
                until: Some(Timestamp::ZERO),
            });
            if is_denied {
                before.reason = Reason::Override;
            }
            before.until = before
                .until
                .zip(it.until)
                .map(|(one, other)| one.max(other));
        }
        stopped
    }

    /// Those that change how the subject is limited, the nearest first.
    fn changing(&self) -> impl Iterator<Item = &'a Override> + '_ {
        let is_changing =
            |it: &&Override| it.effect.stop().is_none() && it.effect.grant().is_none();
        self.0.iter().copied().filter(is_changing)
    }

    /// The one that changes how the subject is limited.
    pub fn nearest(&self) -> Option<&'a Override> {
        self.changing().next()
    }

    /// A policy as the subject is decided by it, where that is another one: under the nearest
    /// override, with what its limits are when that has ended, and with what is granted.
    pub fn policy(&self, policy: &Policy) -> Option<Policy> {
        let changed = self.nearest().and_then(|it| adjusted(policy, &it.effect));
        let (later, granted) = (self.later(policy), self.granted());
        if changed.is_none() && later.is_empty() && granted.is_empty() {
            return None;
        }
        let changed = changed.unwrap_or_else(|| policy.clone());
        Some(changed.with_later(later).with_granted(granted))
    }

    /// What they change in how the subject is limited, the nearest first, and not whom they are
    /// for, by whom and why: enough to say the same of another policy.
    pub fn changes(&self) -> Vec<Override> {
        let changes = self.0.iter().filter(|it| it.effect.stop().is_none());
        let change = |it: &&Override| Override::bare(it.effect.clone(), it.until);
        changes.map(change).take(MAX_CHANGES).collect()
    }

    /// What the limits of a policy are as one override after the other ends. Nothing while
    /// everything is let through: then nobody waits.
    fn later(&self, policy: &Policy) -> Vec<Later> {
        let mut later = Vec::new();
        let mut holds = self.nearest().filter(|it| it.effect != Effect::Bypass);
        while let Some(at) = holds.and_then(|it| it.until) {
            holds = self.changing().find(|it| it.is_in_force(at));
            let changed = holds.and_then(|it| adjusted(policy, &it.effect));
            later.push(Later {
                at,
                limits: changed.as_ref().unwrap_or(policy).limits().to_vec(),
                is_open: holds.is_some_and(|it| it.effect == Effect::Bypass),
            });
            if later.len() == MAX_LATER {
                break;
            }
        }
        later
    }

    /// The units that are granted to the subject.
    fn granted(&self) -> Vec<Granted> {
        let granted = |it: &&Override| {
            let Grant { units, id, kept } = it.effect.grant()?;
            let until = it.until?;
            Some(Granted {
                id,
                units,
                until,
                kept,
            })
        };
        self.0.iter().filter_map(granted).collect()
    }

    /// When the last of those ends that are pauses, or that are none; [`Timestamp::MAX`] where one
    /// has no end, and `None` where there is none.
    pub fn last_end(&self, are_pauses: bool) -> Option<Timestamp> {
        let is_pause = |it: &Override| matches!(it.effect, Effect::Pause(_));
        let wanted = self.0.iter().filter(|it| is_pause(it) == are_pauses);
        wanted.map(|it| it.until.unwrap_or(Timestamp::MAX)).max()
    }

    /// All that hold, the nearest first.
    pub fn iter(&self) -> impl Iterator<Item = &'a Override> + '_ {
        self.0.iter().copied()
    }
}
