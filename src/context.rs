//! The context of one request: its caller and its environment. Created after authorization and
//! borrowed by all layers below.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;

use tollgate_core::overrides::Revision;
use tollgate_core::subject::{Namespace, Subject, SubjectParts};
use tollgate_core::Duration;
use wasm_bindgen::JsValue;
use worker::Env;

use crate::auth::Caller;
use crate::config::Config;
use crate::doors::here::Here;
use crate::doors::kv::Kv;
use crate::doors::limiter::Limiter;
use crate::doors::version::deployed;
use crate::doors::Asker;
use crate::error::ApiError;
use crate::hot::{self, ExecutionContext, Headers, Request};
use crate::task;

/// One request, its caller and its environment.
pub(crate) struct Context<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) config: &'a Config,
    pub(crate) env: &'a Env,
    pub(crate) request: &'a Request,
    pub(crate) headers: &'a Headers,
    pub(crate) execution: &'a ExecutionContext,
    /// The object that was asked itself, if one was. Whoever asks it may do what its subject allows
    /// an admin, and no more than is its subject's.
    pub(crate) here: Option<&'a Rc<dyn Here>>,
    /// The deadline for objects, KV and bindings: what is left of it for this check.
    pub(crate) deadline: Duration,
    /// How far the isolate knew the overrides when the checks were made ready; `None` where objects
    /// are not told, which else may refuse to decide by old ones.
    pub(crate) known: Option<Revision>,
    /// Where what is done is put off that is done once, however often the request is decided.
    pub(crate) later: Option<&'a Later>,
}

/// What is done as soon as nothing can have a request decided once more.
#[derive(Default)]
pub(crate) struct Later(RefCell<Vec<Act>>);

type Act = Box<dyn FnOnce(&Context<'_>)>;

impl Later {
    /// Does all of it, in the order in which it was put off.
    pub(crate) fn run(&self, context: &Context<'_>) {
        for act in self.0.take() {
            act(context);
        }
    }
}

impl Context<'_> {
    /// The caller's namespace.
    pub(crate) fn namespace(&self) -> &Namespace {
        &self.caller.namespace
    }

    /// The subject of a request, in the caller's namespace.
    pub(crate) fn subject(&self, parts: SubjectParts) -> Subject {
        parts.in_namespace(self.namespace().clone())
    }

    /// The deadline for objects, KV and bindings.
    pub(crate) const fn deadline(&self) -> Duration {
        self.deadline
    }

    /// The door to subjects' objects, each of which may take so long.
    pub(crate) fn limiter(&self, patience: Duration) -> Limiter {
        let limiter = Limiter::new(self.env, patience, self.config.deadline());
        match self.here {
            Some(here) => limiter.in_object(Some(Rc::clone(here))),
            None => limiter,
        }
    }

    /// Who calls the objects that are asked.
    pub(crate) const fn asker(&self) -> Asker {
        match self.here {
            Some(_) => Asker::Object,
            None => Asker::Worker,
        }
    }

    /// Whether this is the object that runs the request.
    pub(crate) fn is_here(&self, object: &str) -> bool {
        self.here.is_some_and(|here| here.name() == object)
    }

    /// Makes sure that a question about the subject of this object is asked where it may be: of the
    /// Worker, or of that object.
    pub(crate) fn may_ask(&self, object: &str) -> Result<(), ApiError> {
        match self.here {
            Some(here) if here.name() != object => Err(ApiError::other_subject(object)),
            _ => Ok(()),
        }
    }

    /// The same request, with less time left.
    pub(crate) const fn within(&self, deadline: Duration) -> Context<'_> {
        Context { deadline, ..*self }
    }

    /// Does this as soon as nothing can have the request decided once more, and not at all if it is
    /// decided once more.
    pub(crate) fn finally(&self, act: impl FnOnce(&Context<'_>) + 'static) {
        match self.later {
            Some(later) => later.0.borrow_mut().push(Box::new(act)),
            None => act(self),
        }
    }

    /// Whether a KV namespace is bound.
    pub(crate) fn has_kv(&self) -> bool {
        self.kv().is_some()
    }

    /// The KV namespace, if one is bound.
    pub(crate) fn kv(&self) -> Option<Kv> {
        Kv::of(self.env)
    }

    /// The id of the request, for logs and problems.
    pub(crate) fn request_id(&self) -> String {
        request_id(self.headers)
    }

    /// The deployed version, for logs.
    pub(crate) fn version(&self) -> String {
        version(self.env)
    }

    /// Runs work in the background. The platform ends it half a minute after the answer.
    pub(crate) fn in_background(&self, work: impl Future<Output = ()> + 'static) {
        let done = task::spawn(async {
            work.await;
            JsValue::UNDEFINED
        });
        // Fails only outside an event, and then the task continues by itself.
        let _ = self.execution.wait_until(&done);
    }
}

/// The platform's id of a request where there is one, else a random one.
pub(crate) fn request_id(headers: &Headers) -> String {
    headers
        .get("cf-ray")
        .unwrap_or_else(|| format!("{:032x}", hot::random_bits()))
}

/// The deployed version: the platform's id where there is one, else that of the program.
pub(crate) fn version(env: &Env) -> String {
    deployed(env).unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned())
}
