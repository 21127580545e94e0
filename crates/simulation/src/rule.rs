//! The limit of a scenario: as the core's policy, and as arithmetic of its own for who judges it.

use std::collections::VecDeque;

use tollgate_core::limit::{Rate, TokenBucket, Window};
use tollgate_core::number::Decimal;
use tollgate_core::policy::Policy;
use tollgate_core::{Algorithm, Duration, InvalidLimit, Limit};

/// By what a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Windows aligned to the epoch.
    FixedWindow,
    /// Never more than the limit in any window.
    SlidingLog,
    /// A bucket of `limit` units into which as many come back per window.
    TokenBucket,
}

/// A limit in plain numbers.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// By what it counts.
    pub kind: Kind,
    /// Units of a window, or of a full bucket.
    pub limit: u64,
    /// The window, or the time from empty to full, in ms.
    pub window: u64,
}

impl Rule {
    pub(crate) const fn new(kind: Kind, limit: u64, window: u64) -> Rule {
        Rule {
            kind,
            limit,
            window,
        }
    }

    /// The policy that the machines are asked by.
    pub(crate) fn policy(self) -> Result<Policy, InvalidLimit> {
        let window = Duration::from_millis(self.window);
        let algorithm = match self.kind {
            Kind::FixedWindow => Algorithm::FixedWindow(Window::new(self.limit, window)?),
            Kind::SlidingLog => Algorithm::SlidingLog(Window::new_log(self.limit, window)?),
            Kind::TokenBucket => {
                let amount = Decimal::new(self.limit, 0)
                    .unwrap_or_else(|| unreachable!("limits of scenarios are below 2^53"));
                let refill = Rate::new("interval", amount, window)?;
                Algorithm::TokenBucket(TokenBucket::new(self.limit, refill)?)
            }
        };
        Policy::new(vec![Limit::new(None, algorithm)])
    }

    /// By how many units a stored row may run ahead of the real use, and so what crashes may lose
    /// in a window: the number that docs/consistency.md states.
    pub(crate) fn allowance(self) -> u64 {
        match self.kind {
            Kind::SlidingLog => 0,
            _ => (self.limit / 100).max(1) - 1,
        }
    }
}

/// A limiter in exact arithmetic that knows of no delay: each unit costs the same time.
#[derive(Debug, Clone)]
pub(crate) enum Exact {
    /// The end of the window and its units, for the present window and some before.
    Windows(VecDeque<(u64, u64)>),
    /// The instants of admitted units.
    Log(VecDeque<u64>),
    /// Units used, times the window, at an instant.
    Bucket {
        /// In units times ms.
        used: u64,
        /// When.
        at: u64,
    },
}

/// So many windows are remembered: clocks step back by less than this.
const WINDOWS: usize = 4;

impl Exact {
    /// Nothing is used.
    pub(crate) fn new(rule: &Rule) -> Exact {
        match rule.kind {
            Kind::FixedWindow => Exact::Windows(VecDeque::new()),
            Kind::SlidingLog => Exact::Log(VecDeque::new()),
            Kind::TokenBucket => Exact::Bucket { used: 0, at: 0 },
        }
    }

    /// Charges a unit at `at`, in ms; whether it is within the limit. Of windows `at` is any
    /// instant in them; of logs and buckets it never steps back.
    pub(crate) fn charge(&mut self, rule: &Rule, at: u64) -> bool {
        match self {
            Exact::Windows(windows) => {
                let end = at - at % rule.window + rule.window;
                let known = windows.iter_mut().find(|(known, _)| *known == end);
                if let Some((_, units)) = known {
                    *units += 1;
                    return *units <= rule.limit;
                }
                windows.push_back((end, 1));
                if windows.len() > WINDOWS {
                    windows.pop_front();
                }
                rule.limit > 0
            }
            Exact::Log(log) => {
                while log.front().is_some_and(|then| then + rule.window <= at) {
                    log.pop_front();
                }
                log.push_back(at);
                log.len() as u64 <= rule.limit
            }
            Exact::Bucket { used, at: then } => {
                *used = used.saturating_sub(at.saturating_sub(*then) * rule.limit) + rule.window;
                *then = at.max(*then);
                *used <= rule.limit * rule.window
            }
        }
    }

    /// Admits a unit at `at` if there is room for it.
    pub(crate) fn admit(&mut self, rule: &Rule, at: u64) -> bool {
        let is_admitted = self.charge(rule, at);
        if !is_admitted {
            match self {
                Exact::Windows(windows) => {
                    let end = at - at % rule.window + rule.window;
                    let known = windows.iter_mut().find(|(known, _)| *known == end);
                    known.into_iter().for_each(|(_, units)| *units -= 1);
                }
                Exact::Log(log) => drop(log.pop_back()),
                Exact::Bucket { used, .. } => *used -= rule.window,
            }
        }
        is_admitted
    }

    /// Units charged in the window that ends at `end`.
    pub(crate) fn in_window(&self, end: u64) -> u64 {
        match self {
            Exact::Windows(windows) => {
                let known = windows.iter().find(|(known, _)| *known == end);
                known.map_or(0, |(_, units)| *units)
            }
            _ => 0,
        }
    }

    /// The instant from which it answers as if nothing was ever used.
    pub(crate) fn idle_from(&self, rule: &Rule) -> u64 {
        match self {
            Exact::Windows(windows) => windows.iter().map(|(end, _)| *end).max().unwrap_or(0),
            Exact::Log(log) => log.back().map_or(0, |last| last + rule.window),
            Exact::Bucket { used, at } => at + used.div_ceil(rule.limit.max(1)),
        }
    }
}
