//! All policies of a namespace as their object has them, and each change of them.
//!
//! A change of a policy that others extend makes a new version of all below it as well. Versions of
//! a name rise for ever, also when it is deleted and made anew. Each change raises the revision of
//! the whole book.

mod brought;
mod extending;
mod overriding;

use std::collections::BTreeMap;
use std::rc::Rc;

use tollgate_core::limit::Name;
use tollgate_core::policy::Version;
use tollgate_core::Timestamp;

use crate::bounds::{MAX_POLICIES, MAX_POLICY};
use crate::content::Content;
use crate::deployed::Deployed;
use crate::overrides::{OverrideKey, OverrideRecord};
use crate::precondition::Precondition;
use crate::refused::Refused;

/// The most deleted names whose last versions are kept one by one.
const MAX_GONE: usize = 1_000;

/// All policies of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Book {
    /// Its numbers.
    pub state: BookState,
    records: BTreeMap<String, Record>,
    overrides: BTreeMap<OverrideKey, OverrideRecord>,
    deployed: Rc<Deployed>,
}

/// The numbers of a book, which are stored beside its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BookState {
    /// When the storage began, or was found to have been restored; Unix ms, 0 while nothing is
    /// stored. Versions of different generations have nothing to do with each other.
    pub generation: u64,
    /// Raised by each change.
    pub revision: u64,
    /// Versions of new names begin above this one.
    pub floor: u64,
    /// The newest revision of a deleted name, or of a lifted override, that is no longer kept.
    pub forgotten: u64,
    /// The newest instant, in Unix ms, at which an override that changes limits was set or lifted,
    /// or was over when it was forgotten. It rises with each.
    pub adjusted: u64,
}

/// What is kept of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its version.
    pub version: u64,
    /// The revision that made it.
    pub revision: u64,
    /// When.
    pub at: Timestamp,
    /// The name of the token that made it; empty where the token has none.
    pub author: String,
    /// Why, in the author's words.
    pub reason: String,
    /// The policy; `None` when it is deleted.
    pub content: Option<Content>,
}

/// Who changes something, when and why.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    /// The name of the token.
    pub author: &'a str,
    /// In the author's words.
    pub reason: &'a str,
    /// The present.
    pub now: Timestamp,
}

/// What a change has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The policy's text before; `None` where there was none.
    pub before: Option<String>,
    /// The policy's text afterwards; `None` when it is deleted.
    pub after: Option<String>,
    /// The names that have a new version, the named one first; none where nothing has changed.
    pub changed: Vec<String>,
    /// Deleted names whose records are no longer kept.
    pub forgotten: Vec<String>,
}

impl Book {
    /// A book of these records.
    pub fn new(state: BookState, records: impl IntoIterator<Item = (String, Record)>) -> Book {
        Book {
            state,
            records: records.into_iter().collect(),
            overrides: BTreeMap::new(),
            deployed: Rc::default(),
        }
    }

    /// The same with these overrides.
    #[must_use]
    pub fn with_overrides(
        mut self,
        overrides: impl IntoIterator<Item = (OverrideKey, OverrideRecord)>,
    ) -> Book {
        self.overrides = overrides.into_iter().collect();
        self
    }

    /// The record of a name, also of a deleted one.
    pub fn record(&self, name: &str) -> Option<&Record> {
        self.records.get(name)
    }

    /// The policy of this name.
    pub fn policy(&self, name: &str) -> Result<(&Record, &Content), Refused> {
        let record = self.records.get(name);
        record
            .and_then(|record| Some((record, record.content.as_ref()?)))
            .ok_or_else(|| Refused::UnknownPolicy(name.to_owned()))
    }

    /// All policies by their names.
    pub fn policies(&self) -> impl Iterator<Item = (&str, &Record, &Content)> {
        self.records.iter().filter_map(|(name, record)| {
            let content = record.content.as_ref()?;
            Some((name.as_str(), record, content))
        })
    }

    /// The deleted names that are kept, each with its deletion.
    pub fn gone(&self) -> impl Iterator<Item = (&str, &Record)> {
        let gone = self.records.iter().filter(|(_, it)| it.content.is_none());
        gone.map(|(name, record)| (name.as_str(), record))
    }

