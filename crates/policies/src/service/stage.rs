//! The entries of the audit that tell of subjects' stages.

use tollgate_core::api::stage::KIND;
use tollgate_core::Timestamp;

use crate::book::Book;
use crate::history::{Act, AuditEntry, Signed, Storage, Stored};
use crate::stage::{StageNews, StageNote};

/// Stores the entry; answers its version.
pub(super) fn note<S: Storage>(
    book: &mut Book,
    storage: &mut S,
    note: &StageNote,
    now: Timestamp,
) -> Result<u64, S::Error> {
    let (act, version, before, after) = match &note.news {
        StageNews::Asked { asked } => (Act::Stage, book.next_revision(now), None, asked),
        StageNews::Set {
            version,
            before,
            after,
        } => (Act::Staged, *version, before.clone(), after),
    };
    let entry = AuditEntry {
        id: 0,
        act,
        signed: Signed {
            at: now,
            author: note.author.clone(),
            reason: note.reason.clone(),
        },
        policy: format!("{} {KIND}", note.target),
        version,
        before,
        after: Some(after.clone()),
        changed: Vec::new(),
    };
    storage.store(book, &[Stored::of(&entry)])?;
    Ok(version)
}
