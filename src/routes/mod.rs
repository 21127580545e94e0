//! One file per route. A route gets the authorized caller and the body; it parses, decides and
//! renders. Routes do not know objects, storage or the runtime.

pub(crate) mod block;
pub(crate) mod health;
pub(crate) mod limit;
pub(crate) mod multi;
pub(crate) mod permits;
pub(crate) mod subject;
pub(crate) mod upstash;
