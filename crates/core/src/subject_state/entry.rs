//! One limit of a subject: its use, and the row that stands for it in storage.

use crate::algorithm::state::{LimitState, Moment};
use crate::calendar::UnknownTimeZone;
use crate::codec::{Line, LineWriter, Unreadable};
use crate::error::InvalidLimit;
use crate::limit::schedule::StageClock;
use crate::limit::Name;
use crate::policy::{Policy, Version};
use crate::row::{get_version, put_version, ROWS};
use crate::{Algorithm, Limit, Timestamp};

use super::coming::Coming;
use super::lent::Lent;
use super::renamed::Renamed;
use super::usage::Usage;
use super::written::Written;
use super::{Effects, LimitStatus, StageStatus, Write};

/// A limit, its real use, and what storage says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) policy: String,
    version: Version,
    /// Whether the limit is all of its policy under this version.
    is_whole: bool,
    /// Whether it is charged together with the inline limits whose place it takes.
    replaces_inline: bool,
    pub(super) usage: Usage,
    /// What its definition becomes by itself.
    pub(super) coming: Coming,
    /// Units that permits hold of it ([`super::holds`]).
    pub(super) on_hold: u64,
    /// Units of it that are lent ([`super::leases`]).
    pub(super) lent: Lent,
    /// Of the definitions of one named limit the one with the highest turn was decided last.
    pub(super) turn: u64,
    /// The stored row; `None` when there is none yet, or one of another definition that is to be
    /// replaced before the answer.
    written: Option<Written>,
    /// The version that the stored row tells, where it says that the limit is all of its policy;
    /// else [`Version::NONE`].
    told: Version,
    /// Further rows of this limit, which are deleted when its own is next written or deleted.
    renamed: Renamed,
}

impl Entry {
    /// A limit of which nothing is used or stored.
    pub(super) fn fresh(
        policy: &str,
        limit: &Limit,
        moment: Moment,
    ) -> Result<Entry, UnknownTimeZone> {
        Ok(Entry {
            policy: policy.to_owned(),
            version: Version::NONE,
            is_whole: false,
            replaces_inline: false,
            usage: Usage::fresh(limit, moment)?,
            coming: Coming::default(),
            on_hold: 0,
            lent: Lent::default(),
            turn: 0,
            written: None,
            told: Version::NONE,
            renamed: Renamed::default(),
        })
    }

    /// Reads the row `key`.
    pub(super) fn from_line(line: &Line, key: &str) -> Result<Entry, Unreadable> {
        let usage = Usage::get(line)?;
        let mut entry = Entry {
            policy: line.get("policy").unwrap_or("").to_owned(),
            version: get_version(line)?,
            is_whole: line.flag("whole"),
            replaces_inline: line.flag("replacesInline"),
            turn: line.number("turn")?.unwrap_or(0),
            written: Some(Written::found(usage.state.clone())),
            usage,
            coming: Coming::get(line)?,
            on_hold: 0,
            lent: Lent {
                stamp: line.number("stamp")?.unwrap_or(0),
                ..Lent::default()
            },
            told: Version::NONE,
            renamed: Renamed::default(),
        };
        entry.told = entry.tells();
        if entry.key() == key {
            return Ok(entry);
        }
        if entry.key_in(line.get("timeZone")) != key {
            return Err(Unreadable::Damaged("key"));
        }
        entry.renamed.add(key);
        Ok(entry)
    }

    /// The row's key: policy, the limit's name or algorithm, and its time dimension; never its
    /// numbers.
    pub(super) fn key(&self) -> String {
        self.key_in(None)
    }

    /// The same with a quota's zone under another of its names.
    fn key_in(&self, zone: Option<&str>) -> String {
        let dimension = match (self.usage.algorithm(), zone) {
            (Algorithm::Quota(quota), Some(zone)) => quota.dimension_in(zone),
            (algorithm, _) => algorithm.dimension(),
        };
        format!(
            "limit/{}/{}/{dimension}",
            self.policy,
            self.usage.limit.name_or_word()
        )
    }

    /// Whether this is the state of `limit` in `policy`.
    pub(super) fn keeps(&self, policy: &str, limit: &Limit) -> bool {
        self.policy == policy && self.usage.limit.shares_state_with(limit)
    }

