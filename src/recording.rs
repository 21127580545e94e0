//! Sends what this isolate has recorded, in the background of whatever request comes when it is
//! due. No answer waits for it. And has recorded what no object is asked.

use std::cell::Cell;

use tollgate_core::replay::trace::Apart;
use tollgate_core::subject_state::Item;
use tollgate_core::{Duration, Timestamp};
use tollgate_records::channel::{OVERDUE, SPACING};
use tollgate_records::message::{Answer, Call};
use tollgate_records::recorder::{Recorder, Sending};
use worker::Env;

use crate::clock;
use crate::context::Context;
use crate::doors::records;
use crate::isolate;
use crate::placement;
use crate::task;
use crate::telemetry::flush;

thread_local! {
    /// Until when the pending sending is under way, if it was not cancelled with its request.
    static SENDING: Cell<Option<Timestamp>> = const { Cell::new(None) };
}

/// Has it recorded that the object has nothing to do with an answer, if the answer stands.
pub(crate) fn apart(context: &Context, object: &str, item: &Item, why: Apart) {
    answered(context, object, item, move |recorder, object, item, now| {
        recorder.apart(object, item, why, now);
    });
}

/// Has it recorded that the isolate has refused by what it remembers of the object, if the answer
/// stands.
pub(crate) fn remembered(context: &Context, object: &str, item: &Item) {
    answered(context, object, item, Recorder::remembered);
}

fn answered(
    context: &Context,
    object: &str,
    item: &Item,
    record: impl FnOnce(&mut Recorder, &str, &Item, Timestamp) + 'static,
) {
    let now = clock::now();
    if !isolate::with(|isolate| isolate.recorder.records(object, now)) {
        return;
    }
    let (object, item) = (object.to_owned(), item.clone());
    context.finally(move |_| {
        isolate::with(|isolate| record(&mut isolate.recorder, &object, &item, clock::now()));
    });
}

/// Has what is recorded sent when it is due.
pub(crate) fn send_later(context: &Context) {
    let now = clock::now();
    let Some(wait) = isolate::with(|isolate| isolate.recorder.wait(now)) else {
        return;
    };
    let longest = Duration::from_millis(SPACING.as_millis() + OVERDUE.as_millis());
    let is_under_way = |until: Timestamp| until > now && until.since(now) <= longest;
    // An object stays in memory, and billed, for as long as it waits.
    if context.here.is_some() && wait > Duration::ZERO {
        return;
    }
    // What is full does not wait for one that waits.
    if wait > Duration::ZERO && SENDING.get().is_some_and(is_under_way) {
        return;
    }
    SENDING.set(Some(now.plus(longest)));
    let env = context.env.clone();
    context.in_background(async move {
        task::wait(wait).await;
        let all = isolate::with(|isolate| isolate.recorder.send(clock::now()));
        for sending in all {
            send(&env, sending).await;
        }
        SENDING.set(None);
    });
}

async fn send(env: &Env, sending: Sending) {
    let Sending { space, parcel } = sending;
    let (object, sequence) = (placement::records_of(&space), parcel.sequence);
    match records::ask(env, &object, &Call::Keep(parcel), OVERDUE).await {
        Ok(Answer::Kept(list)) => {
            isolate::with(|isolate| isolate.recorder.kept(&space, sequence, list));
        }
        Ok(_) => {} // it cannot be kept now: it is sent again until it is given up
        Err(failure) => flush::failed(failure),
    }
}
