//! The objects whose last answer was a refusal, in the memory of one isolate. A request over
//! several subjects asks them first and alone, so that it does not charge the others in vain.

use crate::isolate::bounded::{BoundedMap, Secret};
use crate::policy::Policy;
use crate::Timestamp;

/// Maximum number of pairs of object and policy, about 50 bytes each. An evicted pair costs the
/// next such request a charge that is taken back.
pub const MAX_KNOWN: usize = 4_096;

/// The pairs of object and policy whose last answer was a refusal of their own.
#[derive(Debug)]
pub struct RefusedLast {
    secret: Secret,
    /// When each refused. A full map evicts the oldest.
    refused: BoundedMap<Timestamp>,
}

impl RefusedLast {
    /// An empty map.
    pub fn new(secret: Secret) -> RefusedLast {
        RefusedLast {
            secret,
            refused: BoundedMap::new(MAX_KNOWN),
        }
    }

    /// Whether the object's last answer under this policy was a refusal.
    pub fn contains(&mut self, object: &str, policy: &Policy) -> bool {
        !self.refused.is_empty()
            && self
                .refused
                .get_mut(self.secret.key(object, policy))
                .is_some()
    }

    /// Records whether the object's answer under this policy was a refusal. Contended refusals must
    /// not be recorded.
    pub fn record_answer(&mut self, object: &str, policy: &Policy, refused: bool, now: Timestamp) {
        if !refused && self.refused.is_empty() {
            return;
        }
        let key = self.secret.key(object, policy);
        if refused {
            let oldest_first = |at: &Timestamp| (0, at.as_millis());
            self.refused.put(key, now, oldest_first);
        } else {
            self.refused.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::Window;
    use crate::{Algorithm, Duration, Limit};

    #[test]
    fn a_refusal_is_known_until_the_object_admits() {
        let mut last = RefusedLast::new(Secret::new(7));
        let policy = |limit| {
            let window = Window::new(limit, Duration::from_secs(60)).unwrap();
            let limit = Limit::new(None, Algorithm::FixedWindow(window));
            Policy::new(vec![limit]).unwrap()
        };
        last.record_answer("u1", &policy(1), true, Timestamp::ZERO);
        assert!(last.contains("u1", &policy(1)));
        assert!(!last.contains("u2", &policy(1)) && !last.contains("u1", &policy(2)));
        last.record_answer("u1", &policy(1), false, Timestamp::ZERO);
        assert!(!last.contains("u1", &policy(1)));
    }
}
