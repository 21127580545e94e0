//! Which reports are sent to the objects that heed them, and when: an object is not called for each
//! success of a thousand.
//!
//! What may close a gate, and what a breaker counts, is sent at once: of each at most
//! [`MAX_URGENT`] a second, policy and subject, so that no failures keep a refusal from being told.
//! All other answers are summed up and sent at most once a [`SPACING`], and only where anything
//! heeds them: a breaker, a limit that the upstream told, and where they are successes a limit that
//! follows its upstream, or a cool-down that this isolate has seen.

mod sum;

use sum::Sum;

use crate::isolate::bounded::{BoundedMap, Key, Secret};
use crate::policy::Policy;
use crate::report::Report;
use crate::{Duration, Timestamp};

/// The least time between two sendings of what is summed up.
pub const SPACING: Duration = Duration::from_secs(1);
/// The most refusals, and the most failures, that are sent in one second.
pub const MAX_URGENT: u32 = 10;
/// The most policies and subjects of which anything is known: 1 to 10 kB each while a sum waits.
pub const MAX_SUBJECTS: usize = 1_024;

/// What the isolate knows of reports.
#[derive(Debug)]
pub struct Reports {
    secret: Secret,
    entries: BoundedMap<Entry>,
}

/// What is known of one policy of a subject.
#[derive(Debug, Default)]
struct Entry {
    refusals: Urgent,
    failures: Urgent,
    successes: Summed,
    /// Errors that are neither refusals nor failures.
    others: Summed,
    /// Until when the gate is closed.
    closed: Timestamp,
    /// Until when a success may end a back-off.
    cooled: Timestamp,
}

/// What is sent at once: in the second that began then so many were.
#[derive(Debug, Default)]
struct Urgent {
    began: Timestamp,
    sent: u32,
}

/// What is sent once a second.
#[derive(Debug, Default)]
struct Summed {
    sent: Option<Timestamp>,
    waiting: Option<Sum>,
}

/// What becomes of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// It is sent now.
    Now,
    /// It is sent with others of its kind, at most so long from now.
    Later(Duration),
    /// Nothing heeds it.
    Needless,
    /// So many have been sent in this second that this one is dropped.
    TooMany,
}

impl Reports {
    /// Nothing is known.
    pub fn new(secret: Secret) -> Reports {
        Reports {
            secret,
            entries: BoundedMap::new(MAX_SUBJECTS),
        }
    }

    fn key(&self, object: &str, policy: &Policy) -> Key {
        self.secret.key(object, &policy.name_or_empty())
    }

    /// What becomes of a report to this object. What is sent later is kept here until then.
    pub fn ask(&mut self, object: &str, report: &Report, now: Timestamp) -> Sending {
        let key = self.key(object, &report.policy);
        let worth = |entry: &Entry| entry.worth(now);
        let (entry, _) = self.entries.get_or_put(key, Entry::default, worth);
        let outbound = report.policy.outbound();
        let breaker = outbound.and_then(|it| it.breaker.as_ref());
        if report.refused || (report.status == 503 && report.wait.is_some()) {
            return entry.refusals.send(now);
        }
        if breaker.is_some_and(|it| it.is_failure(report.status)) {
            return entry.failures.send(now);
        }
        let is_success = report.status < 400;
        let is_raising = outbound.is_some_and(|it| it.adapt.is_some()) || entry.cooled > now;
        let is_heeded = breaker.is_some() || !report.limits.is_empty();
        if !(is_heeded || is_success && is_raising) {
            return Sending::Needless;
        }
        match is_success {
            true => entry.successes.send(object, report, now),
            false => entry.others.send(object, report, now),
        }
    }

    /// An upstream of this policy has refused, and its gate opens then: a success after it is worth
    /// telling for as long as its back-off is remembered.
    pub fn cooled(&mut self, object: &str, policy: &Policy, opens: Timestamp, now: Timestamp) {
        let key = self.key(object, policy);
        let outbound = policy.outbound().cloned().unwrap_or_default();
        let cooled = opens.plus(outbound.back_off().max());
        let worth = |entry: &Entry| entry.worth(now);
        let (entry, _) = self.entries.get_or_put(key, Entry::default, worth);
        entry.closed = entry.closed.max(opens);
        entry.cooled = entry.cooled.max(cooled);
    }

    /// Whether a report that went through this isolate has closed the gate until after `now`. It
    /// may have been opened again meanwhile, and others may have closed it.
    pub fn is_closed(&mut self, object: &str, policy: &Policy, now: Timestamp) -> bool {
        let entry = self.entries.get_mut(self.key(object, policy));
        entry.is_some_and(|it| it.closed > now)
    }

    /// How long it is until a sum is to be sent; `None` where none waits.
    pub fn wait(&self, now: Timestamp) -> Option<Duration> {
        let entries = self.entries.iter();
        let sums = entries.flat_map(|it| [&it.successes.waiting, &it.others.waiting]);
        let waits = sums.flatten().map(|it| wait(it, now));
        waits.min()
    }

    /// Takes the sums that are due, each with the name of its object.
    pub fn take_due(&mut self, now: Timestamp) -> Vec<(String, Report)> {
        let mut due = Vec::new();
        for (_, entry) in self.entries.iter_mut() {
            due.extend(entry.successes.take_due(now));
            due.extend(entry.others.take_due(now));
        }
        due
    }
}

/// How long a sum waits: at most a [`SPACING`], also where the clock has stepped back.
fn wait(sum: &Sum, now: Timestamp) -> Duration {
    match sum.due.since(now) {
        wait if wait > SPACING => Duration::ZERO,
        wait => wait,
    }
}

impl Entry {
    /// What waits is evicted last, then what may end a back-off.
    fn worth(&self, now: Timestamp) -> (u64, u64) {
        let waits = self.successes.waiting.is_some() || self.others.waiting.is_some();
        let rank = u64::from(waits) * 2 + u64::from(self.cooled > now);
        let sent = self.successes.sent.max(self.others.sent);
        let newest = sent.max(Some(self.failures.began.max(self.refusals.began)));
        (rank, newest.unwrap_or(now).as_millis())
    }
}

impl Urgent {
    fn send(&mut self, now: Timestamp) -> Sending {
        if now.since(self.began) >= SPACING || self.began > now {
            (self.began, self.sent) = (now, 0);
        }
        self.sent = self.sent.saturating_add(1);
        match self.sent > MAX_URGENT {
            true => Sending::TooMany,
            false => Sending::Now,
        }
    }
}

impl Summed {
    fn send(&mut self, object: &str, report: &Report, now: Timestamp) -> Sending {
        let next = self.sent.filter(|sent| *sent <= now);
        let due = next.map_or(now, |sent| sent.plus(SPACING));
        if due <= now && self.waiting.is_none() {
            self.sent = Some(now);
            return Sending::Now;
        }
        let sum = match &mut self.waiting {
            Some(sum) => {
                sum.add(report, now);
                sum
            }
            None => self.waiting.insert(Sum::of(object, report, due, now)),
        };
        Sending::Later(wait(sum, now))
    }

    fn take_due(&mut self, now: Timestamp) -> Option<(String, Report)> {
        let is_due = |sum: &mut Sum| wait(sum, now) == Duration::ZERO;
        let due = self.waiting.take_if(is_due)?;
        self.sent = Some(now);
        Some(due.at(now))
    }
}
