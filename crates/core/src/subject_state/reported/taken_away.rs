//! Units that a report takes away: it pulls limits down to what the upstream says remains, and
//! spends buckets so that they are empty when the gate opens. It never gives any.

use crate::algorithm::state::Moment;
use crate::Timestamp;

use super::fit::Fit;
use crate::subject_state::decider::Decider;
use crate::subject_state::lookup::Asker;
use crate::subject_state::picked::Picked;
use crate::subject_state::{Effects, Item, Refusal};

/// What is left of a limit before and after.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moved {
    /// Its place in the policy.
    pub(super) place: usize,
    pub(super) from: u64,
    pub(super) to: u64,
}

/// What is to be taken away.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loss<'a> {
    /// What remains of limits.
    pub(super) remains: &'a [Fit],
    /// When the gate opens, if it was closed.
    pub(super) opens: Option<Timestamp>,
}

impl Decider<'_> {
    /// Takes units away from the limits of an item. Answers what is left of each before and after,
    /// and the keys of the states to which earlier charges can no longer be taken back. An error
    /// changes nothing.
    pub(super) fn take_away(
        &mut self,
        item: &Item,
        loss: Loss,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(Vec<Moved>, Vec<String>), Refusal> {
        if loss.remains.is_empty() && loss.opens.is_none() {
            return Ok((Vec::new(), Vec::new()));
        }
        self.or_restored(effects, |decider, _, effects| {
            let limits = &mut *decider.limits;
            let mut picked = Picked::pick_for(item, Asker::Nobody, limits, moment, effects)?;
            picked.is_whole = false;
            let mut moved: Vec<Moved> = Vec::new();
            let mut changed = Vec::new();
            for fit in loss.remains {
                let entry = picked.places[fit.place];
                let (from, to) = limits.entries[entry].usage.leave(fit.remaining, moment)?;
                changed.extend((to < from).then_some(entry));
                match moved.iter_mut().find(|it| it.place == fit.place) {
                    Some(moved) => moved.to = to,
                    None => moved.push(Moved {
                        place: fit.place,
                        from,
                        to,
                    }),
                }
            }
            if let Some(at) = loss.opens {
                for &entry in &picked.places {
                    let has_spent = limits.entries[entry].usage.empty_at(at, moment)?;
                    changed.extend(has_spent.then_some(entry));
                }
            }
            let mut final_for = picked.put_in_force(limits, moment, effects);
            for entry in changed.into_iter().filter(|entry| *entry < picked.known) {
                let entry = &mut limits.entries[entry];
                picked.set_policy(entry);
                entry.write_exact(moment, effects);
                final_for.push(entry.key());
            }
            Ok((moved, final_for))
        })
    }
}
