//! Once more, where a subject's object has refused to decide because it knows newer overrides than
//! the isolate.

use std::cell::Cell;

use tollgate_core::multi::Time;
use tollgate_core::Timestamp;

use super::policies;
use crate::clock;
use crate::context::{Context, Later};
use crate::error::{ApiError, Stale};

/// One of the at most two times that a request is decided.
pub(super) struct Turn {
    /// Whether objects are told how far the isolate knows the overrides.
    tells: bool,
    began: Cell<Timestamp>,
    /// What is done if it is the last one.
    later: Later,
}

impl Turn {
    fn new(tells: bool) -> Turn {
        Turn {
            tells,
            began: Cell::new(Timestamp::ZERO),
            later: Later::default(),
        }
    }

    /// The request whose checks are made ready now, from when on its deadline runs: what is asked
    /// later, too, tells objects the revision of now, whatever the isolate has learnt by then.
    pub(super) fn ready<'a>(&'a self, context: &'a Context<'_>) -> Context<'a> {
        self.began.set(clock::now());
        let known = self.tells.then(|| policies::copy::revision(context));
        Context {
            known,
            later: Some(&self.later),
            ..*context
        }
    }
}

/// What `decide` comes to; the second time, after the isolate has caught up, whatever the objects
/// know. What is put off is done once, for the time that counts.
pub(super) async fn decided<T>(
    context: &Context<'_>,
    decide: impl AsyncFn(&Context<'_>, &Turn) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    let first = Turn::new(true);
    let decided = decide(context, &first).await;
    match decided.as_ref().err().and_then(ApiError::stale) {
        Some(why) => Box::pin(redone(context, decide, first.began.get(), why)).await,
        None => {
            first.later.run(context);
            decided
        }
    }
}

/// Both times have one deadline, which stands still while the isolate catches up: that may take as
/// long as it takes every request that has to wait for the policies. Else an override would hold
/// later where objects are slow.
async fn redone<T>(
    context: &Context<'_>,
    decide: impl AsyncFn(&Context<'_>, &Turn) -> Result<T, ApiError>,
    began: Timestamp,
    why: Stale,
) -> Result<T, ApiError> {
    let time = Time {
        elapsed: clock::now().since(began),
        deadline: context.deadline(),
    };
    policies::catch_up(context, why).await?;
    let second = Turn::new(false);
    let decided = decide(&context.within(time.left()), &second).await;
    second.later.run(context);
    decided
}
