//! What an operator says about a subject that is counted through KV: a reset or a block, in a key
//! beside those of the isolates, so that the list which every isolate reads shows it. Of two about
//! the same the newer counts.

use crate::block::Block;
use crate::codec::{Line, LineWriter, Unreadable};
use crate::limit::MAX_WINDOW;
use crate::{Duration, Timestamp};

use super::record::{Put, RECORDS, SHORTEST_LIFE};

/// An isolate that has just counted and not yet written reads a reset when the subject is asked for
/// again: within a day, if at all.
const SHORTEST_LIFE_OF_RESET: Duration = Duration::from_secs(86_400);

/// The most blocks of one subject: of all its policies, and of some by name.
const MAX_MARKS: usize = 32;

/// What an operator said of a subject, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The policy it is for; `None` means all.
    pub policy: Option<String>,
    /// When it was said.
    pub at: Timestamp,
    /// What was said.
    pub what: Said,
}

/// What an operator can say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Forget use.
    Reset,
    /// Shut out until an instant; an instant that has passed lets in.
    Block {
        /// From then on it is over.
        until: Timestamp,
        /// What whoever set it said.
        reason: String,
    },
}

impl Mark {
    /// Its key and text, under the subject's prefix. It lives at least until `until`: as long as
    /// any count of before may be found.
    pub(super) fn put(&self, prefix: &str, until: Timestamp, now: Timestamp) -> Put {
        let word = match self.what {
            Said::Reset => "reset",
            Said::Block { .. } => "block",
        };
        let line = LineWriter::new(RECORDS.written(), word)
            .put("time", self.at.as_millis())
            .put_some("policy", self.policy.as_ref());
        let (line, life) = match &self.what {
            Said::Reset => (line, SHORTEST_LIFE_OF_RESET),
            Said::Block { until, reason } => {
                let line = line.put("until", until.as_millis());
                (line.text("reason", reason), until.since(now))
            }
        };
        Put {
            // A name has no `!`, so no isolate's key is like it.
            key: format!("{prefix}!{word}.{}", self.policy.as_deref().unwrap_or("")),
            value: String::new(),
            metadata: line.finish(),
            life: life.max(until.since(now)).max(SHORTEST_LIFE),
        }
    }

    /// Reads its text; `None` when it is none.
    pub(super) fn read(text: &str) -> Result<Option<Mark>, Unreadable> {
        let line = Line::parse(Line::versioned(text, RECORDS)?.1);
        let what = match line.word() {
            "reset" => Said::Reset,
            "block" => Said::Block {
                until: Timestamp::from_millis(line.needed("until")?),
                reason: line.text("reason")?,
            },
            _ => return Ok(None),
        };
        Ok(Some(Mark {
            policy: line.get("policy").map(str::to_owned),
            at: Timestamp::from_millis(line.needed("time")?),
            what,
        }))
    }

    /// Whether it is for this policy.
    pub(super) fn is_for(&self, policy: &str) -> bool {
        self.policy.as_deref().is_none_or(|name| name == policy)
    }

    /// The block in force that it is, if it is one.
    pub(super) fn block(&self, now: Timestamp) -> Option<Block> {
        match &self.what {
            Said::Block { until, reason } if *until > now => Some(Block {
                policy: self.policy.clone(),
                until: *until,
                reason: reason.clone(),
            }),
            _ => None,
        }
    }
}

/// Keeps a mark among the others: the newest about each policy. Of too many the one goes that is
/// over first.
pub(super) fn keep(marks: &mut Vec<Mark>, mark: Mark, now: Timestamp) {
    marks.retain(|known| known.block(now).is_some() || known.at.plus(MAX_WINDOW) > now);
    let same = |known: &&mut Mark| known.policy == mark.policy;
    match marks.iter_mut().find(same) {
        Some(known) if known.at <= mark.at => *known = mark,
        Some(_) => {}
        None => marks.push(mark),
    }
    if marks.len() > MAX_MARKS {
        let over = |place: &usize| marks[*place].block(now).map(|block| block.until);
        if let Some(first) = (0..marks.len()).min_by_key(over) {
            marks.swap_remove(first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_bounded_and_what_blocks_longest_stays() {
        let now = Timestamp::from_millis(1_000_000);
        let mut marks = Vec::new();
        let block = |policy: Option<String>, seconds: u64| Mark {
            policy,
            at: now,
            what: Said::Block {
                until: now.plus(Duration::from_secs(seconds)),
                reason: String::new(),
            },
        };
        keep(&mut marks, block(None, 5_000), now);
        for i in 0..1_000 {
            keep(&mut marks, block(Some(format!("p{i}")), i), now);
        }
        assert_eq!(marks.len(), MAX_MARKS);
        assert!(marks.iter().any(|mark| mark.policy.is_none()));
        assert!(marks.iter().any(|mark| mark.is_for("p999")));
        assert!(!marks
            .iter()
            .any(|mark| mark.policy.as_deref() == Some("p1")));
    }
}
