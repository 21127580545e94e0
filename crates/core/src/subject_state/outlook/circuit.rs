//! A circuit breaker: after so many failures of the upstream within a time it is open and nothing
//! is admitted; after a while it is half open and lets a few through, of which one success closes
//! it and one failure opens it again.
//!
//! A probe whose answer nobody reports is waited for as long as the breaker was open.

use std::collections::VecDeque;

use crate::codec::{Line, LineWriter, Unreadable};
use crate::decision::Reason;
use crate::policy::outbound::Breaker;
use crate::report::{BreakerState, Broken};
use crate::row::items;
use crate::Timestamp;

use super::shut::{Shut, FORGOTTEN};

/// The breaker of one policy of a subject.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Circuit {
    /// When the failures came that count, oldest first; at most as many as open it.
    failures: VecDeque<Timestamp>,
    /// When the last of them counts no more.
    kept: Timestamp,
    /// Until when it is open; half open from then on. `None` while it is closed.
    open_until: Option<Timestamp>,
    /// Until when each probe is waited for.
    probes: Vec<Timestamp>,
}

impl Circuit {
    fn waiting(&self, now: Timestamp) -> impl Iterator<Item = Timestamp> + '_ {
        self.probes
            .iter()
            .copied()
            .filter(move |until| *until > now)
    }

    pub(super) fn shut(&self, breaker: &Breaker, now: Timestamp) -> Option<Shut> {
        let open_until = self.open_until?;
        let reason = Reason::Breaker;
        if open_until > now {
            return Some(Shut {
                until: open_until,
                reason,
                is_certain: true,
            });
        }
        let is_full = self.waiting(now).count() as u64 >= breaker.probes();
        let until = self.waiting(now).min().filter(|_| is_full)?;
        // A report may come before.
        Some(Shut {
            until,
            reason,
            is_certain: false,
        })
    }

    /// Somebody was let through; whether that is a probe.
    pub(super) fn admitted(&mut self, breaker: &Breaker, now: Timestamp) -> bool {
        let is_probe = self.open_until.is_some_and(|until| until <= now);
        if is_probe {
            self.probes.retain(|until| *until > now);
            self.probes.push(now.plus(breaker.open()));
        }
        is_probe
    }

    /// Half open, calls go that are decided elsewhere: whatever was answered since then is the
    /// answer of a probe.
    pub(super) fn admitted_elsewhere(&mut self, breaker: &Breaker, answered: Timestamp) {
        if self.open_until.is_some_and(|until| until <= answered) {
            self.admitted(breaker, answered);
        }
    }

    /// Counts what the upstream answered at `answered` to so many calls, all failures or none.
    pub(crate) fn count(
        &mut self,
        breaker: &Breaker,
        (calls, is_failure): (u64, bool),
        answered: Timestamp,
        now: Timestamp,
    ) {
        if calls == 0 {
            return;
        }
        match self.open_until {
            None if is_failure => self.fail(breaker, calls, now),
            // What failed before goes on to count until its window is over.
            None => {}
            Some(until) if until <= now && answered >= until => {
                self.probed(breaker, is_failure, now);
            }
            // An answer from before it was half open.
            Some(_) => {}
        }
    }

    /// A probe has been answered. An answer to no probe says nothing.
    fn probed(&mut self, breaker: &Breaker, is_failure: bool, now: Timestamp) {
        if self.waiting(now).next().is_none() {
            return;
        }
        self.probes.clear();
        self.failures.clear();
        match is_failure {
            true => self.open(breaker, now),
            false => *self = Circuit::default(),
        }
    }

    fn fail(&mut self, breaker: &Breaker, calls: u64, now: Timestamp) {
        let window = breaker.window();
        self.failures
            .retain(|at| at.plus(window) > now && *at <= now);
        for _ in 0..calls.min(breaker.threshold()) {
            self.failures.push_back(now);
        }
        self.kept = now.plus(window);
        if self.failures.len() as u64 >= breaker.threshold() {
            self.failures.clear();
            self.open(breaker, now);
        }
    }

    fn open(&mut self, breaker: &Breaker, now: Timestamp) {
        self.open_until = Some(now.plus(breaker.open()));
        self.kept = now.plus(breaker.open());
    }

    /// Until when it is open.
    pub(super) fn open_until(&self) -> Option<Timestamp> {
        self.open_until
    }

    /// From when on nothing of it counts. Half open it waits for a probe, for a day: whoever asks
    /// then finds it closed.
    pub(super) fn end(&self) -> Timestamp {
        match self.open_until {
            Some(until) => until.plus(FORGOTTEN),
            None => self.kept,
        }
    }

    /// How it stands, for whoever looks.
    pub(crate) fn status(&self, now: Timestamp) -> Option<Broken> {
        let (state, until) = match self.open_until {
            None if self.failures.is_empty() => return None,
            None => (BreakerState::Closed, None),
            Some(until) if until > now => (BreakerState::Open, Some(until)),
            Some(_) => (BreakerState::HalfOpen, None),
        };
        Some(Broken {
            state,
            until,
            failures: self.failures.len() as u64,
        })
    }

    /// Adds it to the row.
    pub(super) fn put(&self, line: LineWriter) -> LineWriter {
        let texts = |all: &mut dyn Iterator<Item = &Timestamp>| {
            let all: Vec<String> = all.map(|it| it.as_millis().to_string()).collect();
            (!all.is_empty()).then(|| all.join(","))
        };
        let line = line
            .put_some("failures", texts(&mut self.failures.iter()))
            .put_some("probes", texts(&mut self.probes.iter()))
            .put_some("open", self.open_until.map(Timestamp::as_millis));
        let counts = self.kept > Timestamp::ZERO;
        line.put_some("counted", counts.then(|| self.kept.as_millis()))
    }

    /// Reads it from a row.
    pub(super) fn get(line: &Line) -> Result<Circuit, Unreadable> {
        let instants = |key: &'static str| {
            let all = items(line, key).map(|it| it.parse().map(Timestamp::from_millis));
            all.collect::<Result<Vec<_>, _>>()
                .map_err(|_| Unreadable::Damaged(key))
        };
        Ok(Circuit {
            failures: instants("failures")?.into(),
            kept: Timestamp::from_millis(line.number("counted")?.unwrap_or(0)),
            open_until: line.number("open")?.map(Timestamp::from_millis),
            probes: instants("probes")?,
        })
    }
}
