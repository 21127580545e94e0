//! A penalty: who goes on being refused is shut out, longer each time.

use serde::Serialize;

use crate::error::InvalidLimit;
use crate::limit::{in_range, MAX_WINDOW};
use crate::Duration;

/// The most refusals after which a penalty may begin.
pub const MAX_AFTER: u64 = 1_000;
/// The longest time in which they may come. Their instants are kept that long.
pub const MAX_WITHIN: Duration = Duration::from_secs(86_400);
/// The most steps.
pub const MAX_STEPS: usize = 8;
/// The least time between two refusals that count, and the shortest `within` and block.
pub const SPACING: Duration = Duration::from_secs(1);

/// After how many refusals within which time a subject is shut out of a policy, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Penalty {
    after: u64,
    within: Duration,
    block: Vec<Duration>,
}

impl Penalty {
    /// `after`: 1 to [`MAX_AFTER`] refusals, of which at most one a second counts; `within`: 1 s to
    /// [`MAX_WITHIN`], and long enough for so many; `block`: 1 to [`MAX_STEPS`] durations of 1 s to
    /// 366 d, each longer than the one before.
    pub fn new(
        after: u64,
        within: Duration,
        block: Vec<Duration>,
    ) -> Result<Penalty, InvalidLimit> {
        let span = |field, span: Duration, max: Duration| {
            in_range(
                field,
                span.as_millis(),
                SPACING.as_millis(),
                max.as_millis(),
            )
        };
        in_range("after", after, 1, MAX_AFTER)?;
        span("within", within, MAX_WITHIN)?;
        if (after - 1) * SPACING.as_millis() > within.as_millis() {
            return Err(InvalidLimit::Conflict {
                field: "after",
                with: "so short a `within`: at most one refusal a second counts",
            });
        }
        in_range("block", block.len() as u64, 1, MAX_STEPS as u64)?;
        for &step in &block {
            span("block", step, MAX_WINDOW)?;
        }
        if !block.windows(2).all(|pair| pair[0] < pair[1]) {
            return Err(InvalidLimit::Malformed {
                field: "block",
                expected: "durations of which each is longer than the one before",
            });
        }
        Ok(Penalty {
            after,
            within,
            block,
        })
    }

    /// So many refusals begin a block.
    pub const fn after(&self) -> u64 {
        self.after
    }

    /// Within this time, both ends included; and for so long after the last refusal or block the
    /// step is remembered.
    pub const fn within(&self) -> Duration {
        self.within
    }

    /// The blocks, the shortest first.
    pub fn blocks(&self) -> &[Duration] {
        &self.block
    }

    /// How long the block of a step is, which count from 1; the last is that of all further ones.
    pub fn block(&self, step: u32) -> Duration {
        let last = self.block.len() - 1; // there is at least one
        self.block[last.min(step.saturating_sub(1) as usize)]
    }
}
