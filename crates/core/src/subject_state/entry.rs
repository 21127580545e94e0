//! One limit's state with its definition, and the row that stands for it in storage.

use crate::algorithm::allowance::{allowance_of, Lost};
use crate::algorithm::charge::Charge;
use crate::algorithm::state::{LimitState, Moment};
use crate::algorithm::Take;
use crate::calendar::UnknownTimeZone;
use crate::codec::{Line, LineWriter, Unreadable};
use crate::policy::Policy;
use crate::row::{get_limit, get_lost, get_state, put_limit, put_lost, put_state, ROWS};
use crate::{Algorithm, Limit, Timestamp};

use super::held::Held;
use super::written::Written;
use super::{Effects, LimitStatus};

/// A limit, its real use, and what storage says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub(super) policy: String,
    version: u64,
    write_ahead: Option<u64>,
    pub(super) limit: Limit,
    pub(super) state: LimitState,
    /// Of the definitions of one named limit the one with the highest turn was decided last.
    pub(super) turn: u64,
    /// The stored row; `None` when there is none yet, or one of another definition that is to be
    /// replaced before the answer.
    pub(super) written: Option<Written>,
    /// What waking has lost of the limit's allowance.
    pub(super) lost: Lost,
    /// Keys of further rows of this limit, which builds have written that took each name of a time
    /// zone for a zone of its own. They are deleted when the row is next written or deleted.
    pub(super) other_keys: Vec<String>,
    /// Slots that permits hold, while the algorithm in force has none.
    pub(super) held: Option<Box<Held>>,
}

impl Entry {
    pub(super) fn fresh(
        policy: &str,
        limit: &Limit,
        moment: Moment,
    ) -> Result<Entry, UnknownTimeZone> {
        Ok(Entry {
            policy: policy.to_owned(),
            version: 0,
            write_ahead: None,
            limit: limit.clone(),
            state: LimitState::fresh(limit.algorithm(), moment)?,
            turn: 0,
            written: None,
            lost: Lost::Nothing,
            other_keys: Vec::new(),
            held: None,
        })
    }

    /// Reads the row `key`: after a restart, the real use is taken to be what the row says, and
    /// what it was ahead is lost.
    pub(super) fn from_line(line: &Line, key: &str) -> Result<Entry, Unreadable> {
        let limit = get_limit(line)?;
        let state = get_state(line, limit.algorithm())?;
        let mut entry = Entry {
            policy: line.get("policy").unwrap_or("").to_owned(),
            version: line.number("version")?.unwrap_or(0),
            // `reserve` is what it was called before.
            write_ahead: match line.number("writeAhead")? {
                Some(units) => Some(units),
                None => line.number("reserve")?,
            },
            turn: line.number("turn")?.unwrap_or(0),
            limit,
            written: Some(Written::found(state.clone())),
            lost: get_lost(line, &state)?,
            held: Held::get(line, state.seen())?,
            state,
            other_keys: Vec::new(),
        };
        let ahead = line.number("ahead")?.unwrap_or(0);
        entry.lost.add(
            ahead,
            entry.allowance(),
            &entry.state,
            entry.limit.algorithm(),
        );
        if entry.key() == key {
            return Ok(entry);
        }
        if entry.key_in(line.get("timeZone")) != key {
            return Err(Unreadable::Damaged("key"));
        }
        entry.other_keys.push(key.to_owned());
        Ok(entry)
    }

    /// The row's key: policy, the limit's name or algorithm, and its time dimension; never its
    /// numbers.
    pub(super) fn key(&self) -> String {
        self.key_in(None)
    }

    /// The same with a quota's zone under another of its names.
    fn key_in(&self, zone: Option<&str>) -> String {
        let dimension = match (self.limit.algorithm(), zone) {
            (Algorithm::Quota(quota), Some(zone)) => quota.dimension_in(zone),
            (algorithm, _) => algorithm.dimension(),
        };
        format!(
            "limit/{}/{}/{dimension}",
            self.policy,
            self.limit.name_or_word()
        )
    }

    /// Whether this is the state of `limit` in `policy`.
    pub(super) fn keeps(&self, policy: &str, limit: &Limit) -> bool {
        self.policy == policy && self.limit.shares_state_with(limit)
    }

