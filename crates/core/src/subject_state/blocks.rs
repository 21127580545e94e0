//! The blocks of one subject. They are decided before any limit is asked.

use crate::algorithm::state::Moment;
use crate::block::Block;
use crate::codec::LineWriter;
use crate::decision::Decision;
use crate::row::ROWS;
use crate::{Duration, Timestamp};

use super::{Effects, Item, Refusal, SubjectState, Write};

impl SubjectState {
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
        self.blocks
            .retain(|block| block.policy.as_deref() != policy);
        if duration == Duration::ZERO {
            effects.writes.push(Write::Delete {
                key: key_of(policy),
            });
            return Ok(());
        }
        let block = Block {
            policy: policy.map(str::to_owned),
            until: moment.now.plus(duration),
            reason: reason.to_owned(),
        };
        effects.writes.push(block.put());
        self.blocks.push(block);
        self.ensure_alarm(moment, effects);
        Ok(())
    }

    pub(super) fn blocked(&self, item: &Item, now: Timestamp) -> Option<Decision> {
        if item.check.cost < 0 {
            return None; // what was used may be given back
        }
        let named = |block: &&Block| {
            block
                .policy
                .as_deref()
                .is_none_or(|name| name == item.policy.name_or_empty())
        };
        let block = self
            .blocks
            .iter()
            .filter(named)
            .filter(|block| block.until > now)
            .max_by_key(|block| block.until)?;
        Some(block.refusal(now))
    }
}

/// The key of the block of one policy, or of all.
pub(super) fn key_of(policy: Option<&str>) -> String {
    format!("block/{}", policy.unwrap_or(""))
}

impl Block {
    /// Its row.
    pub(super) fn put(&self) -> Write {
        let row = LineWriter::new(ROWS.written(), "block")
            .put_some("policy", self.policy.as_ref())
            .put("until", self.until.as_millis())
            .text("reason", &self.reason)
            .finish();
        Write::Put {
            key: key_of(self.policy.as_deref()),
            row,
        }
    }
}
