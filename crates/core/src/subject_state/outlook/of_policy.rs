//! What is known of the upstream of one policy.
//!
//! **Row.** `outlook/<policy>`, written when it changes. It has the form of a block until the gate
//! or the breaker is open to calls again, so that builds from before shut out until then, too, and
//! pass over the rest.

use crate::block::Block;
use crate::codec::{Line, LineWriter, Unreadable};
use crate::policy::outbound::Breaker;
use crate::policy::Policy;
use crate::row::ROWS;
use crate::Timestamp;

use super::accounted::Accounted;
use super::adapted::Adapted;
use super::adapting::Adapting;
use super::back::Back;
use super::circuit::Circuit;
use super::gate::Gate;
use super::pace::Paces;
use super::shut::Shut;
use crate::subject_state::status::OutlookStatus;
use crate::subject_state::{Item, Write};

/// What tells an outlook's row from a block's.
const FLAG: &str = "outlook";

/// What is known of one policy's upstream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Outlook {
    /// The policy's name, empty for inline limits.
    pub(super) policy: String,
    pub(crate) gate: Gate,
    pub(crate) circuit: Circuit,
    pub(crate) paces: Paces,
    pub(crate) adapted: Adapted,
    pub(crate) accounted: Accounted,
    /// When it was changed last, by the clock as it was then.
    seen: Timestamp,
}

impl Outlook {
    /// One of which nothing is known.
    pub(super) fn blank(policy: &str) -> Outlook {
        Outlook {
            policy: policy.to_owned(),
            ..Outlook::default()
        }
    }

    pub(super) fn is_blank(&self) -> bool {
        let seen = self.seen;
        *self
            == (Outlook {
                seen,
                ..Outlook::blank(&self.policy)
            })
    }

    /// Whether the row of a block is an outlook's.
    pub(super) fn is_row(line: &Line) -> bool {
        line.flag(FLAG)
    }

    /// Reads such a row.
    pub(super) fn get(line: &Line) -> Result<Outlook, Unreadable> {
        Ok(Outlook {
            policy: line.get("policy").unwrap_or("").to_owned(),
            gate: Gate::get(line)?,
            circuit: Circuit::get(line)?,
            paces: Paces::get(line)?,
            adapted: Adapted::get(line)?,
            accounted: Accounted::get(line)?,
            seen: Timestamp::from_millis(line.number("seen")?.unwrap_or(0)),
        })
    }

    pub(super) fn key(&self) -> String {
        format!("outlook/{}", self.policy)
    }

    /// The row as it is to be stored; none where it says nothing.
    pub(crate) fn write(&self) -> Write {
        let key = self.key();
        match self.is_blank() {
            true => Write::Delete { key },
            false => Write::Put {
                key,
                row: self.row(),
            },
        }
    }

    fn row(&self) -> String {
        let open = self.circuit.open_until().unwrap_or(Timestamp::ZERO);
        let block = Block {
            policy: Some(self.policy.clone()),
            until: self.gate.until().max(open),
            reason: String::new(),
            step: None,
        };
        let line = LineWriter::new(ROWS.written(), "block");
        let line = self.gate.put(block.put(line).flag(FLAG, true));
        let line = self.paces.put(self.circuit.put(line));
        let line = self.accounted.put(self.adapted.put(line));
        let seen = (self.seen > Timestamp::ZERO).then(|| self.seen.as_millis());
        line.put_some("seen", seen).finish()
    }

    /// It was changed now.
    pub(crate) const fn changed(&mut self, now: Timestamp) {
        self.seen = now;
    }

    /// Goes back with a clock that was stepped back since it was changed.
    pub(super) fn step_back(&mut self, now: Timestamp) {
        let Some(back) = Back::to(now, self.seen) else {
            return;
        };
        self.gate.shift(back);
        self.circuit.shift(back);
        self.paces.shift(back);
        self.adapted.shift(back);
        self.accounted.shift(back);
        self.seen = now;
    }

    /// Why an item is refused now, whatever its limits have left.
    pub(super) fn shut(&self, item: &Item, now: Timestamp) -> Option<Shut> {
        let outbound = item.policy.outbound();
        let breaker = outbound.and_then(|it| it.breaker.as_ref());
        let broken = breaker.and_then(|it| self.circuit.shut(it, now));
        let is_paced = outbound.is_some_and(|it| it.pace);
        let paced = is_paced.then(|| self.paces.shut(&|limit| units_of(item, limit), now));
        let all = [self.gate.shut(now), broken, paced.flatten()];
        // Nothing is no probe.
        let all = all.into_iter().flatten();
        let all = all.filter(|it| it.is_certain || item.charges());
        all.max_by_key(|it| it.until)
    }

    /// An item was admitted, by this operation; whether the row has to be written.
    pub(super) fn admitted(
        &mut self,
        item: &Item,
        operation: Option<u128>,
        now: Timestamp,
    ) -> bool {
        self.gate.admitted(now);
        let breaker = item.policy.outbound().and_then(|it| it.breaker.as_ref());
        let is_probe = breaker.is_some_and(|it| self.circuit.admitted(it, operation, now));
        let units = |limit: &str| units_of(item, limit);
        let is_changed = self.paces.admitted(&units, operation, now) || is_probe;
        if is_changed {
            self.changed(now);
        }
        is_changed
    }

    /// Calls go that are decided elsewhere, unseen: an answer from since it opened is that of one.
    pub(crate) fn admitted_elsewhere(
        &mut self,
        breaker: Option<&Breaker>,
        answered: Timestamp,
        now: Timestamp,
    ) {
        self.gate.admitted(now);
        if let Some(breaker) = breaker {
            self.circuit.admitted_elsewhere(breaker, answered);
        }
    }

    /// The operation was taken back, so that its call is not made; whether the row has to be
    /// written.
    pub(super) fn taken_back(&mut self, operation: u128) -> bool {
        let is_probe = self.circuit.taken_back(operation);
        self.paces.taken_back(operation) || is_probe
    }

    /// From when on nothing of it counts.
    pub(super) fn end(&self) -> Timestamp {
        let ends = [
            self.gate.end(),
            self.circuit.end(),
            self.paces.end(),
            self.adapted.end(),
            self.accounted.end(),
        ];
        ends.into_iter().max().unwrap_or_default()
    }

    /// How it stands; `policy`: where it is known how its policy is defined.
    pub(super) fn status(&self, policy: Option<&Policy>, now: Timestamp) -> Option<OutlookStatus> {
        let status = OutlookStatus {
            policy: self.policy.clone(),
            gate: self.gate.closed(now),
            breaker: self.circuit.status(now),
            paced_until: Some(self.paces.end()).filter(|end| *end > now),
            adapted_to: self.adapted.shown(policy.map(Adapting::of), now),
        };
        let is_shown = status.gate.is_some()
            || status.breaker.is_some()
            || status.paced_until.is_some()
            || status.adapted_to.is_some();
        is_shown.then_some(status)
    }
}

/// Units that an item wants of the limit that is known as this.
fn units_of(item: &Item, known_as: &str) -> u64 {
    let mut limits = item.policy.limits().iter();
    let limit = limits.find(|it| it.known_as() == known_as);
    limit.map_or(0, |limit| item.units_of(limit))
}
