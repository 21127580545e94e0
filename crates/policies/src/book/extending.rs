//! What a change of one policy makes of all that extend it, and whether that can be.

use tollgate_core::api::policy::extended::extended;
use tollgate_core::api::policy::named::{base_of, parse};
use tollgate_core::api::to_json;
use tollgate_core::limit::Name;

use super::Book;
use crate::bounds::{MAX_LEVELS, MAX_POLICY, MAX_SNAPSHOT};
use crate::circles;
use crate::content::Content;
use crate::levels::{self, Level};
use crate::refused::Refused;

/// What a name and its numbers add to a snapshot, in bytes.
const OVERHEAD: usize = 128;

impl Book {
    /// What a policy and all below it become, each after what it extends.
    pub(super) fn contents(
        &self,
        name: &str,
        written: &str,
    ) -> Result<Vec<(String, Content)>, Refused> {
        let base = base_of(written)?;
        let above = self.above(name, base.as_ref().map(Name::as_str))?;
        let content = self.content(base, written)?;
        let mut contents = vec![(name.to_owned(), content, above)];
        let mut next = 0;
        while next < contents.len() {
            let (base, of_base, above) = contents[next].clone();
            next += 1;
            for below in self.extended_by(&base) {
                let mut chain = vec![below.to_owned()];
                chain.extend(above.iter().cloned());
                if chain.len() > MAX_LEVELS {
                    return Err(Refused::TooDeep(chain));
                }
                let (_, old) = self.policy(below)?;
                let content = inherited(&of_base.canonical, &old.written, Some(base.clone()));
                let content = content.map_err(|refused| match refused {
                    Refused::Bad(error) => Refused::BadBelow {
                        name: below.to_owned(),
                        error,
                    },
                    other => other,
                })?;
                contents.push((below.to_owned(), content, chain));
            }
        }
        let contents = contents.into_iter();
        Ok(contents.map(|(name, content, _)| (name, content)).collect())
    }

    /// A policy and all that it would extend, from the lowest.
    fn above(&self, name: &str, base: Option<&str>) -> Result<Vec<String>, Refused> {
        let mut chain = vec![name.to_owned()];
        let mut next = base;
        while let Some(base) = next {
            chain.push(base.to_owned());
            if base == name {
                return Err(Refused::Cycle(chain));
            }
            let known = self.policy(base);
            let (_, content) = known.map_err(|_| Refused::UnknownBase(base.to_owned()))?;
            next = content.base.as_deref();
        }
        if chain.len() > MAX_LEVELS {
            return Err(Refused::TooDeep(chain));
        }
        Ok(chain)
    }

    fn content(&self, base: Option<Name>, written: &str) -> Result<Content, Refused> {
        match base {
            Some(base) => {
                let (_, of_base) = self.policy(base.as_str())?;
                inherited(&of_base.canonical, written, Some(base.as_str().to_owned()))
            }
            None => content_of(written, written, None),
        }
    }

    pub(super) fn check_size(&self, contents: &[(String, Content)]) -> Result<(), Refused> {
        // Both forms are kept in memory, so neither may be longer.
        let size = |name: &str, content: &Content| {
            name.len() + content.canonical.len().max(content.written.len()) + OVERHEAD
        };
        let is_new = |name: &str| contents.iter().any(|(changed, _)| changed == name);
        let kept = self.policies().filter(|(name, ..)| !is_new(name));
        let kept: usize = kept.map(|(name, _, content)| size(name, content)).sum();
        let new: usize = contents
            .iter()
            .map(|(name, content)| size(name, content))
            .sum();
        if kept + new > MAX_SNAPSHOT {
            return Err(Refused::SnapshotTooLarge);
        }
        Ok(())
    }

    /// Whether each of these policies could fall back as it says, and none would stand on itself.
    pub(super) fn check_circles(&self, contents: &[(String, Content)]) -> Result<(), Refused> {
        let of = |name: &str| self.content_with(contents, name);
        let fallbacks = contents.iter().flat_map(|(_, it)| it.fallbacks());
        let mut missing = fallbacks.filter(|name| of(name.as_str()).is_none());
        if let Some(missing) = missing.next() {
            return Err(Refused::UnknownFallback(missing.as_str().to_owned()));
        }
        let changed: Vec<&str> = contents.iter().map(|(name, _)| name.as_str()).collect();
        // First those that have a word of their own.
        if let Some(circle) = circles::of_fallbacks(&changed, &of) {
            let mut names: Vec<String> = circle.into_iter().map(|(name, _)| name).collect();
            names.extend(names.first().cloned());
            return Err(Refused::FallbackCycle(names));
        }
        match circles::of_any(&changed, &of) {
            Some(circle) => Err(Refused::MixedCycle(circle)),
            None => Ok(()),
        }
    }

    /// What is under a name once these contents are.
    fn content_with<'a>(
        &'a self,
        contents: &'a [(String, Content)],
        name: &str,
    ) -> Option<&'a Content> {
        let new = contents.iter().find(|(changed, _)| changed == name);
        match new {
            Some((_, content)) => Some(content),
            None => Some(self.policy(name).ok()?.1),
        }
    }

    /// Whether all policies could be asked together with what stands above them.
    pub(super) fn check_parents(&self, contents: &[(String, Content)]) -> Result<(), Refused> {
        let of = |name: &str| Some(Level::of(self.content_with(contents, name)?));
        let is_changed = |name: &str| contents.iter().any(|(changed, _)| changed == name);
        let kept = self.policies().map(|(name, ..)| name);
        let new = contents.iter().map(|(name, _)| name.as_str());
        kept.chain(new)
            .try_for_each(|name| levels::check(name, &of, &is_changed))?;
        let changed = contents.iter();
        let changed: Vec<_> = changed
            .map(|(name, it)| (name.as_str(), Some(it)))
            .collect();
        self.check_brought(&changed)
    }
}

fn inherited(base: &str, written: &str, name: Option<String>) -> Result<Content, Refused> {
    content_of(&extended(base, written)?, written, name)
}

fn content_of(whole: &str, written: &str, base: Option<String>) -> Result<Content, Refused> {
    let policy = parse(whole)?;
    let canonical = to_json(&policy);
    if canonical.len() > MAX_POLICY {
        return Err(Refused::PolicyTooLarge);
    }
    Ok(Content {
        written: written.to_owned(),
        canonical,
        base,
        parent: policy.parent.map(|it| it.policy.as_str().to_owned()),
    })
}
