//! A subject as KV knows it: a reset or a block told to every isolate, that an upstream is not to
//! be called, and how its limits stand by what all have told.

use tollgate_core::isolate::counts::{read_definitions, Command, CountStatus, Instruction, Put};
use tollgate_core::policy::consistency::Consistency;
use tollgate_core::report::{Report, Reported};
use tollgate_core::{Duration, Timestamp};

use crate::clock::{self, moment};
use crate::context::Context;
use crate::doors::kv::{Kv, Listed};
use crate::doors::Failure;
use crate::error::ApiError;
use crate::isolate;
use crate::placement;
use crate::task;
use crate::telemetry::flush;

/// How soon KV takes a second writing of one key.
const AGAIN_AFTER: Duration = Duration::from_millis(1_100);
/// How many values are read at most for the limits that this isolate does not know.
const MAX_VALUES: usize = 10;

/// Tells every isolate what an operator said of a subject, after its object has done it. Without KV
/// nothing is counted there.
pub(crate) async fn announce(
    context: &Context<'_>,
    object: &str,
    policy: Option<String>,
    command: Command,
) -> Result<(), ApiError> {
    let Some(kv) = context.kv() else {
        return Ok(());
    };
    let name = placement::short_name(object);
    let at = clock::now();
    let until = match command {
        // A reset is to be found for as long as any count of before.
        Command::Reset => {
            list(context, &kv, &name)
                .await
                .map_err(|_| ApiError::kv_unavailable())?
                .until
        }
        Command::Block { .. } | Command::Shut { .. } => at,
    };
    let mark = Instruction {
        policy,
        at,
        command,
    };
    let put = marked(&name, mark, until);
    write(context, &kv, &put).await
}

/// Refuses what counts through KV for as long as the subject's object says that the upstream is not
/// to be called, and has the other isolates told in the background.
pub(in crate::decide) fn hear(object: &str, report: &Report, reported: &Reported) {
    if report.policy.consistency() != Consistency::Eventual {
        return;
    }
    let Some(command) = Command::after(reported) else {
        return;
    };
    let said = Instruction {
        policy: Some(report.policy.name_or_empty().to_owned()),
        at: reported.at,
        command,
    };
    let name = placement::short_name(object);
    isolate::with(|isolate| isolate.counts.shut(&name, said, clock::now()));
}

fn marked(name: &str, mark: Instruction, until: Timestamp) -> Put {
    isolate::with(|isolate| {
        let counts = &mut isolate.counts;
        counts.apply_instruction(name, mark, until, clock::now())
    })
}

/// Writes a key, once more where KV refuses it: it takes one writing of a key a second.
async fn write(context: &Context<'_>, kv: &Kv, put: &Put) -> Result<(), ApiError> {
    if kv.write(put, context.deadline()).await.is_ok() {
        return Ok(());
    }
    task::wait(AGAIN_AFTER).await;
    kv.write(put, context.deadline()).await.map_err(|failure| {
        flush::failed(failure);
        ApiError::kv_unavailable()
    })
}

/// The keys of a subject.
async fn list(context: &Context<'_>, kv: &Kv, name: &str) -> Result<Listed, Failure> {
    let prefix = isolate::with(|isolate| isolate.counts.prefix_of(name));
    let listed = kv.list(&prefix, context.deadline()).await;
    listed.inspect_err(|failure| flush::failed(*failure))
}

/// How the limits of a subject stand by what all isolates have told; `None` where KV does not
/// answer.
pub(crate) async fn standings(
    context: &Context<'_>,
    object: &str,
) -> Result<Option<Vec<CountStatus>>, ApiError> {
    let Some(kv) = context.kv() else {
        return Ok(Some(Vec::new()));
    };
    let name = placement::short_name(object);
    let Ok(Listed { keys, .. }) = list(context, &kv, &name).await else {
        return Ok(None);
    };
    let undefined =
        isolate::with(|isolate| isolate.counts.missing_definitions(&name, &keys, MAX_VALUES));
    let values = if undefined.is_empty() {
        Vec::new()
    } else {
        match kv.read(&undefined, context.deadline()).await {
            Ok(values) => values,
            Err(failure) => {
                flush::failed(failure);
                return Ok(None);
            }
        }
    };
    // What another version wrote is passed over, as it is when counts are added up.
    let definitions = values.iter().filter_map(|text| read_definitions(text).ok());
    let definitions: Vec<_> = definitions.flatten().collect();
    isolate::with(|isolate| {
        let counts = &mut isolate.counts;
        counts.statuses(&name, &keys, &definitions, moment())
    })
    .map(Some)
    .map_err(|unknown| ApiError::unknown_time_zone(unknown.zone.as_str()))
}
