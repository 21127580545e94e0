//! The policies as this isolate has them. Requests use its copy; [`tollgate_policies::copy`] says
//! when it has to be confirmed, and by whom. Each request that waits asks for itself: no promise is
//! shared.

use std::rc::Rc;

use tollgate_core::overrides::Revision;
use tollgate_core::policy::Policy;
use tollgate_core::Duration;
use tollgate_policies::copy::{Copy, Next};
use tollgate_policies::deployed::Deployed;
use tollgate_policies::snapshot::Changes;
use worker::Env;

use crate::clock;
use crate::context::Context;
use crate::doors::kv::Kv;
use crate::doors::policies;
use crate::doors::Asker;
use crate::error::{ApiError, Stale};
use crate::isolate;
use crate::placement;
use crate::task;
use crate::telemetry::flush;

/// How often a request looks whether another one has got an answer.
const LOOK: Duration = Duration::from_millis(10);

/// Whether the isolate's copy can be used as it is; then whether it may be out of date. `None`
/// where [`confirm`] has to be awaited.
pub(crate) fn confirmed(context: &Context) -> Option<bool> {
    match with_copy(context, |copy| copy.next(clock::now())) {
        Next::Use { asks, is_degraded } => {
            if asks {
                ask_later(context);
            }
            Some(is_degraded)
        }
        _ => None,
    }
}

/// Waits until the isolate's copy can be used; whether it may be out of date, because the object
/// that keeps the policies is out of reach.
pub(crate) async fn confirm(context: &Context<'_>) -> Result<bool, ApiError> {
    loop {
        if let Some(is_degraded) = confirmed(context) {
            return Ok(is_degraded);
        }
        match with_copy(context, |copy| copy.next(clock::now())) {
            Next::Ask => return ask(context).await,
            Next::Unavailable => return Err(ApiError::policy_unavailable()),
            Next::Join | Next::Use { .. } => task::wait(LOOK).await,
        }
    }
}

/// The same for requests that need no policy: where nothing is known, and the object did not answer
/// a moment ago, they go on without waiting.
pub(crate) async fn confirm_or_go_on(context: &Context<'_>) -> bool {
    match with_copy(context, |copy| copy.goes_without(clock::now())) {
        Some(asks) => {
            if asks {
                ask_later(context);
            }
            true
        }
        None => confirm(context).await.unwrap_or(true),
    }
}

/// Asks what has changed, and uses what there is where that fails.
async fn ask(context: &Context<'_>) -> Result<bool, ApiError> {
    let source = Source::of(context);
    if source.refresh().await {
        return Ok(false);
    }
    if source.with(|copy| copy.has_nothing()) {
        return Err(ApiError::policy_unavailable());
    }
    Ok(true)
}

fn ask_later(context: &Context) {
    let source = Source::of(context);
    source.with(|copy| drop(copy.ask(clock::now()))); // this one will
    context.in_background(async move {
        source.refresh().await;
    });
}

/// Where the copy of a namespace comes from, and how long that may take: as long as all calls,
/// however little is left of a request's time. So what has no answer is out of reach.
struct Source {
    env: Env,
    asker: Asker,
    namespace: String,
    object: String,
    patience: Duration,
    deployed: Rc<Deployed>,
}

impl Source {
    fn of(context: &Context) -> Source {
        Source {
            env: context.env.clone(),
            asker: context.asker(),
            namespace: context.namespace().as_str().to_owned(),
            object: placement::policies_of(context.namespace()),
            patience: context.config.deadline(),
            deployed: Rc::clone(context.config.deployed()),
        }
    }

    fn with<T>(&self, run: impl FnOnce(&mut Copy) -> T) -> T {
        isolate::with(|isolate| run(isolate.policies.of(&self.namespace, &self.deployed)))
    }

    /// Brings the copy up to date; whether an answer of the object has confirmed it. Asks once more
    /// where the copy was dropped, or another one begun, while the object was asked what had
    /// changed in it.
    async fn refresh(&self) -> bool {
        for _ in 0..2 {
            let sent = clock::now();
            let call = self.with(|copy| copy.ask(sent));
            let by = (&self.env, self.asker);
            let answer = policies::changes(by, &self.object, &call, self.patience).await;
            match answer {
                Ok(changes) => {
                    if self.with(|copy| copy.learn(changes, sent)) {
                        return true;
                    }
                }
                Err(failure) => {
                    flush::failed(failure);
                    self.restore().await;
                    let now = clock::now();
                    // A later call may have been answered before.
                    let is_known = self.with(|copy| copy.is_known_since(sent, now));
                    if !is_known {
                        // Not before: until then others wait for what KV kept.
                        self.with(|copy| copy.fail(now));
                    }
                    return is_known;
                }
            }
        }
        false
    }

    /// Takes what KV kept, where it is newer than the copy.
    async fn restore(&self) {
        if self.with(|copy| copy.begin_restoring(clock::now())) {
            if let Some(changes) = self.kept().await {
                self.with(|copy| copy.restore(changes));
            }
        }
    }

    /// What KV kept, if it can be read.
    async fn kept(&self) -> Option<Changes> {
        let kv = Kv::of(&self.env)?;
        let keys = [self.object.clone()]; // it has the object's name
        match kv.read(&keys, self.patience).await {
            Ok(values) => Changes::decode(values.first()?).ok(),
            Err(failure) => {
                flush::failed(failure);
                None
            }
        }
    }
}

/// How far the isolate knows the overrides.
pub(crate) fn revision(context: &Context) -> Revision {
    with_copy(context, |copy| copy.revision())
}

/// Has the next request wait for what was changed from here.
pub(crate) fn outdate(context: &Context<'_>) {
    with_copy(context, |copy| copy.outdate());
}

/// Brings the copy up to date at once, because something was changed from here.
pub(crate) async fn refresh(context: &Context<'_>) {
    Source::of(context).refresh().await;
}

/// The same because of subjects' objects: one of all such requests asks at a time. Nobody waits
/// while the object that keeps the policies is out of reach, and then what is known holds; where it
/// is in reach, and the copy does not come to what holds now, nothing can be decided.
pub(crate) async fn catch_up(context: &Context<'_>, why: Stale) -> Result<(), ApiError> {
    let source = Source::of(context);
    let since = clock::now();
    if why == Stale::Silence && source.with(|copy| copy.has_looked(since)) {
        return Ok(());
    }
    loop {
        let now = clock::now();
        match source.with(|copy| copy.next_since(since, now)) {
            Next::Use { asks, .. } => {
                if asks {
                    ask_later(context);
                }
                return Ok(());
            }
            // Not for ever: the one that asks may have been cancelled, and the next one as well.
            Next::Join if now.since(since) < source.patience => task::wait(LOOK).await,
            _ => break,
        }
    }
    if source.refresh().await {
        source.with(|copy| copy.look(since));
        return Ok(());
    }
    match source.with(|copy| copy.is_out_of_reach(clock::now())) {
        true => Ok(()),
        false => Err(ApiError::policy_unavailable()),
    }
}

/// An object has decided by a newer version than this isolate has.
pub(crate) fn notice(context: &Context, newer: &Policy) {
    let Some(name) = newer.name() else { return };
    with_copy(context, |copy| {
        copy.notice(name, newer.version(), clock::now())
    });
    confirmed(context);
}

/// The copy of the caller's namespace.
pub(super) fn with_copy<T>(context: &Context, run: impl FnOnce(&mut Copy) -> T) -> T {
    let deployed = context.config.deployed();
    isolate::with(|isolate| run(isolate.policies.of(context.namespace().as_str(), deployed)))
}
