//! What the tests share: who changes something, and a storage in memory.

#![allow(dead_code, clippy::unwrap_used)]

use tollgate_core::limit::Name;
use tollgate_core::overrides::{Kind, Target};
use tollgate_core::Timestamp;
use tollgate_policies::book::{Book, By};
use tollgate_policies::history::{AuditEntry, PastVersion, Storage, Stored};

pub(crate) const BY: By<'static> = By {
    author: "ann",
    reason: "because",
    now: Timestamp::from_millis(7_000),
};

pub(crate) fn name(text: &str) -> Name {
    Name::new("name", text).unwrap()
}

/// What was stored, of overrides the last, and whether storing works.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) audit: Vec<AuditEntry>,
    pub(crate) overrides: Vec<(Target, Kind)>,
    pub(crate) is_full: bool,
}

impl Storage for Memory {
    type Error = &'static str;

    fn store(&mut self, _: &Book, stored: &[Stored<'_>]) -> Result<(), Self::Error> {
        if self.is_full {
            return Err("full");
        }
        for stored in stored {
            self.audit.push(stored.entry.clone());
            self.overrides = stored.overrides.to_vec();
        }
        Ok(())
    }

    fn version(&self, _: &str, _: u64) -> Result<Option<PastVersion>, Self::Error> {
        Ok(None)
    }

    fn versions(&self, _: &str, _: u64) -> Result<Vec<PastVersion>, Self::Error> {
        Ok(Vec::new())
    }

    fn audit(&self, _: u64, _: Timestamp) -> Result<Vec<AuditEntry>, Self::Error> {
        Ok(self.audit.clone())
    }
}
