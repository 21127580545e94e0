//! An operator's reset or block of a subject that is counted through KV. It is written to a key
//! beside those of the isolates, so every isolate reads it with the same list. Of two for the same
//! policy the newer is in force.

use crate::block::Block;
use crate::codec::{Line, LineWriter, Unreadable};
use crate::limit::MAX_WINDOW;
use crate::{Duration, Timestamp};

use super::record::{Put, MIN_LIFE, RECORDS};

/// The least life of a reset's key. An isolate with unpublished units reads the reset when the
/// subject is asked for again: within a day, if at all.
const MIN_LIFE_OF_RESET: Duration = Duration::from_secs(86_400);

/// Maximum number of instructions for one subject: one for all policies, and others by name.
const MAX_INSTRUCTIONS: usize = 32;

/// An operator's command for a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// The policy concerned; `None` means all.
    pub policy: Option<String>,
    /// When it was given.
    pub at: Timestamp,
    /// The command.
    pub command: Command,
}

/// A command of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Drop all use so far.
    Reset,
    /// Refuse every request before an instant; a past instant ends a block.
    Block {
        /// When the block ends.
        until: Timestamp,
        /// The operator's reason.
        reason: String,
    },
}

impl Instruction {
    /// The key to write, under the subject's prefix. It lives at least until `until`, while an
    /// earlier count may still be read.
    pub(super) fn put(&self, prefix: &str, until: Timestamp, now: Timestamp) -> Put {
        let word = match self.command {
            Command::Reset => "reset",
            Command::Block { .. } => "block",
        };
        let line = LineWriter::new(RECORDS.written(), word)
            .put("time", self.at.as_millis())
            .put_some("policy", self.policy.as_ref());
        let (line, life) = match &self.command {
            Command::Reset => (line, MIN_LIFE_OF_RESET),
            Command::Block { until, reason } => {
                let line = line.put("until", until.as_millis());
                (line.text("reason", reason), until.since(now))
            }
        };
        Put {
            // A name has no `!`, so no isolate's key is like it.
            key: format!("{prefix}!{word}.{}", self.policy.as_deref().unwrap_or("")),
            value: String::new(),
            metadata: line.finish(),
            life: life.max(until.since(now)).max(MIN_LIFE),
        }
    }

    /// Reads metadata; `None` when it holds no instruction.
    pub(super) fn read(text: &str) -> Result<Option<Instruction>, Unreadable> {
        let line = Line::parse(Line::versioned(text, RECORDS)?.1);
        let command = match line.word() {
            "reset" => Command::Reset,
            "block" => Command::Block {
                until: Timestamp::from_millis(line.needed("until")?),
                reason: line.text("reason")?,
            },
            _ => return Ok(None),
        };
        Ok(Some(Instruction {
            policy: line.get("policy").map(str::to_owned),
            at: Timestamp::from_millis(line.needed("time")?),
            command,
        }))
    }

    /// Whether it concerns this policy.
    pub(super) fn is_for(&self, policy: &str) -> bool {
        self.policy.as_deref().is_none_or(|name| name == policy)
    }

    /// The block, if it is one and in force.
    pub(super) fn block(&self, now: Timestamp) -> Option<Block> {
        match &self.command {
            Command::Block { until, reason } if *until > now => Some(Block {
                policy: self.policy.clone(),
                until: *until,
                reason: reason.clone(),
                step: None,
            }),
            _ => None,
        }
    }
}

/// Adds an instruction; for each policy the newest is kept. If there are too many, the one that
/// ends first is removed.
pub(super) fn keep_newest(
    instructions: &mut Vec<Instruction>,
    instruction: Instruction,
    now: Timestamp,
) {
    instructions.retain(|known| known.block(now).is_some() || known.at.plus(MAX_WINDOW) > now);
    let same = |known: &&mut Instruction| known.policy == instruction.policy;
    match instructions.iter_mut().find(same) {
        Some(known) if known.at <= instruction.at => *known = instruction,
        Some(_) => {}
        None => instructions.push(instruction),
    }
    if instructions.len() > MAX_INSTRUCTIONS {
        let over = |place: &usize| instructions[*place].block(now).map(|block| block.until);
        if let Some(first) = (0..instructions.len()).min_by_key(over) {
            instructions.swap_remove(first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_bounded_and_what_blocks_longest_stays() {
        let now = Timestamp::from_millis(1_000_000);
        let mut instructions = Vec::new();
        let block = |policy: Option<String>, seconds: u64| Instruction {
            policy,
            at: now,
            command: Command::Block {
                until: now.plus(Duration::from_secs(seconds)),
                reason: String::new(),
            },
        };
        keep_newest(&mut instructions, block(None, 5_000), now);
        for i in 0..1_000 {
            keep_newest(&mut instructions, block(Some(format!("p{i}")), i), now);
        }
        assert_eq!(instructions.len(), MAX_INSTRUCTIONS);
        assert!(instructions
            .iter()
            .any(|instruction| instruction.policy.is_none()));
        assert!(instructions
            .iter()
            .any(|instruction| instruction.is_for("p999")));
        assert!(!instructions
            .iter()
            .any(|instruction| instruction.policy.as_deref() == Some("p1")));
    }
}
