//! The newest definition of each named policy by which the subject was decided. It is never decided
//! by an older one again, whatever an isolate still asks: a version that was taken up, by an
//! admission or a refusal, stays until a newer one is.
//!
//! **Rows.** A limit that is all of its policy says so in its own row, beside the version, and the
//! policy needs no row. Otherwise, and where the limit's row is of an older version or the policy
//! has a penalty or overrides, it has a row of its own with all its limits: `policy/<name>`. So a
//! change of version writes at most one row more, and nothing else writes any.
//!
//! **Lifetime.** A policy is known as long as any of its limits has a state. After that nothing
//! tells the subject from a new one, and the version that is asked next is taken as it comes.

use core::cmp::Ordering;
use std::borrow::Cow;

use crate::codec::{Line, LineWriter, Unreadable};
use crate::decision::Decision;
use crate::policy::{Policy, Version};
use crate::row::{get_limit, get_policy, put_limits_of, put_policy, ROWS};
use crate::Duration;

use super::limits::Limits;
use super::{Effects, Item, Refusal, Write};

/// The policies that have versions.
#[derive(Debug, Clone, Default)]
pub(super) struct Policies(Vec<Known>);

#[derive(Debug, Clone)]
struct Known {
    /// The newest definition.
    policy: Policy,
    /// Of which version its own row is; `None` where it has none.
    row: Option<Version>,
}

impl Known {
    fn key(&self) -> String {
        format!("policy/{}", self.policy.name_or_empty())
    }

    /// Whether a build that knew less of policies has kept this one.
    fn lacks(&self, policy: &Policy) -> bool {
        let lacks_penalty = policy.penalty().is_some() && self.policy.penalty().is_none();
        let lacks_weights = policy.weights().is_some() && self.policy.weights().is_none();
        let lacks_outbound = policy.outbound().is_some() && self.policy.outbound().is_none();
        let lacks_setting = lacks_penalty || lacks_weights || lacks_outbound;
        lacks_setting || (policy.is_overridden() && !self.policy.is_overridden())
    }

    /// Whether it gives way to this version that was decided: a newer one, or another edition,
    /// which nobody can tell from a newer one.
    fn is_replaced_by(&self, version: Version) -> bool {
        let order = self.policy.version().partial_cmp(&version);
        order.is_none_or(Ordering::is_lt)
    }

    fn put(&mut self, effects: &mut Effects) {
        effects.put(self.key(), self.text());
        self.row = Some(self.policy.version());
    }

    fn text(&self) -> String {
        let line = put_policy(LineWriter::new(ROWS.written(), "policy"), &self.policy);
        put_limits_of(line, &self.policy).finish()
    }
}

/// The newer one of two versions, if both are of one policy; else the first.
fn newer<'a>(policy: &'a Policy, other: &'a Policy) -> &'a Policy {
    let is_newer = policy.version().is_given() && other.version() > policy.version();
    if is_newer && other.name() == policy.name() {
        other
    } else {
        policy
    }
}

/// Whether both are of one name and version.
fn is_same(policy: &Policy, other: &Policy) -> bool {
    policy.version() == other.version() && policy.name() == other.name()
}

/// The items, with the policy that takes the place of the one asked where there is such a one.
fn replaced<'a>(items: &'a [Item], by: &dyn Fn(&Policy) -> Option<Policy>) -> Cow<'a, [Item]> {
    let mut replaced = Cow::Borrowed(items);
    for (i, item) in items.iter().enumerate() {
        if let Some(policy) = by(&item.policy) {
            replaced.to_mut()[i].policy = policy;
        }
    }
    replaced
}

impl Policies {
    /// Adds what the row `key` of a policy tells.
    pub(super) fn add_found(&mut self, text: &str, key: &str) -> Result<(), Unreadable> {
        let mut lines = text.split('\n').map(Line::parse);
        let line = lines.next().ok_or(Unreadable::Damaged("empty"))?;
        let mut limits = Vec::new();
        for line in lines {
            limits.push(get_limit(&line)?);
        }
        let policy = get_policy(&line, limits)?;
        let row = Some(policy.version());
        let known = Known { policy, row };
        if known.key() != key {
            return Err(Unreadable::Damaged("key"));
        }
        self.add(known);
        Ok(())
    }

    /// Adds what the row of a limit tells that is all of its policy.
    pub(super) fn add_whole(&mut self, policy: Policy) {
        self.add(Known { policy, row: None });
    }

    /// The rows come in any order, and the newest tells; of one version, the policy's own.
    fn add(&mut self, found: Known) {
        match self.find_mut(&found.policy) {
            None => self.0.push(found),
            Some(known) => {
                known.row = known.row.or(found.row);
                let is_newer = found.policy.version() > known.policy.version();
                if is_newer || (found.row.is_some() && is_same(&found.policy, &known.policy)) {
                    known.policy = found.policy;
                }
            }
        }
    }

    fn find_mut(&mut self, policy: &Policy) -> Option<&mut Known> {
        let is_same = |known: &&mut Known| known.policy.name() == policy.name();
        self.0.iter_mut().find(is_same)
    }

