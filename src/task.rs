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

use tollgate_core::Duration;
use wasm_bindgen::prelude::*;

use crate::clock;
use crate::error::{ApiError, Code};
use crate::hot;
use crate::instance;
use crate::task_table::TaskTable;

/// What a promise came to.
pub(crate) type Settled = Result<JsValue, JsValue>;

type Task = Pin<Box<dyn Future<Output = JsValue>>>;

thread_local! {
    static TASKS: RefCell<TaskTable<Task>> = RefCell::new(TaskTable::new(instance::number()));
    /// The promise that the running task has come to.
    static AWAITED: Cell<Option<JsValue>> = const { Cell::new(None) };
    /// What the promise of the running task came to.
    static SETTLED: Cell<Option<Settled>> = const { Cell::new(None) };
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
        let task: Task = Box::pin(future);
        let id = TASKS.with_borrow_mut(|tasks| tasks.add(task, clock::now()));
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
    let (poll, now) = clock::in_event(|| (task.as_mut().poll(&mut waker), clock::now()));
    match poll {
        Poll::Ready(output) => {
            TASKS.with_borrow_mut(|tasks| tasks.remove(id));
            output
        }
        Poll::Pending => {
            TASKS.with_borrow_mut(|tasks| tasks.put(id, task, now));
            AWAITED.take().unwrap_or(JsValue::UNDEFINED)
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
