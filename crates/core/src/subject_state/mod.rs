//! Everything that one object keeps for one subject: the states of its limits, its blocks, its
//! fence, and what it remembers of recent operations. A pure machine: calls and time go in, answers
//! and row changes come out; the object applies them before it answers.
//!
//! **Writing ahead.** Rows run ahead of the real use. Before an admission is answered, the stored
//! row is projected to now by the same arithmetic; if it no longer covers the real use, now and
//! ever after, it is rewritten. So a restart from the rows never admits one unit too many.
//! `written.rs` says how far a row runs ahead, and so how many units a restart may refuse too many.

mod blocks;
mod bounds;
mod call;
mod charge;
mod denials;
mod entry;
mod held;
mod limits;
mod older;
mod operations;
mod peek;
mod permits;
mod pick;
mod recent;
mod renamed;
mod status;
mod upkeep;
mod written;
mod young;

pub use bounds::{MAX_DEFINITIONS, MAX_ENTRIES};
pub use call::{Effects, Item, Refusal, Write};
pub use denials::{Denial, RECENT_DENIALS};
pub use entry::Entry;
pub use status::{LimitStatus, Status};
pub use upkeep::ALARM_SPACING;
pub use written::STEADY;

use blocks::Blocks;
use denials::Denials;
use older::Older;
use operations::Operations;
use recent::Recent;

use crate::algorithm::state::Moment;
use crate::block::Block;
use crate::codec::{Line, Unreadable};
use crate::row::ROWS;
use crate::{Duration, Timestamp};

/// The state of one subject, of which rows are stored.
#[derive(Debug, Default)]
pub struct SubjectState {
    entries: Vec<Entry>,
    blocks: Blocks,
    fence: u64,
    operations: Operations,
    released: Recent,
    denials: Denials,
    /// The cleaning alarm, as far as it is known to be set.
    alarm: Option<Timestamp>,
    unreadable: Option<Unreadable>,
    older: Older,
}

impl SubjectState {
    /// The state that `rows` (key and text) describe. A row that cannot be read makes every call
    /// but a reset answer [`Refusal::Unavailable`]: it is never taken as empty.
    pub fn from_rows<'a>(rows: impl IntoIterator<Item = (&'a str, &'a str)>) -> SubjectState {
        let mut state = SubjectState::default();
        for (key, row) in rows {
            match (state.read(key, row), &state.unreadable) {
                (Ok(()), _) | (Err(_), Some(Unreadable::Version { .. })) => {}
                (Err(unreadable), _) => state.unreadable = Some(unreadable),
            }
        }
        state
    }

    /// Keeps every operation at least this long, so that it can be taken back: twice the longest
    /// that a caller waits for an answer. Two seconds unless said.
    #[must_use]
    pub fn keeping_operations(mut self, kept: Duration) -> SubjectState {
        self.operations = Operations::kept_for(Some(kept));
        self
    }

    fn read(&mut self, key: &str, row: &str) -> Result<(), Unreadable> {
        let (version, line) = Line::versioned(row, ROWS)?;
        let line = Line::parse(line);
        let is_older = version.number() < ROWS.written().number();
        match line.word() {
            "fence" => self.older.fence = is_older,
            _ => self.older.rows |= is_older,
        }
        match line.word() {
            "limit" => {
                let entry = Entry::from_line(&line, key)?;
                self.fence = self.fence.max(entry.newest_fence());
                self.add_found(entry);
            }
            "block" => self.blocks.add_found(&line)?,
            "fence" => self.fence = self.fence.max(line.needed("fence")?),
            _ => return Err(Unreadable::Damaged("word")),
        }
        Ok(())
    }

    fn readable(&self) -> Result<(), Refusal> {
        self.unreadable
            .clone()
            .map_or(Ok(()), |unreadable| Err(Refusal::Unavailable(unreadable)))
    }

    /// Shuts the subject out of one policy or all for `duration`; zero lets it in again.
    pub fn block(
        &mut self,
        policy: Option<&str>,
        duration: Duration,
        reason: &str,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        self.readable()?;
        if duration == Duration::ZERO {
            effects.writes.push(self.blocks.lift(policy));
            return Ok(());
        }
        effects.writes.push(self.blocks.set(Block {
            policy: policy.map(str::to_owned),
            until: moment.now.plus(duration),
            reason: reason.to_owned(),
        }));
        self.ensure_alarm(moment, effects);
        Ok(())
    }

    /// Takes back what the operation charged here, as far as its windows have not passed. Doing it
    /// again, or for an operation that never came, changes nothing; one that comes after its
    /// cancellation is not charged.
    pub fn cancel(
        &mut self,
        operation: u128,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        self.readable()?;
        let Some((place, charges)) = self.operations.cancel(operation, moment.now) else {
            return Ok(());
        };
        for (key, charge) in charges {
            if let Some(entry) = self.entries.iter_mut().find(|entry| entry.key() == key) {
                let parts = entry.cancel(&charge, moment)?;
                self.operations.lower_later(place, &key, parts);
                entry.write_exact(moment, effects);
            }
        }
        Ok(())
    }
}
