//! Passes decisions to the recorder, and writes its events to the log in the background.

use std::cell::{Cell, RefCell};

use tollgate_core::isolate::bounded::Secret;
use tollgate_core::{Duration, Timestamp};

use super::{Checked, Origin, Recorder};
use crate::clock;
use crate::context::Context;
use crate::doors::Failure;
use crate::hot;
use crate::task;

/// Events are collected for this long and then written together, so that one write serves many
/// requests.
const GATHER: Duration = Duration::from_millis(250);
/// A write without an outcome after this time was cancelled with its request.
const OVERDUE: Duration = Duration::from_secs(5);
/// The shortest time between two events with counters.
const COUNTERS_EVERY: Duration = Duration::from_secs(60);

thread_local! {
    // Made by the first request, because there is no randomness outside of events.
    static RECORDER: RefCell<Recorder> = RefCell::new(Recorder::new(Secret::new(hot::random_bits())));
    /// When the pending write was started.
    static FLUSHING: Cell<Option<Timestamp>> = const { Cell::new(None) };
    static COUNTED: Cell<Timestamp> = const { Cell::new(Timestamp::ZERO) };
}

/// Counts a decision, and records a log event if one is due.
pub(crate) fn checked(context: &Context, checked: &Checked) {
    let every = context.config.log_every();
    let due = RECORDER.with_borrow_mut(|recorder| recorder.count(checked, every));
    if !due {
        return;
    }
    let origin = Origin {
        request_id: context.request_id(),
        version: context.version(),
        with_identifier: context.config.log_identifiers(),
    };
    RECORDER.with_borrow_mut(|recorder| recorder.log(checked, &origin));
    flush_later(context, origin.version);
}

/// Counts for how long an answer was held.
pub(crate) fn waited(checked: &Checked, time: Duration) {
    RECORDER.with_borrow_mut(|recorder| recorder.waited(checked, time));
}

/// Counts a failure.
pub(crate) fn failed(failure: Failure) {
    RECORDER.with_borrow_mut(|recorder| recorder.fail(failure));
}

fn flush_later(context: &Context, version: String) {
    let now = clock::now();
    let under_way = |since: Timestamp| since.plus(OVERDUE) > now;
    if FLUSHING.get().is_some_and(under_way) {
        return;
    }
    FLUSHING.set(Some(now));
    context.in_background(async move {
        task::wait(GATHER).await;
        flush(&version);
    });
}

fn flush(version: &str) {
    FLUSHING.set(None);
    let events = RECORDER.with_borrow_mut(Recorder::take_events);
    for event in events {
        hot::log(&event);
    }
    let now = clock::now();
    if COUNTED.get().plus(COUNTERS_EVERY) <= now {
        COUNTED.set(now);
        hot::log(&RECORDER.with_borrow(|recorder| recorder.counters_event(version)));
    }
}
