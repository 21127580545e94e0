//! What replaying the calls of many subjects comes to.

use crate::calendar::TimeZone;
use crate::policy::Policy;
use crate::Timestamp;

use super::estimate::{estimated, Estimate, Part};
use super::subject::{replayed, Under};
use super::tally::{Counts, Tally};
use super::trace::{SubjectTrace, ALWAYS};

/// The most subjects that a report names.
pub const MAX_CHANGED: usize = 20;

/// What would have been decided of the requests of one policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Of the subjects that were recorded, as counted.
    pub recorded: Counts,
    /// Calls that were replayed, those that change no request among them.
    pub replayed: u64,
    /// Calls that were not replayed, because the state before them is not known.
    pub skipped: u64,
    /// How often calls are missing between others of one subject.
    pub gaps: u64,
    /// Requests that overrides refused. They stay refused, whatever the policy says.
    pub stopped: u64,
    /// Requests that others than the object decided: nobody can decide them once more.
    pub elsewhere: u64,
    /// How many subjects were recorded.
    pub subjects: u64,
    /// How many of them are decided otherwise at least once.
    pub subjects_changed: u64,
    /// Those that change most, the most changed first; at most [`MAX_CHANGED`].
    pub most_changed: Vec<Changed>,
    /// The instant of the first request that is decided otherwise.
    pub first: Option<Timestamp>,
    /// Of all subjects, in the order of [`FIGURES`].
    pub all: [Estimate; FIGURES.len()],
}

/// One subject that is decided otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Who.
    pub subject: String,
    /// What.
    pub counts: Counts,
    /// Since when.
    pub first: Timestamp,
}

/// One of the numbers that are estimated, and how it is called in JSON.
pub type Figure = (&'static str, fn(&Counts) -> u64);

/// The numbers that are estimated of all subjects.
pub const FIGURES: [Figure; 5] = [
    ("requests", |counts| counts.requests),
    ("deniedBefore", |counts| counts.denied_before),
    ("deniedAfter", |counts| counts.denied_after),
    ("newlyDenied", |counts| counts.newly_denied),
    ("newlyAdmitted", |counts| counts.newly_admitted),
];

/// Decides recorded calls once more, each of `policies` in the place of what was recorded under its
/// name, and tells what comes of the requests of the policy `counted`. With none it tells what was
/// recorded.
pub fn replay<'a>(
    policies: &[Policy],
    counted: &str,
    traces: impl IntoIterator<Item = &'a SubjectTrace>,
    zones: &dyn TimeZone,
) -> Report {
    let under = Under {
        policies,
        counted,
        zones,
    };
    let mut report = Report {
        recorded: Counts::default(),
        replayed: 0,
        skipped: 0,
        gaps: 0,
        stopped: 0,
        elsewhere: 0,
        subjects: 0,
        subjects_changed: 0,
        most_changed: Vec::new(),
        first: None,
        all: [Estimate::exact(0.0); FIGURES.len()],
    };
    let mut tallies = Vec::new();
    for trace in traces {
        let tally = replayed(trace, under);
        report.add(&trace.subject, &tally);
        tallies.push(tally);
    }
    report.all = FIGURES.map(|(_, figure)| of_all(&tallies, figure));
    report
}

fn of_all(tallies: &[Tally], figure: fn(&Counts) -> u64) -> Estimate {
    let counted: u64 = tallies.iter().map(|tally| figure(&tally.always)).sum();
    let sampled = tallies.iter().filter(|tally| tally.share > 0);
    let parts = sampled.map(|tally| Part {
        value: figure(&tally.sampled) as f64,
        most: tally.sampled.requests as f64,
        share: f64::from(tally.share) / f64::from(ALWAYS),
    });
    estimated(counted as f64, &parts.collect::<Vec<_>>())
}

impl Report {
    fn add(&mut self, subject: &str, tally: &Tally) {
        let counts = tally.all();
        self.recorded.merge(&counts);
        self.replayed += tally.replayed;
        self.skipped += tally.skipped;
        self.gaps += tally.gaps;
        self.stopped += tally.stopped;
        self.elsewhere += tally.elsewhere;
        self.subjects += 1;
        let Some(first) = tally.first else {
            return;
        };
        self.subjects_changed += 1;
        self.first = Some(self.first.map_or(first, |known| known.min(first)));
        let by_change = |it: &Changed| core::cmp::Reverse(it.counts.changed());
        let changed = Changed {
            subject: subject.to_owned(),
            counts,
            first,
        };
        let key = by_change(&changed);
        let place = self.most_changed.partition_point(|it| by_change(it) <= key);
        self.most_changed.insert(place, changed);
        self.most_changed.truncate(MAX_CHANGED);
    }
}
