//! Which reports are sent to the objects that heed them, and when: an object is not called for each
//! success of a thousand.
//!
//! Refusals and failures are sent at once, at most [`MAX_FAILURES`] a second, policy and subject.
//! Successes are summed up and sent at most once a [`SPACING`], and only where anything heeds them:
//! a breaker or a limit that follows its upstream, a limit that the upstream told, or a cool-down
//! that this isolate has seen.

use crate::isolate::bounded::{BoundedMap, Key, Secret};
use crate::policy::Policy;
use crate::report::{Report, Told, When, MAX_AGE};
use crate::{Duration, Timestamp};

/// The least time between two sendings of successes.
pub const SPACING: Duration = Duration::from_secs(1);
/// The most refusals and failures that are sent in one second.
pub const MAX_FAILURES: u32 = 10;
/// The most policies and subjects of which anything is known: 1 to 10 kB each while a sum waits.
pub const MAX_SUBJECTS: usize = 1_024;
/// The most limits of a sum that waits.
const MAX_TOLD: usize = 64;

/// What the isolate knows of reports.
#[derive(Debug)]
pub struct Reports {
    secret: Secret,
    entries: BoundedMap<Entry>,
}

/// What is known of one policy of a subject.
#[derive(Debug, Default)]
struct Entry {
    /// When successes were sent last.
    sent: Option<Timestamp>,
    /// What is to be sent, and when the first upstream of it answered.
    sum: Option<Sum>,
    /// In the second that began then so many failures were sent.
    failures: (Timestamp, u32),
    /// Until when the gate is closed.
    closed: Timestamp,
    /// Until when a success may end a back-off.
    cooled: Timestamp,
}

/// Successes that are not sent yet.
#[derive(Debug)]
struct Sum {
    object: String,
    report: Report,
    answered: Timestamp,
    /// When it is to be sent.
    due: Timestamp,
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
        if report.status >= 400 || report.refused {
            return entry.failure(now);
        }
        let counts = report.policy.outbound().is_some_and(|it| it.counts());
        if !counts && report.limits.is_empty() && entry.cooled <= now {
            return Sending::Needless;
        }
        entry.success(object, report, now)
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
        let sums = self.entries.iter().filter_map(|it| it.sum.as_ref());
        let first = sums.map(|it| it.due).min();
        first.map(|due| due.since(now))
    }

    /// Takes the sums that are due, each with the name of its object.
    pub fn take_due(&mut self, now: Timestamp) -> Vec<(String, Report)> {
        let mut due = Vec::new();
        for (_, entry) in self.entries.iter_mut() {
            if entry.sum.as_ref().is_some_and(|it| it.due <= now) {
                entry.sent = Some(now);
                due.extend(entry.sum.take().map(|it| it.at(now)));
            }
        }
        due
    }
}

impl Entry {
    /// What waits is evicted last, then what may end a back-off.
    fn worth(&self, now: Timestamp) -> (u64, u64) {
        let rank = u64::from(self.sum.is_some()) * 2 + u64::from(self.cooled > now);
        let newest = self.sent.max(Some(self.failures.0)).unwrap_or(now);
        (rank, newest.as_millis())
    }

    fn failure(&mut self, now: Timestamp) -> Sending {
        let (began, sent) = &mut self.failures;
        if now.since(*began) >= SPACING || *began > now {
            (*began, *sent) = (now, 0);
        }
        *sent = sent.saturating_add(1);
        match *sent > MAX_FAILURES {
            true => Sending::TooMany,
            false => Sending::Now,
        }
    }

    fn success(&mut self, object: &str, report: &Report, now: Timestamp) -> Sending {
        let next = self.sent.filter(|sent| *sent <= now);
        let due = next.map_or(now, |sent| sent.plus(SPACING));
        if due <= now && self.sum.is_none() {
            self.sent = Some(now);
            return Sending::Now;
        }
        match &mut self.sum {
            Some(sum) => sum.add(report, now),
            None => {
                self.sum = Some(Sum {
                    object: object.to_owned(),
                    report: report.clone(),
                    answered: answered(report, now),
                    due,
                });
            }
        }
        let due = self.sum.as_ref().map_or(due, |sum| sum.due);
        Sending::Later(due.since(now))
    }
}

/// When the upstream answered, by the isolate's clock.
fn answered(report: &Report, now: Timestamp) -> Timestamp {
    Timestamp::from_millis(now.as_millis().saturating_sub(report.age.as_millis()))
}

impl Sum {
    /// Adds a success. Of what was told twice the stricter counts.
    fn add(&mut self, report: &Report, now: Timestamp) {
        self.report.count = self.report.count.saturating_add(report.count);
        self.report.policy = report.policy.clone();
        if self.report.limit != report.limit {
            // It is no longer known which limit all of them are about.
            if !report.limits.is_empty() {
                self.report.limits.clear();
                self.report.limit.clone_from(&report.limit);
            }
        }
        let later = answered(report, now);
        for told in &report.limits {
            let told = Told {
                reset: told.reset.map(|reset| self.shifted(reset, later)),
                ..told.clone()
            };
            let is_it = |it: &&mut Told| {
                (&it.name, it.limit, it.window) == (&told.name, told.limit, told.window)
            };
            let limits = &mut self.report.limits;
            let is_full = limits.len() >= MAX_TOLD;
            match limits.iter_mut().find(is_it) {
                Some(known) => tighten(known, &told, self.answered),
                None if is_full => {}
                None => limits.push(told),
            }
        }
    }

    /// A time that was told from an answer at `later` on, as told from the first answer on.
    fn shifted(&self, when: When, later: Timestamp) -> When {
        match when {
            When::After(after) => When::After(later.plus(after).since(self.answered)),
            When::At(at) => When::At(at),
        }
    }

    /// The report as it is sent at `now`.
    fn at(self, now: Timestamp) -> (String, Report) {
        let age = now.since(self.answered).min(MAX_AGE);
        let report = Report { age, ..self.report };
        (self.object, report)
    }
}

fn tighten(known: &mut Told, other: &Told, answered: Timestamp) {
    known.remaining = match (known.remaining, other.remaining) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    let end = |when: Option<When>| when.map(|it| it.instant(answered));
    if end(other.reset) > end(known.reset) {
        known.reset = other.reset;
    }
}
