//! From a request to its answer: the flow that all routes share. Each route's own work is in a module of its own, which parses, calls
//! and renders, and knows neither objects nor storage.

mod block;
mod healthz;
mod limit;
mod multi;
mod observe;
mod permit;
mod reply;
mod request;
mod settings;
mod subject;

use std::rc::Rc;

use wasm_bindgen::prelude::*;

use crate::auth::{authorize, Caller};
use crate::config::Config;
use crate::error::ApiError;
use crate::limiter_client::Limiter;
use crate::router::{split_url, Route};
use crate::runtime::{Env, ExecutionContext, Request};

use reply::{Cors, Reply};

/// One request, and what its handler may use.
pub(crate) struct Context {
    request: Request,
    env: Env,
    execution: ExecutionContext,
    config: Rc<Config>,
}

impl Context {
    /// The door to the objects, with the deadline that is set.
    fn limiter(&self) -> Limiter<'_> {
        Limiter::new(&self.env, self.config.deadline())
    }
}

/// Answers one request.
pub(crate) async fn handle(request: Request, env: Env, execution: ExecutionContext) -> JsValue {
    let config = settings::of(&env);
    let url = request.url();
    let (path, query) = split_url(&url);
    let method = request.method();
    let cors = match &*config {
        Ok(config) => Cors::of(config, &request),
        Err(_) => Cors::default(),
    };
    if let Some(preflight) = cors.preflight(&method, path) {
        return preflight;
    }
    let request_headers = request.headers();
    let answer = match (Route::find(&method, path), &*config) {
        (Ok(Route::Healthz), _) => Ok(healthz::healthz(&env)),
        (_, Err(invalid)) => Err(ApiError::from(invalid)),
        (Err(error), _) => Err(error),
        (Ok(route), Ok(config)) => {
            let context = Context {
                request,
                env,
                execution,
                config: Rc::clone(config),
            };
            route_to(&context, route, query).await
        }
    };
    match answer {
        Ok(reply) => reply.into_response(&cors),
        Err(error) => {
            let request_id = request::id_of(&request_headers);
            reply::problem(&error, &request_id, &cors)
        }
    }
}

/// Who asks, what is asked, and the answer.
async fn route_to(context: &Context, route: Route, query: &str) -> Result<Reply, ApiError> {
    let Some(role) = route.role() else {
        return Ok(healthz::healthz(&context.env));
    };
    let headers = context.request.headers();
    let caller: &Caller = authorize(
        &context.config,
        headers.get("authorization").as_deref(),
        role,
    )?;
    let body = if route.reads_body() {
        request::body(&context.request, &headers).await?
    } else {
        String::new()
    };
    match route {
        Route::Healthz => Ok(healthz::healthz(&context.env)),
        Route::Limit => limit::limit(context, caller, &body).await,
        Route::Acquire => limit::acquire(context, caller, &body).await,
        Route::Multi => multi::multi(context, caller, &body).await,
        Route::Status => subject::status(context, caller, query).await,
        Route::Reset => subject::reset(context, caller, query).await,
        Route::Block => block::block(context, caller, &body).await,
        Route::Renew => permit::renew(context, caller, &body).await,
        Route::Release => permit::release(context, caller, &body).await,
    }
}
