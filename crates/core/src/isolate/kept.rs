//! Which policies the objects keep whole, in the memory of one isolate: they are asked by name and
//! version alone, which is less to write and to read.

use crate::isolate::bounded::{BoundedMap, Key, Secret};
use crate::policy::Policy;
use crate::{Duration, Timestamp};

/// The most pairs of object and policy, about 50 bytes each. An evicted one costs the next call the
/// whole policy.
pub const MAX_KEPT: usize = 4_096;
/// How long after an answer its object is taken to keep the policy still: half as long as it takes
/// an idle object to lose its memory.
const KEPT_FOR: Duration = Duration::from_secs(5);

/// The pairs of object and policy, and when the object has answered by it last.
#[derive(Debug)]
pub struct Kept {
    secret: Secret,
    answered: BoundedMap<Timestamp>,
}

impl Kept {
    /// An empty map.
    pub fn new(secret: Secret) -> Kept {
        Kept {
            secret,
            answered: BoundedMap::new(MAX_KEPT),
        }
    }

    fn key(&self, object: &str, policy: &Policy) -> Key {
        self.secret.key(object, &(policy.name(), policy.version()))
    }

    /// Whether the object can be asked by the policy's name and version alone.
    pub fn contains(&mut self, object: &str, policy: &Policy, now: Timestamp) -> bool {
        if !policy.version().is_given() {
            return false;
        }
        let key = self.key(object, policy);
        let answered = self.answered.get_mut(key);
        answered.is_some_and(|at| *at <= now && now.since(*at) < KEPT_FOR)
    }

    /// The object has answered by this policy, and said whether it keeps it.
    pub fn record(&mut self, object: &str, policy: &Policy, keeps: bool, now: Timestamp) {
        if !policy.version().is_given() {
            return;
        }
        let key = self.key(object, policy);
        if keeps {
            let oldest_first = |at: &Timestamp| (0, at.as_millis());
            self.answered.put(key, now, oldest_first);
        } else {
            self.answered.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::{Name, Window};
    use crate::policy::Version;
    use crate::{Algorithm, Limit};

    #[test]
    fn an_object_is_taken_to_keep_what_it_answered_by_for_five_seconds() {
        let mut kept = Kept::new(Secret::new(7));
        let inline = {
            let window = Window::new(1, Duration::from_secs(60)).unwrap();
            Policy::new(vec![Limit::new(None, Algorithm::FixedWindow(window))]).unwrap()
        };
        let policy = |number| {
            let name = Name::new("policy", "p").unwrap();
            let generation = 1;
            inline.clone().named(name, Version { generation, number })
        };
        let at = Timestamp::from_millis;
        kept.record("u1", &policy(1), true, at(1_000));
        kept.record("u1", &inline, true, at(1_000));
        assert!(kept.contains("u1", &policy(1), at(5_999)));
        assert!(!kept.contains("u1", &policy(1), at(6_000)));
        assert!(!kept.contains("u1", &policy(1), at(999)));
        assert!(!kept.contains("u2", &policy(1), at(1_000)));
        assert!(!kept.contains("u1", &policy(2), at(1_000)));
        assert!(!kept.contains("u1", &inline, at(1_000)));
        kept.record("u1", &policy(1), false, at(1_001));
        assert!(!kept.contains("u1", &policy(1), at(1_001)));
    }
}
