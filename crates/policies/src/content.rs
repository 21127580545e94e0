//! A policy as it is written, and as it is with all that it extends.

use tollgate_core::api::policy::fall_back;
use tollgate_core::limit::Name;

/// A policy in its two forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// As it was written.
    pub written: String,
    /// With all that it extends, in the canonical form.
    pub canonical: String,
    /// What it extends.
    pub base: Option<String>,
    /// What stands above it.
    pub parent: Option<String>,
}

impl Content {
    /// The names of the policies that it falls back to.
    pub(crate) fn fallbacks(&self) -> Vec<Name> {
        fall_back::named_in(&self.canonical)
    }
}
