//! Limits that classes share: who asks next, and how each class stands.

use super::bucket::Bucket;
use super::classes::Share;
use super::state::{shape, LimitState};
use super::View;
use crate::limit::weights::Asks;
use crate::limit::Algorithm;
use crate::Timestamp;

impl LimitState {
    /// The state with the class among those that share it that asks at `now`, as it then is; `None`
    /// where it is, or where none can be. Of a policy without weights no class asks, and none
    /// stays.
    pub fn joined(
        &self,
        algorithm: &Algorithm,
        asks: Option<&Asks>,
        now: Timestamp,
    ) -> Option<LimitState> {
        let (bucket, shape) = self.bucket(algorithm)?;
        match (asks, &bucket.classes) {
            (None, None) => return None,
            (Some(asks), Some(classes)) if classes.has(asks, shape, &bucket.level, now) => {
                return None;
            }
            _ => {}
        }
        let joined = bucket.at(shape, now).asked_by(shape, asks)?;
        Some(LimitState::Bucket(joined))
    }

    /// Has the class ask next: whatever is asked of the state from now on is asked by it.
    pub fn turn_to(&mut self, asks: Option<&Asks>) {
        if let (LimitState::Bucket(bucket), Some(asks)) = (self, asks) {
            if let Some(classes) = &mut bucket.classes {
                classes.turn_to(asks);
            }
        }
    }

    /// The class that asks was refused so many units: whether it may fill up to them from now on,
    /// because they are more than its part. The state must be projected to now.
    pub(crate) fn reserve(&mut self, algorithm: &Algorithm, units: u64) -> bool {
        let (LimitState::Bucket(bucket), Some(shape)) = (self, shape(algorithm)) else {
            return false;
        };
        let parts = shape.parts(units);
        match &mut bucket.classes {
            Some(classes) if parts <= shape.capacity => classes.reserve(shape, parts),
            _ => false,
        }
    }

    /// Raises the use to at least so many units, at the cost of all classes; whether any share it.
    /// The state must be projected to now.
    pub(super) fn raise_for_all(&mut self, algorithm: &Algorithm, units: u64) -> bool {
        match (self, shape(algorithm)) {
            (LimitState::Bucket(bucket), Some(shape)) => bucket.raise_for_all(shape, units),
            _ => false,
        }
    }

    /// Whether classes share it.
    pub(crate) const fn is_shared(&self) -> bool {
        matches!(self, LimitState::Bucket(bucket) if bucket.classes.is_some())
    }

    /// What is left of the whole, whatever class asks. The state must be projected.
    pub fn view_of_whole(&self, algorithm: &Algorithm, now: Timestamp) -> View {
        match self.bucket(algorithm) {
            Some((bucket, shape)) => bucket.view_of_whole(shape),
            None => self.view(algorithm, now),
        }
    }

    /// How each class stands that shares it. The state must be projected.
    pub fn shares(&self, algorithm: &Algorithm) -> Vec<Share> {
        let shares = self.bucket(algorithm).and_then(|(bucket, shape)| {
            Some(bucket.classes.as_ref()?.shares(shape, &bucket.level))
        });
        shares.unwrap_or_default()
    }

    /// Whether nothing of it is used, though classes are here.
    pub(crate) fn is_only_shared(&self, algorithm: &Algorithm, now: Timestamp) -> bool {
        let shared = self
            .bucket(algorithm)
            .filter(|(bucket, _)| bucket.classes.is_some());
        shared.is_some_and(|(bucket, shape)| bucket.view_of_whole(shape).reset <= now)
    }

    fn bucket<'a>(
        &'a self,
        algorithm: &'a Algorithm,
    ) -> Option<(&'a Bucket, &'a crate::limit::Shape)> {
        match self {
            LimitState::Bucket(bucket) => Some((bucket, shape(algorithm)?)),
            _ => None,
        }
    }
}
