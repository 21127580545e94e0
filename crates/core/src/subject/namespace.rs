//! The namespace: what a caller's token may reach.

use std::borrow::Cow;

use crate::error::InvalidLimit;
use crate::limit::Name;

/// The namespace that is not written in object names.
const DEFAULT_NAMESPACE: &str = "default";

/// What shares nothing with any other: 1 to 64 of `A-Z a-z 0-9 . _ -`, by default `default`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(Cow<'static, str>);

impl Namespace {
    /// Checks the grammar.
    pub fn new(text: &str) -> Result<Namespace, InvalidLimit> {
        let name = Name::stored("namespace", text)?; // stands in no path
        Ok(Namespace(Cow::Owned(name.as_str().to_owned())))
    }

    /// The namespace as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the one that object names leave out.
    pub fn is_default(&self) -> bool {
        self.as_str() == DEFAULT_NAMESPACE
    }
}

impl Default for Namespace {
    fn default() -> Namespace {
        Namespace(Cow::Borrowed(DEFAULT_NAMESPACE))
    }
}
