//! The texts of definitions and states, in rows and in messages.
//!
//! A stored row holds the definition beside the state, so a build can show and continue it without
//! the request or the policy that created it.

mod classes;
mod costs;
mod granted;
mod kept;
mod later;
mod limit;
mod lost;
mod outbound;
mod penalty;
mod places;
mod policy;
mod schedule;
mod slots;
mod state;
mod weights;

pub use costs::{costs_text, get_costs, get_real, put_real};
pub(crate) use costs::{get_limit_names, put_limit_names};
pub(crate) use kept::{get_admission, put_admission};
pub(crate) use later::{get_later, put_later};
pub use limit::{get_limit, put_limit};
pub use lost::{get_lost, put_lost};
pub use policy::{
    get_policy, get_reference, get_version, put_limits_of, put_policy, put_reference, put_version,
};
pub(crate) use slots::{get_slots, slots_text};
pub use state::{get_state, put_state};
pub(crate) use weights::{get_class, put_class};

use tollgate_versions::Versions;

use crate::codec::{Line, Unreadable};
use crate::Timestamp;

/// The versions of stored rows.
pub const ROWS: Versions = Versions::new(1);

fn instant(line: &Line, key: &'static str) -> Result<Timestamp, Unreadable> {
    line.needed(key).map(Timestamp::from_millis)
}

/// The parts of a list under `key`; none where there is no such field.
pub(crate) fn items<'a>(line: &Line<'a>, key: &str) -> impl Iterator<Item = &'a str> {
    line.get(key)
        .unwrap_or("")
        .split(',')
        .filter(|item| !item.is_empty())
}
