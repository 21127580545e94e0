//! The scenarios that `simulate` runs.

mod by_isolates;
mod strong;

pub use strong::TEN_MILLION;

use by_isolates::{EVENTUAL, EVENTUAL_ENDS, LEASED, LEASED_ENDS, LEASED_ROUGH, LEASED_SURGE};
use strong::{
    BURSTS, CRASHES, DEPLOYS, HOT_KEY, KILLS, PASSERS_BY, SLEEPERS, STEADY, SURGE, TENANTS,
};

use crate::scenario::Scenario;

/// Those that are run one after the other.
pub const ALL: [Scenario; 16] = [
    STEADY,
    BURSTS,
    SURGE,
    TENANTS,
    HOT_KEY,
    CRASHES,
    KILLS,
    SLEEPERS,
    PASSERS_BY,
    DEPLOYS,
    LEASED,
    LEASED_SURGE,
    LEASED_ENDS,
    LEASED_ROUGH,
    EVENTUAL,
    EVENTUAL_ENDS,
];

/// The scenario of this name.
pub fn named(name: &str) -> Option<Scenario> {
    let mut all = ALL.into_iter().chain([TEN_MILLION]);
    all.find(|scenario| scenario.name == name)
}
