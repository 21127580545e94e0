//! What every isolate that counts a subject through KV is to know of it beside the counts: an
//! operator's reset or block, and that the upstream of a policy is not to be called. It is written
//! to a key beside those of the isolates, so every isolate reads it with the same list. Of two of a
//! kind for the same policy the newer is in force.
//!
//! What the object says is written by each isolate that hears it to a key of its own: KV takes one
//! writing of a key a second, and a late one would replace what is newer.

use core::mem::discriminant;

use crate::block::Block;
use crate::codec::{Line, LineWriter, Unreadable};
use crate::decision::{Decision, Reason};
use crate::limit::MAX_WINDOW;
use crate::report::Reported;
use crate::{Duration, Timestamp};

use super::bounds::KV_DELAY;
use super::record::{Put, MIN_LIFE, RECORDS};

/// The least life of a reset's key. An isolate with unpublished units reads the reset when the
/// subject is asked for again: within a day, if at all.
const MIN_LIFE_OF_RESET: Duration = Duration::from_secs(86_400);

/// Maximum number of instructions of one kind for one subject: one for all policies, and others by
/// name. Of one kind, so that what callers report puts no block out.
const MAX_INSTRUCTIONS: usize = 32;

/// A command for a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// The policy concerned; `None` means all.
    pub policy: Option<String>,
    /// When it was given.
    pub at: Timestamp,
    /// The command.
    pub command: Command,
}

/// A command of an operator, or of the subject's object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Drop all use so far, and end what shut it before.
    Reset,
    /// Refuse every request before an instant; a past instant ends a block.
    Block {
        /// When the block ends.
        until: Timestamp,
        /// The operator's reason.
        reason: String,
    },
    /// Refuse every request before an instant, because the upstream has refused or fails.
    Shut {
        /// When its gate, or its breaker, opens to calls again.
        until: Timestamp,
        /// [`Reason::CoolDown`] or [`Reason::Breaker`].
        reason: Reason,
    },
}

impl Command {
    /// What the subject's object says after a report, if the upstream is not to be called: by the
    /// gate or the breaker, whichever is shut for longer.
    pub fn after(reported: &Reported) -> Option<Command> {
        let gate = reported.gate.as_ref();
        let gate = gate.map(|it| (it.until, Reason::CoolDown));
        let broken = reported.breaker.as_ref().and_then(|it| it.until);
        let broken = broken.map(|until| (until, Reason::Breaker));
        let longest = gate
            .into_iter()
            .chain(broken)
            .max_by_key(|(until, _)| *until);
        longest.map(|(until, reason)| Command::Shut { until, reason })
    }

    const fn word(&self) -> &'static str {
        match self {
            Command::Reset => "reset",
            Command::Block { .. } => "block",
            Command::Shut { .. } => "shut",
        }
    }

    /// When it is over; `None` of what is done at once.
    const fn until(&self) -> Option<Timestamp> {
        match self {
            Command::Reset => None,
            Command::Block { until, .. } | Command::Shut { until, .. } => Some(*until),
        }
    }
}

