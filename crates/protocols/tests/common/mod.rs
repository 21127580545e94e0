//! What the models share: a limit, an object with its storage, and the Worker that asks several.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "no test uses all of it, and a panic is a failure"
)]

pub(crate) mod object;
pub(crate) mod wire;
pub(crate) mod worker;

use stateright::{Checker, HasDiscoveries, Model};
use tollgate_core::algorithm::state::Moment;
use tollgate_core::calendar::UtcOnly;
use tollgate_core::limit::Window;
use tollgate_core::policy::Policy;
use tollgate_core::{Algorithm, Duration, Limit, Timestamp};

/// The units of each object's limit.
pub(crate) const LIMIT: u64 = 3;
/// A Monday in 2027, and a multiple of the window.
const START: u64 = 1_798_848_000_000;
/// The clocks go on by so much: as long as a permit is held, and far longer than any message of a
/// request takes.
pub(crate) const TICK: Duration = Duration::from_secs(60);

/// The moment at which a clock shows so many ticks.
pub(crate) fn moment(clock: u64) -> Moment<'static> {
    Moment {
        now: Timestamp::from_millis(START + clock * TICK.as_millis()),
        zones: &UtcOnly,
    }
}

/// The policy of every object: its window does not turn here, and its rows never run ahead of the
/// real use, so that a crash leaves exact numbers.
pub(crate) fn policy() -> Policy {
    let year = Duration::from_secs(52 * 7 * 86_400);
    let window = Algorithm::FixedWindow(Window::new(LIMIT, year).unwrap());
    let policy = Policy::new(vec![Limit::new(None, window)]).unwrap();
    policy.with_write_ahead(1).unwrap()
}

/// Explores every state of a model; all of its properties hold.
pub(crate) fn check<M>(model: M)
where
    M: Model + Send + Sync + 'static,
    M::State: core::fmt::Debug + core::hash::Hash + Clone + PartialEq + Send + Sync + 'static,
    M::Action: core::fmt::Debug + Clone + PartialEq + Send + Sync + 'static,
{
    let checker = model.checker().threads(2);
    let done = checker.finish_when(HasDiscoveries::AnyFailures);
    let done = done.spawn_bfs().join();
    println!(
        "{} states in {} steps, at most {} after the first",
        done.unique_state_count(),
        done.state_count(),
        done.max_depth()
    );
    done.assert_properties();
}

/// A wrong model: the checker finds that this property does not hold.
pub(crate) fn refute<M>(model: M, property: &'static str)
where
    M: Model + Send + Sync + 'static,
    M::State: core::fmt::Debug + core::hash::Hash + Clone + PartialEq + Send + Sync + 'static,
    M::Action: core::fmt::Debug + Clone + PartialEq + Send + Sync + 'static,
{
    let checker = model.checker().threads(2);
    let done = checker.finish_when(HasDiscoveries::AnyOf([property].into()));
    let done = done.spawn_bfs().join();
    let found = done.discovery(property).is_some();
    assert!(
        found,
        "{} states do not refute: {property}",
        done.unique_state_count()
    );
}
