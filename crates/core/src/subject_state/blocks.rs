//! The blocks of one subject: of all its policies, or of one by name; set by somebody, or begun by
//! a penalty. They are decided before any limit is asked, and so is what is known of its upstreams.

use crate::block::Block;
use crate::codec::{Line, LineWriter, Unreadable};
use crate::decision::Decision;
use crate::row::ROWS;
use crate::Timestamp;

use super::outlook::{Outlooks, Shut};
use super::penalties::Penalties;
use super::{Effects, Item, Write};

/// The blocks, those that are over among them until they are dropped.
#[derive(Debug, Clone, Default)]
pub(super) struct Blocks {
    /// Those that somebody set.
    set: Vec<Block>,
    penalties: Penalties,
    /// What callers have reported of upstreams.
    pub(super) outlooks: Outlooks,
}

impl Blocks {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.set.is_empty() && self.penalties.is_empty() && self.outlooks.is_empty()
    }

    /// Adds what a row tells.
    pub(super) fn add_found(&mut self, line: &Line) -> Result<(), Unreadable> {
        if Outlooks::is_row(line) {
            return self.outlooks.add_found(line);
        }
        let block = Block::get(line)?;
        if !self.penalties.add_found(&block, line)? {
            self.set.push(block);
        }
        Ok(())
    }

    /// Counts the refusals among the answers to these items. Where a penalty begins, all of its
    /// policy's items are answered by it: a wait that ends before would not be true. Nothing was
    /// charged, as one of them was refused.
    pub(super) fn penalize(
        &mut self,
        items: &[Item],
        answers: &mut [Decision],
        now: Timestamp,
        effects: &mut Effects,
    ) {
        if !self.penalties.count(items, answers, now, effects) {
            return;
        }
        for (item, answer) in items.iter().zip(answers) {
            if let Some(refusal) = self.refusal(item, now) {
                *answer = refusal;
            }
        }
    }

    /// Sets a block in place of the one of the same policy; the row to write.
    pub(super) fn set(&mut self, block: Block) -> Write {
        self.remove(block.policy.as_deref());
        let write = put(&block);
        self.set.push(block);
        write
    }

    /// Lets the subject in again, and forgets the penalties of the policy, or of all; the rows to
    /// delete.
    pub(super) fn lift(&mut self, policy: Option<&str>) -> Vec<Write> {
        self.remove(policy);
        let mut deleted = self.penalties.lift(policy);
        deleted.push(delete(policy));
        deleted
    }

    fn remove(&mut self, policy: Option<&str>) {
        self.set.retain(|block| block.policy.as_deref() != policy);
    }

    /// The refusal of an item by the block that lasts longest; `None` where none is in force. What
    /// was used may be given back, and what has happened is recorded.
    pub(super) fn refusal(&self, item: &Item, now: Timestamp) -> Option<Decision> {
        if item.check.cost < 0 || item.check.record {
            return None;
        }
        let in_force = self.in_force(|name| name == item.policy.name_or_empty(), now);
        let block = in_force.max_by_key(|block| block.until)?;
        Some(block.refusal(now))
    }

    /// Why the item is refused because of its upstream; `None` where it is not.
    pub(super) fn shut(&self, item: &Item, now: Timestamp) -> Option<Shut> {
        self.outlooks.shut(item, now)
    }

    /// Whether deciding the item may change anything: it is no peek, and neither a block nor its
    /// upstream refuses it.
    pub(super) fn may_change(&self, item: &Item, now: Timestamp) -> bool {
        item.changes() && self.refusal(item, now).is_none() && self.shut(item, now).is_none()
    }

    /// Those in force of the policies that are wanted.
    pub(super) fn in_force<'a>(
        &'a self,
        wanted: impl Fn(&str) -> bool + 'a,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a Block> {
        let all = self.set.iter().chain(self.penalties.blocks());
        let in_force = all.filter(move |block| block.until > now);
        in_force.filter(move |block| block.policy.as_deref().is_none_or(&wanted))
    }

    /// Forgets those that are over; the rows to delete.
    pub(super) fn drop_over(&mut self, now: Timestamp) -> Vec<Write> {
        let is_over = |block: &Block| block.until <= now;
        let over = self.set.iter().filter(|block| is_over(block));
        let mut deleted: Vec<Write> = over.map(|it| delete(it.policy.as_deref())).collect();
        self.set.retain(|block| !is_over(block));
        deleted.extend(self.penalties.drop_over(now));
        deleted.extend(self.outlooks.drop_over(now));
        deleted
    }

    /// The same blocks, without what an operator has said of them, and who has reported what.
    pub(super) fn without_reasons(&self) -> Blocks {
        let mut blocks = self.clone();
        blocks.set.iter_mut().for_each(|block| block.reason.clear());
        blocks.outlooks.forget_names();
        blocks
    }

    /// The rows of all.
    pub(super) fn rows(&self) -> impl Iterator<Item = Write> + '_ {
        let blocks = self.set.iter().map(put);
        blocks
            .chain(self.penalties.rows())
            .chain(self.outlooks.rows())
    }

    /// When the last of them is over, and neither a penalty nor an upstream's answer counts.
    pub(super) fn last_end(&self) -> Option<Timestamp> {
        let last = self.set.iter().map(|block| block.until).max();
        last.max(self.penalties.last_end())
            .max(self.outlooks.last_end())
    }
}

/// The key of the block of one policy, or of all.
fn key_of(policy: Option<&str>) -> String {
    format!("block/{}", policy.unwrap_or(""))
}

fn put(block: &Block) -> Write {
    let line = LineWriter::new(ROWS.written(), "block");
    Write::Put {
        key: key_of(block.policy.as_deref()),
        row: block.put(line).finish(),
    }
}

fn delete(policy: Option<&str>) -> Write {
    Write::Delete {
        key: key_of(policy),
    }
}