    /// Whether this is a state of the named limit of which `limit` is a definition, by whatever
    /// window or algorithm.
    pub(super) fn is_named_as(&self, policy: &str, limit: &Limit) -> bool {
        let name = self.usage.limit.name();
        limit.name().is_some() && name == limit.name() && self.policy == policy
    }

    /// Whether this is charged together with `limit` of `policy`, because one of them takes the
    /// place of the other, which is inline.
    pub(super) fn is_beside(&self, policy: &Policy, limit: &Limit) -> bool {
        let own = &self.usage.limit;
        match (policy.name(), self.policy.is_empty()) {
            (Some(_), true) => policy.replaces_inline() && limit.takes_place_of(own),
            (None, false) => self.replaces_inline && own.takes_place_of(limit),
            _ => false,
        }
    }

    /// The same of another state.
    pub(super) fn is_beside_entry(&self, other: &Entry) -> bool {
        let replaces = |it: &Entry, inline: &Entry| {
            it.replaces_inline
                && inline.policy.is_empty()
                && !it.policy.is_empty()
                && it.usage.limit.takes_place_of(&inline.usage.limit)
        };
        replaces(self, other) || replaces(other, self)
    }

    /// Whether it has not been charged with the inline limits that it takes the place of from now
    /// on, because its policy says so newly.
    pub(super) const fn begins_to_replace(&self, policy: &Policy) -> bool {
        policy.replaces_inline() && !self.replaces_inline
    }

    /// It is charged together with inline limits from now on.
    pub(super) const fn replace_inline(&mut self) {
        self.replaces_inline = true;
    }

    /// Whether what is counted here has a say in how `limit` is decided.
    pub(super) fn concerns(&self, policy: &Policy, limit: &Limit) -> bool {
        let name = policy.name_or_empty();
        self.keeps(name, limit) || self.is_named_as(name, limit) || self.is_beside(policy, limit)
    }

    pub(super) const fn is_stored(&self) -> bool {
        self.written.is_some()
    }

    /// Whether charges to it under this definition can be taken back under `next`, the one that
    /// came after it. What was raised by other use can no longer be told from it. What a bucket was
    /// charged is in parts of this rate; what came into force anew may have counted other use than
    /// this.
    pub(super) fn counts_as(&self, next: &Entry) -> bool {
        let (old, new) = (self.usage.algorithm(), next.usage.algorithm());
        let is_bucket = matches!(self.usage.state, LimitState::Bucket(_));
        self.turn == next.turn
            && self.replaces_inline == next.replaces_inline
            && !is_bucket
            && core::mem::discriminant(old) == core::mem::discriminant(new)
    }

    /// The same use under another definition. Its row speaks of the old one: it has to be written
    /// before anything is answered by the new.
    pub(super) fn redefined(
        &self,
        limit: &Limit,
        clock: Option<&StageClock>,
        moment: Moment,
    ) -> Result<Entry, UnknownTimeZone> {
        Ok(Entry {
            policy: self.policy.clone(),
            version: self.version,
            is_whole: false,
            replaces_inline: self.replaces_inline,
            usage: self.usage.redefined(limit, clock, moment)?,
            coming: self.coming.clone(),
            on_hold: self.on_hold,
            lent: self.lent.clone(),
            turn: self.turn,
            written: None,
            told: Version::NONE,
            renamed: self.renamed.clone(),
        })
    }

    /// The same with other classes.
    pub(super) fn with_usage(&self, usage: Usage) -> Entry {
        Entry {
            usage,
            ..self.clone()
        }
    }

    /// The same use, of which the stages run by another clock from now on.
    pub(super) fn restaged(
        &self,
        old: Option<&StageClock>,
        new: &StageClock,
        moment: Moment,
    ) -> Result<Entry, UnknownTimeZone> {
        let present = self.usage.present(old, moment)?;
        Ok(Entry {
            usage: present.present(Some(new), moment)?,
            ..self.clone()
        })
    }

    /// Brings it under the numbers in force now, if others were in force since it was last used;
    /// whether they were. Then its row has to be written, and what a bucket was charged before can
    /// no longer be taken back: it is in parts of another rate.
    pub(super) fn follow(
        &mut self,
        clock: Option<&StageClock>,
        moment: Moment,
    ) -> Result<bool, UnknownTimeZone> {
        let Some(followed) = self.usage.followed(clock, moment)? else {
            return Ok(false);
        };
        self.usage = followed.in_force(clock, moment)?;
        self.written = None;
        Ok(true)
    }

