//! Tollgate: the Worker. It reads requests, names the object that owns the state, asks it once, and writes answers; every decision is
//! made by [`tollgate_core`], inside the object.
//!
//! One `POST /limit`, and who does what:
//!
//! 1. [`fetch`] hands the request to `handlers`; [`router`] knows the path, [`auth`] the caller, `handlers::request` reads the body.
//! 2. `handlers::limit` reads the JSON through the core, or stops with an [`error::ApiError`].
//! 3. [`placement`] names the object; `isolate` may remember that it refuses; else `limiter_client` asks it, within the deadline.
//! 4. `limiter_object` reads its clock once, lets the core decide on the state in its memory, and `limiter_store` writes ahead.
//! 5. `handlers` write body and [`headers`]; [`telemetry`] is told, and writes its log afterwards.
//!
//! When the object does not answer, [`tollgate_core::shares`] does what the policy's failure mode says.
//!
//! Modules that talk to the runtime exist on wasm32 only; the others are pure and tested natively.

pub mod auth;
pub mod config;
pub mod directory;
pub mod doors;
pub mod error;
pub mod headers;
pub mod http;
pub mod placement;
pub mod reply;
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
mod isolate;
#[cfg(target_arch = "wasm32")]
pub mod objects;
#[cfg(target_arch = "wasm32")]
mod routes;
#[cfg(target_arch = "wasm32")]
mod settings;
#[cfg(target_arch = "wasm32")]
mod task;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen::prelude::*;

/// The Worker's entry: called by src/entry.js with the request, the environment and the event. Its promise never rejects.
#[cfg(target_arch = "wasm32")]
#[wasm_bindgen]
pub fn fetch(request: JsValue, env: worker::Env, execution: JsValue) -> JsValue {
    task::spawn(http::serve(
        request.unchecked_into(),
        env,
        execution.unchecked_into(),
    ))
}

/// For the tests that run several builds side by side: what `__tollgateVersions` says, how many versions later forms are written and read.
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
