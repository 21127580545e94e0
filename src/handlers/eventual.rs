//! Counting through KV: the isolate decides by what it knows, and tells the others afterwards, in the background. What an operator says of
//! a subject (a reset, a block) is told to KV as to the object, and `GET /limit` shows what all isolates have told.

use std::cell::Cell;

use tollgate_core::algorithm::state::Moment;
use tollgate_core::decide::Check;
use tollgate_core::decision::{Decision, Reason};
use tollgate_core::eventual::{read_definitions, CountedLimit, Mark, Put, Said, Sync};
use tollgate_core::policy::Policy;
use tollgate_core::{Duration, Timestamp};
use wasm_bindgen::JsValue;

use super::reply::Reply;
use super::step::{AfterAwait, Step};
use super::{observe, Context};
use crate::clock::{self, RuntimeZones};
use crate::error::ApiError;
use crate::isolate::memory;
use crate::kv_client::{self, Listed};
use crate::placement;
use crate::runtime::{self, Kv};
use crate::task::{self, settled};
use crate::telemetry::Failure;

/// How long a task in the background looks what is due. The platform ends it half a minute after the answer.
const LIFE: Duration = Duration::from_secs(25);
/// How often it looks.
const LOOK: Duration = Duration::from_secs(1);
/// How long KV may take in the background.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many subjects one task syncs: each is two calls, of which an invocation has fifty on the platform's free plan.
const MOST: usize = 20;
/// How soon KV takes a second writing of one key.
const AGAIN_AFTER: u32 = 1_100;
/// How many values are read at most for the limits that this isolate does not know.
const MOST_VALUES: usize = 10;

thread_local! {
    /// Whatever is due until then is synced by a task that runs already.
    static COVERED: Cell<Timestamp> = const { Cell::new(Timestamp::ZERO) };
}

/// Decides, and has others told.
pub(super) fn decide(
    context: &Context,
    object: &str,
    policy: &Policy,
    check: &Check,
) -> Result<Decision, ApiError> {
    let kv = context.env.kv().ok_or_else(ApiError::no_kv)?;
    let name = placement::counted_name(object);
    let decision = memory(|memory| memory.eventual.check(&name, policy, check, moment()));
    sync_later(context, kv);
    decision.map_err(|unknown| ApiError::unknown_time_zone(unknown.zone.as_str()))
}

/// The same in place of an object that is out of reach.
pub(super) fn decide_degraded(
    context: &Context,
    object: &str,
    policy: &Policy,
    check: &Check,
) -> Result<Decision, ApiError> {
    let mut decision = decide(context, object, policy, check)?;
    decision.reason = Some(Reason::Degraded);
    Ok(decision)
}

/// Gives back what was counted for a request that was refused by another subject's limit.
pub(super) fn give_back(context: &Context, object: &str, policy: &Policy, check: &Check) {
    let cost = check.cost.saturating_neg();
    let _ = decide(context, object, policy, &Check { cost, ..*check });
}

/// Remembers what the object said, so that counting can go on from there. In a time zone that nobody knows nothing is counted.
pub(super) fn learn(object: &str, policy: &Policy, decision: &Decision) {
    let name = placement::counted_name(object);
    let _ = memory(|memory| memory.eventual.learn(&name, policy, decision, moment()));
}

fn moment() -> Moment<'static> {
    Moment {
        now: clock::now(),
        zones: &RuntimeZones,
    }
}

/// Sees to it that what is due is synced, even if this is the last request.
fn sync_later(context: &Context, kv: Kv) {
    let due = memory(|memory| memory.eventual.next_due());
    if due.is_none_or(|due| due <= COVERED.get()) {
        return;
    }
    let end = clock::now().plus(LIFE);
    COVERED.set(end);
    let synced = task::spawn(async move {
        sync_until(&kv, end).await;
        if COVERED.get() == end {
            COVERED.set(Timestamp::ZERO);
        }
        JsValue::UNDEFINED
    });
    // It fails only where there is no event to wait for, and then the task runs on by itself.
    let _ = context.execution.wait_until(&synced);
}

async fn sync_until(kv: &Kv, end: Timestamp) {
    let mut left = MOST;
    while left > 0 {
        let now = clock::now();
        let due = memory(|memory| memory.eventual.due(now, left));
        left -= due.len();
        let begun: Vec<JsValue> = due
            .iter()
            .map(|it| kv_client::sync(kv, it.put.as_ref(), &it.prefix, PATIENCE))
            .collect();
        for (sync, promise) in due.iter().zip(begun) {
            heard(sync, kv_client::synced(settled(promise).await));
        }
        match memory(|memory| memory.eventual.next_due()) {
            Some(next) if next <= end => {
                let wait = next.since(clock::now()).min(LOOK);
                // Whatever is due and has not been taken is under way in another task.
                let wait = if due.is_empty() { wait.max(LOOK) } else { wait };
                let _ = settled(runtime::later(wait.as_millis() as u32)).await;
            }
            _ => return,
        }
    }
}

