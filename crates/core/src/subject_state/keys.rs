//! The idempotency keys of one subject: which are known, and since when all are.
//!
//! Each key is a row of its own, which is looked up when the key comes, and not loaded at waking. A
//! key has a number, which rises. What is known of all of them together is one more row: blocks of
//! [`BLOCK`] numbers, each with when it began and when its last key is over. It is written once a
//! block, so a restart takes the newest block for full. Rows that nobody needs any more are deleted
//! a hundred at a time.

use std::collections::VecDeque;

use crate::codec::{Line, LineWriter, Unreadable};
use crate::row::{items, ROWS};
use crate::{Duration, Timestamp};

use super::shelf::{Kept, Shelf};
use super::{Effects, Write};

/// The most keys of one subject that are known at once. Beyond it the older half is given up.
pub const MAX_KEYS: u64 = 10_000;
/// How many keys are in memory as well: those that come again at once.
const IN_MEMORY: usize = 256;
/// How many operations are in memory at most, of which there are no rows. More within a minute, and
/// the oldest is forgotten early.
const OPERATIONS_IN_MEMORY: usize = 4_096;
/// How many keys one block has: as many as one statement deletes.
const BLOCK: u64 = 100;
/// How much later than its newest key a block may be over as its row has it, so that the row need
/// not be written with each key.
const AHEAD: Duration = Duration::from_secs(600);
/// How many statements an alarm may take to delete rows.
const STATEMENTS: usize = 10;
/// The key of the row about all keys.
pub const KEYS: &str = "keys";

/// The keys of a subject.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    /// The number of the next key.
    next: u64,
    /// Keys of smaller numbers are given up.
    first: u64,
    /// Those admitted from then on are not.
    since: Timestamp,
    /// The longest time for which a key was to be known: so long `since` says something.
    reach: Duration,
    /// Oldest first.
    blocks: VecDeque<Block>,
    /// How many rows there may be that nobody needs.
    dead: u64,
    /// Until when the newest block may last without a word in the row.
    covered: Timestamp,
    /// Whether there is such a row.
    is_stored: bool,
    stored: Shelf,
    remembered: Shelf,
}

/// Keys of numbers in a row.
#[derive(Debug, Clone, Copy)]
struct Block {
    first: u64,
    began: Timestamp,
    until: Timestamp,
}

impl Default for Keys {
    fn default() -> Keys {
        Keys {
            next: 0,
            first: 0,
            since: Timestamp::ZERO,
            reach: Duration::ZERO,
            blocks: VecDeque::new(),
            dead: 0,
            covered: Timestamp::ZERO,
            is_stored: false,
            stored: Shelf::of(IN_MEMORY),
            remembered: Shelf::of(OPERATIONS_IN_MEMORY),
        }
    }
}

impl Keys {
    /// Takes in the row about all keys.
    pub(super) fn add_found(&mut self, line: &Line) -> Result<(), Unreadable> {
        let instant = |key| line.needed(key).map(Timestamp::from_millis);
        self.first = line.needed("first")?;
        self.since = instant("since")?;
        self.reach = Duration::from_millis(line.needed("reach")?);
        self.dead = line.needed("dead")?;
        self.next = line.needed("next")?;
        let blocks: Option<_> = items(line, "blocks").map(Block::get).collect();
        self.blocks = blocks.ok_or(Unreadable::Damaged("blocks"))?;
        self.covered = self.blocks.back().map_or(Timestamp::ZERO, |it| it.until);
        self.is_stored = true;
        Ok(())
    }

    fn row(&self) -> Write {
        let last = self.blocks.len().saturating_sub(1);
        let text = |(i, block): (usize, &Block)| {
            let until = if i == last { self.covered } else { block.until };
            let Block { first, began, .. } = block;
            format!("{first}:{}:{}", began.as_millis(), until.as_millis())
        };
        let blocks: Vec<String> = self.blocks.iter().enumerate().map(text).collect();
        // A restart goes on with the block after the newest.
        let next = self.blocks.back().map_or(self.next, |it| it.first + BLOCK);
        let row = LineWriter::new(ROWS.written(), KEYS)
            .put("first", self.first)
            .put("next", next)
            .put("since", self.since.as_millis())
            .put("reach", self.reach.as_millis())
            .put("dead", self.dead)
            .put_some("blocks", (!blocks.is_empty()).then(|| blocks.join(",")));
        Write::Put {
            key: KEYS.to_owned(),
            row: row.finish(),
        }
    }

    fn write(&mut self, effects: &mut Effects) {
        self.is_stored = true;
        let Write::Put { key, row } = self.row() else {
            return;
        };
        effects.put(key, row);
    }

    /// What is known of a request.
    pub(super) fn find(&self, id: u128, now: Timestamp) -> Option<&Kept> {
        let remembered = || self.remembered.find(id, now);
        self.stored.find(id, now).or_else(remembered)
    }

    /// Whether a row may know more of a request than memory does.
    pub(super) fn may_be_stored(&self, id: u128, now: Timestamp) -> bool {
        !self.blocks.is_empty() && self.find(id, now).is_none()
    }

    /// Takes in the row of a key, which has this number.
    pub(super) fn add_row(
        &mut self,
        id: u128,
        number: u64,
        row: &str,
        now: Timestamp,
    ) -> Result<(), Unreadable> {
        if number >= self.first {
            self.stored.put(id, Kept::from_row(row)?, now);
        }
        Ok(())
    }

