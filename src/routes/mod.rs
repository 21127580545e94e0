//! The routes, those of one meaning in one file. A route of the API gets the authorized caller and
//! the body; it parses, has `decide` decide, and renders. [`upstash`] finds the caller itself,
//! because its refusals have the protocol's form.
//!
//! Routes open no door: they know neither stubs nor bindings nor storage.

pub(crate) mod block;
pub(crate) mod health;
pub(crate) mod limit;
pub(crate) mod multi;
pub(crate) mod overrides;
pub(crate) mod permits;
pub(crate) mod policies;
pub(crate) mod presets;
pub(crate) mod report;
pub(crate) mod stage;
pub(crate) mod subject;
pub(crate) mod subjects;
pub(crate) mod upstash;