    /// The version of its policy that it was decided by last.
    pub(super) const fn version(&self) -> Version {
        self.version
    }

    /// Its definition, and what that becomes.
    pub(super) fn definitions(&self) -> impl Iterator<Item = &Limit> {
        core::iter::once(&self.usage.limit).chain(self.coming.limits())
    }

    /// Whether the row tells less, or something else, of what becomes of its definition than this
    /// policy.
    pub(super) fn becomes_another(&self, policy: &Policy) -> bool {
        self.coming != Coming::of(policy, &self.usage.limit)
    }

    /// A policy of another definition of its limit alone, as it is told of the whole.
    pub(super) fn policy_of(&self, limits: Vec<Limit>) -> Result<Policy, InvalidLimit> {
        let mut policy = Policy::new(limits)?;
        if !self.policy.is_empty() {
            policy = policy.named(Name::stored("policy", &self.policy)?, self.version);
        }
        if self.replaces_inline {
            policy = policy.replacing_inline()?;
        }
        match self.usage.write_ahead {
            Some(units) => policy.with_write_ahead(units),
            None => Ok(policy),
        }
    }

    /// Adds the use that another row tells of the same limit, unless its period is over. The newer
    /// row's definition stays.
    pub(super) fn merge(&mut self, mut other: Entry) {
        if other.usage.newest() > self.usage.newest() {
            core::mem::swap(self, &mut other);
        }
        self.renamed.append(other.renamed);
        if self.usage.merge(&other.usage) {
            self.written = Some(Written::found(self.usage.state.clone()));
        }
    }

    /// Takes the settings of a policy, of which `is_whole` says whether its limits are all that it
    /// has.
    pub(super) fn set_policy(&mut self, policy: &Policy, is_whole: bool) {
        let is_known = self.is_whole && self.version == policy.version();
        // What else it decides by stands in the row of the policy.
        let is_alone = is_whole
            && policy.version().is_given()
            && policy.limits().len() == 1
            && policy.is_plain();
        self.version = policy.version();
        self.replaces_inline = policy.replaces_inline();
        self.is_whole = is_alone || (!is_whole && is_known);
        if self.becomes_another(policy) {
            self.coming = Coming::of(policy, &self.usage.limit);
            self.written = None; // the row has to tell it
        }
        if self.usage.write_ahead != policy.write_ahead() {
            self.usage.write_ahead = policy.write_ahead();
            let allowance = self.usage.allowance();
            if let Some(written) = &mut self.written {
                written.keep_within(allowance);
            }
        }
    }

    /// Rewrites the row when it no longer covers the real use after an admission of `units`, or
    /// tells too much of it. The state must be projected to now.
    pub(super) fn write_ahead(
        &mut self,
        units: u64,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), UnknownTimeZone> {
        if self.carry(units, moment)? {
            return Ok(());
        }
        let usage = &self.usage;
        let wanted = match &mut self.written {
            None => 0,
            Some(written) => {
                written.count(units, moment.now);
                match written.next_margin(&usage.state, usage.algorithm(), moment)? {
                    Some(wanted) => wanted,
                    None => return Ok(()),
                }
            }
        };
        let left = usage.allowance_left();
        self.write(wanted.min(left), moment.now, effects);
        Ok(())
    }

    /// The units of this charge are told by the row of a lease, if this call writes one and the
    /// limit's row is of the same window; whether they are.
    fn carry(&mut self, units: u64, moment: Moment) -> Result<bool, UnknownTimeZone> {
        let (Some(carried), Some(written)) = (&mut self.lent.carried, &mut self.written) else {
            return Ok(false);
        };
        let is_carried = written.carry(units, &self.usage.state, self.usage.algorithm(), moment)?;
        if is_carried {
            *carried = carried.saturating_add(units);
        }
        Ok(is_carried)
    }

    /// What is charged from now on is told by the row of a lease, which this call writes.
    pub(super) const fn begin_carrying(&mut self) {
        if self.lent.stamp > 0 {
            self.lent.carried = Some(0);
        }
    }

