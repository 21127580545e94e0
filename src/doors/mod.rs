//! How each thing outside of the Worker is reached: objects, KV, native rate-limit bindings.
//! Nothing else uses stubs and bindings. Every door waits for at most a time that it is given, and
//! answers with a [`Failure`] in place of an exception.

#[cfg(target_arch = "wasm32")]
pub(crate) mod binding;
#[cfg(target_arch = "wasm32")]
pub(crate) mod directory;
mod failure;
#[cfg(target_arch = "wasm32")]
pub(crate) mod keyspace;
#[cfg(target_arch = "wasm32")]
pub(crate) mod kv;
#[cfg(target_arch = "wasm32")]
pub(crate) mod limiter;
#[cfg(target_arch = "wasm32")]
mod object;

pub use failure::Failure;
