//! The copies of all namespaces that an isolate has been asked for.

use std::rc::Rc;

use crate::copy::Copy;
use crate::deployed::Deployed;

/// The most namespaces of which a copy is kept.
const MAX_COPIES: usize = 256;
/// The most bytes that all copies but the last used take.
const MAX_BYTES: usize = 32 << 20;

/// The copies, the last used at the end.
#[derive(Debug, Default)]
pub struct Copies(Vec<(String, Copy)>);

impl Copies {
    /// The copy of a namespace beside what the deployment brings; an empty one at first. Where all
    /// copies together are too large, the longest unused are dropped, and asked for anew at their
    /// next use.
    pub fn of(&mut self, namespace: &str, deployed: &Rc<Deployed>) -> &mut Copy {
        let is_last = self.0.last().is_some_and(|(last, _)| last == namespace);
        if !is_last {
            let known = self.0.iter().position(|(other, _)| other == namespace);
            let copy = match known {
                Some(at) => self.0.remove(at),
                None => (namespace.to_owned(), Copy::beside(Rc::clone(deployed))),
            };
            self.make_room();
            self.0.push(copy);
        }
        let last = self.0.len() - 1; // one was pushed, or is there
        &mut self.0[last].1
    }

    fn make_room(&mut self) {
        let mut bytes: usize = self.0.iter().map(|(_, copy)| copy.bytes()).sum();
        while self.0.len() >= MAX_COPIES || bytes > MAX_BYTES {
            bytes -= self.0.remove(0).1.bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Changes;

    fn filled(bytes: usize) -> Copy {
        let text = "x".repeat(bytes);
        let changes = format!(
            "1 changes generation=1 revision=1 whole=1\npolicy name=a version=1 text={text}"
        );
        let mut copy = Copy::default();
        copy.restore(Changes::decode(&changes).unwrap_or_default());
        copy
    }

    #[test]
    fn the_longest_unused_copies_are_dropped_when_all_are_too_large() {
        let mut copies = Copies::default();
        let none = Rc::default();
        for i in 0..40 {
            *copies.of(&i.to_string(), &none) = filled(1 << 20);
            copies.of("used", &none);
        }
        let kept: Vec<&str> = copies.0.iter().map(|(name, _)| name.as_str()).collect();
        assert!(
            kept.len() < 35 && kept.ends_with(&["39", "used"]),
            "{kept:?}"
        );
        for i in 0..1_000 {
            copies.of(&format!("n{i}"), &none);
        }
        assert_eq!(copies.0.len(), MAX_COPIES);
        assert!(copies.of("n999", &none).is_empty());
    }
}
