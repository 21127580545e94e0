//! All overrides of a namespace, ready to be asked which of them hold for a subject.

use std::collections::{BTreeMap, HashMap};

use super::{Group, Matched, Override, Target};
use crate::limit::Name;
use crate::subject::Subject;
use crate::Timestamp;

/// The overrides by their targets.
#[derive(Debug, Default)]
pub struct Index {
    by_target: HashMap<Target, Vec<Override>>,
    /// The starts of prefixes in each group.
    prefixes: BTreeMap<Group, Vec<String>>,
}

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
        Matched::of(found)
    }
}