    /// The names of the policies that extend this one, one level below.
    pub fn extended_by<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let extends = move |content: &Content| content.base.as_deref() == Some(name);
        self.policies()
            .filter_map(move |(other, _, content)| extends(content).then_some(other))
    }

    /// The names of the policies whose parent this one is.
    pub fn below<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let is_below = move |content: &Content| content.parent.as_deref() == Some(name);
        self.policies()
            .filter_map(move |(other, _, content)| is_below(content).then_some(other))
    }

    /// The names of the policies that fall back to this one.
    pub fn falling_back_to<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let does = move |content: &Content| {
            let fallbacks = content.fallbacks();
            fallbacks.iter().any(|it| it.as_str() == name)
        };
        self.policies()
            .filter_map(move |(other, _, content)| does(content).then_some(other))
    }

    /// Makes or changes a policy. The same text again changes nothing.
    pub fn put(
        &mut self,
        name: &Name,
        written: &str,
        precondition: Precondition,
        by: By<'_>,
    ) -> Result<Change, Refused> {
        let name = name.as_str();
        self.check(name, precondition)?;
        if written.len() > MAX_POLICY {
            return Err(Refused::PolicyTooLarge);
        }
        let before = self
            .policy(name)
            .ok()
            .map(|(_, content)| content.written.clone());
        if before.as_deref() == Some(written) {
            return Ok(Change {
                after: before.clone(),
                before,
                changed: Vec::new(),
                forgotten: Vec::new(),
            });
        }
        if before.is_none() && self.policies().count() >= MAX_POLICIES {
            return Err(Refused::TooManyPolicies);
        }
        let contents = self.checked(name, written);
        let contents = contents.map_err(|refused| self.told(refused))?;
        let changed = contents.iter().map(|(name, _)| name.clone()).collect();
        self.begin_revision(by.now);
        for (name, content) in contents {
            self.set(name, Some(content), by);
        }
        Ok(Change {
            before,
            after: Some(written.to_owned()),
            changed,
            forgotten: Vec::new(),
        })
    }

    /// What a policy and all below it become, if they can be that.
    fn checked(&self, name: &str, written: &str) -> Result<Vec<(String, Content)>, Refused> {
        let contents = self.contents(name, written)?;
        self.check_size(&contents)?;
        self.check_parents(&contents)?;
        self.check_circles(&contents)?;
        Ok(contents)
    }

    /// Makes all of these policies or, where one cannot be made, none. Each name has to be free;
    /// one that extends another, or has it as its parent, comes behind that.
    pub fn install(
        &mut self,
        policies: &[(Name, String)],
        by: By<'_>,
    ) -> Result<Vec<Change>, Refused> {
        let names = policies.iter().map(|(name, _)| name.as_str());
        let is_taken = |name: &&str| self.policy(name).is_ok();
        let taken: Vec<String> = names.filter(is_taken).map(str::to_owned).collect();
        if !taken.is_empty() {
            return Err(Refused::Taken(taken));
        }
        let mut book = self.clone();
        let put =
            |(name, written): &(Name, String)| book.put(name, written, Precondition::Absent, by);
        let changes = policies.iter().map(put).collect::<Result<_, _>>()?;
        *self = book;
        Ok(changes)
    }

    /// Deletes a policy that no other extends or falls back to, and that is no other's parent.
    pub fn delete(
        &mut self,
        name: &Name,
        precondition: Precondition,
        by: By<'_>,
    ) -> Result<Change, Refused> {
        let name = name.as_str();
        if self.brought_as(name).is_some() {
            return Err(Refused::Static(name.to_owned()));
        }
        let before = self.policy(name)?.1.written.clone();
        self.check(name, precondition)?;
        let users = self.extended_by(name).chain(self.below(name));
        let users = users.chain(self.falling_back_to(name));
        let mut users: Vec<String> = users.map(str::to_owned).collect();
        if !users.is_empty() {
            users.sort_unstable();
            users.dedup();
            return Err(Refused::InUse(users));
        }
        self.check_brought(&[(name, None)])?;
        self.begin_revision(by.now);
        self.set(name.to_owned(), None, by);
        Ok(Change {
            before: Some(before),
            after: None,
            changed: vec![name.to_owned()],
            forgotten: self.forget_gone(),
        })
    }

    /// Whether this book has given a policy this version, as far as its numbers tell.
    pub fn has_given(&self, name: &str, version: Version) -> bool {
        let newest = Version {
            generation: self.state.generation,
            number: self.last_number(name),
            adjusted: u64::MAX,
            ..Version::NONE
        };
        version <= newest
    }

    /// Begins another generation, because the storage is older than what an isolate has seen, of
    /// the generation `seen`: it was lost, or restored from an earlier state.
    pub fn restored(&mut self, seen: u64, now: Timestamp) {
        // Never the same twice, whatever the clock says.
        let last = self.state.generation.max(seen);
        self.state.generation = now.as_millis().max(last + 1);
    }

    fn check(&self, name: &str, precondition: Precondition) -> Result<(), Refused> {
        let version = self.version_for(name, precondition);
        let holds = precondition.holds(version);
        holds.then_some(()).ok_or(Refused::Moved(version))
    }

    /// A revision of its own for what changes neither a policy nor an override.
    pub(crate) fn next_revision(&mut self, now: Timestamp) -> u64 {
        self.begin_revision(now);
        self.state.revision
    }

    fn begin_revision(&mut self, now: Timestamp) {
        if self.state.generation == 0 {
            self.restored(0, now);
        }
        self.state.revision += 1;
    }

    fn set(&mut self, name: String, content: Option<Content>, by: By<'_>) {
        let record = Record {
            version: self.last_number(&name) + 1,
            revision: self.state.revision,
            at: by.now,
            author: by.author.to_owned(),
            reason: by.reason.to_owned(),
            content,
        };
        self.records.insert(name, record);
    }

    /// The last number that a name has had, or may have had: what holds where nothing is stored has
    /// it too, and an isolate does not know which deletions are forgotten.
    fn last_number(&self, name: &str) -> u64 {
        match self.records.get(name) {
            Some(record) if record.content.is_some() => record.version,
            deleted => deleted.map_or(0, |it| it.version).max(self.state.floor),
        }
    }

    /// Forgets the longest deleted names beyond the most that are kept. Versions of new names begin
    /// above theirs.
    fn forget_gone(&mut self) -> Vec<String> {
        let gone = self.records.iter().filter(|(_, it)| it.content.is_none());
        let mut gone: Vec<(u64, u64, String)> = gone
            .map(|(name, record)| (record.revision, record.version, name.clone()))
            .collect();
        gone.sort_unstable();
        gone.truncate(gone.len().saturating_sub(MAX_GONE));
        for (revision, version, name) in &gone {
            self.records.remove(name);
            self.state.floor = self.state.floor.max(*version);
            self.state.forgotten = self.state.forgotten.max(*revision);
        }
        gone.into_iter().map(|(.., name)| name).collect()
    }
}
