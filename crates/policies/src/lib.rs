//! The named policies of one namespace: their versions, what extends what, and each
//! change. No I/O and no clock.
//!
//! | modules | what they are |
//! |---|---|
//! | [`message`] | what is said to the object that keeps them, and what it answers |
//! | [`snapshot`] | all of them as an isolate has them, and what it is sent |
//! | [`book`] | all of them as their object has them, and each change |
//! | [`refused`] | why a change is refused |
//! | [`bounds`] | how much a namespace may keep |
#![forbid(unsafe_code)]

pub mod book;
pub mod bounds;
pub mod message;
pub mod refused;
pub mod snapshot;
