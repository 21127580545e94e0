//! A simulator of Tollgate on one thread, in which every run can be repeated: the core's own
//! machines, and around them isolates, objects, clocks, a network and storage that go wrong.
//!
//! - Every object is a [`SubjectState`](tollgate_core::subject_state::SubjectState) with rows that
//!   are durable some time after they were written; its answers wait until then. It crashes before
//!   and after, sleeps, wakes on another machine with another clock, and has alarms.
//! - Every isolate decides as the Worker's does: by refusals that it remembers and by asking, or by
//!   counts that it merges through KV.
//! - After every event what has to hold is judged by arithmetic that shares nothing with the
//!   core's.
//!
//! A run is a [`Scenario`] and a seed. The same two give the same events.
#![forbid(unsafe_code)]

mod arrivals;
mod clocks;
mod fault;
mod hasher;
mod isolate;
mod judge;
mod kv;
mod object;
mod queue;
mod recent;
mod report;
mod rule;
mod scenario;
mod scenarios;
mod slab;
mod store;
mod trouble;
mod world;

pub use fault::Fault;
pub use report::{table, thousands, Tally};
pub use rule::{Kind, Rule};
pub use scenario::{Mode, Network, Phase, Scenario, Subjects, Troubles};
pub use scenarios::{named, ALL, TEN_MILLION};

/// Runs a scenario to its end. An error says what did not hold, and when.
pub fn run(scenario: Scenario, seed: u64) -> Result<Tally, String> {
    world::World::new(scenario, seed)?.run()
}
