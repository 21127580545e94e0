//! A subject as KV knows it: a reset or a block told to every isolate, and how its limits stand by what all have told.

use tollgate_core::eventual::{read_definitions, CountedLimit, Mark, Put, Said};
use tollgate_core::Timestamp;

use crate::clock::{self, moment};
use crate::error::ApiError;
use crate::handlers::reply::Reply;
use crate::handlers::step::{AfterAwait, Step};
use crate::handlers::{observe, Context};
use crate::isolate::memory;
use crate::kv_client::{self, Listed};
use crate::placement;
use crate::runtime::Bindings;
use crate::runtime::{self, Kv};
use crate::telemetry::Failure;

/// How soon KV takes a second writing of one key.
const AGAIN_AFTER: u32 = 1_100;
/// How many values are read at most for the limits that this isolate does not know.
const MOST_VALUES: usize = 10;

/// Tells every isolate what an operator said of a subject; the step after the object has done it. Without KV nothing is counted there.
pub(in crate::handlers) fn tell(
    context: &Context,
    object: &str,
    policy: Option<String>,
    what: Said,
) -> Step {
    let Some(kv) = context.env.bound().kv() else {
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
        let listed = listed.ok_or_else(ApiError::kv_unavailable)?;
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
                observe::failed(Failure::Kv);
                return Err(ApiError::kv_unavailable());
            }
            let later = runtime::later(AGAIN_AFTER);
            let then: AfterAwait = Box::new(move |context, _| Ok(write(context, kv, put, false)));
            Ok(Step::Await(later, then))
        }),
    )
}

/// Lists the keys of a subject, and goes on with them, if they could be read.
fn list(
    context: &Context,
    kv: Kv,
    name: String,
    then: impl FnOnce(&Context, Kv, String, Option<Listed>) -> Result<Step, ApiError> + 'static,
) -> Step {
    let prefix = memory(|memory| memory.eventual.prefix_of(&name));
    let listing = kv_client::sync(&kv, None, &prefix, context.config.deadline());
    let then: AfterAwait = Box::new(move |context, settled| {
        let listed = kv_client::synced(settled).listed;
        if listed.is_none() {
            observe::failed(Failure::Kv);
        }
        then(context, kv, name, listed)
    });
    Step::Await(listing, then)
}

/// Reads what all isolates have told of a subject, and goes on with it; with nothing where KV does not answer.
pub(in crate::handlers) fn standings(
    context: &Context,
    object: &str,
    then: impl FnOnce(Option<Vec<CountedLimit>>) -> Reply + 'static,
) -> Step {
    let Some(kv) = context.env.bound().kv() else {
        return Step::Done(then(Some(Vec::new())));
    };
    let name = placement::counted_name(object).into_owned();
    list(context, kv, name, move |context, kv, name, listed| {
        let Some(Listed { keys, .. }) = listed else {
            return Ok(Step::Done(then(None)));
        };
        let undefined = memory(|memory| memory.eventual.undefined_in(&name, &keys, MOST_VALUES));
        if undefined.is_empty() {
            return Ok(Step::Done(then(Some(stand(&name, &keys, &[])?))));
        }
        let reading = kv_client::read(&kv, undefined, context.config.deadline());
        let then: AfterAwait = Box::new(move |_, settled| {
            let Some(values) = kv_client::values(settled) else {
                observe::failed(Failure::Kv);
                return Ok(Step::Done(then(None)));
            };
            Ok(Step::Done(then(Some(stand(&name, &keys, &values)?))))
        });
        Ok(Step::Await(reading, then))
    })
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
