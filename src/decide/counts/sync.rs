//! Tells KV what this isolate has counted and reads what others have: by a task that a request leaves behind, and that looks once a second
//! what is due. No request waits for it.

use std::cell::Cell;

use tollgate_core::eventual::Sync;
use tollgate_core::{Duration, Timestamp};

use crate::clock;
use crate::context::Context;
use crate::doors::kv::{self, Synced, Syncing};
use crate::doors::Failure;
use crate::hot::Kv;
use crate::isolate::memory;
use crate::telemetry::flush;

/// How long a task in the background looks what is due. The platform ends it half a minute after the answer.
const LIFE: Duration = Duration::from_secs(25);
/// How often it looks.
const LOOK: Duration = Duration::from_secs(1);
/// How long KV may take in the background.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many subjects one task syncs: each is two calls, of which an invocation has fifty on the platform's free plan.
const MOST: usize = 20;

thread_local! {
    /// Whatever is due until then is synced by a task that runs already.
    static COVERED: Cell<Timestamp> = const { Cell::new(Timestamp::ZERO) };
}

/// Sees to it that what is due is synced, even if this is the last request.
pub(super) fn sync_later(context: &Context, kv: Kv) {
    let Some(due) = memory(|memory| memory.eventual.next_due()) else {
        return;
    };
    let (now, covered) = (clock::now(), COVERED.get());
    // A task that is past its end has been cancelled with its request.
    if now < covered && due <= covered {
        return;
    }
    let end = now.plus(LIFE);
    COVERED.set(end);
    context.in_background(async move {
        sync_until(&kv, end).await;
        if COVERED.get() == end {
            COVERED.set(Timestamp::ZERO);
        }
    });
}

async fn sync_until(kv: &Kv, end: Timestamp) {
    let mut left = MOST;
    while left > 0 {
        let now = clock::now();
        if now >= end {
            return;
        }
        let due = memory(|memory| memory.eventual.due(now, left));
        left -= due.len();
        let begun: Vec<Syncing> = due
            .iter()
            .map(|it| Syncing::begin(kv, it.put.as_ref(), &it.prefix, PATIENCE))
            .collect();
        for (sync, syncing) in due.iter().zip(begun) {
            apply(sync, syncing.done().await);
        }
        match memory(|memory| memory.eventual.next_due()) {
            Some(next) if next <= end => {
                let wait = next.since(clock::now()).min(LOOK);
                // Whatever is due and has not been taken is under way in another task.
                let wait = if due.is_empty() { wait.max(LOOK) } else { wait };
                kv::wait(wait).await;
            }
            _ => return,
        }
    }
}

/// Takes in what became of a syncing.
fn apply(sync: &Sync, outcome: Synced) {
    if !outcome.written || outcome.listed.is_none() {
        flush::failed(Failure::Kv);
    }
    let read = outcome.listed.as_ref().map(|listed| listed.keys.as_slice());
    memory(|memory| {
        let eventual = &mut memory.eventual;
        eventual.synced(sync, outcome.written, read, clock::now());
    });
}
