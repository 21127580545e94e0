//! Tells KV what this isolate has counted and reads what others have: by a task that a request
//! leaves behind, and that looks once a second what is due. No request waits for it.

use std::cell::Cell;

use tollgate_core::isolate::counts::Sync;
use tollgate_core::{Duration, Timestamp};

use crate::clock;
use crate::context::Context;
use crate::doors::kv::Kv;
use crate::doors::Failure;
use crate::isolate;
use crate::task;
use crate::telemetry::flush;

/// How long a task in the background looks what is due. The platform ends it half a minute after
/// the answer.
const LIFE: Duration = Duration::from_secs(25);
/// How often it looks.
const LOOK: Duration = Duration::from_secs(1);
/// How long KV may take in the background.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many calls of KV one task makes, about: an invocation has fifty on the platform's free plan.
const MAX_CALLS: usize = 40;
/// A subject is two calls, and more where its object has said something.
const CALLS_EACH: usize = 2;

thread_local! {
    /// Whatever is due until then is synced by a task that runs already.
    static COVERED: Cell<Timestamp> = const { Cell::new(Timestamp::ZERO) };
}

/// Sees to it that what is due is synced, even if this is the last request.
pub(in crate::decide) fn sync_later(context: &Context) {
    let Some(due) = isolate::with(|isolate| isolate.counts.next_due()) else {
        return;
    };
    let (now, covered) = (clock::now(), COVERED.get());
    // A task that is past its end has been cancelled with its request.
    if now < covered && due <= covered {
        return;
    }
    let Some(kv) = context.kv() else {
        return;
    };
    // An object stays in memory, and billed, for as long as its task waits: it tells what is due
    // now.
    let end = match context.here {
        Some(_) => now,
        None => now.plus(LIFE),
    };
    COVERED.set(end);
    context.in_background(async move {
        sync_until(&kv, end).await;
        if COVERED.get() == end {
            COVERED.set(Timestamp::ZERO);
        }
    });
}

async fn sync_until(kv: &Kv, end: Timestamp) {
    let mut left = MAX_CALLS;
    while left >= CALLS_EACH {
        let now = clock::now();
        if now > end {
            return;
        }
        let due = isolate::with(|isolate| isolate.counts.due(now, left / CALLS_EACH));
        let calls = due.iter().map(|sync| CALLS_EACH + sync.told.len());
        left = left.saturating_sub(calls.sum());
        let begun: Vec<_> = due
            .iter()
            .map(|sync| {
                let puts = sync.put.iter().chain(&sync.told);
                let writings: Vec<_> = puts.map(|put| kv.write(put, PATIENCE)).collect();
                let is_listed = !sync.prefix.is_empty();
                (writings, is_listed.then(|| kv.list(&sync.prefix, PATIENCE)))
            })
            .collect();
        for (sync, (writings, listing)) in due.iter().zip(begun) {
            let mut written = true;
            for writing in writings {
                written &= writing.await.is_ok();
            }
            let keys = match listing {
                Some(listing) => listing.await.map(|listed| listed.keys),
                None => Ok(Vec::new()),
            };
            apply(sync, written, keys.ok());
        }
        match isolate::with(|isolate| isolate.counts.next_due()) {
            Some(next) if next <= end && clock::now() < end => {
                let wait = next.since(clock::now()).min(LOOK);
                // Whatever is due and has not been taken is under way in another task.
                let wait = if due.is_empty() { wait.max(LOOK) } else { wait };
                task::wait(wait).await;
            }
            _ => return,
        }
    }
}

/// Takes in whether a key was written, and what a list showed.
fn apply(sync: &Sync, written: bool, keys: Option<Vec<(String, String)>>) {
    if !written || keys.is_none() {
        flush::failed(Failure::Kv);
    }
    isolate::with(|isolate| {
        let counts = &mut isolate.counts;
        counts.record_sync(sync, written, keys.as_deref(), clock::now());
    });
}
