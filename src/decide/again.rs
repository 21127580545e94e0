//! Once more, where a subject's object has refused to decide because it knows newer overrides than
//! the isolate.

use std::cell::Cell;

use tollgate_core::multi::Time;
use tollgate_core::{Duration, Timestamp};

use super::policies;
use crate::clock;
use crate::context::Context;
use crate::error::ApiError;

/// One of the at most two times that a request is decided.
pub(super) struct Turn {
    /// Whether objects are told how far the isolate knows the overrides.
    tells: bool,
    began: Cell<Timestamp>,
}

impl Turn {
    const fn new(tells: bool) -> Turn {
        Turn {
            tells,
            began: Cell::new(Timestamp::ZERO),
        }
    }

    /// The request whose checks are made ready now, from when on its deadline runs: what is asked
    /// later, too, tells objects the revision of now, whatever the isolate has learnt by then.
    pub(super) fn ready<'a>(&self, context: &'a Context<'_>) -> Context<'a> {
        self.began.set(clock::now());
        context.knowing(self.tells.then(|| policies::copy::revision(context)))
    }
}

/// What `decide` comes to; the second time, after the isolate has caught up, whatever the objects
/// know. Both times, and what is between them, have one deadline.
pub(super) async fn decided<T>(
    context: &Context<'_>,
    decide: impl AsyncFn(&Context<'_>, &Turn) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    let first = Turn::new(true);
    match decide(context, &first).await {
        Err(error) if error.is_stale() => {
            Box::pin(redone(context, decide, first.began.get())).await
        }
        decided => decided,
    }
}

/// To catch up may take half of what is left, so that there is time to decide.
async fn redone<T>(
    context: &Context<'_>,
    decide: impl AsyncFn(&Context<'_>, &Turn) -> Result<T, ApiError>,
    began: Timestamp,
) -> Result<T, ApiError> {
    let left = || {
        let time = Time {
            elapsed: clock::now().since(began),
            deadline: context.deadline(),
        };
        time.left()
    };
    let half = Duration::from_millis(left().as_millis() / 2);
    policies::catch_up(&context.within(half)).await;
    decide(&context.within(left()), &Turn::new(false)).await
}