    /// The newest definition of a policy, where that is known.
    pub(super) fn find(&self, name: &str) -> Option<&Policy> {
        let mut known = self.0.iter().map(|known| &known.policy);
        known.find(|known| known.name_or_empty() == name)
    }

    /// The items, each under the newest version of its policy that is known here, or that an item
    /// beside it brings which `decides`: all of one call are decided by one.
    pub(super) fn newest<'a>(
        &self,
        items: &'a [Item],
        decides: &dyn Fn(&Item) -> bool,
    ) -> Cow<'a, [Item]> {
        replaced(items, &|asked| {
            let mut newest = asked;
            for known in &self.0 {
                newest = newer(newest, &known.policy);
                if asked.is_reference() && is_same(asked, &known.policy) {
                    newest = &known.policy; // it is not the older one
                }
            }
            for item in items {
                if newer(newest, &item.policy).version() > newest.version() && decides(item) {
                    newest = &item.policy;
                }
            }
            let is_kept = asked.is_reference() && !newest.is_reference();
            (is_kept || newest.version() > asked.version()).then(|| asked.under(newest))
        })
    }

    /// What was given out elsewhere, as it is to be charged. Each item names limits of its policy
    /// that need not be all of it, one after the other: it is charged to those of the newest
    /// version that count the same. What that one counts nowhere is charged as it was given out.
    pub(super) fn parts<'a>(&self, items: &'a [Item]) -> Cow<'a, [Item]> {
        replaced(items, &|asked| {
            let mut known = self.0.iter().map(|known| &known.policy);
            let newest = known.find(|known| known.name() == asked.name())?;
            let is_known = asked.version().is_given() && newest.version() >= asked.version();
            is_known.then(|| newest.part(asked))?
        })
    }

    /// The whole of a policy that is told by name and version alone, where that version is known.
    pub(super) fn whole(&self, asked: &Policy) -> Option<Policy> {
        let mut known = self.0.iter().map(|known| &known.policy);
        let known = known.find(|known| asked.is_reference() && is_same(asked, known))?;
        Some(asked.under(known))
    }

    /// Whether all that is asked by name and version alone is known.
    pub(super) fn are_whole(items: &[Item]) -> Result<(), Refusal> {
        match items.iter().find(|item| item.policy.is_reference()) {
            Some(item) => {
                let name = item.policy.name_or_empty().to_owned();
                Err(Refusal::UnknownDefinition(name))
            }
            None => Ok(()),
        }
    }

    /// Has the answers tell which policies are kept whole, and under which version they were
    /// decided where an older one was asked. Those nobody may remember: who has asked so is to ask
    /// by the newer one from now on.
    pub(super) fn tell(&self, asked: &[Item], decided: &[Item], answers: &mut [Decision]) {
        for ((asked, item), answer) in asked.iter().zip(decided).zip(answers) {
            let mut known = self.0.iter().map(|known| &known.policy);
            answer.keeps_policy = known.any(|known| is_same(known, &item.policy));
            if item.policy.version() != asked.policy.version() {
                answer.newer = Some(Box::new(item.policy.clone()));
                answer.cache_for = Duration::ZERO;
            }
        }
    }

    /// Takes up the version of an item that was decided, unless a newer one is known.
    pub(super) fn take_up(&mut self, policy: &Policy) {
        if !policy.version().is_given() {
            return;
        }
        match self.find_mut(policy) {
            None => self.add_whole(policy.clone()),
            Some(known) if known.is_replaced_by(policy.version()) => {
                known.policy = policy.clone();
            }
            Some(known) if is_same(policy, &known.policy) && known.lacks(policy) => {
                known.policy = policy.clone();
                known.row = None;
            }
            Some(_) => {}
        }
    }

    /// Brings the rows to what is known: forgets the policies of which no state is left, and writes
    /// those that no row tells yet.
    pub(super) fn settle(&mut self, limits: &Limits, effects: &mut Effects) {
        self.0.retain_mut(|known| {
            let name = known.policy.name_or_empty();
            let mut entries = limits.entries.iter().filter(|entry| entry.policy == name);
            let version = known.policy.version();
            let is_told = known.row == Some(version)
                || (known.policy.is_plain()
                    && entries.clone().any(|entry| entry.is_all_of(version)));
            if entries.next().is_some() {
                if !is_told {
                    known.put(effects);
                }
                return true;
            }
            if known.row.is_some() {
                effects.writes.push(Write::Delete { key: known.key() });
            }
            false
        });
    }

    /// A row of each, also of one that a limit's row tells.
    pub(super) fn rows(&self, effects: &mut Effects) {
        for known in &self.0 {
            effects.put(known.key(), known.text());
        }
    }

    /// Writes the rows of all that have one.
    pub(super) fn write_all(&mut self, effects: &mut Effects) {
        let stored = self.0.iter_mut().filter(|known| known.row.is_some());
        stored.for_each(|known| known.put(effects));
    }
}
