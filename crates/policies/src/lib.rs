//! The named policies of one namespace: their versions, what extends what, and each change. No I/O
//! and no clock.
//!
//! | modules | what they are |
//! |---|---|
//! | [`service`] | answers calls, on all policies in memory and the storage that keeps them |
//! | [`body`] | the bodies of answers, in JSON |
//! | [`message`] | what is said to the object that keeps them, and what it answers |
//! | [`copies`] | the same of all namespaces |
//! | [`copy`] | all of them in an isolate's memory, and how long that is good for |
//! | [`snapshot`] | all of them as an isolate has them, and what it is sent |
//! | [`deployed`] | policies that the deployment brings, where none is stored |
//! | [`history`] | what is kept of changes, and the storage as the service sees it |
//! | [`book`] | all of them as their object has them, and each change |
//! | [`content`], [`overrides`] | what is kept of a policy, and of an override |
//! | [`stage`] | what the audit says of subjects' stages |
//! | [`precondition`] | what has to hold for a change to be made |
//! | [`presets`] | what providers bear, as policies to begin with |
//! | [`circles`] | what a policy stands on never leads back to it |
//! | [`refused`] | why a change is refused |
//! | [`bounds`] | how much a namespace may keep |
#![forbid(unsafe_code)]

pub mod body;
pub mod book;
pub mod bounds;
pub mod circles;
pub mod content;
pub mod copies;
pub mod copy;
pub mod deployed;
pub mod history;
mod levels;
pub mod message;
pub mod overrides;
pub mod precondition;
pub mod presets;
pub mod refused;
pub mod service;
pub mod snapshot;
pub mod stage;
