//! One limit's state with its definition, and the row that stands for it in storage.

use crate::algorithm::slots::Slot;
use crate::algorithm::state::{Charge, LimitState, Moment};
use crate::algorithm::stored::reserve_of;
use crate::calendar::UnknownTimeZone;
use crate::codec::{Line, LineWriter, Unreadable};
use crate::policy::Policy;
use crate::row::{get_limit, get_state, put_limit, put_state, ROW_VERSION};
use crate::{Algorithm, Duration, Limit, Timestamp};

use super::{Effects, LimitStatus, Write};

/// A limit, its real use, and what storage says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub(super) policy: String,
    version: u64,
    reserve: Option<u64>,
    pub(super) limit: Limit,
    pub(super) state: LimitState,
    /// The state as the stored row tells it: at or ahead of the real one. `None` when there is no row, or one of another definition.
    pub(super) stored: Option<LimitState>,
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
            reserve: None,
            limit: limit.clone(),
            state: LimitState::fresh(limit.algorithm(), moment)?,
            stored: None,
        })
    }

    /// Reads the row `key`: after a restart, the real use is taken to be what the row says.
    pub(super) fn from_line(line: &Line, key: &str) -> Result<Entry, Unreadable> {
        let limit = get_limit(line)?;
        let state = get_state(line, limit.algorithm())?;
        let entry = Entry {
            policy: line.get("policy").unwrap_or("").to_owned(),
            version: line.number("version")?.unwrap_or(0),
            reserve: line.number("reserve")?,
            limit,
            stored: Some(state.clone()),
            state,
        };
        if entry.key() == key {
            Ok(entry)
        } else {
            Err(Unreadable::Damaged("key"))
        }
    }

    /// The row's key: policy, the limit's name or algorithm, and its time dimension; never its numbers.
    pub(super) fn key(&self) -> String {
        let dimension = match self.limit.algorithm() {
            Algorithm::Quota(quota) => quota.dimension(),
            algorithm => algorithm
                .window()
                .map(|window| window.as_millis().to_string())
                .unwrap_or_default(),
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

    pub(super) const fn is_stored(&self) -> bool {
        self.stored.is_some()
    }

    /// The same use under another definition. Its row is written when it is next charged.
    pub(super) fn adopted(&self, limit: &Limit, moment: Moment) -> Result<Entry, UnknownTimeZone> {
        let mut state = self.state.clone();
        state.project(self.limit.algorithm(), moment)?;
        let state = state.adopted(&self.limit, limit, moment)?;
        // The row is there, but speaks of the old numbers: no projection under the new ones may rely on it.
        Ok(Entry {
            limit: limit.clone(),
            state,
            ..self.clone()
        }
        .with_stale_row())
    }

    fn with_stale_row(mut self) -> Entry {
        self.stored = None;
        self
    }

    pub(super) fn set_policy(&mut self, policy: &Policy) {
        self.version = policy.version();
        self.reserve = policy.reserve();
    }

    /// Rewrites the row when it no longer covers the real use, or when `always`. The state must be projected to now.
    pub(super) fn write_ahead(
        &mut self,
        always: bool,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), UnknownTimeZone> {
        let algorithm = self.limit.algorithm();
        if let (false, Some(stored)) = (always, &self.stored) {
            let projected = stored.projected(algorithm, moment)?;
            if projected
                .as_ref()
                .unwrap_or(stored)
                .covers(&self.state, algorithm, moment.now)
            {
                return Ok(());
            }
        }
        let ahead = self
            .state
            .ahead(algorithm, reserve_of(algorithm, self.reserve) - 1);
        effects.writes.push(Write::Put {
            key: self.key(),
            row: self.row(&ahead),
        });
        self.stored = Some(ahead);
        Ok(())
    }

    fn row(&self, state: &LimitState) -> String {
        let line = LineWriter::new(ROW_VERSION, "limit")
            .put_some("policy", (!self.policy.is_empty()).then_some(&self.policy))
            .put_some("version", (self.version > 0).then_some(self.version))
            .put_some("reserve", self.reserve);
        put_state(put_limit(line, &self.limit), state).finish()
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
        self.state.idle_at(self.limit.algorithm(), now)
    }

    pub(super) fn newest_fence(&self) -> u64 {
        match &self.state {
            LimitState::Slots(slots) => slots.fence,
            _ => 0,
        }
    }

    /// Moves the deadline of a live permit; `None` when this limit does not hold it.
    pub(super) fn renew(
        &mut self,
        permit: u128,
        hold: Option<Duration>,
        now: Timestamp,
    ) -> Option<Slot> {
        let (LimitState::Slots(slots), Algorithm::Concurrency(limit)) =
            (&mut self.state, self.limit.algorithm())
        else {
            return None;
        };
        slots.renew(
            permit,
            hold.map_or(limit.ttl(), |hold| hold.min(limit.ttl())),
            now,
        )
    }

    /// Frees the slots of a live permit; `false` when this limit does not hold it.
    pub(super) fn release(&mut self, permit: u128, now: Timestamp) -> bool {
        let LimitState::Slots(slots) = &mut self.state else {
            return false;
        };
        let held = slots.find(permit, now).is_some();
        if held {
            slots.release(permit, now);
        }
        held
    }
}
