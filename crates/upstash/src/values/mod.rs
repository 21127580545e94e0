//! What a key holds, in memory and as rows, and the numbers that it may be.

pub mod bytes;
mod exact;
pub(crate) mod extended;
mod natural;
pub mod number;
pub mod order;
mod scan;
pub mod table;
pub mod value;
