//! The policies of files by the rules of the server: in the same book that its object keeps.

use std::collections::BTreeMap;

use tollgate_core::limit::Name;
use tollgate_core::Timestamp;
use tollgate_policies::book::{Book, By};
use tollgate_policies::precondition::Precondition;
use tollgate_policies::refused::Refused;

use crate::failure::Failure;
use crate::files::Filed;
use crate::order::ordered;
use crate::tree::Tree;

/// Whether the server would take these policies; `others` are those that it has beside them. An
/// error lists everything that is wrong, each with its place.
pub fn check(
    files: &BTreeMap<String, Filed>,
    others: &BTreeMap<String, Tree>,
) -> Result<(), Failure> {
    let mut all: BTreeMap<String, &Tree> = BTreeMap::new();
    all.extend(others.iter().map(|(name, tree)| (name.clone(), tree)));
    all.extend(
        files
            .iter()
            .map(|(name, filed)| (name.clone(), &filed.policy)),
    );
    let names = ordered(&all).map_err(|circle| {
        let circle = circle.join(", ");
        Failure::Wrong(format!(
            "`extends`, `parent` and `fallbackTo` go in a circle: {circle}."
        ))
    })?;
    let mut book = Book::default();
    let mut wrong = Vec::new();
    for name in names {
        let put = put(&mut book, &name, all[&name]);
        // What the server has and this build cannot read is the server's to judge.
        if let (Err(refused), Some(filed)) = (put, files.get(&name)) {
            let field = refused.field().unwrap_or_default();
            wrong.push(format!("{}: `{name}`: {refused}", filed.place(field)));
        }
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(Failure::Wrong(wrong.join("\n"))),
    }
}

fn put(book: &mut Book, name: &str, policy: &Tree) -> Result<(), Refused> {
    let name = Name::new("name", name).map_err(tollgate_core::api::BadRequest::from)?;
    let by = By {
        author: "",
        reason: "",
        now: Timestamp::from_millis(1),
    };
    book.put(&name, &policy.to_string(), Precondition::None, by)?;
    Ok(())
}
