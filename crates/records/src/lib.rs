//! Recorded use of policies: how isolates collect it and send it, how it is kept, and what a
//! preview tells of it. No I/O and no clock.
//!
//! | modules | what they are |
//! |---|---|
//! | [`preview`] | what a policy would have decided of what is kept, in JSON |
//! | [`keeper`] | takes in what isolates send, and keeps it within its bounds |
//! | [`recorder`] | what one isolate collects, and of whom |
//! | [`message`] | what is said to the object that keeps it |
//! | [`chunk`] | what is sent at once, as text |
//! | [`busiest`] | who asks most, in all isolates |
//! | [`sketch`] | who asks most, in little memory |
//! | [`channel`] | parcels that count once, whatever gets lost |
//! | `under` | which overrides were over the head of a call |
//! | [`sampling`] | whom all isolates record |
//! | [`pseudonym`] | who a recorded subject is, told to nobody |
#![forbid(unsafe_code)]

pub mod busiest;
pub mod channel;
pub mod chunk;
pub mod keeper;
pub mod message;
pub mod preview;
pub mod pseudonym;
pub mod recorder;
pub mod sampling;
pub mod sketch;
mod under;
