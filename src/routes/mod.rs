//! What each route does with a request whose caller is known and whose body is read: parse, decide,
//! render. None of them knows objects, storage or the runtime.

pub(crate) mod block;
pub(crate) mod health;
pub(crate) mod limit;
pub(crate) mod multi;
pub(crate) mod permits;
pub(crate) mod subject;
pub(crate) mod upstash;
