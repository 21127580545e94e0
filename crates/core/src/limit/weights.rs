//! Who shares a limit, and by which weights: the classes of a policy with `weights`.

use std::sync::Arc;

use super::bounds::in_range;
use crate::error::InvalidLimit;
use crate::hash::hash;

/// The most classes that a policy names.
pub const MAX_WRITTEN: usize = 32;
/// The largest weight. All weights at a limit together stay below 2^15.
pub const MAX_WEIGHT: u64 = 1_000;
/// The longest name of a class, in bytes.
pub const MAX_CLASS: usize = 64;
/// The largest capacity that is divided, in units, so that finer parts of it can be counted.
pub const MAX_SHARED: u64 = 1_000_000_000_000;

/// The name of a class; `None` is the rest: everybody who is in no other.
pub type ClassName = Option<Arc<str>>;

/// By what callers are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum By {
    /// By the `priority` of the request.
    #[default]
    Priority,
    /// By the subject below, of a policy that is another one's parent.
    Child,
}

impl By {
    const ALL: [By; 2] = [By::Priority, By::Child];

    /// The word for it in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            By::Priority => "priority",
            By::Child => "child",
        }
    }

    /// What a word names.
    pub fn from_word(word: &str) -> Option<By> {
        By::ALL.into_iter().find(|by| by.word() == word)
    }
}

/// The weights of classes. A class that is not named has a weight of 1.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Weights {
    by: By,
    written: Arc<[(Arc<str>, u32)]>,
}

impl Weights {
    /// 1 to [`MAX_WRITTEN`] different names of 1 to [`MAX_CLASS`] bytes, each with a weight of 1 to
    /// [`MAX_WEIGHT`].
    pub fn new(by: By, written: Vec<(String, u64)>) -> Result<Weights, InvalidLimit> {
        in_range("weights", written.len() as u64, 1, MAX_WRITTEN as u64)?;
        let mut weights: Vec<(Arc<str>, u32)> = Vec::with_capacity(written.len());
        for (name, weight) in written {
            let is_known = weights.iter().any(|(known, _)| **known == *name);
            if is_known || !(1..=MAX_CLASS).contains(&name.len()) {
                let expected = "an object of different names of 1 to 64 bytes";
                return Err(InvalidLimit::Malformed {
                    field: "weights",
                    expected,
                });
            }
            let weight = in_range("weights", weight, 1, MAX_WEIGHT)?;
            weights.push((name.into(), weight as u32)); // at most MAX_WEIGHT
        }
        Ok(Weights {
            by,
            written: weights.into(),
        })
    }

    /// By what callers are told apart.
    pub const fn by(&self) -> By {
        self.by
    }

    /// The classes that are named, with their weights, in the order in which they are written.
    pub fn written(&self) -> &[(Arc<str>, u32)] {
        &self.written
    }

    /// The weight of a class.
    pub fn of(&self, class: &ClassName) -> u32 {
        let named = self
            .written
            .iter()
            .find(|(name, _)| Some(name) == class.as_ref());
        named.map_or(1, |(_, weight)| *weight)
    }

    /// The class under these weights of who was in `class` under others.
    #[must_use]
    pub fn known(&self, class: &ClassName) -> ClassName {
        match self.by {
            By::Child => class.clone(),
            By::Priority => self.named(class.as_deref()?),
        }
    }

    /// The class of a request with this priority, which comes from the subject `child`.
    #[must_use]
    pub fn class(&self, priority: Option<&str>, child: Option<&str>) -> ClassName {
        match self.by {
            By::Priority => self.named(priority?),
            By::Child => child.map(shortened),
        }
    }

    fn named(&self, name: &str) -> ClassName {
        let mut names = self.written.iter().map(|(name, _)| name);
        names.find(|known| ***known == *name).cloned()
    }
}

/// An identifier as the name of a class. Of a long one the end is a number for all of it: no class
/// costs more room in a row than [`MAX_CLASS`] bytes.
fn shortened(identifier: &str) -> Arc<str> {
    if identifier.len() <= MAX_CLASS {
        return identifier.into();
    }
    let mut most = MAX_CLASS - 17;
    while !identifier.is_char_boundary(most) {
        most -= 1;
    }
    format!("{}~{:016x}", &identifier[..most], hash(identifier)).into()
}

/// The class that asks, and the weights of all.
#[derive(Debug, Clone, Copy)]
pub struct Asks<'a> {
    /// The weights of the policy.
    pub weights: &'a Weights,
    /// The class.
    pub class: &'a ClassName,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_identifier_is_a_class_of_its_own_and_short() {
        let long = |last: char| format!("{}{last}", "é".repeat(500));
        let names = ['a', 'b'].map(|last| shortened(&long(last)));
        assert_ne!(names[0], names[1]);
        assert!(names.iter().all(|name| name.len() <= MAX_CLASS));
        assert_eq!(&*shortened(&"x".repeat(64)), "x".repeat(64));
    }

    #[test]
    fn who_is_named_nowhere_is_of_the_rest() {
        let written = vec![("high".to_owned(), 3), ("low".to_owned(), 2)];
        let by = |by| Weights::new(by, written.clone()).unwrap_or_else(|_| unreachable!());
        let (priority, child) = (by(By::Priority), by(By::Child));
        let class = |name: &str| Some(Arc::from(name));
        assert_eq!(priority.class(Some("high"), Some("acme")), class("high"));
        assert_eq!(priority.class(Some("other"), None), None);
        assert_eq!(priority.class(None, Some("high")), None);
        assert_eq!(child.class(Some("high"), Some("acme")), class("acme"));
        assert_eq!(child.class(Some("high"), None), None);
        assert_eq!(priority.of(&class("high")), 3);
        assert_eq!((priority.of(&None), child.of(&class("acme"))), (1, 1));
        assert_eq!(priority.known(&class("acme")), None);
    }
}
