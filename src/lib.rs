//! Tollgate: the Worker. It reads requests, names the object that owns the state, asks it once, and
//! writes answers. Everything that decides is in [`tollgate_core`].
//!
//! One `POST /limit`, in the order in which its files are entered; docs/architecture.md also names
//! the helpers that each of them calls:
//!
//! 1. `entry.js` calls [`fetch`], which begins a task; `http::serve` is its flow.
//! 2. [`http::router`] knows the path, [`auth`] the caller, `http::request` reads the body.
//! 3. `routes::limit` reads the JSON through the core, or stops with an [`error::ApiError`].
//! 4. `decide` finds the place where the policy is decided; `decide::object` asks the subject's
//!    object, unless the isolate remembers that it refuses.
//! 5. `doors::limiter` calls the object, within the deadline.
//! 6. `objects::rate_limit` begins an event; `objects::subject` has the core decide on the state in
//!    its memory, and writes rows ahead.
//!
//! On the way back `decide::outcome` tells [`telemetry`] and shows the decision as JSON and
//! [`headers`], and `http::response` makes the answer.
//!
//! When the object does not answer, `decide::fallback` does what the policy's failure mode says.
//!
//! What may use what: `http` → `routes` → `decide` → [`doors`] → `hot`, and `objects` →
//! `objects::rows`; everything may use the core and what is plain data here ([`config`], [`error`],
//! [`headers`], [`placement`], [`reply`]). Nothing uses what stands above it; a test holds that.
//!
//! Modules that talk to the runtime exist on wasm32 only; the others are pure and tested natively.

pub mod auth;
pub mod config;
pub mod directory;
pub mod doors;
pub mod error;
pub mod headers;
pub mod http;
pub mod openapi;
pub mod placement;
pub mod reply;
pub mod schema;
pub mod task_table;
pub mod telemetry;

#[cfg(target_arch = "wasm32")]
mod clock;
#[cfg(target_arch = "wasm32")]
mod context;
#[cfg(target_arch = "wasm32")]
mod decide;
#[cfg(target_arch = "wasm32")]
mod hot;
#[cfg(target_arch = "wasm32")]
pub mod instance;
#[cfg(target_arch = "wasm32")]
mod isolate;
#[cfg(target_arch = "wasm32")]
pub mod objects;
#[cfg(target_arch = "wasm32")]
mod recording;
#[cfg(target_arch = "wasm32")]
mod routes;
#[cfg(target_arch = "wasm32")]
mod settings;
#[cfg(target_arch = "wasm32")]
mod task;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen::prelude::*;

#[cfg(target_arch = "wasm32")]
use http::asked::Asked;
#[cfg(target_arch = "wasm32")]
use objects::rate_limit::RateLimitDO;

/// The Worker's entry: called by src/entry.js with the request, the environment and the event. Its
/// promise never rejects.
#[cfg(target_arch = "wasm32")]
#[wasm_bindgen]
pub fn fetch(request: JsValue, env: worker::Env, execution: JsValue) -> JsValue {
    task::spawn(http::serve(
        request.unchecked_into(),
        env,
        execution.unchecked_into(),
        Asked::Worker,
    ))
}

/// The entry of requests to a subject's object itself, as [`fetch`].
#[cfg(target_arch = "wasm32")]
#[wasm_bindgen]
pub fn fetch_object(
    object: &RateLimitDO,
    request: JsValue,
    env: worker::Env,
    execution: JsValue,
) -> JsValue {
    task::spawn(http::serve(
        request.unchecked_into(),
        env,
        execution.unchecked_into(),
        Asked::Object(object.here()),
    ))
}

/// The entry of calls over a service binding: the method and path of a route, the question as JSON,
/// the token and the binding's `props` where there are any, and what stands for a request. What the
/// caller chose is a value and not a string: one that is no text would end the wasm instance. Its
/// promise never rejects; it is a text, or a response where the call broke off.
#[cfg(target_arch = "wasm32")]
#[wasm_bindgen]
#[allow(
    clippy::too_many_arguments,
    reason = "each is a crossing of its own, in one call"
)]
pub fn rpc(
    method: String,
    path: String,
    question: &JsValue,
    token: &JsValue,
    props: String,
    request: JsValue,
    env: worker::Env,
    execution: JsValue,
) -> JsValue {
    let called = http::rpc::Called {
        method,
        path,
        question: question.as_string(),
        token: token.as_string(),
        props,
        asked: Asked::Worker,
        request: request.unchecked_into(),
    };
    task::spawn(http::rpc::serve(called, env, execution.unchecked_into()))
}

/// The entry of calls to a subject's object itself, as [`rpc`]: nobody has to say who he is.
#[cfg(target_arch = "wasm32")]
#[wasm_bindgen]
#[allow(
    clippy::too_many_arguments,
    reason = "each is a crossing of its own, in one call"
)]
pub fn rpc_object(
    object: &RateLimitDO,
    method: String,
    path: String,
    question: &JsValue,
    request: JsValue,
    env: worker::Env,
    execution: JsValue,
) -> JsValue {
    let called = http::rpc::Called {
        method,
        path,
        question: question.as_string(),
        asked: Asked::Object(object.here()),
        token: None,
        props: String::new(),
        request: request.unchecked_into(),
    };
    task::spawn(http::rpc::serve(called, env, execution.unchecked_into()))
}

/// The answer to a request that has ended the wasm instance before it first waited; given by the
/// next instance.
#[cfg(target_arch = "wasm32")]
#[wasm_bindgen]
pub fn broken_off() -> JsValue {
    // `drive` in src/hot.js answers in its place.
    task::spawn(async { JsValue::NULL })
}

/// For the tests that run several builds side by side: what `__tollgateVersions` says, how many
/// versions later forms are written and read.
#[cfg(all(target_arch = "wasm32", feature = "other-versions"))]
#[wasm_bindgen(start, private)]
fn pretend() {
    #[wasm_bindgen(
        inline_js = "export const later = (i) => globalThis.__tollgateVersions?.[i] ?? 0;"
    )]
    extern "C" {
        fn later(i: u32) -> u32;
    }
    tollgate_versions::pretended::pretend(later(0), later(1));
}
