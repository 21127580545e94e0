//! `POST /limit/multi`: several checks over several subjects, all or nothing.
//!
//! Entries of one object go to it in one call, which it decides all or nothing by itself. All objects are asked at once, under one
//! operation id. If any denies, what the others charged is cancelled at once, and they are asked how they stand without it. If the
//! Worker dies in between, those units stay charged until their windows pass: never above any limit.

use tollgate_core::api::multi as form;
use tollgate_core::api::request::LimitRequest;
use tollgate_core::api::response::{to_json, DecisionBody, MultiBody};
use tollgate_core::decide::Check;
use tollgate_core::decision::{Decision, Source};
use tollgate_core::message::{Answer, Call};
use tollgate_core::subject_state::Item;
use wasm_bindgen::JsValue;

use super::limit::{decisions, note, policy_of, status_of, without_object, Decided};
use super::reply::Reply;
use super::Context;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::headers::RateLimitHeaders;
use crate::limiter_client::Limiter;
use crate::telemetry::Failure;
use crate::{placement, runtime, task};

/// Everything asked of one object.
struct Group {
    object: String,
    /// The places of its entries in the request.
    entries: Vec<usize>,
    call: Call,
}

/// One entry, from its request to its answer.
struct Entry {
    subject: tollgate_core::subject::Subject,
    item: Item,
    answer: Option<(Decision, Source)>,
}

/// 1 reads the entries, 2 groups them by object, 3 asks all at once, 4 takes back what was charged if one denied, 5 answers.
pub(super) async fn multi(
    context: &Context,
    caller: &Caller,
    body: &str,
) -> Result<Reply, ApiError> {
    let requests = form::parse(body)?.into_iter();
    let entry = |request: LimitRequest| entry_of(caller, request);
    let mut entries = requests
        .map(entry)
        .collect::<Result<Vec<Entry>, ApiError>>()?;
    let operation = runtime::random_bits();
    let groups = groups_of(&entries, operation);
    let calls = groups
        .iter()
        .map(|group| (group.object.as_str(), &group.call));
    let answers = context.limiter().call_all(calls).await;
    let outcomes: Vec<Outcome> = groups
        .iter()
        .zip(answers)
        .map(|(group, answer)| settle(&mut entries, group, answer))
        .collect();
    let success = outcomes.iter().all(|outcome| outcome.error.is_none())
        && entries.iter().all(Entry::is_admitted);
    if !success && groups.len() > 1 {
        take_back(context, &mut entries, &groups, &outcomes, operation).await;
    }
    if let Some(error) = outcomes.into_iter().find_map(|outcome| outcome.error) {
        return Err(error);
    }
    Ok(render(context, entries, success))
}

fn entry_of(caller: &Caller, request: LimitRequest) -> Result<Entry, ApiError> {
    Ok(Entry {
        subject: request.subject.in_namespace(caller.namespace.clone()),
        item: Item {
            policy: policy_of(request.rule)?,
            check: request.check,
        },
        answer: None,
    })
}

impl Entry {
    fn is_admitted(&self) -> bool {
        self.answer
            .as_ref()
            .is_some_and(|(decision, _)| decision.success)
    }
}

fn groups_of(entries: &[Entry], operation: u128) -> Vec<Group> {
    let mut groups: Vec<(String, Vec<usize>)> = Vec::with_capacity(entries.len());
    for (i, entry) in entries.iter().enumerate() {
        let object = placement::object_of(&entry.subject);
        match groups.iter_mut().find(|(known, _)| *known == object) {
            Some((_, places)) => places.push(i),
            None => groups.push((object, vec![i])),
        }
    }
    // One object decides all or nothing by itself: no operation has to be remembered.
    let operation = (groups.len() > 1).then_some(operation);
    let group = |(object, places): (String, Vec<usize>)| Group {
        call: Call::Limit {
            operation,
            items: places.iter().map(|&i| entries[i].item.clone()).collect(),
        },
        object,
        entries: places,
    };
    groups.into_iter().map(group).collect()
}

/// What became of one object's call.
struct Outcome {
    /// Whether it may have charged anything.
    charged: Charged,
    /// Why the whole request fails, if it does.
    error: Option<ApiError>,
}

#[derive(Clone, Copy, PartialEq)]
enum Charged {
    Yes,
    No,
    /// It did not answer.
    Perhaps,
}

