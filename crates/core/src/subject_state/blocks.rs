//! The blocks of one subject: of all its policies, or of one by name. They are decided before any
//! limit is asked.

use crate::block::Block;
use crate::codec::{Line, LineWriter, Unreadable};
use crate::decision::Decision;
use crate::row::ROWS;
use crate::Timestamp;

use super::{Item, Write};

/// The blocks, those that are over among them until they are dropped.
#[derive(Debug, Clone, Default)]
pub(super) struct Blocks(Vec<Block>);

impl Blocks {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what a row tells.
    pub(super) fn add_found(&mut self, line: &Line) -> Result<(), Unreadable> {
        self.0.push(Block {
            policy: line.get("policy").map(str::to_owned),
            until: Timestamp::from_millis(line.needed("until")?),
            reason: line.text("reason")?,
        });
        Ok(())
    }

    /// Sets a block in place of the one of the same policy; the row to write.
    pub(super) fn set(&mut self, block: Block) -> Write {
        self.remove(block.policy.as_deref());
        let write = put(&block);
        self.0.push(block);
        write
    }

    /// Lets the subject in again; the row to delete.
    pub(super) fn lift(&mut self, policy: Option<&str>) -> Write {
        self.remove(policy);
        delete(policy)
    }

    fn remove(&mut self, policy: Option<&str>) {
        self.0.retain(|block| block.policy.as_deref() != policy);
    }

    /// The refusal of an item by the block that lasts longest; `None` where none is in force. What
    /// was used may be given back.
    pub(super) fn refusal(&self, item: &Item, now: Timestamp) -> Option<Decision> {
        if item.check.cost < 0 {
            return None;
        }
        let in_force = self.in_force(|name| name == item.policy.name_or_empty(), now);
        let block = in_force.max_by_key(|block| block.until)?;
        Some(block.refusal(now))
    }

    /// Whether deciding the item may change anything: it is no peek, and no block refuses it.
    pub(super) fn may_change(&self, item: &Item, now: Timestamp) -> bool {
        item.changes() && self.refusal(item, now).is_none()
    }

    /// Those in force of the policies that are wanted.
    pub(super) fn in_force<'a>(
        &'a self,
        wanted: impl Fn(&str) -> bool + 'a,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a Block> {
        let in_force = self.0.iter().filter(move |block| block.until > now);
        in_force.filter(move |block| block.policy.as_deref().is_none_or(&wanted))
    }

    /// Forgets those that are over; the rows to delete.
    pub(super) fn drop_over(&mut self, now: Timestamp) -> Vec<Write> {
        let is_over = |block: &Block| block.until <= now;
        let over = self.0.iter().filter(|block| is_over(block));
        let deleted = over.map(|block| delete(block.policy.as_deref())).collect();
        self.0.retain(|block| !is_over(block));
        deleted
    }

    /// The rows of all.
    pub(super) fn rows(&self) -> impl Iterator<Item = Write> + '_ {
        self.0.iter().map(put)
    }

    /// When the last of them is over.
    pub(super) fn last_end(&self) -> Option<Timestamp> {
        self.0.iter().map(|block| block.until).max()
    }
}

/// The key of the block of one policy, or of all.
fn key_of(policy: Option<&str>) -> String {
    format!("block/{}", policy.unwrap_or(""))
}

fn put(block: &Block) -> Write {
    let row = LineWriter::new(ROWS.written(), "block")
        .put_some("policy", block.policy.as_ref())
        .put("until", block.until.as_millis())
        .text("reason", &block.reason)
        .finish();
    Write::Put {
        key: key_of(block.policy.as_deref()),
        row,
    }
}

fn delete(policy: Option<&str>) -> Write {
    Write::Delete {
        key: key_of(policy),
    }
}