    /// Whether this is a state of the named limit of which `limit` is a definition, by whatever
    /// window or algorithm.
    pub(super) fn is_named_as(&self, policy: &str, limit: &Limit) -> bool {
        limit.name().is_some() && self.limit.name() == limit.name() && self.policy == policy
    }

    pub(super) const fn is_stored(&self) -> bool {
        self.written.is_some()
    }

    /// Whether charges to it under this definition can be taken back under `next`, the one that
    /// came after it. What a bucket was charged is in parts of this rate; what came into force anew
    /// may have counted other use than this.
    pub(super) fn counts_as(&self, next: &Entry) -> bool {
        let (old, new) = (self.limit.algorithm(), next.limit.algorithm());
        let is_bucket = matches!(self.state, LimitState::Bucket(_));
        self.turn == next.turn
            && !is_bucket
            && core::mem::discriminant(old) == core::mem::discriminant(new)
    }

    /// The same use under another definition. Its row speaks of the old one: it has to be written
    /// before anything is answered by the new.
    pub(super) fn redefined(
        &self,
        limit: &Limit,
        moment: Moment,
    ) -> Result<Entry, UnknownTimeZone> {
        let mut old = self.state.clone();
        old.project(self.limit.algorithm(), moment)?;
        let beside = self.held_beside(moment.now);
        let held = (beside.iter()).flat_map(|beside| beside.slots.held.iter().copied());
        let state = old.adopted(&self.limit, limit, held.collect(), moment)?;
        let mut entry = Entry {
            limit: limit.clone(),
            held: beside.filter(|_| !matches!(state, LimitState::Slots(_))),
            state,
            written: None,
            ..self.clone()
        };
        entry.lost = self.lost.carried(
            (&old, self.limit.algorithm(), self.allowance()),
            (&entry.state, limit.algorithm(), entry.allowance()),
        );
        Ok(entry)
    }

    /// Counts at least what `other`, another definition of the same limit, has counted: this one
    /// comes into force. The state is new, or projected to now.
    pub(super) fn take_over(
        &mut self,
        other: &Entry,
        moment: Moment,
    ) -> Result<(), UnknownTimeZone> {
        let (from, to) = (other.limit.algorithm(), self.limit.algorithm());
        let projected = other.state.projected(from, moment)?;
        let state = projected.as_ref().unwrap_or(&other.state);
        let used = state.used(from, moment.now);
        // What is above the limit is gone with the window, where all of it ends at once; elsewhere
        // it would refuse for much longer.
        let units = match &self.state {
            LimitState::Counter(_) | LimitState::Log(_) => used,
            _ => used.min(to.limit()),
        };
        self.state.raise(to, units, moment)?;
        let promised = state.promised(from, moment.now);
        self.state.promise_all(to, promised, moment)?;
        // The larger count has lost at most as much as the one of both that lost more.
        let lost = other.lost.units(other.allowance(), state, from);
        let more = lost.saturating_sub(self.lost.units(self.allowance(), &self.state, to));
        self.lost.add(more, self.allowance(), &self.state, to);
        Ok(())
    }

    /// Charges what another definition of the same limit has admitted, for `at`: past the limit,
    /// and at most to twice of it but in a window, with which all of it ends. Answers what was
    /// charged.
    pub(super) fn charge_past(
        &mut self,
        units: u64,
        at: Timestamp,
        moment: Moment,
    ) -> Result<Option<Charge>, UnknownTimeZone> {
        let algorithm = self.limit.algorithm();
        self.state.project(algorithm, moment)?;
        let most = match &self.state {
            LimitState::Counter(_) => u64::MAX,
            _ => algorithm.limit().saturating_mul(2),
        };
        let left = most.saturating_sub(self.state.used(algorithm, moment.now));
        // What is promised for later is charged whole: so each definition has room for a place only
        // where all have.
        let units = if at > moment.now {
            units
        } else {
            units.min(left)
        };
        if units == 0 {
            return Ok(None);
        }
        let take = Take::of(units);
        self.state.take(algorithm, take, at, moment)?;
        Ok(self.state.charge(algorithm, &take, at))
    }

