//! The entries of the audit.

use tollgate_core::limit::Name;

use crate::book::{Book, Change};
use crate::history::{Act, AuditEntry, Signed};

/// What the audit says of a change that was made; `None` where nothing has changed.
pub(super) fn entry(
    book: &Book,
    name: &Name,
    (act, signed): (Act, Signed),
    change: &Change,
) -> Option<AuditEntry> {
    let name = name.as_str();
    let record = book.record(name).filter(|_| !change.changed.is_empty())?;
    Some(AuditEntry {
        id: 0,
        act,
        signed,
        policy: name.to_owned(),
        version: record.version,
        before: change.before.clone(),
        after: change.after.clone(),
        changed: change.changed.clone(),
    })
}
