//! Which subjects a page of the directory is to have.

use super::{State, Summary};
use crate::codec::{Line, LineWriter, Unreadable};
use crate::limit::Name;
use crate::subject::{Namespace, Subject};
use crate::Timestamp;

/// The most rows that are looked at for one page: the rest is for the next one.
pub const MAX_SCANNED: usize = 1_000;
/// The longest `after`, in bytes: an object's name is not longer.
pub const MAX_AFTER: usize = 4_096;

/// What a subject has to be to be listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Its provider.
    pub provider: Option<String>,
    /// Its scope; empty: it has none.
    pub scope: Option<String>,
    /// What its identifier begins with.
    pub prefix: String,
    /// One of its policies, of those that are told.
    pub policy: Option<Name>,
    /// A state that it is in.
    pub state: Option<State>,
}

impl Filter {
    /// What the names of all such objects begin with, as far as that is one text.
    pub fn names_begin(&self, namespace: &Namespace) -> String {
        let named = |provider: &str, scope: &str, identifier: &str| {
            Subject::prefix_of_names(namespace, provider, scope, identifier)
        };
        match (&self.provider, &self.scope) {
            (None, _) => Subject::all_names(namespace),
            (Some(provider), None) => named(provider, "", ""),
            (Some(provider), Some(scope)) => named(provider, scope, &self.prefix),
        }
    }

    /// Whether the subject is one.
    pub fn fits(&self, subject: &Subject, summary: &Summary, now: Timestamp) -> bool {
        let is = |wanted: &Option<String>, part: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == part)
        };
        let has_policy = |wanted: &Name| summary.policies().iter().any(|it| it == wanted.as_str());
        is(&self.provider, subject.provider())
            && is(&self.scope, subject.scope())
            && subject.identifier().starts_with(&self.prefix)
            && self.policy.as_ref().is_none_or(has_policy)
            && self.state.is_none_or(|it| summary.until(it, now).is_some())
    }

    /// Adds it to a line.
    pub fn put(&self, mut line: LineWriter) -> LineWriter {
        for (key, text) in [("provider", &self.provider), ("scope", &self.scope)] {
            if let Some(text) = text {
                line = line.text(key, text);
            }
        }
        line.text("identifier", &self.prefix)
            .put_some("policy", self.policy.as_ref().map(Name::as_str))
            .put_some("state", self.state.map(State::word))
    }

    /// Reads it.
    pub fn get(line: &Line) -> Result<Filter, Unreadable> {
        let text = |key| line.get(key).map(|_| line.text(key)).transpose();
        let policy = line.get("policy").map(|it| Name::stored("policy", it));
        let state = |word| State::from_word(word).ok_or(Unreadable::Damaged("state"));
        Ok(Filter {
            provider: text("provider")?,
            scope: text("scope")?,
            prefix: line.text("identifier")?,
            policy: policy.transpose()?,
            state: line.get("state").map(state).transpose()?,
        })
    }
}
