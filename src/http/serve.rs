//! The handling of one request: 1 route, 2 caller, 3 body, 4 the route's reply, 5 response.

use std::rc::Rc;

use tollgate_upstash::protocol::Form;
use wasm_bindgen::JsValue;
use worker::Env;

use super::asked::Asked;
use super::body::{check_type, MAX_BODY};
use super::cors::Cors;
use super::dispatch::dispatch;
use super::request::{self, Head, Unread};
use super::response;
use super::router::{methods_of, split_url, Api, Route};
use crate::auth::{authorize, Caller};
use crate::config::{Config, InvalidSetting};
use crate::context::{self, Context};
use crate::doors::here::Here;
use crate::error::{ApiError, Code};
use crate::hot::{self, ExecutionContext, Headers, Request};
use crate::reply::Reply;
use crate::routes::{health, limit, policies, upstash};
use crate::settings;
use crate::task::settled;

/// Answers one request. The unread rest of the body is drained first, so that a client that is
/// still sending can read the answer.
pub(crate) async fn serve(
    request: Request,
    env: Env,
    execution: ExecutionContext,
    asked: Asked,
) -> JsValue {
    let parsed = settings::of(&env);
    let config = parsed.as_ref().as_ref();
    let headers = request.headers();
    let lines = hot::head(&request, &headers);
    let head = Head::parse(&lines);
    let (path, query) = split_url(head.url);
    let incoming = Incoming {
        request: &request,
        headers: &headers,
        head: &head,
        query,
        env: &env,
        execution: &execution,
        here: asked.here().unwrap_or(None),
    };
    let cors = match config {
        Ok(config) => Cors::of(config, &headers),
        Err(invalid) => {
            settings::log(invalid);
            Cors::default()
        }
    };
    if head.method == "OPTIONS" && cors.allows() {
        if let Some(methods) = methods_of(path) {
            return drained(&request, response::of_preflight(methods, &cors)).await;
        }
    }
    let route = match asked.here() {
        Ok(Some(_)) => Route::find_in_object(head.method, path),
        Ok(None) => Route::find(head.method, path),
        Err(error) => Err(error),
    };
    let reply = match (route, config) {
        (Ok(Route::Api(route, name)), Ok(config)) => {
            match incoming.api(route, name, config).await {
                // The body has been read. This is the usual case, without further checks.
                Ok(reply) if route.reads_body() => return response::of_reply(&reply, &cors),
                reply => reply,
            }
        }
        (Ok(Route::Healthz), _) => Ok(health::healthz(&context::version(&env))),
        (Ok(Route::Schema), _) => Ok(policies::schema()),
        (Ok(Route::OpenApi), _) => Ok(health::openapi()),
        // Boxed: the first request waits until all functions that it calls are compiled, with
        // whatever is inlined into them.
        (Ok(Route::Redis(form)), config) => {
            let answer = Box::pin(incoming.redis(form, config, &cors)).await;
            return drained(&request, answer).await;
        }
        (_, Err(invalid)) => Err(ApiError::from(invalid)),
        (Err(error), _) => Err(error),
    };
    let answer = match reply {
        Ok(reply) => response::of_reply(&reply, &cors),
        Err(error) => response::of_problem(&error, &context::request_id(&headers), &cors),
    };
    drained(&request, answer).await
}

/// The response, after the rest of the body has been drained.
async fn drained(request: &Request, answer: JsValue) -> JsValue {
    let draining = hot::drain(request);
    if !draining.is_undefined() {
        let _ = settled(draining).await; // it never rejects
    }
    answer
}

/// A request with its route.
struct Incoming<'a> {
    request: &'a Request,
    headers: &'a Headers,
    head: &'a Head<'a>,
    query: &'a str,
    env: &'a Env,
    execution: &'a ExecutionContext,
    /// The object that was asked itself, if one was.
    here: Option<&'a Rc<dyn Here>>,
}

impl Incoming<'_> {
    /// The reply of an API route, if the caller's role allows it.
    async fn api(&self, route: Api, name: &str, config: &Config) -> Result<Reply, ApiError> {
        let of_object;
        let caller = match self.here {
            Some(here) => {
                of_object = Caller::of_object(here.namespace());
                &of_object
            }
            None => {
                let callers = settings::callers(config)?;
                authorize(callers, self.head.authorization, route.role())?
            }
        };
        let is_query = route == Api::Limit && !self.query.is_empty();
        let body = if is_query {
            let detail = "Send the check in the query or in the body, not in both.";
            self.no_body(detail).await?
        } else if route.refuses_body() {
            let detail = "This request has no body: the path and the query say it all.";
            Box::pin(self.no_body(detail)).await?
        } else if route.reads_body() {
            check_type(self.head.content_type)?;
            let body = request::body(self.request, self.head, MAX_BODY).await;
            request::text(body.map_err(|unread| unread.error(MAX_BODY))?)?
        } else {
            String::new()
        };
        let context = Context {
            caller,
            config,
            env: self.env,
            request: self.request,
            headers: self.headers,
            execution: self.execution,
            here: self.here,
            deadline: config.deadline(),
            known: None,
            later: None,
        };
        match is_query {
            true => limit::by_query(&context, self.query).await,
            false => dispatch(&context, (route, name), self.query, body).await,
        }
    }

    /// Makes sure that there is no body; `detail` says why there may be none.
    async fn no_body(&self, detail: &str) -> Result<String, ApiError> {
        if request::is_empty(self.request, self.head, MAX_BODY).await {
            return Ok(String::new());
        }
        Err(ApiError::new(Code::InvalidField, detail).with_field("body"))
    }

    /// The response to a request of the Upstash protocol. Errors have the protocol's form too,
    /// because its clients read no other.
    async fn redis(
        &self,
        form: Form<'_>,
        config: Result<&Config, &InvalidSetting>,
        cors: &Cors,
    ) -> JsValue {
        let answered = match upstash::begin(form, self.headers, self.query, config) {
            Err(refused) => refused,
            Ok(asked) => match request::body(self.request, self.head, upstash::MAX_BODY).await {
                Ok(body) => asked.answer(self.env, &body).await,
                Err(Unread::TooLarge) => upstash::too_large(),
                Err(Unread::Broken) => upstash::broken(),
            },
        };
        let lines = [upstash::header_lines(form, &answered), cors.lines()].concat();
        response::of_lines(answered.status, &answered.body, &lines)
    }
}
