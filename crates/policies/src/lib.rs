//! The named policies of one namespace: their versions, what extends what, and how an isolate learns
//! of a change. No I/O and no clock.
//!
//! | modules | what they are |
//! |---|---|
//! | [`message`] | what is said to the object that keeps them, and what it answers |
//! | [`snapshot`] | all of them as an isolate has them |
//! | [`book`] | all of them as their object has them, and each change |
//! | [`refused`] | why a change is refused |
#![forbid(unsafe_code)]

pub mod book;
pub mod message;
pub mod refused;
pub mod snapshot;