    /// From when on all keys are known that are kept for so long.
    pub(super) fn since(&self, kept_for: Duration, now: Timestamp) -> Timestamp {
        let over = now.as_millis().saturating_sub(kept_for.as_millis());
        self.since.max(Timestamp::from_millis(over))
    }

    /// Remembers a request in memory alone.
    pub(super) fn remember(&mut self, id: u128, kept: Kept, now: Timestamp) {
        self.remembered.put(id, kept, now);
    }

    /// Stores a key that is not known.
    pub(super) fn store(&mut self, id: u128, kept: Kept, now: Timestamp, effects: &mut Effects) {
        let until = kept.until;
        let is_begun = self.ensure_block(until, now, effects);
        if let Some(block) = self.blocks.back_mut() {
            block.until = block.until.max(until);
            let reach = self.reach.max(until.since(now));
            if is_begun || block.until > self.covered || reach > self.reach {
                self.covered = block.until.plus(AHEAD);
                self.reach = reach;
                self.write(effects);
            }
        }
        effects.writes.push(Write::PutKey {
            id,
            number: self.next,
            until,
            row: kept.row(),
        });
        self.next += 1;
        self.stored.put(id, kept, now);
    }

    /// Begins a block where the newest is full; whether it did.
    fn ensure_block(&mut self, until: Timestamp, now: Timestamp, effects: &mut Effects) -> bool {
        let has_room = |block: &Block| self.next < block.first + BLOCK && block.until > now;
        if self.blocks.back().is_some_and(has_room) {
            return false;
        }
        self.drop_over(now);
        if self.blocks.len() as u64 * BLOCK >= MAX_KEYS {
            self.give_up(self.blocks.len() / 2);
        }
        self.blocks.push_back(Block {
            first: self.next,
            began: now,
            until,
        });
        self.delete_dead(1, now, effects);
        true
    }

    /// Gives up the oldest blocks. A key of theirs is no younger than the block after them.
    fn give_up(&mut self, blocks: usize) {
        if let Some(kept) = self.blocks.get(blocks) {
            self.since = self.since.max(kept.began.plus(Duration::from_millis(1)));
            self.first = kept.first;
        }
        self.blocks.drain(..blocks);
        self.dead += blocks as u64 * BLOCK;
        self.stored.clear();
    }

    /// Gives up all: what is spent was forgotten, and a request that comes again is decided anew.
    pub(super) fn give_up_all(&mut self, now: Timestamp, effects: &mut Effects) {
        self.remembered.clear();
        if !self.has_rows() {
            return;
        }
        self.since = self.since.max(now.plus(Duration::from_millis(1)));
        self.next = self.blocks.back().map_or(self.next, |it| it.first + BLOCK);
        self.first = self.next;
        self.dead += self.blocks.len() as u64 * BLOCK;
        self.blocks.clear();
        self.stored.clear();
        self.write(effects);
    }

    fn drop_over(&mut self, now: Timestamp) {
        let before = self.blocks.len();
        self.blocks.retain(|block| block.until > now);
        self.dead += (before - self.blocks.len()) as u64 * BLOCK;
    }

    fn delete_dead(&mut self, statements: usize, now: Timestamp, effects: &mut Effects) {
        for _ in 0..statements {
            if self.dead == 0 {
                return;
            }
            self.dead = self.dead.saturating_sub(BLOCK);
            effects.writes.push(Write::DropKeys {
                before: self.first,
                until: now,
            });
        }
    }

    /// Forgets a key, so that its request is decided anew.
    pub(super) fn forget(&mut self, id: u128, effects: &mut Effects) {
        let is_in_memory_alone = self.remembered.forget(id);
        self.stored.forget(id);
        if !is_in_memory_alone && !self.blocks.is_empty() {
            effects.writes.push(Write::DeleteKey { id });
        }
    }

    /// The alarm has come: deletes rows that nobody needs.
    pub(super) fn clean(&mut self, now: Timestamp, effects: &mut Effects) {
        if !self.is_stored {
            return;
        }
        self.drop_over(now);
        self.delete_dead(STATEMENTS, now, effects);
        if self.blocks.is_empty() && self.dead == 0 && self.since.plus(self.reach) <= now {
            self.is_stored = false;
            effects.writes.push(Write::Delete {
                key: KEYS.to_owned(),
            });
            return;
        }
        self.write(effects);
    }

    /// The row about all keys, as it is.
    pub(super) fn rows(&self) -> impl Iterator<Item = Write> {
        self.is_stored.then(|| self.row()).into_iter()
    }

    /// Whether anything is stored.
    pub(super) const fn has_rows(&self) -> bool {
        self.is_stored
    }

    /// When the last key is over; at once where rows are left that nobody needs.
    pub(super) fn over_at(&self, now: Timestamp) -> Option<Timestamp> {
        let last = self.blocks.iter().map(|block| block.until).max();
        let told = (self.since > Timestamp::ZERO).then(|| self.since.plus(self.reach));
        let dead = (self.dead > 0).then_some(now);
        self.is_stored.then(|| last.max(told)).flatten().or(dead)
    }
}

impl Block {
    fn get(text: &str) -> Option<Block> {
        let mut numbers = text.split(':').map(|number| number.parse().ok());
        let mut number = || numbers.next().flatten();
        Some(Block {
            first: number()?,
            began: Timestamp::from_millis(number()?),
            until: Timestamp::from_millis(number()?),
        })
    }
}
