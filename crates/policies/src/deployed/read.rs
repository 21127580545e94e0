//! How these policies are read: by the rules of a book, in one that holds them alone.

use core::fmt;

use tollgate_core::api::fields::{Fields, MAX_FIELDS};
use tollgate_core::api::BODY;
use tollgate_core::hash::hash;
use tollgate_core::limit::Name;
use tollgate_core::Timestamp;

use super::{Deployed, DeployedPolicy};
use crate::book::{Book, By};
use crate::precondition::Precondition;
use crate::refused::Refused;

/// The most bytes that all of them take, as they are written.
pub const MAX_BYTES: usize = 32_768;
/// The most of them.
pub const MAX_DEPLOYED: usize = MAX_FIELDS;
/// The most characters of a name that an error repeats.
const MAX_ECHO: usize = 64;

/// Why these policies cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidDeployed {
    /// They are more than [`MAX_BYTES`].
    TooLong,
    /// The text is no object of policies.
    NoPolicies,
    /// Something is no name of a policy: as much of it as may be repeated.
    NoName(String),
    /// A name stands there twice.
    Twice(String),
    /// The policy of this name is none.
    Bad(Name, Refused),
    /// These wait for each other: none of them can be made first.
    Circle(Vec<String>),
}

impl fmt::Display for InvalidDeployed {
    /// The rest of a sentence whose subject is the setting.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidDeployed::TooLong => write!(f, "it may be {MAX_BYTES} bytes long at most."),
            InvalidDeployed::NoPolicies => write!(
                f,
                "it must be one JSON object of 1 to {MAX_DEPLOYED} policies by their names, such as {{\"inbox\": {{\"limit\": 100, \"window\": \"1s\"}}}}."
            ),
            InvalidDeployed::NoName(text) => write!(
                f,
                "`{text}` is no name of a policy, which is 1 to 64 of A-Z a-z 0-9 . _ -, and neither `.` nor `..`."
            ),
            InvalidDeployed::Twice(name) => {
                write!(f, "`{name}` is given more than once: give it once.")
            }
            InvalidDeployed::Bad(name, refused) => {
                write!(f, "in the policy `{}`: {refused}", name.as_str())
            }
            InvalidDeployed::Circle(names) => write!(
                f,
                "`extends`, `parent` and `fallbackTo` go in a circle: {}.",
                names.join(", ")
            ),
        }
    }
}

impl Deployed {
    /// Reads `{"<name>": {…policy…}, …}`; of an empty text none.
    pub fn parse(text: &str) -> Result<Deployed, InvalidDeployed> {
        if text.len() > MAX_BYTES {
            return Err(InvalidDeployed::TooLong);
        }
        if text.trim_ascii().is_empty() {
            return Ok(Deployed::default());
        }
        let book = made(written(text)?)?;
        let policies = book.policies().map(|(name, _, content)| {
            let policy = DeployedPolicy {
                content: content.clone(),
                edition: hash(&content.canonical).max(1),
            };
            (name.to_owned(), policy)
        });
        Ok(Deployed {
            text: text.to_owned(),
            policies: policies.collect(),
        })
    }
}

/// Each name with its policy as it is written.
fn written(text: &str) -> Result<Vec<(Name, &str)>, InvalidDeployed> {
    let mut fields = Fields::parse(text).map_err(|bad| match bad.field.as_str() {
        BODY => InvalidDeployed::NoPolicies,
        name => InvalidDeployed::Twice(name.to_owned()),
    })?;
    let mut written = Vec::new();
    while let Some(name) = fields.untaken(|_| true).map(str::to_owned) {
        let clipped = || name.chars().take(MAX_ECHO).collect();
        let named = Name::new("name", &name).map_err(|_| InvalidDeployed::NoName(clipped()))?;
        written.push((named, fields.raw(&name).unwrap_or_default())); // it is there
    }
    match written.is_empty() {
        true => Err(InvalidDeployed::NoPolicies),
        false => Ok(written),
    }
}

/// A book of them, made one after the other: each when those are there on which it stands.
fn made(mut left: Vec<(Name, &str)>) -> Result<Book, InvalidDeployed> {
    const BY: By<'static> = By {
        author: "",
        reason: "",
        now: Timestamp::ZERO,
    };
    let mut book = Book::default();
    while !left.is_empty() {
        let mut waiting = Vec::new();
        for (name, written) in &left {
            match book.put(name, written, Precondition::None, BY) {
                Ok(_) => {}
                Err(refused) if waits(&refused, &left) => waiting.push((name.clone(), *written)),
                Err(refused) => return Err(InvalidDeployed::Bad(name.clone(), refused)),
            }
        }
        if waiting.len() == left.len() {
            let names = left.iter().map(|(name, _)| name.as_str().to_owned());
            return Err(InvalidDeployed::Circle(names.collect()));
        }
        left = waiting;
    }
    Ok(book)
}

/// Whether what is missing may yet come.
fn waits(refused: &Refused, left: &[(Name, &str)]) -> bool {
    match refused {
        Refused::UnknownBase(missing)
        | Refused::UnknownParent(missing)
        | Refused::UnknownFallback(missing) => left.iter().any(|(it, _)| it.as_str() == missing),
        _ => false,
    }
}
