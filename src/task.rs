//! Runs Rust futures: one asynchronous JavaScript function a future (`drive` in hot.js) does all
//! the awaiting.
//!
//! The usual executor makes two JavaScript closures for every await, each with a finalizer, and
//! wakes through a queue that all requests of an isolate share. Here a future that awaits hands its
//! promise to `drive` and is polled again with what came of it: no closures, no wakers, nothing
//! shared, and a panic makes the request fail at once instead of hanging.

use core::cell::{Cell, RefCell};
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use tollgate_core::{Duration, Timestamp};
use wasm_bindgen::prelude::*;

use crate::clock;
use crate::error::{ApiError, Code};
use crate::hot;
use crate::instance;

/// What a promise came to.
pub(crate) type Settled = Result<JsValue, JsValue>;

/// When there are so many tasks, those of requests that ended without finishing are looked for.
const SWEEP_FROM: usize = 256;
/// The lower bits of a task's id count up; those above are the number of the wasm instance. So an
/// id that outlived its instance is not known to the next one, and never means another request's
/// task.
const COUNT_BITS: u32 = 20;
/// No request takes as long as this. A request that was cancelled, because its client went away, is
/// never heard of again.
const LONGEST: Duration = Duration::from_secs(120);

struct Task {
    future: Pin<Box<dyn Future<Output = JsValue>>>,
    begun: Timestamp,
}

#[derive(Default)]
struct Tasks {
    /// `None` where there is no task, or where it is just running.
    slots: Vec<(u32, Option<Task>)>,
    next: u32,
}

thread_local! {
    static TASKS: RefCell<Tasks> = RefCell::default();
    /// The promise that the running task has come to.
    static AWAITED: Cell<Option<JsValue>> = const { Cell::new(None) };
    /// What the promise of the running task came to.
    static SETTLED: Cell<Option<Settled>> = const { Cell::new(None) };
    static INSTANCE: u32 = instance::number();
    static RESUME: JsValue = Closure::<dyn Fn(u32, JsValue, bool) -> JsValue>::new(resume).into_js_value();
    static FAILURE: JsValue = ApiError::new(
        Code::Internal,
        "A fault in this program ended the request. Nothing says whether it was counted.",
    )
    .to_json("$REQUEST_ID")
    .into();
}

/// Begins `future`; the promise of its output.
pub(crate) fn spawn(future: impl Future<Output = JsValue> + 'static) -> JsValue {
    clock::in_event(|| {
        let task = Task {
            future: Box::pin(future),
            begun: clock::now(),
        };
        let id = TASKS.with_borrow_mut(|tasks| tasks.add(task));
        RESUME.with(|resume| FAILURE.with(|failure| hot::drive(resume, id, failure)))
    })
}

/// Polls a task with what its promise came to: its next promise, or its output.
fn resume(id: u32, value: JsValue, failed: bool) -> JsValue {
    let Some(mut task) = TASKS.with_borrow_mut(|tasks| tasks.take(id)) else {
        // Its wasm instance has ended, or it was swept away. `drive` makes this a failure.
        return JsValue::NULL;
    };
    SETTLED.set(Some(if failed { Err(value) } else { Ok(value) }));
    let mut waker = Context::from_waker(Waker::noop());
    match clock::in_event(|| task.future.as_mut().poll(&mut waker)) {
        Poll::Ready(output) => {
            TASKS.with_borrow_mut(|tasks| tasks.remove(id));
            output
        }
        Poll::Pending => {
            TASKS.with_borrow_mut(|tasks| tasks.put(id, task));
            AWAITED.take().unwrap_or(JsValue::UNDEFINED)
        }
    }
}

impl Tasks {
    fn add(&mut self, task: Task) -> u32 {
        if self.slots.len() >= SWEEP_FROM && self.slots.len().is_power_of_two() {
            let now = task.begun;
            let alive = |task: &Task| task.begun.plus(LONGEST) > now;
            self.slots
                .retain(|(_, task)| task.as_ref().is_none_or(alive));
        }
        let count = self.next & ((1 << COUNT_BITS) - 1);
        let id = INSTANCE.with(|number| *number) << COUNT_BITS | count;
        self.next = self.next.wrapping_add(1);
        self.slots.push((id, Some(task)));
        id
    }

    fn place(&self, id: u32) -> Option<usize> {
        // The newest are asked for most.
        self.slots.iter().rposition(|(known, _)| *known == id)
    }

    fn take(&mut self, id: u32) -> Option<Task> {
        let place = self.place(id)?;
        self.slots[place].1.take()
    }

    fn put(&mut self, id: u32, task: Task) {
        if let Some(place) = self.place(id) {
            self.slots[place].1 = Some(task);
        }
    }

    fn remove(&mut self, id: u32) {
        if let Some(place) = self.place(id) {
            self.slots.swap_remove(place);
        }
    }
}

/// Awaits a promise for at most `patience`, from now on; `None` where it takes longer.
pub(crate) fn within(
    promise: &JsValue,
    patience: Duration,
) -> impl Future<Output = Option<Settled>> {
    let outcome = settled(hot::within(promise, hot::millis(patience)));
    async move {
        match outcome.await {
            Err(late) if late.is_undefined() => None,
            outcome => Some(outcome),
        }
    }
}

/// Waits so long.
pub(crate) async fn wait(time: Duration) {
    let _ = settled(hot::later(hot::millis(time))).await; // it never rejects
}

/// Awaits a promise.
pub(crate) fn settled(promise: JsValue) -> impl Future<Output = Settled> {
    Await(Some(promise))
}

struct Await(Option<JsValue>);

impl Future for Await {
    type Output = Settled;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Settled> {
        match self.0.take() {
            Some(promise) => {
                SETTLED.take(); // what the task was begun or resumed with before
                AWAITED.set(Some(promise));
                Poll::Pending
            }
            None => Poll::Ready(SETTLED.take().unwrap_or(Ok(JsValue::UNDEFINED))),
        }
    }
}
