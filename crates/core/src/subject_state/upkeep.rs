//! Forgetting: resets, the cleaning alarm, and idle limits.

use crate::algorithm::state::Moment;
use crate::codec::{LineWriter, Unreadable};
use crate::row::ROWS;
use crate::{Duration, Timestamp};

use super::operations::Operations;
use super::{Effects, Entry, Refusal, SubjectState, Write};

/// The least time between two cleaning alarms: each is a billed request and a row written.
pub const ALARM_SPACING: Duration = Duration::from_secs(60);

impl SubjectState {
    /// Whether anything is stored, so that there has to be a cleaning alarm.
    pub fn has_rows(&self) -> bool {
        self.unreadable.is_some()
            || !self.blocks.is_empty()
            || self.entries.iter().any(Entry::is_stored)
    }

    /// Tells that the cleaning alarm is set to this instant, or not set: what the object learnt
    /// from its storage.
    pub fn alarm_is(&mut self, alarm: Option<Timestamp>) {
        self.alarm = alarm;
    }

    /// Forgets what is spent, of one policy or all. Blocks stay: they are somebody's decision. So
    /// do slots, as long as somebody holds them: a reset of their count would let another in beside
    /// the holder. Fences go on rising.
    pub fn reset(
        &mut self,
        policy: Option<&str>,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        match &self.unreadable {
            Some(Unreadable::Damaged(_)) if policy.is_none() => {
                effects.writes.push(Write::DeleteAll);
                *self = SubjectState {
                    alarm: self.alarm,
                    operations: Operations::kept_for(self.operations.kept()),
                    ..SubjectState::default()
                };
            }
            _ => self.readable()?,
        }
        let mut dropped = Vec::new();
        for mut entry in core::mem::take(&mut self.entries) {
            if policy.is_some_and(|policy| policy != entry.policy) {
                self.entries.push(entry);
            } else if entry.forget_spent(moment) {
                if entry.held.is_some() {
                    self.operations.drop_charges_of(&entry.key());
                }
                entry.write_exact(moment, effects);
                self.entries.push(entry);
            } else {
                self.operations.drop_charges_of(&entry.key());
                dropped.push(entry);
            }
        }
        self.delete_rows(dropped, effects);
        self.denials.clear();
        if self.fence >= moment.now.as_millis() {
            effects.writes.push(self.put_fence());
        }
        self.ensure_alarm(moment, effects);
        Ok(())
    }

    pub(super) fn put_fence(&self) -> Write {
        let row = LineWriter::new(ROWS.written(), "fence")
            .put("fence", self.fence)
            .finish();
        Write::Put {
            key: "fence".to_owned(),
            row,
        }
    }

    fn delete_rows(&mut self, mut dropped: Vec<Entry>, effects: &mut Effects) {
        for entry in dropped.iter_mut().filter(|entry| entry.is_stored()) {
            entry.delete_others(effects);
            effects.writes.push(Write::Delete { key: entry.key() });
        }
    }

    /// The cleaning alarm has come: forgets what is idle, in memory and in storage in one step, and
    /// sets the next alarm if anything is left. A subject that is idle ends with no row at all.
    pub fn clean(&mut self, moment: Moment, effects: &mut Effects) -> Result<(), Refusal> {
        self.alarm = None;
        self.readable()?;
        self.drop_idle(moment, effects);
        effects.writes.extend(self.blocks.drop_over(moment.now));
        if self.entries.is_empty() && self.blocks.is_empty() && self.fence < moment.now.as_millis()
        {
            effects.writes = vec![Write::DeleteAll];
            return Ok(());
        }
        self.rewrite_older(moment, effects);
        self.set_alarm(moment, effects); // for the row of the fence alone, too
        Ok(())
    }

    /// Writes rows of an older version in the version of this build: in the first step after
    /// waking, as later there are none.
    pub(crate) fn rewrite_older(&mut self, moment: Moment, effects: &mut Effects) {
        let older = core::mem::take(&mut self.older);
        if self.readable().is_err() {
            return; // nothing of this subject may be touched
        }
        if older.rows {
            for entry in &mut self.entries {
                entry.write_exact(moment, effects);
            }
            effects.writes.extend(self.blocks.rows());
        }
        if older.fence {
            effects.writes.push(self.put_fence());
        }
    }

    /// When [`SubjectState::close`] has something to write, if nothing is admitted until then.
    pub fn closes_at(&self) -> Option<Timestamp> {
        self.entries.iter().filter_map(Entry::closes_at).min()
    }

    /// Writes exact every row that ran ahead and has not been used for [`super::STEADY`]. A subject
    /// that falls asleep after it loses nothing; a lost object may lose what its rows were ahead,
    /// within their allowances.
    pub fn close(&mut self, moment: Moment, effects: &mut Effects) {
        if self.readable().is_ok() {
            for entry in &mut self.entries {
                entry.close(moment, effects);
            }
        }
    }

    pub(super) fn drop_idle(&mut self, moment: Moment, effects: &mut Effects) {
        let to_drop: Vec<bool> = (self.entries.iter())
            .map(|entry| self.is_to_drop(entry, moment.now))
            .collect();
        let mut to_drop = to_drop.into_iter();
        let (dropped, kept) = self
            .entries
            .drain(..)
            .partition(|_| to_drop.next() == Some(true));
        self.entries = kept;
        self.delete_rows(dropped, effects);
    }

    /// Whether nothing tells the entry from a new one. Of several definitions of one named limit
    /// the one in force stays while another is in use: as a new one it would start with what that
    /// one has counted.
    pub(super) fn is_to_drop(&self, entry: &Entry, now: Timestamp) -> bool {
        if entry.idle_at(now) > now {
            return false;
        }
        let mut of_name =
            (self.entries.iter()).filter(|other| other.is_named_as(&entry.policy, &entry.limit));
        let is_in_force = of_name.clone().all(|other| other.turn <= entry.turn);
        !(is_in_force && of_name.any(|other| other.idle_at(now) > now))
    }

    /// Sets the alarm when something is stored and none is set: once per idle period, not per
    /// admission.
    pub(super) fn ensure_alarm(&mut self, moment: Moment, effects: &mut Effects) {
        if self.alarm.is_some() || (effects.writes.is_empty() && !self.has_rows()) {
            return;
        }
        self.set_alarm(moment, effects);
    }

    fn set_alarm(&mut self, moment: Moment, effects: &mut Effects) {
        let mut last = moment.now.plus(ALARM_SPACING);
        for entry in &self.entries {
            last = last.max(entry.idle_at(moment.now));
        }
        let last = self.blocks.last_end().map_or(last, |end| end.max(last));
        self.alarm = Some(last);
        effects.alarm = Some(last);
    }
}
