//! Deny lists and the reset of an identifier.

use super::call::Call;
use crate::command::keys::seconds_to_live;
use crate::command::sets::has_each;
use crate::error::RedisError;
use crate::keyspace::Expiry;
use crate::reply::Reply;
use crate::values::value::Value;

type Answer = Result<Reply, RedisError>;

/// How long one client is given to refresh the list of IP addresses, ms.
const REFRESH: i64 = 30_000;

/// Which of the values are denied, and how long the list of IP addresses stays valid. When it has
/// run out, the caller is the one to refresh it, and the others are told that it is pending.
pub(super) fn denied(call: &mut Call<'_>) -> Answer {
    let (list, status) = (call.key(0)?, call.key(1)?);
    if call.arguments.is_empty() {
        return Err(RedisError::ScriptArity);
    }
    let found = has_each(call.keyspace, list, call.arguments)?;
    let seconds = seconds_to_live(call.keyspace, status)?;
    if seconds == -2 {
        let expiry = Expiry::At(call.keyspace.now() + REFRESH);
        call.keyspace
            .put(status, Value::String(b"pending"[..].into()), expiry)?;
    }
    Ok(Reply::Array(vec![found, Reply::Integer(seconds)]))
}

/// Deletes what an identifier has used: its bucket (`<prefix>:<id>`) or, with `:*` behind it, its
/// windows. The identifier is taken literally, where Redis reads the whole as a pattern and may
/// delete a neighbour's windows.
pub(super) fn reset(call: &mut Call<'_>) -> Answer {
    let pattern = call.key(0)?;
    // Also when it ends with `:*`, which may be the name of a bucket.
    call.keyspace.remove(pattern)?;
    let Some(stem) = pattern
        .strip_suffix(b"*")
        .filter(|stem| stem.ends_with(b":"))
    else {
        return Ok(Reply::Nil);
    };
    for listed in call.keyspace.keys()? {
        let number = listed.key.strip_prefix(stem);
        if number.is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit))
        {
            call.keyspace.remove(&listed.key)?;
        }
    }
    Ok(Reply::Nil)
}