    pub(super) fn set_policy(&mut self, policy: &Policy) {
        self.version = policy.version();
        if self.write_ahead != policy.write_ahead() {
            self.write_ahead = policy.write_ahead();
            let allowance = self.allowance();
            if let Some(written) = &mut self.written {
                written.keep_within(allowance);
            }
        }
    }

    /// The units that rows may run ahead in one window.
    pub(super) fn allowance(&self) -> u64 {
        allowance_of(self.limit.algorithm(), self.write_ahead)
    }

    /// Rewrites the row when it no longer covers the real use after an admission of `units`, or
    /// tells too much of it. The state must be projected to now.
    pub(super) fn write_ahead(
        &mut self,
        units: u64,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), UnknownTimeZone> {
        let algorithm = self.limit.algorithm();
        let wanted = match &mut self.written {
            None => 0,
            Some(written) => {
                written.count(units, moment.now);
                match written.next_margin(&self.state, algorithm, moment)? {
                    Some(wanted) => wanted,
                    None => return Ok(()),
                }
            }
        };
        let left = self.lost.left(self.allowance(), &self.state, algorithm);
        self.write(wanted.min(left), moment.now, effects);
        Ok(())
    }

    /// Writes the row as the state is, whatever was stored.
    pub(super) fn write_exact(&mut self, moment: Moment, effects: &mut Effects) {
        self.write(0, moment.now, effects);
    }

    fn write(&mut self, margin: u64, now: Timestamp, effects: &mut Effects) {
        let (state, ahead) = self.state.ahead(self.limit.algorithm(), margin);
        self.delete_others(effects);
        effects.put(self.key(), self.row(&state, ahead));
        self.written = Some(Written::now(state, ahead, now));
    }

    fn row(&self, state: &LimitState, ahead: u64) -> String {
        let line = LineWriter::new(ROWS.written(), "limit")
            .put_some("policy", (!self.policy.is_empty()).then_some(&self.policy))
            .put_some("version", (self.version > 0).then_some(self.version))
            .put_some("writeAhead", self.write_ahead)
            .put_some("turn", (self.turn > 0).then_some(self.turn));
        let line = put_state(put_limit(line, &self.limit), state, self.limit.algorithm())
            .put_some("ahead", (ahead > 0).then_some(ahead));
        let line = put_lost(
            line,
            &self.lost.seen_from(&self.state, self.limit.algorithm()),
        );
        Held::put(self.held.as_deref(), line).finish()
    }

    /// When the row is to be written exact, if it is ahead and nothing is admitted until then.
    pub(super) fn closes_at(&self) -> Option<Timestamp> {
        self.written.as_ref().and_then(Written::closes_at)
    }

    /// The closing timer has come: writes the row exact if it is due. A state that is idle by then
    /// needs no other row.
    pub(super) fn close(&mut self, moment: Moment, effects: &mut Effects) {
        let is_idle = self.idle_at(moment.now) <= moment.now;
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

    pub(super) fn cancel(
        &mut self,
        charge: &Charge,
        moment: Moment,
    ) -> Result<u128, UnknownTimeZone> {
        self.state.project(self.limit.algorithm(), moment)?;
        Ok(self
            .state
            .cancel(self.limit.algorithm(), charge, moment.now))
    }

    pub(super) fn status(&self, moment: Moment) -> Result<LimitStatus, UnknownTimeZone> {
        let algorithm = self.limit.algorithm();
        let projected = self.state.projected(algorithm, moment)?;
        let view = projected
            .as_ref()
            .unwrap_or(&self.state)
            .view(algorithm, moment.now);
        Ok(LimitStatus {
            policy: self.policy.clone(),
            version: self.version,
            limit: self.limit.clone(),
            remaining: view.remaining,
            reset: view.reset,
        })
    }

    pub(super) fn idle_at(&self, now: Timestamp) -> Timestamp {
        let idle = self.state.idle_at(self.limit.algorithm(), now);
        let held = self.held.as_ref();
        held.map_or(idle, |held| idle.max(held.slots.view(0, now).reset))
    }
}
