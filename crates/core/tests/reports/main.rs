//! What callers report of upstreams: a refusal closes the gate for everybody, what the upstream
//! tells of its limits takes units away, and what one report does is bounded.

#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;

mod adapt;
mod breaker;
mod calls;
mod gate;
mod pace;
mod remains;
mod said;
mod whatever;
