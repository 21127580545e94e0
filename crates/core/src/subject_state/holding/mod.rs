//! What is done with permits that hold units ([`super::holds`]): they are taken, topped up, ended,
//! and other objects are told how.

mod ending;
mod outcome;
mod taking;
mod topup;

pub use ending::{Settled, Share};
pub use outcome::{Notice, Outcome};
pub use taking::limits_held;
pub use topup::{Topped, Topup, TopupStep};
