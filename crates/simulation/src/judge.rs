//! What has to hold of one subject, judged by its answers alone: by what callers were told, and
//! arithmetic that shares nothing with the core's.

use crate::rule::{Exact, Kind, Rule};

/// An admission that an answer tells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    /// What the answer says of when it counts: the start of its window, the instant in the log; of
    /// a bucket the newest time of its object.
    pub(crate) at: u64,
}

/// The judge of one subject that an object decides.
#[derive(Debug)]
pub(crate) struct Judge {
    /// Units whose answers have left.
    exact: Exact,
    /// The newest time that the object has read since it woke, in ms.
    pub(crate) newest: u64,
    /// The time of the last admission.
    last: u64,
    /// The end of the present window, and units in it of which no caller was told.
    unseen: (u64, u64),
    /// Of which window the object counts how many more units than callers were told.
    more: (u64, u64),
    /// When an alarm deleted all of it, by the clock of its machine.
    deleted_at: Option<u64>,
}

impl Judge {
    pub(crate) fn new(rule: &Rule) -> Judge {
        Judge {
            exact: Exact::new(rule),
            newest: 0,
            last: 0,
            unseen: (0, 0),
            more: (0, 0),
            deleted_at: None,
        }
    }

    /// An object reads its clock. Answers whether the clock has stepped back behind the deletion of
    /// an idle state: of which nobody can know any more.
    pub(crate) fn reads(&mut self, rule: &Rule, local: u64) -> bool {
        let is_behind = self.deleted_at.is_some_and(|at| local < at);
        if is_behind {
            *self = Judge::new(rule);
        }
        self.newest = self.newest.max(local);
        is_behind
    }

    /// An alarm has deleted all.
    pub(crate) fn deleted(&mut self, local: u64) {
        self.deleted_at = Some(local);
    }

    /// What an admission tells, by when its limit is as new again. An error where that cannot be at
    /// a true time of `now`, with clocks off by `off` at most.
    pub(crate) fn told(&self, rule: &Rule, reset: u64, now: u64, off: u64) -> Result<Told, String> {
        let (earliest, latest) = (now.saturating_sub(off), now + off);
        let at = match rule.kind {
            Kind::TokenBucket => {
                return Ok(Told {
                    at: self.newest.min(latest),
                })
            }
            Kind::FixedWindow | Kind::SlidingLog => reset - rule.window,
        };
        let is_possible = match rule.kind {
            Kind::FixedWindow => at <= latest && reset > earliest,
            _ => (earliest..=latest).contains(&at),
        };
        let told = is_possible.then_some(Told { at });
        told.ok_or_else(|| format!("reset {reset} was told at {now}"))
    }

    /// An answer has left.
    pub(crate) fn admitted(&mut self, rule: &Rule, told: Told) -> Result<(), String> {
        self.last = self.last.max(told.at);
        let is_within = self.exact.charge(rule, told.at);
        let exceeded = || format!("more than the limit at {}: {:?}", told.at, rule);
        is_within.then_some(()).ok_or_else(exceeded)
    }

    /// Charged, perhaps, but nobody will be told.
    pub(crate) fn died(&mut self, rule: &Rule, told: Told) {
        let end = told.at + rule.window;
        if self.unseen.0 < end {
            self.unseen = (end, 0);
        }
        self.unseen.1 += u64::from(self.unseen.0 == end);
    }

    /// The object has lost its memory: its time is that of its rows.
    pub(crate) fn lost_memory(&mut self) {
        self.newest = self.last;
    }

    /// What an object that has woken counts in the window that ends at `end`. `has_slept`: it lost
    /// its memory after all timers had run. Unless `is_exact`, it may count more than that, as what
    /// it has lent.
    pub(crate) fn woke(
        &mut self,
        rule: &Rule,
        (end, used): (u64, u64),
        has_slept: bool,
        is_exact: bool,
    ) -> Result<(), String> {
        if rule.kind != Kind::FixedWindow {
            return Ok(());
        }
        let told = self.exact.in_window(end);
        let more = used.checked_sub(told);
        let more = more.ok_or_else(|| format!("{told} units were told, {used} are stored"))?;
        let known = if self.more.0 == end { self.more.1 } else { 0 };
        let unseen = if self.unseen.0 == end {
            self.unseen.1
        } else {
            0
        };
        let most = if has_slept {
            known
        } else {
            unseen + rule.allowance()
        };
        self.more = (end, more);
        match more <= most || !is_exact {
            true => Ok(()),
            false => Err(format!(
                "{used} are stored, {told} were told, {most} may be lost"
            )),
        }
    }

    /// What an object counts while it is awake, with `unsent` answers on their way out.
    pub(crate) fn counts(
        &self,
        rule: &Rule,
        end: u64,
        used: u64,
        unsent: u64,
    ) -> Result<(), String> {
        if rule.kind != Kind::FixedWindow {
            return Ok(());
        }
        let more = if self.more.0 == end { self.more.1 } else { 0 };
        let expected = self.exact.in_window(end) + unsent + more;
        match used == expected {
            true => Ok(()),
            false => Err(format!("{used} are counted, {expected} were charged")),
        }
    }

    /// From when on it says nothing any more.
    pub(crate) fn idle_from(&self, rule: &Rule) -> u64 {
        self.exact.idle_from(rule)
    }
}
