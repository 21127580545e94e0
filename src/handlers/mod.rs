//! From a request to its answer: the flow that all routes share. Each route's own work is in a module of its own, which parses, says what
//! to ask and renders, and knows neither objects nor storage.

mod answer;
mod block;
mod charge_back;
mod check;
mod decided;
mod eventual;
mod healthz;
mod limit;
mod local;
mod multi;
mod observe;
mod permit;
mod reply;
mod request;
mod step;
mod subject;

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use tollgate_core::refusals::CallTimes;
use tollgate_core::Duration;
use wasm_bindgen::prelude::*;

use crate::auth::{authorize, Caller};
use crate::clock;
use crate::config::Config;
use crate::error::ApiError;
use crate::limiter_client::Limiter;
use crate::router::{split_url, Route};
use crate::runtime::{self, ExecutionContext, Headers, Request};
use crate::settings;
use crate::task::settled;
use crate::upstash;
use worker::Env;

pub(crate) use observe::failed;
use reply::{Cors, Reply};
use request::Head;
use step::{Asked, Question, Step};

/// One request, and what its handler may use.
pub(crate) struct Context {
    headers: Headers,
    env: Env,
    execution: ExecutionContext,
    config: Rc<Config>,
}

/// Answers one request. Whatever it has not read of the body is drained first, so that a client that is still sending reads the answer.
pub(crate) async fn handle(request: Request, env: Env, execution: ExecutionContext) -> JsValue {
    let parsed = settings::of(&env);
    let headers = request.headers();
    let lines = runtime::head(&request, &headers);
    let head = Head::parse(&lines);
    let (path, query) = split_url(head.url);
    let cors = match &*parsed {
        Ok(config) => Cors::of(config, &headers),
        Err(invalid) => {
            settings::log(invalid);
            Cors::default()
        }
    };
    if let Some(preflight) = cors.preflight(head.method, path) {
        return drained(&request, preflight).await;
    }
    if let Some(form) = tollgate_upstash::protocol::form(head.method, path) {
        let config = parsed.as_ref().as_ref().map(|config| &**config);
        let answer: Pin<Box<dyn Future<Output = JsValue> + '_>> = Box::pin(upstash::handle(
            form,
            (&request, &headers, query),
            &env,
            config,
        ));
        let answer = answer.await;
        return drained(&request, answer).await;
    }
    let answer = match (Route::find(head.method, path), &*parsed) {
        (Ok(Route::Healthz), _) => Ok(healthz::healthz(&env)),
        (_, Err(invalid)) => Err(ApiError::from(invalid)),
        (Err(error), _) => Err(error),
        (Ok(route), Ok(config)) => {
            let context = Context {
                headers,
                env,
                execution,
                config: Rc::clone(config),
            };
            match answer(&context, &request, &head, route, query).await {
                // Its body has been read: the usual way, on which nothing has to be looked up.
                Ok(reply) if route.reads_body() => return reply.into_response(&cors),
                answer => answer,
            }
        }
    };
    let answer = match answer {
        Ok(reply) => reply.into_response(&cors),
        Err(error) => problem(&error, &request.headers(), &cors),
    };
    drained(&request, answer).await
}

/// The answer, when no more is to be read of the request.
async fn drained(request: &Request, answer: JsValue) -> JsValue {
    let draining = runtime::drain(request);
    if !draining.is_undefined() {
        let _ = settled(draining).await; // it never rejects
    }
    answer
}

#[inline(never)]
fn problem(error: &ApiError, headers: &Headers, cors: &Cors) -> JsValue {
    reply::problem(error, &request::id_of(headers), cors)
}

/// 1 who asks, 2 the body, 3 what is asked of objects, 4 their answers, as often as the handler wants any.
async fn answer(
    context: &Context,
    request: &Request,
    head: &Head<'_>,
    route: Route,
    query: &str,
) -> Result<Reply, ApiError> {
    let Some(role) = route.role() else {
        return Ok(healthz::healthz(&context.env));
    };
    let caller = authorize(&context.config, head.authorization, role)?;
    let body = if route.reads_body() {
        request::body(request, head).await?
    } else {
        String::new()
    };
    let mut step = begin(context, route, caller, query, &body)?;
    loop {
        match step {
            Step::Done(reply) => return Ok(reply),
            Step::Ask(questions, then) => {
                let deadline = context.config.deadline();
                step = then(context, ask(context, questions, deadline).await)?;
            }
            Step::AskWithin(questions, patience, then) => {
                step = then(context, ask(context, questions, patience).await)?;
            }
            Step::Await(promise, then) => step = then(context, settled(promise).await)?,
        }
    }
}

fn begin(
    context: &Context,
    route: Route,
    caller: &Caller,
    query: &str,
    body: &str,
) -> Result<Step, ApiError> {
    match route {
        Route::Limit => limit::limit(context, caller, body),
        _ => begin_other(context, route, caller, query, body),
    }
}

/// The routes that are asked less. Apart, like the Upstash protocol and the errors, because the first request of an isolate waits
/// until all functions that it calls are compiled, with whatever is inlined into them.
#[inline(never)]
fn begin_other(
    context: &Context,
    route: Route,
    caller: &Caller,
    query: &str,
    body: &str,
) -> Result<Step, ApiError> {
    match route {
        // Answered before anybody was asked who they are.
        Route::Healthz => Ok(Step::Done(Reply::done())),
        Route::Limit => limit::limit(context, caller, body),
        Route::Acquire => limit::acquire(context, caller, body),
        Route::Multi => multi::multi(context, caller, body),
        Route::Status => subject::status(caller, query),
        Route::Reset => subject::reset(caller, query),
        Route::Block => block::block(caller, body),
        Route::Renew => permit::renew(caller, body),
        Route::Release => permit::release(caller, body),
    }
}

async fn ask(context: &Context, questions: Vec<Question>, patience: Duration) -> Vec<Asked> {
    let limiter = Limiter::new(&context.env, patience);
    let calls = questions
        .iter()
        .map(|question| (question.object.as_str(), &question.call));
    let sent = clock::now();
    let answers = limiter.call_all(calls).await;
    let times = CallTimes {
        sent,
        received: clock::now(),
    };
    let asked: Vec<Asked> = questions
        .into_iter()
        .zip(answers)
        .map(|(question, answer)| Asked {
            object: question.object,
            call: question.call,
            times,
            answer,
        })
        .collect();
    charge_back::charge_back(context, &asked);
    asked
}
