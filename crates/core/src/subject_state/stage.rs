//! The clock by which a subject's stages run, and its row: the one that an idle subject keeps.
//!
//! **One a subject**, whichever of its policies have stages: what is warmed up is the subject, and
//! whoever sets its start or stops its clock names the subject and no policy. It begins with the
//! first admission under a limit with stages, or when somebody sets it. No reset deletes it and no
//! idleness, until [`KEPT`] after the last admission; that one is noted once in [`NOTED`].

use crate::codec::{Line, LineWriter, Unreadable};
use crate::limit::schedule::{Pause, StageClock};
use crate::row::ROWS;
use crate::{Duration, Timestamp};

use super::Write;

const DAY: Duration = Duration::from_secs(86_400);
/// How long after the last admission it is kept: longer than the longest stage.
const KEPT: Duration = Duration::from_millis(400 * DAY.as_millis());
/// How often the last admission is written down while there are any.
const NOTED: Duration = DAY;
/// Its row.
const KEY: &str = "stage";

/// A subject's stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SubjectStage {
    /// The clock.
    pub(super) clock: StageClock,
    /// The last admission that was written down.
    last: Timestamp,
}

impl SubjectStage {
    /// A clock, noted now.
    pub(super) const fn of(clock: StageClock, now: Timestamp) -> SubjectStage {
        SubjectStage { clock, last: now }
    }

    pub(super) fn get(line: &Line) -> Result<SubjectStage, Unreadable> {
        Ok(SubjectStage {
            clock: get_clock(line)?,
            last: Timestamp::from_millis(line.needed("last")?),
        })
    }

    pub(super) fn row(&self) -> Write {
        let line = put_clock(LineWriter::new(ROWS.written(), "stage"), &self.clock);
        Write::Put {
            key: KEY.to_owned(),
            row: line.put("last", self.last.as_millis()).finish(),
        }
    }

    /// Has the row deleted.
    pub(super) fn deletion() -> Write {
        Write::Delete {
            key: KEY.to_owned(),
        }
    }

    /// Until when it is kept, if nothing is admitted.
    pub(super) const fn kept_until(&self) -> Timestamp {
        self.last.plus(KEPT).plus(NOTED)
    }

    /// The stage after an admission, and whether it has to be written.
    pub(super) fn admitted(stage: Option<SubjectStage>, now: Timestamp) -> (SubjectStage, bool) {
        let Some(stage) = stage else {
            return (SubjectStage::of(StageClock::starting(now), now), true);
        };
        let is_due = now.since(stage.last) >= NOTED;
        let last = if is_due { now } else { stage.last };
        (SubjectStage { last, ..stage }, is_due)
    }
}

/// Adds a clock to a line.
pub(crate) fn put_clock(line: LineWriter, clock: &StageClock) -> LineWriter {
    let pause = clock.pause;
    let until = pause.and_then(|pause| pause.until);
    let paused = clock.paused.as_millis();
    line.put("start", clock.start.as_millis())
        .put_some("paused", (paused > 0).then_some(paused))
        .put_some("pauseFrom", pause.map(|pause| pause.from.as_millis()))
        .put_some("pauseUntil", until.map(Timestamp::as_millis))
}

/// Reads a clock.
pub(crate) fn get_clock(line: &Line) -> Result<StageClock, Unreadable> {
    let until = line.number("pauseUntil")?.map(Timestamp::from_millis);
    let from = line.number("pauseFrom")?.map(Timestamp::from_millis);
    Ok(StageClock {
        start: Timestamp::from_millis(line.needed("start")?),
        paused: Duration::from_millis(line.number("paused")?.unwrap_or(0)),
        pause: from.map(|from| Pause { from, until }),
    })
}
