//! All overrides of a namespace, ready to be asked which of them hold for a subject.

use std::collections::{BTreeMap, HashMap};

use super::{Effect, Grant, Group, Override, Stopped, Target};
use crate::decision::Reason;
use crate::limit::Name;
use crate::policy::Granted;
use crate::subject::Subject;
use crate::Timestamp;

/// The overrides by their targets.
#[derive(Debug, Default)]
pub struct Index {
    by_target: HashMap<Target, Vec<Override>>,
    /// The starts of prefixes in each group.
    prefixes: BTreeMap<Group, Vec<String>>,
}

/// The overrides that hold for a subject.
#[derive(Debug, Default)]
pub struct Matched<'a>(Vec<&'a Override>);

impl Index {
    /// An index of these.
    pub fn of(overrides: impl IntoIterator<Item = Override>) -> Index {
        let mut index = Index::default();
        for it in overrides {
            if let Target::Prefix(group, start) = &it.target {
                let starts = index.prefixes.entry(group.clone()).or_default();
                if !starts.contains(start) {
                    starts.push(start.clone());
                }
            }
            let of_target = index.by_target.entry(it.target.clone());
            of_target.or_default().push(it);
        }
        index
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_target.is_empty()
    }

    /// Those that hold at `now` for a subject that is decided by the policy of this name, or by an
    /// inline limit; the nearest first.
    pub fn matched(&self, subject: &Subject, policy: Option<&Name>, now: Timestamp) -> Matched<'_> {
        if self.is_empty() {
            return Matched::default();
        }
        let mut found: Vec<&Override> = Vec::new();
        let mut add = |target: &Target| {
            let of_target = self.by_target.get(target).into_iter().flatten();
            found.extend(of_target.filter(|it| it.is_in_force(now)));
        };
        let own = Target::of_subject(subject);
        add(&own);
        if let Target::Subject(group, identifier) = own {
            let starts = self.prefixes.get(&group).into_iter().flatten();
            for start in starts.filter(|start| identifier.starts_with(start.as_str())) {
                add(&Target::Prefix(group.clone(), start.clone()));
            }
        }
        if let Some(name) = policy {
            add(&Target::Policy(name.clone()));
        }
        add(&Target::Provider(subject.provider().to_owned()));
        add(&Target::All);
        found.retain(|it| {
            let except = it.effect.stop().into_iter().flat_map(|stop| &stop.except);
            !except
                .into_iter()
                .any(|target| target.matches(subject, policy))
        });
        found.sort_by_key(|it| core::cmp::Reverse(it.target.nearness()));
        Matched(found)
    }
}

impl<'a> Matched<'a> {
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

    /// The one that changes how the subject is limited.
    pub fn nearest(&self) -> Option<&'a Override> {
        let is_changing =
            |it: &&&Override| it.effect.stop().is_none() && it.effect.grant().is_none();
        self.0.iter().find(is_changing).copied()
    }

    /// The units that are granted to the subject.
    pub fn granted(&self) -> Vec<Granted> {
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
