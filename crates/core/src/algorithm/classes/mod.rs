//! A bucket that several classes share: one bucket, divided.
//!
//! Each class owns a part of the capacity, in proportion to its weight among the classes that are
//! here, and is charged for what it takes. What comes back is handed to the classes that lack
//! something, in proportion to their weights: what a full one does not take is the others'. So all
//! parts together are always what the undivided bucket has, and no more is ever admitted than by
//! that one.
//!
//! **Coming and going.** A class that comes takes its part of what the others have beyond their
//! new, smaller parts, and owes the rest: no unit is made. A class stays until it has been full for
//! [`STAYS`]; then its part is the others'.
//!
//! **More than its part.** A cost above a class's own part is admitted when the class is full and
//! the bucket has that much; it is owed out of the class's part alone. A class that was refused so
//! may fill up to that cost, its *brim*, so that it gets there while others take all of theirs. It
//! never keeps others from theirs: each has its part of the rate until it is full, also where the
//! bucket is full by what one has beyond its part. Then that one pays it, until all are full.
//!
//! **What all owe.** What the whole lacks and no class does, such as what a closed gate has spent
//! beyond the capacity, is paid first, by all alike: no class gets anything before.
//!
//! **Short of what classes have.** While one owes, the bucket has less than the others do together.
//! Then they take in the order in which they would have paid from their parts of the rate.
//!
//! **Exact in whole numbers.** A part ([`crate::limit::Shape`]) has [`class::GRAINS`] grains, and
//! what comes back is handed out in steps: in each step a class gets as many grains as its weight,
//! or what it lacks. How many steps have been made depends on what has come back alone, so it does
//! not matter how often one looks. What is too little for a step is kept as `coming`: less than a
//! part, because all weights together are less than its grains.

mod charged;
mod class;
mod full;
mod join;
mod kept;
mod ladder;
mod refill;
mod room;
mod share;

pub use charged::Payer;
pub use class::{Class, Classes, MAX_CLASSES, STAYS};
pub use share::Share;
