//! Reading a command's arguments.

use crate::keyspace::Keyspace;
use crate::number::parse_integer;
use crate::reply::RedisError;

/// Whether an argument is this word, in any case.
pub(crate) fn is_word(argument: &[u8], word: &str) -> bool {
    argument.eq_ignore_ascii_case(word.as_bytes())
}

/// An integer argument.
pub(crate) fn integer(argument: &[u8]) -> Result<i64, RedisError> {
    parse_integer(argument).ok_or(RedisError::NotAnInteger)
}

/// The instant (Unix ms) that an expiry argument means. `unit` is milliseconds per unit; `relative` counts from now.
/// For the commands `EXPIRE` and its like, which take the past.
pub(crate) fn instant(
    keyspace: &Keyspace,
    name: &[u8],
    argument: &[u8],
    unit: i64,
    relative: bool,
) -> Result<i64, RedisError> {
    let base = if relative { keyspace.now() } else { 0 };
    let time = integer(argument)?
        .checked_mul(unit)
        .and_then(|time| time.checked_add(base));
    time.ok_or_else(|| RedisError::ExpireTime(super::display_name(name)))
}

/// The same for commands that set a value along with it: the argument has to be positive.
pub(crate) fn expiry_after(
    keyspace: &Keyspace,
    name: &[u8],
    argument: &[u8],
    unit: i64,
    relative: bool,
) -> Result<i64, RedisError> {
    if integer(argument)? <= 0 {
        return Err(RedisError::ExpireTime(super::display_name(name)));
    }
    instant(keyspace, name, argument, unit, relative)
}

/// The options `EX`, `PX`, `EXAT` and `PXAT` of `SET` and `GETEX`: milliseconds per unit, and whether it counts from now.
pub(super) fn expiry_option(word: &[u8]) -> Option<(i64, bool)> {
    [
        ("EX", 1000, true),
        ("PX", 1, true),
        ("EXAT", 1000, false),
        ("PXAT", 1, false),
    ]
    .into_iter()
    .find(|(name, ..)| is_word(word, name))
    .map(|(_, unit, relative)| (unit, relative))
}

/// The instant that `PEXPIRE` means by this argument; not in the future means at once.
pub(crate) fn expiry_after_now(keyspace: &Keyspace, argument: &[u8]) -> Result<i64, RedisError> {
    instant(keyspace, b"pexpire", argument, 1, true)
}
