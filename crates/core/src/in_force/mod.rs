//! What is in force at an instant of the definitions whose numbers change by themselves
//! ([`crate::limit::schedule`]), and until when: a pure function of definition, subject and time.

mod limit;
mod policy;
mod steps;
