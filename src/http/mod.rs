//! From the runtime's request to its answer: the flow that all routes share.

#[cfg(target_arch = "wasm32")]
pub(crate) mod asked;
pub mod body;
#[cfg(target_arch = "wasm32")]
mod cors;
#[cfg(target_arch = "wasm32")]
mod dispatch;
#[cfg(target_arch = "wasm32")]
mod request;
#[cfg(target_arch = "wasm32")]
mod response;
#[cfg(target_arch = "wasm32")]
pub(crate) mod rpc;
#[cfg(target_arch = "wasm32")]
mod serve;

pub mod router;

#[cfg(target_arch = "wasm32")]
pub(crate) use serve::serve;
