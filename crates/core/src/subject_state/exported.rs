//! A subject's state for whoever replays its calls: rows that tell the real use.

use super::{Effects, SubjectState, Write};
use crate::algorithm::state::Moment;

impl SubjectState {
    /// The rows, key and text, of the state as it is now: none runs ahead of the real use. What is
    /// remembered in memory alone is not told: operations, released permits and recent denials.
    /// Nor are an
    /// operator's words. None where the stored rows cannot be read. Changes nothing.
    pub fn exact_rows(&self, moment: Moment) -> Vec<(String, String)> {
        if self.loaded.readable().is_err() {
            return Vec::new();
        }
        let mut effects = Effects::default();
        self.limits.clone().write_all(moment, &mut effects);
        self.limits.holds.write_all(&mut effects);
        self.policies.rows(&mut effects);
        effects.writes.extend(self.limits.kept_rows());
        effects.writes.extend(self.blocks.without_reasons().rows());
        if self.permits.is_fence_ahead(moment.now) {
            effects.writes.push(self.permits.row());
        }
        let rows = effects.writes.into_iter().filter_map(|write| match write {
            Write::Put { key, row } => Some((key, row)),
            _ => None,
        });
        rows.collect()
    }
}
