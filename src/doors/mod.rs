//! How each thing outside of the Worker is reached: objects, KV, native rate-limit bindings, and
//! what the platform knows of the deployed version. Nothing else uses stubs and bindings; settings,
//! which are text, are read in `settings`. A door that waits does so for at most a time that it is
//! given, and answers with a [`Failure`] in place of an exception.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // the one place that uses bindings

#[cfg(target_arch = "wasm32")]
pub(crate) mod binding;
#[cfg(target_arch = "wasm32")]
pub(crate) mod directory;
mod failure;
#[cfg(target_arch = "wasm32")]
pub(crate) mod here;
#[cfg(target_arch = "wasm32")]
pub(crate) mod keyspace;
#[cfg(target_arch = "wasm32")]
pub(crate) mod kv;
#[cfg(target_arch = "wasm32")]
pub(crate) mod limiter;
#[cfg(target_arch = "wasm32")]
mod object;
#[cfg(target_arch = "wasm32")]
pub(crate) mod policies;
#[cfg(target_arch = "wasm32")]
pub(crate) mod records;
#[cfg(target_arch = "wasm32")]
pub(crate) mod version;

pub use failure::Failure;
#[cfg(target_arch = "wasm32")]
pub(crate) use object::Asker;
