//! Answers that are summed up, to be sent as one report.
//!
//! **What was told twice.** Of one window the stricter counts. Another window is known by its
//! reset: then what was told of the later one counts alone, else a new window would be taken for as
//! empty as the old one was at its end. Where an upstream tells no reset, the newest answer counts.

use crate::report::{Report, Told, When, MAX_AGE};
use crate::{Duration, Timestamp};

/// The most limits of a sum that waits.
const MAX_TOLD: usize = 64;
/// Resets that are less than this apart are those of one window: upstreams tell whole seconds.
const TOLERANCE: Duration = Duration::from_secs(1);

/// Answers of one kind that are not sent yet.
#[derive(Debug)]
pub(super) struct Sum {
    object: String,
    report: Report,
    /// When the first of them came.
    answered: Timestamp,
    /// When the newest came of each limit that was told.
    newest: Vec<Timestamp>,
    /// When it is to be sent.
    pub(super) due: Timestamp,
}

impl Sum {
    /// Begins with one.
    pub(super) fn of(object: &str, report: &Report, due: Timestamp, now: Timestamp) -> Sum {
        let answered = answered(report, now);
        Sum {
            object: object.to_owned(),
            report: report.clone(),
            answered,
            newest: vec![answered; report.limits.len()],
            due,
        }
    }

    /// Adds one.
    pub(super) fn add(&mut self, report: &Report, now: Timestamp) {
        self.report.count = self.report.count.saturating_add(report.count);
        self.report.policy = report.policy.clone();
        // It is no longer known which limit all of them are about.
        if self.report.limit != report.limit && !report.limits.is_empty() {
            self.report.limits.clear();
            self.newest.clear();
            self.report.limit.clone_from(&report.limit);
        }
        let later = answered(report, now);
        for told in &report.limits {
            let reset = told.reset.map(|reset| self.shifted(reset, later));
            self.tell(
                Told {
                    reset,
                    ..told.clone()
                },
                later,
            );
        }
    }

    /// Adds a limit that was told in an answer at this instant.
    fn tell(&mut self, told: Told, at: Timestamp) {
        let same =
            |it: &Told| (&it.name, it.limit, it.window) == (&told.name, told.limit, told.window);
        let Some(place) = self.report.limits.iter().position(same) else {
            if self.report.limits.len() < MAX_TOLD {
                self.report.limits.push(told);
                self.newest.push(at);
            }
            return;
        };
        let known = &mut self.report.limits[place];
        let resets = [&*known, &told].map(|it| it.reset.map(|it| it.instant(self.answered)));
        let is_later = match resets {
            [Some(one), Some(other)] => other > one,
            _ => at >= self.newest[place],
        };
        let is_same = is_of_one_window(resets);
        *known = match (known.remaining, told.remaining) {
            (_, None) => return, // it says nothing
            (None, Some(_)) => told,
            (Some(one), Some(other)) if is_same => Told {
                remaining: Some(one.min(other)),
                reset: if is_later { told.reset } else { known.reset },
                ..told
            },
            _ if is_later => told,
            _ => return,
        };
        self.newest[place] = self.newest[place].max(at);
    }

    /// A time that was told from an answer at `later` on, as told from the first answer on.
    fn shifted(&self, when: When, later: Timestamp) -> When {
        match when {
            When::After(after) => When::After(later.plus(after).since(self.answered)),
            When::At(at) => When::At(at),
        }
    }

    /// The report as it is sent at `now`, and the name of its object.
    pub(super) fn at(self, now: Timestamp) -> (String, Report) {
        let age = now.since(self.answered).min(MAX_AGE);
        let report = Report { age, ..self.report };
        (self.object, report)
    }
}

/// When the upstream answered, by the isolate's clock.
fn answered(report: &Report, now: Timestamp) -> Timestamp {
    Timestamp::from_millis(now.as_millis().saturating_sub(report.age.as_millis()))
}

fn is_of_one_window(resets: [Option<Timestamp>; 2]) -> bool {
    match resets {
        [Some(one), Some(other)] => one.since(other).max(other.since(one)) < TOLERANCE,
        _ => false,
    }
}
