//! Policies made from presets: one transaction, with an entry of the audit for each.

use tollgate_core::Timestamp;

use super::entry::entry;
use crate::body::of_installed;
use crate::book::{Book, By};
use crate::history::{Act, AuditEntry, Signed, Storage, Stored};
use crate::message::{Answer, Installation};
use crate::refused::Refused;

/// Makes all of them, or says why not; then none is made.
pub(super) fn install<S: Storage>(
    book: &mut Book,
    storage: &mut S,
    installation: &Installation,
    now: Timestamp,
) -> Result<Result<Answer, Refused>, S::Error> {
    let Installation {
        policies,
        author,
        reason,
        is_dry_run,
    } = installation;
    let mut tried = book.clone();
    let by = By {
        author,
        reason,
        now,
    };
    let changes = match tried.install(policies, by) {
        Ok(changes) => changes,
        Err(refused) => return Ok(Err(refused)),
    };
    let names = policies.iter().map(|(name, _)| name);
    let shown: Vec<&str> = names.clone().map(|name| name.as_str()).collect();
    let answer = Answer::Body {
        version: None,
        is_new: !is_dry_run,
        json: of_installed(&tried, &shown, *is_dry_run),
    };
    if !is_dry_run {
        let signed = || Signed {
            at: now,
            author: author.clone(),
            reason: reason.clone(),
        };
        let entry = |(name, change)| entry(&tried, name, (Act::Preset, signed()), change);
        let entries: Vec<AuditEntry> = names.zip(&changes).filter_map(entry).collect();
        let stored = |entry| Stored {
            entry,
            forgotten: &[], // only a deletion forgets
            overrides: &[],
        };
        let stored: Vec<Stored<'_>> = entries.iter().map(stored).collect();
        storage.store(&tried, &stored)?;
        *book = tried;
    }
    Ok(Ok(answer))
}