fn heard(sync: &Sync, outcome: kv_client::Outcome) {
    if !outcome.written || outcome.listed.is_none() {
        observe::failed(Failure::Kv);
    }
    let read = outcome.listed.as_ref().map(|listed| listed.keys.as_slice());
    memory(|memory| {
        let eventual = &mut memory.eventual;
        eventual.synced(sync, outcome.written, read, clock::now());
    });
}

/// Tells every isolate what an operator said of a subject; the step after the object has done it. Without KV nothing is counted there.
pub(super) fn tell(context: &Context, object: &str, policy: Option<String>, what: Said) -> Step {
    let Some(kv) = context.env.kv() else {
        return Step::Done(Reply::done());
    };
    let name = placement::counted_name(object).into_owned();
    let at = clock::now();
    let is_reset = what == Said::Reset;
    let mark = Mark { policy, at, what };
    if !is_reset {
        let put = marked(&name, mark, at);
        return write(context, kv, put, true);
    }
    // A reset is to be found for as long as any count of before.
    list(context, kv, name, move |context, kv, name, listed| {
        let put = marked(&name, mark, listed.until);
        Ok(write(context, kv, put, true))
    })
}

fn marked(name: &str, mark: Mark, until: Timestamp) -> Put {
    memory(|memory| {
        let eventual = &mut memory.eventual;
        eventual.mark(name, mark, until, clock::now())
    })
}

/// Writes a key, once more where KV refuses it: it takes one writing of a key a second.
fn write(context: &Context, kv: Kv, put: Put, again: bool) -> Step {
    let writing = kv_client::sync(&kv, Some(&put), "", context.config.deadline());
    Step::Await(
        writing,
        Box::new(move |_, settled| {
            if kv_client::synced(settled).written {
                return Ok(Step::Done(Reply::done()));
            }
            if !again {
                return Err(unavailable());
            }
            let later = runtime::later(AGAIN_AFTER);
            let then: AfterAwait = Box::new(move |context, _| Ok(write(context, kv, put, false)));
            Ok(Step::Await(later, then))
        }),
    )
}

/// Lists the keys of a subject, and goes on with them.
fn list(
    context: &Context,
    kv: Kv,
    name: String,
    then: impl FnOnce(&Context, Kv, String, Listed) -> Result<Step, ApiError> + 'static,
) -> Step {
    let prefix = memory(|memory| memory.eventual.prefix_of(&name));
    let listing = kv_client::sync(&kv, None, &prefix, context.config.deadline());
    let then: AfterAwait =
        Box::new(
            move |context, settled| match kv_client::synced(settled).listed {
                Some(listed) => then(context, kv, name, listed),
                None => Err(unavailable()),
            },
        );
    Step::Await(listing, then)
}

fn unavailable() -> ApiError {
    observe::failed(Failure::Kv);
    ApiError::kv_unavailable()
}

/// Reads what all isolates have told of a subject, and goes on with it.
pub(super) fn standings(
    context: &Context,
    object: &str,
    then: impl FnOnce(Vec<CountedLimit>) -> Reply + 'static,
) -> Step {
    let Some(kv) = context.env.kv() else {
        return Step::Done(then(Vec::new()));
    };
    let name = placement::counted_name(object).into_owned();
    list(
        context,
        kv,
        name,
        move |context, kv, name, Listed { keys, .. }| {
            let undefined =
                memory(|memory| memory.eventual.undefined_in(&name, &keys, MOST_VALUES));
            if undefined.is_empty() {
                return Ok(Step::Done(then(stand(&name, &keys, &[])?)));
            }
            let reading = kv_client::read(&kv, undefined, context.config.deadline());
            let then: AfterAwait = Box::new(move |_, settled| {
                let values = kv_client::values(settled).ok_or_else(unavailable)?;
                Ok(Step::Done(then(stand(&name, &keys, &values)?)))
            });
            Ok(Step::Await(reading, then))
        },
    )
}

fn stand(
    name: &str,
    keys: &[(String, String)],
    values: &[String],
) -> Result<Vec<CountedLimit>, ApiError> {
    // What another version wrote is passed over, as it is when counts are added up.
    let definitions = values.iter().filter_map(|text| read_definitions(text).ok());
    let definitions: Vec<_> = definitions.flatten().collect();
    memory(|memory| {
        let eventual = &mut memory.eventual;
        eventual.standings(name, keys, &definitions, moment())
    })
    .map_err(|unknown| ApiError::unknown_time_zone(unknown.zone.as_str()))
}
