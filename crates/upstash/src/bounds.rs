//! Every bound of the Redis side in one place: what one request may ask, and what answering it may
//! take.
//!
//! Objects share an isolate, and an isolate has 128 MB of memory and one thread on the platform. A
//! bound is counted before the work is done. Past a bound a command is refused with an error that
//! names the bound, and nothing of it is executed. `docs/upstash.md` has the same table for users;
//! the errors are in [`crate::error`].

/// The most commands in one request: what the SDKs put into one request at most.
pub const MAX_COMMANDS: usize = 1_000;

/// The most arguments in one request, names included. Each takes about 50 bytes in memory while the
/// request is read; a deny list of IP addresses fills the body with 60,000.
pub const MAX_ARGUMENTS: usize = 100_000;

/// The most keys in one request. Each may live in an object of its own, and a script, whose keys
/// live together, counts once: so a full pipeline of checks fits.
pub const MAX_KEYS: usize = 1_000;

/// The most keys of one script: the published ones have three at most.
pub const MAX_SCRIPT_KEYS: usize = 16;

/// The most bytes of a key. It is stored in each of the key's rows, of which a large collection has
/// thousands.
pub const MAX_KEY: usize = 8_192;

/// The most bytes that `APPEND` makes a string: what a request can set at once. A string is one
/// row, which takes twice that.
pub const MAX_STRING: usize = 1 << 20;

/// The most bytes of a pattern for keys.
pub const MAX_PATTERN: usize = 1_024;

/// The most bytes of a text that is read as a number: more than any double needs to be told from
/// its neighbours.
pub const MAX_NUMBER: usize = 1_024;

/// The most bytes of a dynamic limit, which travels with each script that it is for: more than any
/// number needs.
pub const MAX_DYNAMIC_LIMIT: usize = 64;

/// The most objects asked at once; the next are asked when these have answered, so that other
/// requests are served in between.
pub const MAX_AT_ONCE: usize = 64;

/// The most objects that the commands about every key ask in one request. With those of 1,000 keys,
/// each of which may live in either of two, and of their dynamic limits, it is half of the calls
/// that the platform allows a request.
pub const MAX_OBJECTS: usize = 2_000;

/// The most bytes of all replies to one request, as the body of the answer spells them; one object
/// may need them all. On the way they are held some ten times: as text on both sides, between them,
/// as JSON.
pub const MAX_REPLY: usize = 8 << 20;

/// What a reply may take whatever the others took, bytes: so that a command that answers a number
/// is never refused for them.
pub const FREE_REPLY: usize = 128;

/// The most members of collections that one request looks at, in all objects; about half a second
/// of processor time.
pub const MAX_LOOKS: usize = 4_000_000;

/// So many bytes count as one member looked at: large members are copied, parsed and compared byte
/// by byte.
pub const LOOK_BYTES: usize = 64;

/// So many steps of comparing a pattern with keys count as one member looked at.
pub const LOOK_STEPS: usize = 16;

/// What the exact way between a double and its digits counts in members looked at: where no table
/// decides, the standard library holds both as long integers.
pub const LOOKS_PER_CONVERSION: usize = 64;

/// What asking storage for a key counts in members looked at.
pub const LOOKS_PER_READ: usize = 64;

/// The most bytes that the keys of an object may take in memory within one call; beyond it nothing
/// is loaded and nothing grows.
pub const MAX_HELD: usize = 16 << 20;

/// The most bytes that an object's keys keep in memory between calls.
pub const MAX_KEPT: usize = 1 << 20;

/// The most bytes that all objects of an isolate keep between calls, those aside that keep less
/// than [`SMALL_KEPT`].
pub const MAX_KEPT_TOGETHER: usize = 16 << 20;

/// What an object may keep whatever the others do, bytes: the counters of a limiter take a few
/// hundred.
pub const SMALL_KEPT: usize = 16 << 10;

/// What a key takes in memory beside its own bytes and its members.
pub const KEY_OVERHEAD: usize = 128;

/// What a member takes in memory beside its own bytes: its place in a page, and two allocations.
pub const MEMBER_OVERHEAD: usize = 64;

/// What a member takes in the order of a sorted set.
pub const ORDER_OVERHEAD: usize = 32;

/// What a page of members takes beside them.
pub const PAGE_OVERHEAD: usize = 64;
