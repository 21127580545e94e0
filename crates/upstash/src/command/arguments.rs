//! Reading a command's arguments.

use crate::error::RedisError;
use crate::keyspace::Keyspace;
use crate::values::number::parse_integer;

/// Whether an argument is this word, in any case.
pub(crate) fn is_word(argument: &[u8], word: &str) -> bool {
    argument.eq_ignore_ascii_case(word.as_bytes())
}

/// An integer argument.
pub(crate) fn integer(argument: &[u8]) -> Result<i64, RedisError> {
    parse_integer(argument).ok_or(RedisError::NotAnInteger)
}

/// The instant (Unix ms) that an expiry argument means. `unit` is milliseconds per unit; `relative`
/// counts from now. For the commands `EXPIRE` and its like, which take the past.
pub(super) fn instant(
    keyspace: &Keyspace,
    argument: &[u8],
    unit: i64,
    relative: bool,
) -> Result<i64, RedisError> {
    let base = if relative { keyspace.now() } else { 0 };
    let time = integer(argument)?
        .checked_mul(unit)
        .and_then(|time| time.checked_add(base));
    time.ok_or(RedisError::ExpireTime)
}

/// The same for commands that set a value along with it: the argument has to be positive.
pub(super) fn expiry_after(
    keyspace: &Keyspace,
    argument: &[u8],
    unit: i64,
    relative: bool,
) -> Result<i64, RedisError> {
    if integer(argument)? <= 0 {
        return Err(RedisError::ExpireTime);
    }
    instant(keyspace, argument, unit, relative)
}

/// The options `EX`, `PX`, `EXAT` and `PXAT` of `SET` and `GETEX`: milliseconds per unit, and
/// whether it counts from now.
pub(super) fn expiry_option(word: &[u8]) -> Option<(i64, bool)> {
    match () {
        () if is_word(word, "EX") => Some((1000, true)),
        () if is_word(word, "PX") => Some((1, true)),
        () if is_word(word, "EXAT") => Some((1000, false)),
        () if is_word(word, "PXAT") => Some((1, false)),
        () => None,
    }
}

/// The instant that a script's `PEXPIRE` means by this argument; not in the future means at once.
pub(crate) fn expiry_after_now(keyspace: &Keyspace, argument: &[u8]) -> Result<i64, RedisError> {
    let time = integer(argument)?.checked_add(keyspace.now());
    time.ok_or(RedisError::ScriptExpireTime)
}

/// The instant that a script's `SET` with `PX` means by this argument, which has to be positive.
pub(crate) fn positive_expiry_after_now(
    keyspace: &Keyspace,
    argument: &[u8],
) -> Result<i64, RedisError> {
    let time = Some(integer(argument)?).filter(|time| *time > 0);
    let time = time.and_then(|time| time.checked_add(keyspace.now()));
    time.ok_or(RedisError::ScriptSetExpireTime)
}