impl Instruction {
    /// The key to write, under the subject's prefix. It lives at least until `until`, while an
    /// earlier count may still be read. `isolate` is whoever writes what the object said; `None`
    /// of an operator's, which all isolates write to one key.
    pub(super) fn put(
        &self,
        prefix: &str,
        isolate: Option<&str>,
        until: Timestamp,
        now: Timestamp,
    ) -> Put {
        let word = self.command.word();
        let policy = self.policy.as_deref().unwrap_or("");
        let by = isolate.map_or_else(String::new, |isolate| format!(".{isolate}"));
        let line = LineWriter::new(RECORDS.written(), word)
            .put("time", self.at.as_millis())
            .put_some("policy", self.policy.as_ref());
        let over = self.command.until();
        let life = over.map_or(MIN_LIFE_OF_RESET, |over| over.since(now));
        let line = line.put_some("until", over.map(Timestamp::as_millis));
        let line = match &self.command {
            Command::Reset => line,
            Command::Block { reason, .. } => line.text("reason", reason),
            Command::Shut { reason, .. } => line.put("reason", reason.word()),
        };
        Put {
            // A name has no `!`, so no isolate's key is like it.
            key: format!("{prefix}!{word}.{policy}{by}"),
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
            "shut" => Command::Shut {
                until: Timestamp::from_millis(line.needed("until")?),
                reason: line
                    .get("reason")
                    .and_then(Reason::from_word)
                    .ok_or(Unreadable::Damaged("reason"))?,
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

    /// Until when it refuses requests, if it does.
    pub(super) fn refuses_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.command.until().filter(|until| *until > now)
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

    /// Why and until when the upstream is not to be called, if it says so and is in force.
    pub(super) fn shut(&self, now: Timestamp) -> Option<(Timestamp, Reason)> {
        match self.command {
            Command::Shut { until, reason } if until > now => Some((until, reason)),
            _ => None,
        }
    }

    /// Whether it is a reset that a list of KV may not show yet, while it shows what it has ended.
    pub(super) fn is_late_reset(&self, now: Timestamp) -> bool {
        self.command == Command::Reset && self.is_lately(now)
    }

    /// Whether a list of KV may not show it yet.
    pub(super) fn is_lately(&self, now: Timestamp) -> bool {
        self.at.plus(KV_DELAY).plus(KV_DELAY) > now
    }

    /// Whether it is as new as another of its kind, or newer.
    pub(super) fn is_newer(&self, other: &Instruction) -> bool {
        let age = |it: &Instruction| (it.at, it.shut(Timestamp::ZERO).map(|(until, _)| until));
        age(self) >= age(other)
    }

    /// Whether it is of the same kind, for the same policy.
    pub(super) fn is_like(&self, other: &Instruction) -> bool {
        let is_same = discriminant(&self.command) == discriminant(&other.command);
        is_same && self.policy == other.policy
    }

    /// Whether a reset ends it: an upstream is called again.
    pub(super) fn is_ended_by(&self, reset: &Instruction) -> bool {
        let is_shut = matches!(self.command, Command::Shut { .. });
        is_shut && self.at <= reset.at && reset.is_for(self.policy.as_deref().unwrap_or(""))
    }
}

/// The refusal of what is asked while the upstream is not to be called. `counted`: what the counts
/// say now; the wait ends when they, too, have room.
pub(super) fn shut_out(
    (until, reason): (Timestamp, Reason),
    counted: &Decision,
    now: Timestamp,
) -> Decision {
    let opens = until.since(now);
    let wait = match counted.success {
        true => Some(opens),
        false => counted.retry_after.map(|wait| wait.max(opens)),
    };
    let never = counted.reason.filter(|_| wait.is_none());
    Decision {
        retry_after: wait,
        ..Decision::bare(now, false, Some(never.unwrap_or(reason)))
    }
}

/// Adds an instruction; of each kind the newest for each policy is kept. If there are too many, the
/// one that ends first is removed.
pub(super) fn keep_newest(
    instructions: &mut Vec<Instruction>,
    instruction: Instruction,
    now: Timestamp,
) {
    let is_kept =
        |known: &Instruction| known.refuses_until(now).is_some() || known.at.plus(MAX_WINDOW) > now;
    instructions.retain(is_kept);
    let kind = discriminant(&instruction.command);
    let same = |known: &&mut Instruction| known.is_like(&instruction);
    match instructions.iter_mut().find(same) {
        Some(known) if instruction.is_newer(known) => *known = instruction,
        Some(_) => {}
        None => instructions.push(instruction),
    }
    let is_of_kind = |place: &usize| discriminant(&instructions[*place].command) == kind;
    let places: Vec<usize> = (0..instructions.len()).filter(is_of_kind).collect();
    if places.len() > MAX_INSTRUCTIONS {
        let over = |place: &usize| {
            let instruction = &instructions[*place];
            (instruction.refuses_until(now), instruction.at)
        };
        if let Some(first) = places.into_iter().min_by_key(over) {
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
