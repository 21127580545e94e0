//! Answers the calls of [`crate::message`] on a book in memory and the storage that keeps it.
//!
//! A change is made in memory first and then stored as one. Where storing fails the book is ahead
//! of the storage and has to be read anew.

mod entry;
mod install;
mod stage;

use tollgate_core::algorithm::state::Moment;
use tollgate_core::api::overrides;
use tollgate_core::limit::Name;
use tollgate_core::policy::Version;
use tollgate_core::Timestamp;
use tollgate_versions::Version as MessageVersion;

use self::entry::entry;
use crate::body;
use crate::book::{Book, By, Change};
use crate::history::{audit_from, Act, AuditEntry, Signed, Storage, Stored, MAX_PAGE};
use crate::message::{Action, Answer, Call, Requested, RequestedOverride};
use crate::overrides::OverrideRecord;
use crate::refused::Refused;
use crate::snapshot::{Changes, Known};

/// The answer to a call, as text in `version`.
pub fn answer<S: Storage>(
    book: &mut Book,
    storage: &mut S,
    (version, call): (MessageVersion, &Call),
    moment: Moment,
) -> Result<String, S::Error> {
    let now = moment.now;
    let answer = match call {
        Call::Since { known, seen } => {
            discover_restored(book, storage, (*known, seen.as_ref()), now)?;
            return Ok(Changes::since(book, *known).encode());
        }
        Call::List => Ok(body(None, body::of_all(book))),
        Call::Get(name) => get(book, name.as_str()),
        Call::Versions { name, before } => {
            let name = name.as_str();
            let versions = storage.versions(name, before.unwrap_or(u64::MAX))?;
            let is_known = book.record(name).is_some() || book.brought_as(name).is_some();
            if versions.is_empty() && !is_known {
                Err(Refused::UnknownPolicy(name.to_owned()))
            } else {
                let is_full = versions.len() >= MAX_PAGE;
                Ok(body(None, body::of_versions(name, &versions, is_full)))
            }
        }
        Call::Audit { before } => {
            let entries = storage.audit(before.unwrap_or(u64::MAX), audit_from(now))?;
            let is_full = entries.len() >= MAX_PAGE;
            Ok(body(None, body::of_audit(&entries, is_full)))
        }
        Call::Change(requested) => change(book, storage, requested, now)?,
        Call::Overrides { target, after } => {
            let all = book.overrides_after(after.as_ref(), now);
            let wanted = all.filter(|((of, _), _)| target.as_ref().is_none_or(|it| it == of));
            Ok(body(None, body::of_overrides(wanted)))
        }
        Call::Override(requested) => change_override(book, storage, requested, moment)?,
        Call::Install(installation) => install::install(book, storage, installation, now)?,
        Call::Stage(note) => {
            let version = stage::note(book, storage, note, now)?;
            Ok(body(Some(version), String::new()))
        }
    };
    let answer = answer.unwrap_or_else(|refused| Answer::Refused {
        code: refused.code().to_owned(),
        field: refused.field().map(str::to_owned),
        detail: refused.to_string(),
    });
    Ok(answer.encode_in(version))
}

/// One policy, stored or brought by the deployment.
fn get(book: &Book, name: &str) -> Result<Answer, Refused> {
    if let Some(brought) = book.brought_as(name) {
        let json = body::of_static(book, name, brought);
        return Ok(body(Some(brought.0), json));
    }
    let (record, content) = book.policy(name)?;
    let json = body::of_one(book, (name, record, content), None);
    Ok(body(Some(record.version), json))
}

fn body(version: Option<u64>, json: String) -> Answer {
    Answer::Body {
        version,
        is_new: false,
        json,
    }
}

/// Begins another generation where whoever asks has seen more than is stored.
fn discover_restored<S: Storage>(
    book: &mut Book,
    storage: &mut S,
    (known, seen): (Known, Option<&(Name, Version)>),
    now: Timestamp,
) -> Result<(), S::Error> {
    let ahead = seen.filter(|(name, version)| !book.has_given(name.as_str(), *version));
    if ahead.is_none() && !known.is_ahead_of(book) {
        return Ok(());
    }
    let generation = ahead.map_or(0, |(_, version)| version.generation);
    book.restored(known.generation.max(generation), now);
    let entry = AuditEntry {
        id: 0,
        act: Act::Restored,
        signed: Signed {
            at: now,
            author: String::new(),
            reason: String::new(),
        },
        policy: String::new(),
        version: book.state.generation,
        before: None,
        after: None,
        changed: Vec::new(),
    };
    storage.store(book, &[Stored::of(&entry)])
}