    /// Sets aside units that are lent. The first time the row is written, so that those of leases
    /// can count on it.
    pub(super) fn lend(&mut self, units: u64, moment: Moment, effects: &mut Effects) {
        self.lent.units = self.lent.units.saturating_add(units);
        if self.lent.stamp == 0 {
            self.lent.begin(moment.now);
            self.write_exact(moment, effects);
        }
    }

    /// Adds what the row of a lease tells: units that are set aside, and, if this is the stamp of
    /// the limit's row that it counts on, units charged at an instant in the same window.
    pub(super) fn add_lease(&mut self, left: u64, carried: u64, stamp: u64, at: Timestamp) {
        self.lent.units = self.lent.units.saturating_add(left);
        if carried > 0 && stamp == self.lent.stamp {
            self.usage.add_carried(carried, at);
            self.written = Some(Written::found(self.usage.state.clone()));
        }
    }

    /// Units that may be spent or settled without a question: no one else may have them.
    pub(super) const fn set_aside(&self) -> u64 {
        self.on_hold.saturating_add(self.lent.units)
    }

    /// Writes the row as the state is, whatever was stored.
    pub(super) fn write_exact(&mut self, moment: Moment, effects: &mut Effects) {
        self.write(0, moment.now, effects);
    }

    fn write(&mut self, margin: u64, now: Timestamp, effects: &mut Effects) {
        let (state, ahead) = self.usage.state.ahead(self.usage.algorithm(), margin);
        self.lent.row_is_written();
        self.renamed.delete(effects);
        effects.put(self.key(), self.row(&state, ahead));
        self.written = Some(Written::now(state, ahead, now));
        self.told = self.tells();
    }

    /// The version of which a row written now tells the whole policy.
    const fn tells(&self) -> Version {
        if self.is_whole {
            self.version
        } else {
            Version::NONE
        }
    }

    /// Whether the row, as it is stored and as it would be written again, tells the whole policy
    /// under this version.
    pub(super) fn is_all_of(&self, version: Version) -> bool {
        self.told == version && self.tells() == version
    }

    fn row(&self, state: &LimitState, ahead: u64) -> String {
        let line = LineWriter::new(ROWS.written(), "limit")
            .put_some("policy", (!self.policy.is_empty()).then_some(&self.policy));
        let line = put_version(line, self.version)
            .flag("whole", self.is_whole)
            .flag("replacesInline", self.replaces_inline)
            .put_some("writeAhead", self.usage.write_ahead)
            .put_some("turn", (self.turn > 0).then_some(self.turn))
            .put_some("stamp", Some(self.lent.stamp).filter(|it| *it > 0));
        let line = self.usage.put(line, state, ahead);
        self.coming.put(line).finish()
    }

    /// Deletes the row, if there is one.
    pub(super) fn delete(&mut self, effects: &mut Effects) {
        if self.is_stored() {
            self.renamed.delete(effects);
            effects.writes.push(Write::Delete { key: self.key() });
        }
    }

    /// When the row is to be written exact, if it is ahead and nothing is admitted until then.
    pub(super) fn closes_at(&self) -> Option<Timestamp> {
        self.written.as_ref().and_then(Written::closes_at)
    }

    /// The closing timer has come: writes the row exact if it is due. A state that is idle by then
    /// needs no other row.
    pub(super) fn close(&mut self, moment: Moment, effects: &mut Effects) {
        let is_idle = self.usage.idle_at(moment.now) <= moment.now;
        let Some(written) = &mut self.written else {
            return;
        };
        if !written.is_to_close(moment.now) {
            return;
        }
        if is_idle {
            written.give_up();
        } else {
            self.write_exact(moment, effects);
        }
    }

    /// How it stands, for whoever looks.
    pub(super) fn status(
        &self,
        clock: Option<&StageClock>,
        moment: Moment,
    ) -> Result<LimitStatus, UnknownTimeZone> {
        let usage = self.usage.present(clock, moment)?;
        let (view, classes) = usage.whole(moment)?;
        let stage = usage.limit.stage(clock, moment)?;
        Ok(LimitStatus {
            policy: self.policy.clone(),
            version: self.version,
            limit: usage.limit.clone(),
            stage: stage.map(|(step, next)| StageStatus { step, next }),
            remaining: view.remaining.saturating_sub(self.set_aside()),
            held: self.on_hold,
            lent: self.lent.units,
            debt: usage.debt(moment)?,
            reset: view.reset,
            classes,
        })
    }
}
