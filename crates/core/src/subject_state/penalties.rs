//! Penalties: who goes on being refused by a policy's limits is shut out of it, longer each time.
//!
//! **What counts.** A refusal by a limit that was decided here, because too little is left or
//! because the cost is more than the limit can ever give; at most one a second. Not: a refusal by a
//! block, a penalty among them; one that rests on charges which may yet be taken back; a look. What
//! an isolate answers from memory never comes here, which is at most a second's refusals.
//!
//! **Steps.** When `after` of them have come `within` that time, a block begins, and they are used
//! up. The step is remembered until `within` has passed since the last of them and since the end of
//! the last block: who begins anew until then comes to the next step.
//!
//! **Row.** `penalty/<policy>`: what counts, the step and the block, written with each refusal that
//! counts, so at most once a second. It has the form of a block, so that builds from before keep
//! the block and pass over the rest.

use std::collections::VecDeque;

use crate::block::Block;
use crate::codec::{Line, LineWriter, Unreadable};
use crate::decision::{Decision, Reason};
use crate::policy::penalty::{Penalty, SPACING};
use crate::row::ROWS;
use crate::{Duration, Timestamp};

use super::{Effects, Item, Write};

/// The penalties of one subject, those that are over among them until they are dropped.
#[derive(Debug, Clone, Default)]
pub(super) struct Penalties(Vec<Penalized>);

/// One policy's.
#[derive(Debug, Clone)]
struct Penalized {
    /// The last block, of the step that was come to; over from the start while there was none.
    block: Block,
    /// When refusals counted that no block has used up, oldest first.
    refused: VecDeque<Timestamp>,
    /// When all of it is forgotten.
    kept: Timestamp,
}

impl Penalties {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what a row tells that has the form of a block, if it is a penalty's.
    pub(super) fn add_found(&mut self, block: &Block, line: &Line) -> Result<bool, Unreadable> {
        if block.step.is_none() {
            return Ok(false);
        }
        let (mut at, mut refused) = (0u64, VecDeque::new());
        for distance in line.get("refused").unwrap_or("").split(',') {
            if !distance.is_empty() {
                let distance: u64 = distance
                    .parse()
                    .map_err(|_| Unreadable::Damaged("refused"))?;
                at = at.saturating_add(distance);
                refused.push_back(Timestamp::from_millis(at));
            }
        }
        self.0.push(Penalized {
            block: block.clone(),
            refused,
            kept: Timestamp::from_millis(line.needed("kept")?),
        });
        Ok(true)
    }

    /// The blocks, those that are over among them.
    pub(super) fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.0.iter().map(|penalized| &penalized.block)
    }

    /// Counts the refusals among the answers to these items; whether a block has begun.
    pub(super) fn count(
        &mut self,
        items: &[Item],
        answers: &[Decision],
        now: Timestamp,
        effects: &mut Effects,
    ) -> bool {
        let mut has_begun = false;
        for (item, answer) in items.iter().zip(answers) {
            let Some(penalty) = item.policy.penalty().filter(|_| counts(item, answer)) else {
                continue;
            };
            let penalized = self.of(item.policy.name_or_empty());
            if penalized.count(penalty, now) {
                has_begun |= penalized.begin(penalty, now);
                effects.put(penalized.key(), penalized.row());
            }
        }
        has_begun
    }

    fn of(&mut self, policy: &str) -> &mut Penalized {
        let is_of = |it: &Penalized| it.block.policy.as_deref() == Some(policy);
        let at = self.0.iter().position(is_of).unwrap_or_else(|| {
            self.0.push(Penalized::new(policy));
            self.0.len() - 1
        });
        &mut self.0[at]
    }

    /// Ends the penalty of one policy or all, and forgets its step; the rows to delete.
    pub(super) fn lift(&mut self, policy: Option<&str>) -> Vec<Write> {
        self.drop(|it| policy.is_none() || it.block.policy.as_deref() == policy)
    }

    /// Forgets those whose time has passed; the rows to delete.
    pub(super) fn drop_over(&mut self, now: Timestamp) -> Vec<Write> {
        self.drop(|it| it.kept <= now)
    }

    fn drop(&mut self, is_dropped: impl Fn(&Penalized) -> bool) -> Vec<Write> {
        let dropped = self.0.iter().filter(|it| is_dropped(it));
        let key = |it: &Penalized| Write::Delete { key: it.key() };
        let deleted = dropped.map(key).collect();
        self.0.retain(|it| !is_dropped(it));
        deleted
    }

    /// When the last of them is forgotten.
    pub(super) fn last_end(&self) -> Option<Timestamp> {
        self.0.iter().map(|it| it.kept).max()
    }

    /// The rows of all.
    pub(super) fn rows(&self) -> impl Iterator<Item = Write> + '_ {
        self.0.iter().map(|it| Write::Put {
            key: it.key(),
            row: it.row(),
        })
    }
}

/// Whether an answer is a refusal that counts.
fn counts(item: &Item, answer: &Decision) -> bool {
    let is_by_limit = matches!(
        answer.reason,
        Some(Reason::Limit | Reason::CostExceedsCapacity)
    );
    !answer.success && is_by_limit && !answer.contended && item.changes()
}

impl Penalized {
    fn new(policy: &str) -> Penalized {
        Penalized {
            block: Block {
                policy: Some(policy.to_owned()),
                until: Timestamp::from_millis(0),
                reason: String::new(),
                step: Some(0),
            },
            refused: VecDeque::new(),
            kept: Timestamp::from_millis(0),
        }
    }

    /// Counts a refusal, unless another one counted less than a second ago.
    fn count(&mut self, penalty: &Penalty, now: Timestamp) -> bool {
        for at in &mut self.refused {
            *at = (*at).min(now); // the clock may have stepped back
        }
        if self.kept <= now {
            self.block.step = Some(0);
        }
        if self
            .refused
            .back()
            .is_some_and(|last| now.since(*last) < SPACING)
        {
            return false;
        }
        self.refused.push_back(now);
        let within = penalty.within();
        while self
            .refused
            .front()
            .is_some_and(|first| now.since(*first) > within)
        {
            self.refused.pop_front();
        }
        self.kept = now.plus(within);
        true
    }

    /// Begins the next block, if enough refusals have come.
    fn begin(&mut self, penalty: &Penalty, now: Timestamp) -> bool {
        if (self.refused.len() as u64) < penalty.after() {
            return false;
        }
        let step = self.block.step.unwrap_or(0).saturating_add(1);
        let until = now.plus(penalty.block(step));
        self.block.step = Some(step);
        self.block.until = until;
        self.kept = until.plus(penalty.within());
        self.refused.clear();
        true
    }

    fn key(&self) -> String {
        let policy = self.block.policy.as_deref();
        format!("penalty/{}", policy.unwrap_or(""))
    }

    fn row(&self) -> String {
        let mut before = Timestamp::from_millis(0);
        let distance = |at: &Timestamp| {
            let distance = at.since(core::mem::replace(&mut before, *at));
            Duration::as_millis(distance).to_string()
        };
        let refused: Vec<String> = self.refused.iter().map(distance).collect();
        let line = LineWriter::new(ROWS.written(), "block");
        let line = self.block.put(line).put("kept", self.kept.as_millis());
        let refused = (!refused.is_empty()).then(|| refused.join(","));
        line.put_some("refused", refused).finish()
    }
}
