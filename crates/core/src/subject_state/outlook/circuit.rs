//! A circuit breaker: after so many failures of the upstream within a time it is open and nothing
//! is admitted; after a while it is half open and lets a few through, of which one success closes
//! it and one failure opens it again.
//!
//! A probe whose answer nobody reports is waited for as long as the breaker was open. One that is
//! refused because of a limit has been answered, too, and says nothing of failures; one that was
//! taken back is none.

use std::collections::VecDeque;

use crate::codec::{Line, LineWriter, Unreadable};
use crate::decision::Reason;
use crate::policy::outbound::Breaker;
use crate::report::{BreakerState, Broken};
use crate::row::items;
use crate::Timestamp;

use super::back::Back;
use super::shut::{Shut, FORGOTTEN};

/// The breaker of one policy of a subject.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Circuit {
    /// When the upstream answered so, oldest first; at most as many as open it.
    failures: VecDeque<Timestamp>,
    /// When the last of them counts no more.
    kept: Timestamp,
    /// Until when it is open; half open from then on. `None` while it is closed.
    open_until: Option<Timestamp>,
    /// The calls that go while it is half open, oldest first.
    probes: Vec<Probe>,
}

/// A call that shows whether the upstream is well again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Probe {
    /// Until when it is waited for.
    until: Timestamp,
    /// The operation that was admitted, by which it may be taken back; in memory only.
    operation: Option<u128>,
}

/// What the upstream answered to some calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answers {
    /// How many.
    pub(crate) calls: u64,
    pub(crate) kind: Kind,
    /// When.
    pub(crate) at: Timestamp,
}

/// How calls were answered, as far as a breaker knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Not as a failure.
    Well,
    /// As one.
    Failed,
    /// Because of a limit: that is no failure, and no sign that there are none.
    Refused,
}

impl Circuit {
    fn waiting(&self, now: Timestamp) -> impl Iterator<Item = Timestamp> + '_ {
        let all = self.probes.iter().map(|it| it.until);
        all.filter(move |until| *until > now)
    }

    /// Since when it is half open, or will be; `None` where it is closed, also because it was half
    /// open for a day and nobody has reported anything.
    fn opened(&self, now: Timestamp) -> Option<Timestamp> {
        self.open_until.filter(|until| until.plus(FORGOTTEN) > now)
    }

    pub(super) fn shut(&self, breaker: &Breaker, now: Timestamp) -> Option<Shut> {
        let open_until = self.opened(now)?;
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

    /// Somebody was let through, by this operation; whether that is a probe.
    pub(super) fn admitted(
        &mut self,
        breaker: &Breaker,
        operation: Option<u128>,
        now: Timestamp,
    ) -> bool {
        let is_probe = self.opened(now).is_some_and(|until| until <= now);
        if is_probe {
            self.probes.retain(|it| it.until > now);
            self.probes.push(Probe {
                until: now.plus(breaker.open()),
                operation,
            });
        }
        is_probe
    }

    /// Half open, calls go that are decided elsewhere: whatever was answered since then is the
    /// answer of a probe.
    pub(super) fn admitted_elsewhere(&mut self, breaker: &Breaker, answered: Timestamp) {
        if self.open_until.is_some_and(|until| until <= answered) {
            self.admitted(breaker, None, answered);
        }
    }

    /// The operation was taken back, so that its call is not made; whether that was a probe.
    pub(super) fn taken_back(&mut self, operation: u128) -> bool {
        let before = self.probes.len();
        self.probes.retain(|it| it.operation != Some(operation));
        self.probes.len() < before
    }

    /// Counts what the upstream answered.
    pub(crate) fn count(&mut self, breaker: &Breaker, answers: Answers, now: Timestamp) {
        if answers.calls == 0 {
            return;
        }
        if self.opened(now).is_none() && self.open_until.is_some() {
            *self = Circuit::default();
        }
        match self.open_until {
            None if answers.kind == Kind::Failed => self.fail(breaker, answers, now),
            // What failed before goes on to count until its window is over.
            None => {}
            Some(until) if until <= now && answers.at >= until => {
                self.probed(breaker, answers, now);
            }
            // An answer from before it was half open.
            Some(_) => {}
        }
    }

    /// Probes have been answered. An answer to no probe says nothing.
    fn probed(&mut self, breaker: &Breaker, answers: Answers, now: Timestamp) {
        self.probes.retain(|it| it.until > now);
        if self.probes.is_empty() {
            return;
        }
        match answers.kind {
            Kind::Failed => {
                self.probes.clear();
                self.failures.clear();
                self.open(breaker, now);
            }
            Kind::Well => *self = Circuit::default(),
            Kind::Refused => {
                let all = self.probes.len();
                let answered = usize::try_from(answers.calls).unwrap_or(all);
                self.probes.drain(..answered.min(all));
            }
        }
    }

    fn fail(&mut self, breaker: &Breaker, answers: Answers, now: Timestamp) {
        let window = breaker.window();
        self.failures
            .retain(|at| at.plus(window) > now && *at <= now);
        let over = answers.at.plus(window);
        if over <= now {
            return; // it was told so late that it is over
        }
        let place = self.failures.partition_point(|at| *at <= answers.at);
        for _ in 0..answers.calls.min(breaker.threshold()) {
            self.failures.insert(place, answers.at);
        }
        self.kept = self.kept.max(over);
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

    /// How many failures count at `now`.
    fn failures(&self, now: Timestamp) -> u64 {
        let Some(newest) = self.failures.back() else {
            return 0;
        };
        let window = self.kept.since(*newest);
        let count = |at: &&Timestamp| at.plus(window) > now;
        self.failures.iter().filter(count).count() as u64
    }

    /// How it stands, for whoever looks.
    pub(crate) fn status(&self, now: Timestamp) -> Option<Broken> {
        let failures = self.failures(now);
        let (state, until) = match self.opened(now) {
            None if failures == 0 => return None,
            None => (BreakerState::Closed, None),
            Some(until) if until > now => (BreakerState::Open, Some(until)),
            Some(_) => (BreakerState::HalfOpen, None),
        };
        Some(Broken {
            state,
            until,
            failures,
        })
    }

    /// By this clock, which shows an earlier time.
    pub(super) fn shift(&mut self, back: Back) {
        let probes = self.probes.iter_mut().map(|it| &mut it.until);
        let all = self.failures.iter_mut().chain(probes);
        all.chain(&mut self.open_until)
            .for_each(|at| back.shift(at));
        back.shift(&mut self.kept);
    }

    /// Adds it to the row.
    pub(super) fn put(&self, line: LineWriter) -> LineWriter {
        let texts = |all: &mut dyn Iterator<Item = Timestamp>| {
            let all: Vec<String> = all.map(|it| it.as_millis().to_string()).collect();
            (!all.is_empty()).then(|| all.join(","))
        };
        let line = line
            .put_some("failures", texts(&mut self.failures.iter().copied()))
            .put_some("probes", texts(&mut self.probes.iter().map(|it| it.until)))
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
        let operation = None;
        let probe = |until| Probe { until, operation };
        Ok(Circuit {
            failures: instants("failures")?.into(),
            kept: Timestamp::from_millis(line.number("counted")?.unwrap_or(0)),
            open_until: line.number("open")?.map(Timestamp::from_millis),
            probes: instants("probes")?.into_iter().map(probe).collect(),
        })
    }
}
