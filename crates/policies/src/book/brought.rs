//! What the deployment brings, as far as a book has to know it: it holds under each name of which
//! nothing is stored. Nothing of it is stored, and what is stored does not stand on it: the next
//! deployment may not bring it.

use std::rc::Rc;

use super::Book;
use crate::content::Content;
use crate::deployed::Deployed;
use crate::levels::{self, Level};
use crate::precondition::Precondition;
use crate::refused::Refused;

impl Book {
    /// Has it know what that deployment brings from which it is asked.
    pub fn bring(&mut self, deployed: Rc<Deployed>) {
        self.deployed = deployed;
    }

    /// What the deployment brings and nothing stored takes the place of, each with its number: that
    /// of the deletion behind which it holds, 0 where nothing was ever stored.
    pub fn brought(&self) -> impl Iterator<Item = (&str, u64, &Content)> {
        let all = self.deployed.all();
        all.filter_map(|(name, _)| {
            let (number, content) = self.brought_as(name)?;
            Some((name, number, content))
        })
    }

    /// One of them.
    pub fn brought_as(&self, name: &str) -> Option<(u64, &Content)> {
        let policy = self.deployed.get(name)?;
        if self.policy(name).is_ok() {
            return None;
        }
        Some((self.last_number(name), &policy.content))
    }

    /// What holds under a name, stored or brought.
    pub(super) fn holding(&self, name: &str) -> Result<&Content, Refused> {
        match self.brought_as(name) {
            Some((_, content)) => Ok(content),
            None => Ok(self.policy(name)?.1),
        }
    }

    /// The version that a precondition is about. What is brought has one; but nobody has made it.
    pub(super) fn version_for(&self, name: &str, precondition: Precondition) -> Option<u64> {
        let stored = self.policy(name).ok().map(|(record, _)| record.version);
        let is_brought = precondition != Precondition::Absent;
        let brought = || Some(self.brought_as(name).filter(|_| is_brought)?.0);
        stored.or_else(brought)
    }

    /// The same refusal; where it calls unknown what the deployment brings, that.
    pub(super) fn told(&self, refused: Refused) -> Refused {
        let is_brought = |name: &str| self.brought_as(name).is_some();
        match refused {
            Refused::UnknownBase(name) if is_brought(&name) => {
                Refused::StandsOnStatic("extends", name)
            }
            Refused::UnknownParent(name) if is_brought(&name) => {
                Refused::StandsOnStatic("parent", name)
            }
            Refused::UnknownFallback(name) if is_brought(&name) => {
                Refused::StandsOnStatic("fallbackTo", name)
            }
            other => other,
        }
    }

    /// Whether what is brought could still be asked together with what stands above it, once each
    /// of these names has this content, or none. What is brought may stand on what is stored in the
    /// place of something brought.
    pub(super) fn check_brought(
        &self,
        changed: &[(&str, Option<&Content>)],
    ) -> Result<(), Refused> {
        let new = |name: &str| changed.iter().find(|(it, _)| *it == name).map(|it| it.1);
        let stored = |name: &str| match new(name) {
            Some(content) => content,
            None => self.policy(name).ok().map(|it| it.1),
        };
        let brought = |name: &str| self.deployed.get(name).map(|it| &it.content);
        let of = |name: &str| {
            let content = stored(name).or_else(|| brought(name))?;
            Some(Level::of(content))
        };
        let is_changed = |name: &str| new(name).is_some();
        let all = self.deployed.all().map(|(name, _)| name);
        let mut holding = all.filter(|name| stored(name).is_none());
        holding.try_for_each(|name| levels::check(name, &of, &is_changed))
    }
}