/// Gives each entry of a group its decision.
fn settle(entries: &mut [Entry], group: &Group, answer: Result<Answer, Failure>) -> Outcome {
    let (decided, source, charged) = match answer {
        Ok(answer) => {
            let decided = decisions(answer);
            let all = |decided: &Vec<Decision>| decided.iter().all(|decision| decision.success);
            let charged = if decided.as_ref().is_ok_and(all) {
                Charged::Yes
            } else {
                Charged::No
            };
            (decided, Source::Object, charged)
        }
        Err(failure) => {
            let decided = group.entries.iter().map(|&i| {
                let Item { policy, check } = &entries[i].item;
                without_object(failure, &group.object, policy, check)
            });
            (decided.collect(), Source::Fallback, Charged::Perhaps)
        }
    };
    match decided {
        Ok(decided) => {
            for (&place, decision) in group.entries.iter().zip(decided) {
                entries[place].answer = Some((decision, source));
            }
            Outcome {
                charged,
                error: None,
            }
        }
        Err(error) => Outcome {
            charged,
            error: Some(error),
        },
    }
}

/// Cancels what was charged, and asks those who charged how they stand without it. Who did not answer is told in the background.
async fn take_back(
    context: &Context,
    entries: &mut [Entry],
    groups: &[Group],
    outcomes: &[Outcome],
    operation: u128,
) {
    let of = |wanted: Charged| {
        let both = groups.iter().zip(outcomes);
        both.filter(move |(_, outcome)| outcome.charged == wanted)
            .map(|(group, _)| group)
    };
    let silent: Vec<String> = of(Charged::Perhaps)
        .map(|group| group.object.clone())
        .collect();
    cancel_later(context, silent, operation);
    let charged: Vec<&Group> = of(Charged::Yes).collect();
    let peeks: Vec<Call> = charged.iter().map(|group| peek(group)).collect();
    let cancel = Call::Cancel { operation };
    let calls = charged.iter().zip(&peeks).flat_map(|(group, peek)| {
        [
            (group.object.as_str(), &cancel),
            (group.object.as_str(), peek),
        ]
    });
    let answers = context.limiter().call_all(calls).await;
    let peeked = answers.into_iter().skip(1).step_by(2);
    for (group, answer) in charged.into_iter().zip(peeked) {
        // Without an answer the entry keeps what it said before it was cancelled, which was true then.
        if let Ok(Answer::Decided(decided)) = answer {
            for (&place, decision) in group.entries.iter().zip(decided) {
                entries[place].answer = Some((decision, Source::Object));
            }
        }
    }
}

/// The same call, changing nothing.
fn peek(group: &Group) -> Call {
    let items = match &group.call {
        Call::Limit { items, .. } => items.as_slice(),
        _ => &[],
    };
    let peek = |item: &Item| Item {
        policy: item.policy.clone(),
        check: Check {
            peek: true,
            ..item.check
        },
    };
    Call::Limit {
        operation: None,
        items: items.iter().map(peek).collect(),
    }
}

fn cancel_later(context: &Context, objects: Vec<String>, operation: u128) {
    if objects.is_empty() {
        return;
    }
    let (env, deadline) = (context.env.clone(), context.config.deadline());
    let cancelled = task::spawn(async move {
        let call = Call::Cancel { operation };
        let limiter = Limiter::new(&env, deadline);
        let calls = objects.iter().map(|object| (object.as_str(), &call));
        let _ = limiter.call_all(calls).await; // what is not cancelled stays charged until its window passes
        JsValue::UNDEFINED
    });
    let _ = context.execution.wait_until(&cancelled);
}

/// The answer; its headers are those of the entry that decided.
fn render(context: &Context, entries: Vec<Entry>, success: bool) -> Reply {
    let decided: Vec<Decided> = entries
        .into_iter()
        .filter_map(|entry| {
            let (decision, source) = entry.answer?;
            let decided = Decided {
                subject: entry.subject,
                policy: entry.item.policy,
                decision,
                source,
            };
            let object = placement::object_of(&decided.subject);
            note(context, &decided, &object, entry.item.check.cost);
            Some(decided)
        })
        .collect();
    let results = decided
        .iter()
        .map(|it| DecisionBody::new(&it.decision, &it.policy, &it.subject, it.source));
    let body = to_json(&MultiBody {
        success,
        results: results.collect(),
    });
    let deciding = deciding(&decided, success);
    Reply {
        status: status_of(success),
        body,
        headers: deciding
            .map(|it| RateLimitHeaders::new(&it.decision, &it.policy))
            .unwrap_or_default(),
    }
}

/// On success the entry with least left, on denial the refused one with the longest wait, of which never is the longest.
fn deciding(decided: &[Decided], success: bool) -> Option<&Decided> {
    if success {
        let known = |it: &&Decided| it.decision.deciding().map(|standing| standing.remaining);
        return decided
            .iter()
            .filter(|it| known(it).is_some())
            .min_by_key(known);
    }
    let refused = decided.iter().filter(|it| !it.decision.success);
    refused.max_by_key(|it| {
        it.decision
            .retry_after
            .map_or(u64::MAX, |wait| wait.as_millis())
    })
}
