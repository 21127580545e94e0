//! What a subject's object does beside answering: it forgets what is idle, closes rows that run
//! ahead, brings rows of older builds to the present form, and makes a write where it has made none
//! for too long.

use super::alarm::Alarm;
use super::current::{longest_for, mark, Proof};
use super::{Effects, Refusal, SubjectState, Write};
use crate::algorithm::state::Moment;
use crate::decision::Decision;
use crate::Timestamp;

impl SubjectState {
    /// The cleaning alarm has come: forgets what is idle, in memory and in storage in one step, and
    /// sets the next alarm if anything is left. A subject that is idle ends with no row at all, or
    /// with those of its stages and of what it took of grants alone.
    pub fn clean(&mut self, moment: Moment, effects: &mut Effects) -> Result<(), Refusal> {
        self.alarm = Alarm::default();
        self.loaded.readable()?;
        self.make_up(moment, effects)?;
        self.drop_leases(moment, effects);
        self.limits.drop_idle(moment, effects);
        self.policies.settle(&self.limits, effects);
        effects.writes.extend(self.blocks.drop_over(moment.now));
        if self.limits.taken.drop_over(moment.now) {
            effects.writes.push(self.limits.taken.write());
        }
        let is_kept = self.limits.kept_until() > Some(moment.now);
        self.keys.clean(moment.now, effects);
        let is_empty = !self.is_in_use() && !is_kept;
        if is_empty && !self.permits.is_fence_ahead(moment.now) {
            effects.writes = vec![Write::DeleteAll];
            self.limits.stage = None;
            return Ok(());
        }
        self.rewrite_older(moment, effects);
        self.set_alarm(moment, effects); // for the row of the fence alone, too
        if let Some(over) = self.leases.found_over_at(moment.now) {
            // A minute later it would have slept, and find them live once more, for ever.
            self.alarm.sooner(over, effects);
        }
        Ok(())
    }

    /// Writes rows of an older version in the version of this build: in the first step after
    /// waking, as later there are none.
    pub(crate) fn rewrite_older(&mut self, moment: Moment, effects: &mut Effects) {
        let older = self.loaded.take_older();
        if self.loaded.readable().is_err() {
            return; // nothing of this subject may be touched
        }
        if older.rows {
            self.limits.write_all(moment, effects);
            self.limits.holds.write_all(effects);
            self.leases.write_all(effects);
            self.policies.write_all(effects);
            effects.writes.extend(self.blocks.rows());
            effects.writes.extend(self.limits.kept_rows());
            effects.writes.extend(self.keys.rows());
        }
        if older.fence {
            effects.writes.push(self.permits.row());
        }
    }

    /// When [`SubjectState::close`] has something to write, if nothing is admitted until then.
    pub fn closes_at(&self) -> Option<Timestamp> {
        self.limits.closes_at()
    }

    /// Writes exact every row that ran ahead and has not been used for [`STEADY`](super::STEADY). A
    /// subject that falls asleep after it loses nothing; a lost object may lose what its rows were
    /// ahead, within their allowances.
    pub fn close(&mut self, moment: Moment, effects: &mut Effects) {
        if self.loaded.readable().is_ok() {
            self.end(moment, effects);
            self.limits.close(moment, effects);
            self.proof.note(effects, moment.now);
        }
    }

    /// Whether all rows could be read, so that anything is known of the subject.
    pub fn is_readable(&self) -> bool {
        self.loaded.readable().is_ok()
    }

    /// Whether anything is stored, so that there has to be a cleaning alarm.
    pub fn has_rows(&self) -> bool {
        let is_in_use = !self.blocks.is_empty() || self.limits.has_rows() || self.keys.has_rows();
        let is_in_use = is_in_use || !self.limits.holds.is_empty() || !self.leases.is_empty();
        let is_kept = self.limits.kept_until().is_some();
        self.loaded.readable().is_err() || is_in_use || is_kept
    }

    /// Tells that the cleaning alarm is set to this instant, or not set: what the object learnt
    /// from its storage.
    pub fn alarm_is(&mut self, alarm: Option<Timestamp>) {
        self.alarm = Alarm::known(alarm);
    }

    /// Sets the alarm when something is stored and none is set.
    pub(super) fn ensure_alarm(&mut self, moment: Moment, effects: &mut Effects) {
        let is_far = self.alarm.is_far() && self.is_in_use();
        let is_needed = !effects.writes.is_empty() || self.has_rows();
        if (!self.alarm.is_set() && is_needed) || is_far {
            self.set_alarm(moment, effects);
        } else if let Some(at) = self.rings_by(moment.now) {
            self.alarm.sooner(at, effects);
        }
    }

    /// When the alarm has to ring at the latest: other objects wait to be told how permits have
    /// ended, or will.
    pub fn rings_by(&self, now: Timestamp) -> Option<Timestamp> {
        self.limits.holds.rings_by(now)
    }

    /// Whether it has anything that is over some time.
    fn is_in_use(&self) -> bool {
        let has_limits = !self.limits.is_empty() || !self.limits.holds.is_empty();
        has_limits || !self.leases.is_empty() || !self.blocks.is_empty() || self.keys.has_rows()
    }

    fn set_alarm(&mut self, moment: Moment, effects: &mut Effects) {
        let over = self.limits.idle_at(moment.now).max(self.blocks.last_end());
        let over = over.max(self.keys.over_at(moment.now));
        let over = over.max(self.leases.over_at());
        let kept = self.limits.kept_until();
        self.alarm.set(over, kept, moment.now, effects);
        if let Some(at) = self.rings_by(moment.now) {
            self.alarm.sooner(at, effects);
        }
    }

    /// The rows were read at this instant. That is the start of an event, at which an instance is
    /// current.
    #[must_use]
    pub const fn loaded_at(mut self, now: Timestamp) -> SubjectState {
        self.proof = Proof::at(now);
        self
    }

    /// A call that may change something has been answered, with these decisions if any: has the
    /// answer not rest on memory that no write has confirmed for too long.
    pub(crate) fn confirm(
        &mut self,
        decisions: &[Decision],
        moment: Moment,
        effects: &mut Effects,
    ) {
        self.proof.note(effects, moment.now);
        let longest = longest_for(decisions);
        if self.proof.is_older(longest, moment.now) && self.is_readable() {
            self.write_any(moment, effects);
            self.proof.note(effects, moment.now);
        }
    }

    /// Writes one row as it is, but for a mark. Where there is none, nothing that was decided rests
    /// on one.
    fn write_any(&mut self, moment: Moment, effects: &mut Effects) {
        let mut any = Effects::default();
        let stored = self.limits.entries.iter_mut().filter(|it| it.is_stored());
        if let Some(entry) = stored.max_by_key(|it| it.usage.state.seen()) {
            entry.write_exact(moment, &mut any);
        } else {
            let rows = self.blocks.rows().chain(self.limits.kept_rows());
            any.writes.extend(rows.take(1));
        }
        for mut write in any.writes {
            mark(&mut write, moment.now);
            effects.writes.push(write);
        }
    }
}
