//! What this isolate does when it is due although nobody asks any more: by a task that a request
//! leaves behind, one at a time for each kind of work.

use std::cell::Cell;
use std::thread::LocalKey;

use tollgate_core::{Duration, Timestamp};

use crate::clock;
use crate::context::Context;
use crate::doors::limiter::Limiter;
use crate::task;

/// Until when a task is pending, if it was not cancelled with its request.
pub(super) type Pending = Cell<Option<Timestamp>>;

/// A kind of work.
pub(super) struct Work {
    pub(super) pending: &'static LocalKey<Pending>,
    /// A task that has not come back so long after it was due was cancelled with its request.
    pub(super) overdue: Duration,
    /// A task that has gone on for so long leaves the rest to the next request's; `None`: it goes
    /// on until the platform ends it, and the next request begins anew.
    pub(super) shift: Option<Duration>,
    /// How long until something is due; `None` where nothing is to come.
    pub(super) wait: fn() -> Option<Duration>,
}

impl Work {
    /// Has `work` done whenever something is due, unless a task sees to it already.
    pub(super) fn later(&'static self, context: &Context, work: impl AsyncFn(&Limiter) + 'static) {
        if self.is_pending() {
            return;
        }
        let limiter = context.limiter(context.config.deadline());
        let Some(wait) = self.next() else { return };
        context.in_background(async move { self.see_to(&limiter, wait, work).await });
    }

    /// The same by a task that is in the background already.
    pub(super) async fn now_here(&'static self, limiter: &Limiter, work: impl AsyncFn(&Limiter)) {
        if self.is_pending() {
            return;
        }
        if let Some(wait) = self.next() {
            self.see_to(limiter, wait, work).await;
        }
    }

    fn is_pending(&self) -> bool {
        let now = clock::now();
        self.pending.get().is_some_and(|until| until > now)
    }

    async fn see_to(&self, limiter: &Limiter, wait: Duration, work: impl AsyncFn(&Limiter)) {
        let began = clock::now();
        let mut next = Some(wait);
        while let Some(wait) = next {
            task::wait(wait).await;
            work(limiter).await;
            next = self.next();
            let is_over = |shift| clock::now().since(began) > shift;
            if self.shift.is_some_and(is_over) {
                self.pending.set(None);
                return;
            }
        }
    }

    /// How long until the next time, which is pending from now on; `None` where there is none.
    fn next(&self) -> Option<Duration> {
        let now = clock::now();
        let wait = (self.wait)();
        let until = wait.map(|wait| now.plus(wait).plus(self.overdue));
        self.pending.set(until);
        wait
    }
}
