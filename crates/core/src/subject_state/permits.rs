//! The permits of one subject: their fences, which only rise, and those that were released lately.
//! The slots themselves are kept by the limits that gave them.

use crate::algorithm::Holder;
use crate::codec::LineWriter;
use crate::decision::Decision;
use crate::row::ROWS;
use crate::Timestamp;

use super::recent::Recent;
use super::{Item, Refusal, Write};

/// What is known of permits.
#[derive(Debug, Clone, Default)]
pub(super) struct Permits {
    /// The newest fence given.
    fence: u64,
    released: Recent,
}

impl Permits {
    /// A row tells of a fence.
    pub(super) fn add_found(&mut self, fence: u64) {
        self.fence = self.fence.max(fence);
    }

    /// Who is to hold slots, where some may be given. The fence starts from the clock, so that it
    /// goes on rising after the subject's storage was emptied.
    pub(super) fn holder(
        &self,
        items: &[Item],
        random: &mut dyn FnMut() -> u128,
        now: Timestamp,
    ) -> Option<Holder> {
        let gives = |item: &Item| {
            let may_hold = item.policy.gives_permits() || item.holds() || item.may_wait();
            may_hold && !item.check.peek
        };
        items.iter().any(gives).then(|| Holder {
            permit: random().max(1),
            fence: (self.fence + 1).max(now.as_millis()),
        })
    }

    /// Remembers the fence of what was granted.
    pub(super) fn granted(&mut self, answers: &[Decision]) {
        if let Some(grant) = answers.iter().find_map(|answer| answer.grant.as_deref()) {
            self.add_found(grant.fence);
        }
    }

    /// Answers a release, which has freed slots or not. Releasing once more, soon after, is
    /// answered alike.
    pub(super) fn release(
        &mut self,
        permit: u128,
        has_freed: bool,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if has_freed {
            self.released.remember(permit, now);
        } else if !self.released.contains(permit, now) {
            return Err(Refusal::UnknownPermit);
        }
        Ok(())
    }

    /// Whether the clock has not passed the newest fence, so that it has to be remembered.
    pub(super) const fn is_fence_ahead(&self, now: Timestamp) -> bool {
        self.fence >= now.as_millis()
    }

    /// The row of the fence.
    pub(super) fn row(&self) -> Write {
        let row = LineWriter::new(ROWS.written(), "fence")
            .put("fence", self.fence)
            .finish();
        Write::Put {
            key: "fence".to_owned(),
            row,
        }
    }
}
