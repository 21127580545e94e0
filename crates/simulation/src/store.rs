//! An object's storage: rows and an alarm, durable some time after they were written.

use std::collections::VecDeque;

use tollgate_core::subject_state::{Effects, Write};
use tollgate_core::Timestamp;

/// What one step writes; durable all at once.
#[derive(Debug)]
struct Commit {
    durable_at: u64,
    writes: Vec<Write>,
    /// The alarm that it sets or takes off, if it does.
    alarm: Option<Option<Timestamp>>,
}

/// The storage of one object.
#[derive(Debug, Default)]
pub(crate) struct Store {
    rows: Vec<(String, String)>,
    alarm: Option<Timestamp>,
    commits: VecDeque<Commit>,
}

impl Store {
    /// Writes what a step changes; durable at an instant, in µs, that is not before the last one's.
    pub(crate) fn commit(&mut self, effects: Effects, durable_at: u64) {
        self.commits.push_back(Commit {
            durable_at: durable_at.max(self.durable_at()),
            writes: effects.writes,
            alarm: effects.alarm.map(Some),
        });
    }

    /// The alarm has rung: with what the step writes, it is gone.
    pub(crate) fn commit_ring(&mut self, effects: Effects, durable_at: u64) {
        self.commits.push_back(Commit {
            durable_at: durable_at.max(self.durable_at()),
            writes: effects.writes,
            alarm: Some(effects.alarm),
        });
    }

    /// When all that was written is durable; an instant that has passed if it is.
    pub(crate) fn durable_at(&self) -> u64 {
        self.commits.back().map_or(0, |last| last.durable_at)
    }

    /// Applies what is durable by now.
    pub(crate) fn settle(&mut self, now: u64) {
        while self.commits.front().is_some_and(|it| it.durable_at <= now) {
            let Some(commit) = self.commits.pop_front() else {
                return;
            };
            self.alarm = commit.alarm.unwrap_or(self.alarm);
            for write in commit.writes {
                self.apply(write);
            }
        }
    }

    fn apply(&mut self, write: Write) {
        match write {
            Write::Put { key, row } => match self.rows.iter_mut().find(|it| it.0 == key) {
                Some((_, old)) => *old = row,
                None => self.rows.push((key, row)),
            },
            Write::Delete { key } => self.rows.retain(|it| it.0 != key),
            Write::DeleteAll => self.rows.clear(),
            keys => unreachable!("no request has a key: {keys:?}"),
        }
    }

    /// The machine is gone: so is what is not durable by now.
    pub(crate) fn crash(&mut self, now: u64) {
        self.settle(now);
        self.commits.clear();
    }

    /// The durable rows.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rows
            .iter()
            .map(|(key, row)| (key.as_str(), row.as_str()))
    }

    /// Whether there is nothing, durable or on its way.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.commits.is_empty()
    }

    /// The alarm as the newest write has it.
    pub(crate) fn alarm(&self) -> Option<Timestamp> {
        let newest = self.commits.iter().rev().find_map(|commit| commit.alarm);
        newest.unwrap_or(self.alarm)
    }
}
