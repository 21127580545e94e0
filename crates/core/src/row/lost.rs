//! The text of the allowance that a limit has lost by waking.

use crate::algorithm::allowance::Lost;
use crate::algorithm::state::LimitState;
use crate::codec::{Line, LineWriter, Unreadable};
use crate::Timestamp;

/// Adds the allowance that a limit has lost by waking, if any. An older build ignores it.
pub fn put_lost(line: LineWriter, lost: &Lost) -> LineWriter {
    match *lost {
        Lost::Nothing => line,
        Lost::InWindow { units, before, .. } => line
            .put_some("lost", (units > 0).then_some(units))
            .put_some("lostBefore", (before > 0).then_some(before)),
        Lost::Until(until) => line.put_some(
            "lostUntil",
            (until > Timestamp::ZERO).then(|| until.as_millis()),
        ),
    }
}

/// Reads the allowance lost by waking, in the window of `state`.
pub fn get_lost(line: &Line, state: &LimitState) -> Result<Lost, Unreadable> {
    let window = match state {
        LimitState::Counter(counter) => counter.span.start,
        LimitState::Sliding(sliding) => sliding.counts.start,
        LimitState::Bucket(_) => {
            let until = line.number("lostUntil")?.unwrap_or(0);
            return Ok(Lost::Until(Timestamp::from_millis(until)));
        }
        LimitState::Log(_) | LimitState::Slots(_) => return Ok(Lost::Nothing),
    };
    Ok(Lost::InWindow {
        window,
        units: line.number("lost")?.unwrap_or(0),
        before: line.number("lostBefore")?.unwrap_or(0),
    })
}
