//! The pure core of Tollgate: limits, policies, decisions, and all that one subject's object keeps.
//!
//! No I/O, no clock, no randomness: time and random bits are arguments, stored rows are values. The
//! same code runs in the Worker, in native tests, in simulations and on the command line.
//!
//! One subject may ask once a minute. It is admitted, then refused, and told how long to wait:
//!
//! ```
//! use tollgate_core::algorithm::state::Moment;
//! use tollgate_core::calendar::UtcOnly;
//! use tollgate_core::decide::Check;
//! use tollgate_core::subject_state::{Effects, Item, SubjectState};
//! use tollgate_core::{limit::Window, policy::Policy, Algorithm, Duration, Limit, Timestamp};
//!
//! let once_a_minute = Algorithm::FixedWindow(Window::new(1, Duration::from_secs(60))?);
//! let policy = Policy::new(vec![Limit::new(None, once_a_minute)])?;
//! let items = [Item { policy, check: Check::ONE }];
//!
//! let mut subject = SubjectState::default();
//! let mut effects = Effects::default();
//! let mut ask = |second: u64| {
//!     let now = Timestamp::from_millis(second * 1_000);
//!     let moment = Moment { now, zones: &UtcOnly };
//!     subject.limit(&items, None, &mut || 0, moment, &mut effects)
//! };
//! assert!(ask(120)?[0].success);
//!
//! let refused = &ask(150)?[0];
//! assert!(!refused.success);
//! assert_eq!(refused.retry_after, Some(Duration::from_secs(30)));
//! assert!(ask(180)?[0].success);
//!
//! // What an object writes into its storage before it answers.
//! assert_eq!(effects.writes.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Layers
//!
//! No files import each other in a circle, and no layer uses one above it. From the top:
//!
//! | modules | what they are |
//! |---|---|
//! | [`replay`] | recorded calls, decided once more |
//! | [`api`], [`store`] | requests and answers in JSON; the trait of all places that decide |
//! | [`explain`] | what a policy admits at worst, and how it comes back |
//! | [`isolate`], [`message`] | what an isolate remembers; what it says to objects |
//! | [`subject_state`] | everything that one object keeps for its subject |
//! | [`block`], [`overrides`] | a subject that is shut out; exceptions from limits |
//! | [`summary`] | a subject in short |
//! | [`decide`], [`row`] | one decision over all limits of a policy; the form of rows |
//! | [`algorithm`], [`permit`] | the arithmetic of each algorithm; a permit as its holder has it |
//! | [`calendar`], [`policy`] | when periods start and end; limits that are decided together |
//! | [`lease`] | what borrowers and lenders tell each other |
//! | [`subject`], [`limit`] | who is limited, and by what: neither can be built wrong |
//! | [`pressure`] | how full limits are |
//! | [`decision`], [`multi`] | the form of an answer; a request over several subjects |
//! | [`number`], [`duration`], [`time`] | the units in which everything counts |
//! | [`idempotency`] | how a request is known when it comes again |
//! | [`codec`], [`percent`], [`dots`], [`hash`] | texts, and numbers for them |
//! | [`error`] | why a limit cannot be built |
#![forbid(unsafe_code)]

pub mod algorithm;
pub mod api;
mod arithmetic;
pub mod block;
pub mod calendar;
pub mod codec;
pub mod decide;
pub mod decision;
pub mod dots;
pub mod duration;
pub mod error;
pub mod explain;
pub mod hash;
pub mod idempotency;
mod in_force;
pub mod isolate;
pub mod lease;
pub mod limit;
pub mod message;
pub mod multi;
pub mod number;
pub mod overrides;
pub mod parts;
pub mod percent;
pub mod permit;
pub mod policy;
pub mod pressure;
pub mod replay;
pub mod report;
pub mod row;
pub mod store;
pub mod subject;
pub mod subject_state;
pub mod summary;
pub mod time;

pub use duration::Duration;
pub use error::InvalidLimit;
pub use limit::{Algorithm, Limit};
pub use time::Timestamp;