/// Sets or lifts an override, or says why not; then nothing is changed.
fn change_override<S: Storage>(
    book: &mut Book,
    storage: &mut S,
    requested: &RequestedOverride,
    moment: Moment,
) -> Result<Result<Answer, Refused>, S::Error> {
    let key = (requested.target.clone(), requested.kind);
    let by = By {
        author: &requested.author,
        reason: &requested.reason,
        now: moment.now,
    };
    let changed = match &requested.body {
        Some(text) => overrides::parse(requested.kind, text)
            .map_err(Refused::Bad)
            .and_then(|new| book.set_override(&key, new, requested.precondition, by, moment)),
        None => book.lift_override(&key, requested.precondition, by),
    };
    let change = match changed {
        Ok(change) => change,
        Err(refused) => return Ok(Err(refused)),
    };
    let Some(record) = book.override_record(&key) else {
        return Ok(Err(Refused::UnknownOverride)); // it was set, or lifted
    };
    let text = |record: &OverrideRecord| body::of_override(&key, record);
    let after = record.effect.is_some().then(|| text(record));
    let entry = AuditEntry {
        id: 0,
        act: if after.is_some() {
            Act::Override
        } else {
            Act::Lift
        },
        signed: Signed {
            at: moment.now,
            author: record.author.clone(),
            reason: record.reason.clone(),
        },
        policy: format!("{} {}", key.0, key.1.word()),
        version: record.revision,
        before: change.before.as_ref().map(text),
        after,
        changed: Vec::new(),
    };
    storage.store(
        book,
        &[Stored {
            overrides: &change.changed,
            ..Stored::of(&entry)
        }],
    )?;
    let is_new = change.before.is_none() && requested.body.is_some();
    Ok(Ok(Answer::Body {
        version: Some(record.revision),
        is_new,
        json: text(record),
    }))
}

/// Makes a change, or says why not; then nothing is changed.
fn change<S: Storage>(
    book: &mut Book,
    storage: &mut S,
    requested: &Requested,
    now: Timestamp,
) -> Result<Result<Answer, Refused>, S::Error> {
    let text;
    let (act, written) = match &requested.action {
        Action::Put { written } => (Act::Put, Some(written)),
        Action::Delete => (Act::Delete, None),
        Action::Rollback { version } => {
            let past = storage.version(requested.name.as_str(), *version)?;
            match past.and_then(|past| past.written) {
                Some(written) => {
                    text = written;
                    (Act::Rollback, Some(&text))
                }
                None => return Ok(Err(Refused::UnknownVersion(*version))),
            }
        }
    };
    if !requested.is_dry_run {
        return match tried(book, requested, written, now) {
            Ok(change) => {
                store(book, storage, requested, act, &change, now)?;
                Ok(Ok(told(book, requested, &change)))
            }
            Err(refused) => Ok(Err(refused)),
        };
    }
    let mut book = book.clone();
    let change = tried(&mut book, requested, written, now);
    Ok(change.map(|change| told(&book, requested, &change)))
}

fn tried(
    book: &mut Book,
    requested: &Requested,
    written: Option<&String>,
    now: Timestamp,
) -> Result<Change, Refused> {
    let by = By {
        author: &requested.author,
        reason: &requested.reason,
        now,
    };
    let (name, precondition) = (&requested.name, requested.precondition);
    match written {
        Some(written) => book.put(name, written, precondition, by),
        None => book.delete(name, precondition, by),
    }
}

fn store<S: Storage>(
    book: &Book,
    storage: &mut S,
    requested: &Requested,
    act: Act,
    change: &Change,
    now: Timestamp,
) -> Result<(), S::Error> {
    let signed = Signed {
        at: now,
        author: requested.author.clone(),
        reason: requested.reason.clone(),
    };
    let Some(entry) = entry(book, &requested.name, (act, signed), change) else {
        return Ok(());
    };
    let stored = Stored {
        forgotten: &change.forgotten,
        ..Stored::of(&entry)
    };
    storage.store(book, &[stored])
}

/// What the author is told of a change.
fn told(book: &Book, requested: &Requested, change: &Change) -> Answer {
    let name = requested.name.as_str();
    let changed = (&*change.changed, requested.is_dry_run);
    match book.policy(name) {
        Ok((record, content)) => Answer::Body {
            // A version that was only tried is none that a change could match.
            version: (!requested.is_dry_run).then_some(record.version),
            is_new: change.before.is_none() && !requested.is_dry_run,
            json: body::of_one(book, (name, record, content), Some(changed)),
        },
        Err(_) => body(None, body::of_deleted(book, name, changed)),
    }
}
