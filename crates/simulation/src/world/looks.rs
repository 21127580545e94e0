//! A close look at an object: what it counts, and whether its waits are exact.

use tollgate_core::decision::Decision;
use tollgate_core::message::Answer;
use tollgate_core::subject_state::Effects;
use tollgate_core::Timestamp;

use super::World;
use crate::object::{moment, Unsent};
use crate::scenario::Mode;

impl World {
    /// Compares what an object counts with what its answers told. `has_one`: of the present step
    /// an admission is not yet among the answers.
    pub(super) fn look(&self, number: u32, now: Timestamp, has_one: bool) -> Result<(), String> {
        if self.scenario.mode == Mode::Leased {
            return Ok(()); // what isolates have spent it learns later
        }
        let object = &self.objects[number];
        let Some((end, used)) = object.awake.as_ref().and_then(|it| it.window(now)) else {
            return Ok(());
        };
        let window = self.scenario.rule.window;
        let is_in = |it: &&Unsent| it.told.is_some_and(|told| told.at + window == end);
        let unsent = object.unsent.iter().filter(is_in).count() as u64;
        let unsent = unsent + u64::from(has_one);
        object.judge.counts(&self.scenario.rule, end, used, unsent)
    }

    /// Who waits as long as a refusal says is admitted, alone; who comes a millisecond earlier is
    /// not.
    pub(super) fn try_wait(
        &mut self,
        number: u32,
        decision: &Decision,
        now: Timestamp,
    ) -> Result<(), String> {
        let Some(wait) = decision
            .retry_after
            .filter(|_| !decision.contended && !decision.while_lent)
        else {
            return Ok(());
        };
        let Some(awake) = &self.objects[number].awake else {
            return Ok(());
        };
        self.tally.waits += 1;
        for (at, is_enough) in [(wait.as_millis() - 1, false), (wait.as_millis(), true)] {
            let at = Timestamp::from_millis(now.as_millis() + at);
            let mut later = awake.state.clone();
            let mut effects = Effects::default();
            let answer = later.answer(&self.call, &mut || 7, moment(at), &mut effects);
            let Answer::Decided(decided) = &answer else {
                return Err(format!("no decision later: {answer:?}"));
            };
            if decided[0].success != is_enough {
                return Err(format!("a wait of {wait:?} is not exact: {decided:?}"));
            }
        }
        Ok(())
    }
}
