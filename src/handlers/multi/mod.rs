//! `POST /limit/multi`: several checks over several subjects, all or nothing.
//!
//! Entries of one object go to it in one call, which it decides all or nothing by itself. [`tollgate_core::multi`] says in what order
//! objects are asked, each round under one operation id. If any denies, what the others charged is cancelled at once, and they are
//! asked how they stand without it. If the Worker dies in between, those units stay charged until their windows pass: never above any
//! limit. If the isolate remembers that one is refused, nothing is charged to begin with: the others are only asked how they stand.

mod asking;
mod settle;

use tollgate_core::api::multi as form;
use tollgate_core::api::request::LimitRequest;
use tollgate_core::api::response::{to_json, MultiBody};
use tollgate_core::bounded::Key;
use tollgate_core::decision::{Decision, Source};
use tollgate_core::message::Call;
use tollgate_core::subject::Subject;
use tollgate_core::subject_state::Item;
use tollgate_core::Duration;

use super::check::{policy_of, remembered};
use super::decided::{note, Decided};
use super::limit::status_of;
use super::reply::Reply;
use super::step::{Question, Step, Then};
use super::{charge_back, eventual, Context};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::isolate::memory;
use crate::placement;

/// Everything asked of one object.
struct Group {
    object: String,
    /// The places of its entries in the request.
    entries: Vec<usize>,
}

/// One entry, from its request to its answer.
struct Entry {
    subject: Subject,
    object: String,
    /// Under what its refusals are remembered.
    key: Key,
    item: Item,
    answer: Option<(Decision, Source)>,
    /// Whether its object, if the whole is admitted, has certainly not counted it.
    uncounted: bool,
}

/// 1 reads the entries, 2 looks them up in memory, 3 groups them by object, 4 has the objects asked, 5 answers.
pub(super) fn multi(context: &Context, caller: &Caller, body: &str) -> Result<Step, ApiError> {
    let mut entries = Vec::new();
    for request in form::parse(body)? {
        entries.push(entry_of(caller, request)?);
    }
    if remember(&mut entries) {
        return refused_already(context, entries);
    }
    Ok(asking::begin(entries))
}

/// Gives the entries that are known to be refused their decisions; whether there was any.
fn remember(entries: &mut [Entry]) -> bool {
    for entry in entries.iter_mut() {
        let Item { policy, check } = &entry.item;
        let decision = remembered(entry.key, policy, check);
        entry.answer = decision.map(|decision| (decision, Source::Cache));
    }
    entries.iter().any(|entry| entry.answer.is_some())
}

/// Nothing will be charged: those not known to be refused are asked how they stand.
fn refused_already(context: &Context, mut entries: Vec<Entry>) -> Result<Step, ApiError> {
    let groups = groups_of(&entries);
    if groups.is_empty() {
        return finish(context, entries, false, None);
    }
    let question = |group: &Group| Question {
        object: group.object.clone(),
        call: Call::Limit {
            operation: None,
            items: items(&entries, group, true),
        },
    };
    let questions = groups.iter().map(question).collect();
    let then: Then = Box::new(move |context, asked| {
        let mut error = None;
        for (group, asked) in groups.iter().zip(asked) {
            let outcome = settle::settle(context, &mut entries, group, asked);
            error = error.or(outcome.error);
        }
        finish(context, entries, false, error)
    });
    Ok(Step::Ask(questions, then))
}

fn entry_of(caller: &Caller, request: LimitRequest) -> Result<Entry, ApiError> {
    let subject = request.subject.in_namespace(caller.namespace.clone());
    let object = placement::object_of(&subject);
    let policy = policy_of(request.rule)?;
    Ok(Entry {
        key: memory(|memory| memory.refusals.key(&object, &policy)),
        subject,
        object,
        item: Item {
            policy,
            check: request.check,
        },
        answer: None,
        uncounted: false,
    })
}

/// The entries that have no answer yet, by object.
fn groups_of(entries: &[Entry]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::with_capacity(entries.len());
    for (i, entry) in entries.iter().enumerate() {
        if entry.answer.is_some() {
            continue;
        }
        let same = |group: &&mut Group| group.object == entry.object;
        match groups.iter_mut().find(same) {
            Some(group) => group.entries.push(i),
            None => groups.push(Group {
                object: entry.object.clone(),
                entries: vec![i],
            }),
        }
    }
    groups
}

/// What is asked of a group's object; a peek changes nothing.
fn items(entries: &[Entry], group: &Group, peek: bool) -> Vec<Item> {
    let item = |&place: &usize| {
        let mut item = entries[place].item.clone();
        item.check.peek |= peek;
        item
    };
    group.entries.iter().map(item).collect()
}

/// The answer; its headers are those of the entry that decided.
fn finish(
    context: &Context,
    entries: Vec<Entry>,
    success: bool,
    error: Option<ApiError>,
) -> Result<Step, ApiError> {
    if !success || error.is_some() {
        give_back(context, &entries);
    }
    if let Some(error) = error {
        return Err(error);
    }
    let mut decided = Vec::with_capacity(entries.len());
    for entry in entries {
        // Every group has been settled, and every entry is in one or was refused from memory.
        let (decision, source) = entry.answer.ok_or_else(ApiError::object_unavailable)?;
        let it = Decided {
            subject: entry.subject,
            policy: entry.item.policy,
            decision,
            source,
        };
        if success && entry.uncounted {
            charge_back::owe(&entry.object, &it.policy, &entry.item.check);
        }
        note(context, &it, &entry.object, entry.item.check.cost);
        decided.push(it);
    }
    let deciding = deciding(&decided, success);
    let retry_after = deciding.and_then(|it| it.decision.retry_after);
    let body = to_json(&MultiBody {
        success,
        retry_after: retry_after.map(Duration::as_millis),
        results: decided.iter().map(Decided::body).collect(),
    });
    Ok(Step::Done(Reply {
        status: status_of(success),
        body,
        headers: deciding.map(Decided::headers).unwrap_or_default(),
    }))
}

/// What this isolate counted itself, in place of an object that gave no answer, for a request that is refused as a whole.
fn give_back(context: &Context, entries: &[Entry]) {
    for entry in entries {
        let Item { policy, check } = &entry.item;
        let counted = |it: &(Decision, Source)| it.0.success && it.1 == Source::Kv;
        if entry.answer.as_ref().is_some_and(counted) && !check.peek {
            eventual::give_back(context, &entry.object, policy, check);
        }
    }
}

/// On success the entry with least left, on denial the refused one with the longest wait, of which never is the longest.
fn deciding(decided: &[Decided], success: bool) -> Option<&Decided> {
    if success {
        let left = |it: &Decided| it.decision.deciding().map(|standing| standing.remaining);
        return decided
            .iter()
            .filter(|it| left(it).is_some())
            .min_by_key(|it| left(it));
    }
    let wait = |it: &Decided| {
        let wait = it.decision.retry_after;
        wait.map_or(u64::MAX, |wait| wait.as_millis())
    };
    let refused = decided.iter().filter(|it| !it.decision.success);
    refused.max_by_key(|it| wait(it))
}
