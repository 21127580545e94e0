//! The named policies, in the book that their object keeps: read, versioned and refused alike.

use std::collections::BTreeMap;
use std::rc::Rc;

use tollgate_core::api::policy::named::{stored, NamedPolicy};
use tollgate_core::api::BadRequest;
use tollgate_core::limit::Name;
use tollgate_core::policy::Version;
use tollgate_core::Timestamp;
use tollgate_policies::book::{Book, By};
use tollgate_policies::precondition::Precondition;

use crate::failure::Failure;

/// All named policies.
#[derive(Default)]
pub struct Policies {
    book: Book,
    /// What was read of the book so far.
    read: BTreeMap<String, (Version, Rc<NamedPolicy>)>,
}

impl Policies {
    /// Makes or changes one, as `PUT /policies/{name}`; its version.
    pub fn put(&mut self, name: &str, written: &str, now: Timestamp) -> Result<u64, Failure> {
        let name = Name::new("name", name).map_err(BadRequest::from)?;
        let by = By {
            author: "",
            reason: "",
            now,
        };
        self.book.put(&name, written, Precondition::None, by)?;
        Ok(self.book.policy(name.as_str())?.0.version)
    }

    /// Deletes one, as `DELETE /policies/{name}`.
    pub fn delete(&mut self, name: &str, now: Timestamp) -> Result<(), Failure> {
        let name = Name::new("name", name).map_err(BadRequest::from)?;
        let by = By {
            author: "",
            reason: "",
            now,
        };
        self.book.delete(&name, Precondition::None, by)?;
        Ok(())
    }

    /// The policy of this name, with its name and version.
    pub fn find(&mut self, name: &Name) -> Result<Rc<NamedPolicy>, Failure> {
        let found = self.book.policy(name.as_str());
        let (record, content) = found.map_err(|_| Failure::unknown_policy(name.as_str()))?;
        let version = Version {
            generation: self.book.state.generation,
            number: record.version,
            ..Version::NONE
        };
        if let Some((read, policy)) = self.read.get(name.as_str()) {
            if *read == version {
                return Ok(Rc::clone(policy));
            }
        }
        let mut policy = stored(&content.canonical)?;
        policy.policy = policy.policy.named(name.clone(), version);
        let policy = Rc::new(policy);
        let entry = (version, Rc::clone(&policy));
        self.read.insert(name.as_str().to_owned(), entry);
        Ok(policy)
    }
}
