//! Which policies the objects keep whole, in the memory of one isolate: they are asked by name and
//! version alone, which is less to write and to read.

use crate::isolate::bounded::{BoundedMap, Key};
use crate::{Duration, Timestamp};

/// The most pairs of object and policy, about 50 bytes each. An evicted one costs the next call the
/// whole policy.
pub const MAX_KEPT: usize = 4_096;
/// How long after an answer its object is taken to keep the policy still: half as long as it takes
/// an idle object to lose its memory.
const KEPT_FOR: Duration = Duration::from_secs(5);

/// The pairs of object and policy with its version, by the keys of
/// [`Refusals::key`](super::refusals::Refusals::key), and when the object has answered by it last.
#[derive(Debug)]
pub struct Kept(BoundedMap<Timestamp>);

impl Default for Kept {
    fn default() -> Kept {
        Kept(BoundedMap::new(MAX_KEPT))
    }
}

impl Kept {
    /// Whether the object can be asked by the policy's name and version alone.
    pub fn contains(&mut self, key: Key, now: Timestamp) -> bool {
        let answered = self.0.get_mut(key);
        answered.is_some_and(|at| *at <= now && now.since(*at) < KEPT_FOR)
    }

    /// The object has answered by this policy, and said whether it keeps it.
    pub fn record(&mut self, key: Key, keeps: bool, now: Timestamp) {
        if keeps {
            let oldest_first = |at: &Timestamp| (0, at.as_millis());
            self.0.put(key, now, oldest_first);
        } else if !self.0.is_empty() {
            self.0.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolate::bounded::Secret;

    #[test]
    fn an_object_is_taken_to_keep_what_it_answered_by_for_five_seconds() {
        let mut kept = Kept::default();
        let key = |object: &str, policy: u64| Secret::new(7).key(object, &policy);
        let at = Timestamp::from_millis;
        kept.record(key("u1", 1), false, at(1_000));
        assert!(!kept.contains(key("u1", 1), at(1_000)));
        kept.record(key("u1", 1), true, at(1_000));
        assert!(kept.contains(key("u1", 1), at(5_999)));
        assert!(!kept.contains(key("u1", 1), at(6_000)));
        assert!(!kept.contains(key("u1", 1), at(999)));
        assert!(!kept.contains(key("u2", 1), at(1_000)));
        assert!(!kept.contains(key("u1", 2), at(1_000)));
        kept.record(key("u1", 1), false, at(1_001));
        assert!(!kept.contains(key("u1", 1), at(1_001)));
    }
}
