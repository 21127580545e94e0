//! The handling of one call over a service binding (`env.TOLLGATE.limit(…)`): no request, no
//! response and no headers, but the same routes, reader and bodies as over HTTP.

use tollgate_core::api::query;
use wasm_bindgen::JsValue;
use worker::Env;

use super::asked::Asked;
use super::body::MAX_BODY;
use super::dispatch::dispatch;
use super::router::{Api, Route};
use crate::auth::{by_token, unauthorized, Caller};
use crate::config::{of_props, Config};
use crate::context::{self, Context};
use crate::error::{ApiError, Code};
use crate::hot::{ExecutionContext, Headers, Request};
use crate::reply::Reply;
use crate::settings;

/// A call, as src/entry.js makes it of a method and its arguments.
pub(crate) struct Called {
    /// The method of the route.
    pub(crate) method: String,
    /// The path of the route.
    pub(crate) path: String,
    /// The question, JSON; `None` where JSON cannot say it.
    pub(crate) question: Option<String>,
    /// What he asks.
    pub(crate) asked: Asked,
    /// The token that the caller gave; empty where he gave none, `None` where it was no text.
    pub(crate) token: Option<String>,
    /// The `props` of the binding, JSON; empty where there are none.
    pub(crate) props: String,
    /// What stands for a request that there is not: its headers are empty, and nobody leaves.
    pub(crate) request: Request,
}

/// Answers one call: the status and the body, with a line break between them.
pub(crate) async fn serve(called: Called, env: Env, execution: ExecutionContext) -> JsValue {
    let parsed = settings::of(&env);
    let headers = called.request.headers();
    let reply = match parsed.as_ref() {
        Ok(config) => answer(called, config, &env, (&headers, &execution)).await,
        Err(invalid) => {
            settings::log(invalid);
            Err(ApiError::from(invalid))
        }
    };
    let (status, body) = match reply {
        Ok(reply) => (reply.status, reply.body),
        Err(error) => {
            let id = context::request_id(&headers);
            (error.code().status(), error.to_json(&id))
        }
    };
    JsValue::from_str(&format!("{status}\n{body}"))
}

async fn answer(
    called: Called,
    config: &Config,
    env: &Env,
    (headers, execution): (&Headers, &ExecutionContext),
) -> Result<Reply, ApiError> {
    let here = called.asked.here()?;
    let Route::Api(route, name) = Route::find(&called.method, &called.path)? else {
        // Not reached: entry.js names routes of the API alone.
        return Err(ApiError::new(Code::NotFound, "There is no such method."));
    };
    let bound;
    let caller = if let Some(here) = here {
        bound = Caller::of_object(here.namespace());
        &bound
    } else {
        let token = called.token.as_deref();
        let token = token.ok_or_else(|| unauthorized("The token has to be a text."))?;
        if token.is_empty() {
            bound = of_binding(&called.props, config)?;
            bound.may(route.role())?
        } else {
            by_token(settings::callers(config)?, token, route.role())?
        }
    };
    let question = checked(called.question)?;
    let (query, body) = match route {
        Api::Status | Api::Reset => (query::from_body(&question)?.to_text(), String::new()),
        _ => (String::new(), question),
    };
    let context = Context {
        caller,
        config,
        env,
        request: &called.request,
        headers,
        execution,
        here,
        deadline: config.deadline(),
        known: None,
        later: None,
    };
    dispatch(&context, (route, name), &query, body).await
}

/// The question, if it is one.
fn checked(question: Option<String>) -> Result<String, ApiError> {
    let question = question.ok_or_else(|| {
        let detail = "The question must be one that JSON can say: an object of texts, numbers, truth values, lists and objects.";
        ApiError::new(Code::InvalidJson, detail).with_field("body")
    })?;
    if question.len() > MAX_BODY {
        let detail = format!("The question must be at most {MAX_BODY} bytes long.");
        return Err(ApiError::new(Code::BodyTooLarge, detail));
    }
    Ok(question)
}

/// Who is behind a binding.
fn of_binding(props: &str, config: &Config) -> Result<Caller, ApiError> {
    if props.is_empty() || !config.believes_props() {
        let detail = "Give a token as the second argument, or have the Worker believe the `props` of its bindings: `TOLLGATE_BINDINGS` set to `props`.";
        return Err(unauthorized(detail));
    }
    of_props(props).map_err(|why| {
        let detail = format!("The `props` of the binding cannot be used: {why}");
        unauthorized(&detail)
    })
}
