//! A gate: closed for a while because the upstream has refused.
//!
//! **How long.** As long as the upstream told, at most as long as the policy allows from now on;
//! where it told nothing, by the policy's back-off. A report never opens a gate earlier.
//!
//! **One counts.** Of a hundred calls in flight that are all refused the first begins a cool-down.
//! The others are of the same one: their answers came before its end, whether or not the gate was
//! still to be closed when they were told. Where it is not told when they came they are known by
//! this: since the gate has opened nobody was let through.
//!
//! **Back-off.** Successive refusals wait longer, one step for each cool-down. The step is
//! forgotten after a success since the gate has opened, or when its longest wait has passed.

use crate::codec::{Line, LineWriter, Unreadable};
use crate::decision::Reason;
use crate::policy::outbound::BackOff;
use crate::report::{Closed, ClosedBy};
use crate::{Duration, Timestamp};

use super::admitted::REMEMBERED;
use super::back::Back;
use super::shut::Shut;

/// The gate of one policy of a subject.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Gate {
    /// From this instant on it is open; zero while it was never closed.
    until: Timestamp,
    /// What said how long it is closed, and whose token reported it.
    by: Option<(ClosedBy, String)>,
    /// How many times it was closed in a row by its back-off.
    step: u32,
    /// When the step is forgotten.
    kept: Timestamp,
    /// When the last cool-down is over, or was: of a refusal that was told late the gate knows no
    /// more.
    cooled: Timestamp,
    /// Whether nobody was let through since it opened.
    is_untried: bool,
}

/// What a report did to a gate.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Closing {
    /// Whether the refusal is none of a cool-down that was known.
    pub(crate) begins: bool,
    /// Whether it is closed for longer than before.
    pub(crate) is_longer: bool,
}

/// How a report asks for the gate to be closed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// Until when, and what says so; `None`: by the back-off.
    pub(crate) told: Option<(Timestamp, ClosedBy)>,
    pub(crate) back_off: BackOff,
    /// The longest time for which it may be closed from now on.
    pub(crate) most: Duration,
    /// When the upstream answered.
    pub(crate) answered: Timestamp,
    /// The name of the token that reports.
    pub(crate) by: &'a str,
}

impl Gate {
    /// From this instant on it is open.
    pub(super) const fn until(&self) -> Timestamp {
        self.until
    }

    fn is_closed(&self, now: Timestamp) -> bool {
        self.until > now
    }

    pub(super) fn shut(&self, now: Timestamp) -> Option<Shut> {
        self.is_closed(now).then_some(Shut {
            until: self.until,
            reason: Reason::CoolDown,
            is_certain: true,
        })
    }

    /// How it is closed, if it is.
    pub(crate) fn closed(&self, now: Timestamp) -> Option<Closed> {
        let (cause, by) = self.by.as_ref().filter(|_| self.is_closed(now))?;
        Some(Closed {
            until: self.until,
            cause: *cause,
            by: by.clone(),
        })
    }

    /// Closes it, or leaves it as it is where it is closed for longer or the report comes too late.
    pub(crate) fn close(&mut self, asked: &Asked, now: Timestamp) -> Closing {
        let begins = self.begins(asked.answered, now);
        let most = now.plus(asked.most);
        let (until, cause) = match asked.told {
            Some((until, cause)) => (until.min(most), cause),
            None => {
                if !begins {
                    return Closing::default();
                }
                self.step = self.step.saturating_add(1);
                let wait = asked.back_off.wait(self.step).min(asked.most);
                self.kept = asked.answered.plus(wait).plus(asked.back_off.max());
                (asked.answered.plus(wait), ClosedBy::BackOff)
            }
        };
        self.cooled = self.cooled.max(until);
        let is_longer = until > self.until.max(now);
        if is_longer {
            self.until = until;
            self.by = Some((cause, asked.by.to_owned()));
            self.is_untried = true;
            self.kept = self.kept.max(until);
        }
        Closing { begins, is_longer }
    }

    /// Whether a refusal is of another cool-down than the last one.
    fn begins(&mut self, answered: Timestamp, now: Timestamp) -> bool {
        if self.kept <= now {
            self.step = 0;
            self.is_untried = false;
        }
        !self.is_closed(now) && answered >= self.cooled && !self.is_untried
    }

    /// The upstream has answered well: the step is forgotten, if that was after the gate opened;
    /// whether anything changes.
    pub(crate) fn succeeded(&mut self, answered: Timestamp, now: Timestamp) -> bool {
        let is_over = self.step > 0 && !self.is_closed(now) && answered >= self.until;
        if is_over {
            self.step = 0;
            self.kept = self.until;
        }
        is_over
    }

    /// Somebody was let through.
    pub(super) fn admitted(&mut self, now: Timestamp) {
        self.is_untried &= self.is_closed(now);
    }

    /// Forgets who has reported it.
    pub(super) fn forget_name(&mut self) {
        if let Some((_, by)) = &mut self.by {
            by.clear();
        }
    }

    /// From when on nothing of it counts.
    pub(super) fn end(&self) -> Timestamp {
        let known = match self.cooled > Timestamp::ZERO {
            true => self.cooled.plus(REMEMBERED),
            false => Timestamp::ZERO,
        };
        known.max(self.kept)
    }

    /// By this clock, which shows an earlier time.
    pub(super) fn shift(&mut self, back: Back) {
        for at in [&mut self.until, &mut self.kept, &mut self.cooled] {
            back.shift(at);
        }
    }

    /// Adds it to the row.
    pub(super) fn put(&self, line: LineWriter) -> LineWriter {
        let line = match &self.by {
            Some((cause, by)) => line
                .put("gate", self.until.as_millis())
                .put("cause", cause.word())
                .text("by", by),
            None => line,
        };
        let instant = |at: Timestamp| (at > Timestamp::ZERO).then(|| at.as_millis());
        let cooled = Some(self.cooled).filter(|it| *it > self.until);
        line.put_some("backOff", (self.step > 0).then_some(self.step))
            .put_some("kept", instant(self.kept))
            .put_some("cooled", cooled.and_then(instant))
    }

    /// Reads it from a row.
    pub(super) fn get(line: &Line) -> Result<Gate, Unreadable> {
        let instant = |key| -> Result<Option<Timestamp>, Unreadable> {
            Ok(line.number(key)?.map(Timestamp::from_millis))
        };
        let by = match line.get("cause") {
            Some(word) => {
                let cause = ClosedBy::from_word(word).ok_or(Unreadable::Damaged("cause"))?;
                Some((cause, line.text("by")?))
            }
            None => None,
        };
        let until = match by {
            Some(_) => Timestamp::from_millis(line.needed("gate")?),
            None => Timestamp::ZERO,
        };
        Ok(Gate {
            until,
            by,
            step: line.number("backOff")?.unwrap_or(0),
            kept: instant("kept")?.unwrap_or_default(),
            cooled: instant("cooled")?.unwrap_or(until),
            // Whether anybody was let through before the restart nobody knows.
            is_untried: false,
        })
    }
}
