//! The messages between a Worker and a subject's object: one text each way, lines in the form of
//! [`crate::codec`].
//!
//! During a deployment two builds run at once, so a message carries its version. An object answers
//! in the version of the call. If it cannot read that version, it answers with its own
//! ([`Versions::other`]), and the Worker repeats the call in that one.

mod answer;
mod call;
mod lease;
mod news;
mod object;
mod permits;
mod refusal_code;
mod report;
mod shares;

pub use answer::Answer;
pub use call::{
    borrowing, encode_charge, encode_hold, encode_limit, in_version, keyed, knowing, recorded,
    Call, Holding,
};
pub use news::may_be_news;
pub use refusal_code::RefusalCode;

use tollgate_versions::Versions;

use crate::codec::{Line, Unreadable};
use crate::{Duration, Timestamp};

/// The versions of messages.
pub const MESSAGES: Versions = Versions::new(1);

fn hex(bits: u128) -> String {
    format!("{bits:x}")
}

fn bits(line: &Line, key: &'static str) -> Result<u128, Unreadable> {
    let text = line.get(key).ok_or(Unreadable::Damaged(key))?;
    u128::from_str_radix(text, 16).map_err(|_| Unreadable::Damaged(key))
}

fn optional_bits(line: &Line, key: &'static str) -> Result<Option<u128>, Unreadable> {
    line.get(key).map(|_| bits(line, key)).transpose()
}

fn duration(line: &Line, key: &'static str) -> Result<Option<Duration>, Unreadable> {
    Ok(line.number(key)?.map(Duration::from_millis))
}

fn instant(line: &Line, key: &'static str) -> Result<Timestamp, Unreadable> {
    line.needed(key).map(Timestamp::from_millis)
}

fn policy_name(line: &Line) -> Option<String> {
    line.get("policy").map(str::to_owned)
}
