//! A limit that follows what the upstream bears: it falls by a factor when the upstream refuses, at
//! most once a cool-down, and rises by units when it answers well, up to its own number. A day
//! after it was changed last it is its own again, and at once where another limit adapts.

use crate::codec::{Line, LineWriter, Unreadable};
use crate::Timestamp;

use super::adapting::Adapting;
use super::back::Back;
use super::shut::FORGOTTEN;

/// How many units the upstream bears; none while that is the limit's own number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Adapted {
    bears: Option<u64>,
    /// When it was changed last.
    at: Timestamp,
    /// What the limit [is known as](crate::Limit::known_as); `None` in a row of a build from
    /// before, which told it of whichever limit adapts.
    limit: Option<String>,
}

impl Adapted {
    /// How many units the upstream bears of this limit.
    pub(crate) fn of(&self, adapting: &Adapting, now: Timestamp) -> u64 {
        let most = adapting.most();
        let bears = self.known(adapting, now).unwrap_or(most);
        bears.max(adapting.adapt.floor()).min(most)
    }

    /// The same where it is not its own number.
    fn known(&self, adapting: &Adapting, now: Timestamp) -> Option<u64> {
        let bears = self.bears.filter(|_| self.end() > now)?;
        let is_of = |known: &String| *known == adapting.limit.known_as();
        self.limit.as_ref().is_none_or(is_of).then_some(bears)
    }

    /// The upstream has refused, and begun a cool-down.
    pub(crate) fn lower(&mut self, adapting: &Adapting, now: Timestamp) {
        let lowered = adapting.adapt.lowered(self.of(adapting, now));
        self.set(adapting, lowered, now);
    }

    /// The upstream has answered so many calls well.
    pub(crate) fn raise(&mut self, adapting: &Adapting, successes: u64, now: Timestamp) {
        if self.known(adapting, now).is_some() && successes > 0 {
            let rise = adapting.adapt.rise(successes);
            let raised = self.of(adapting, now).saturating_add(rise);
            self.set(adapting, raised, now);
        }
    }

    fn set(&mut self, adapting: &Adapting, bears: u64, now: Timestamp) {
        *self = match bears < adapting.most() {
            true => Adapted {
                bears: Some(bears),
                at: now,
                limit: Some(adapting.limit.known_as()),
            },
            false => Adapted::default(),
        };
    }

    /// The number in force of the limit that adapts, where it is not its own; as far as is known,
    /// where it is not known which limit that is.
    pub(super) fn shown(&self, policy: Option<Option<Adapting>>, now: Timestamp) -> Option<u64> {
        let Some(adapting) = policy else {
            return self.bears.filter(|_| self.end() > now);
        };
        let adapting = adapting?;
        let bears = self.of(&adapting, now);
        (bears < adapting.most()).then(|| adapting.in_force(bears))
    }

    /// From when on nothing of it counts.
    pub(super) fn end(&self) -> Timestamp {
        match self.bears {
            Some(_) => self.at.plus(FORGOTTEN),
            None => Timestamp::ZERO,
        }
    }

    /// By this clock, which shows an earlier time.
    pub(super) fn shift(&mut self, back: Back) {
        back.shift(&mut self.at);
    }

    /// Adds it to the row.
    pub(super) fn put(&self, line: LineWriter) -> LineWriter {
        let at = self.bears.map(|_| self.at.as_millis());
        let line = line
            .put_some("adapted", self.bears)
            .put_some("adaptedAt", at);
        match &self.limit {
            Some(limit) => line.text("adaptedLimit", limit),
            None => line,
        }
    }

    /// Reads it from a row.
    pub(super) fn get(line: &Line) -> Result<Adapted, Unreadable> {
        let limit = line.get("adaptedLimit").map(|_| line.text("adaptedLimit"));
        Ok(Adapted {
            bears: line.number("adapted")?,
            at: Timestamp::from_millis(line.number("adaptedAt")?.unwrap_or(0)),
            limit: limit.transpose()?,
        })
    }
}
