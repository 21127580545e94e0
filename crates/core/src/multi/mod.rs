//! Requests over several subjects, all or nothing: which objects are asked, in what order, what is
//! taken back, and what is answered.
//!
//! Entries of one object go to it in one call, which it decides all or nothing by itself.
//!
//! 1. If the isolate remembers that an entry is refused, nothing is charged: the others are only
//!    asked how they stand.
//! 2. Objects whose last answer was a refusal of their own are asked first and alone. A request
//!    that is always refused then charges nobody.
//! 3. The other objects are asked at once, but those whose entries all give units back only when
//!    all others have admitted: no cancellation takes a refund back. In place of an object that
//!    does not answer, the failure modes of its entries decide.
//! 4. If every refusal is [contended](crate::decision::Decision::contended) and there is time, the
//!    charges are taken back and every object is asked once more, one after the other in the order
//!    of their names. That answer is final.
//! 5. If the request is refused, what the objects have charged is cancelled and what failure modes
//!    gave out is given back. Objects that have charged or were not asked say how they stand, where
//!    each entry is to be answered. Where a refusal is all that is to be told, nobody waits for the
//!    cancellations.
//!
//! Because all requests take the objects in one order in step 4, one of two requests that contend
//! is admitted, and one of any that begin at once, provided that their messages take about the same
//! time. A third one that begins just when two others are in step 4 can be refused because of the
//! one and refuse the other.
//!
//! This module is pure: [`Multi`] is told of [`Event`]s and answers with [`Effect`]s, which the
//! caller carries out. The order of steps 2 to 4 alone is a [`Plan`]. If the caller dies in
//! between, units stay charged until their windows pass: never above any limit.

mod effect;
mod entry;
mod event;
mod levels;
mod object;
mod plan;
mod replies;
mod request;
mod rounds;
mod time;

pub use effect::{deciding, Decided, Effect, Message};
pub use entry::Asked;
pub use event::{Event, Reply};
pub use levels::{whole, Whole};
pub use plan::{Charged, Next, ObjectAnswer, Plan, Round, Verdict};
pub use request::{Multi, Terms};
pub use time::Time;

#[cfg(test)]
mod tests;
