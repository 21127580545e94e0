//! What a command answers, and the error words of Redis.

use std::fmt;

/// The answer to one command.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Nothing there.
    Nil,
    /// An integer.
    Integer(i64),
    /// A byte string.
    Bulk(Vec<u8>),
    /// A short word such as `OK` or the name of a type.
    Status(Vec<u8>),
    /// Any replies, to any depth.
    Array(Vec<Reply>),
    /// A refusal; inside an array only where commands were executed together.
    Error(String),
}

impl Reply {
    /// The status `OK`.
    pub fn ok() -> Self {
        Reply::Status(b"OK".to_vec())
    }

    /// 1 for true, 0 for false.
    pub fn flag(value: bool) -> Self {
        Reply::Integer(i64::from(value))
    }

    /// A count of things in memory.
    pub fn count(value: usize) -> Self {
        Reply::Integer(value as i64)
    }

    /// A byte string, or nil.
    pub fn bulk_or_nil(value: Option<&[u8]>) -> Self {
        value.map_or(Reply::Nil, |value| Reply::Bulk(value.to_vec()))
    }
}

impl From<Result<Reply, RedisError>> for Reply {
    fn from(result: Result<Reply, RedisError>) -> Self {
        result.unwrap_or_else(|error| Reply::Error(error.to_string()))
    }
}

/// Why a command was refused. Its text is what Redis says, where Redis has the case.
#[derive(Clone, Debug, PartialEq)]
pub enum RedisError {
    /// The key holds another type than the command is for.
    WrongType,
    /// The command's options make no sense.
    Syntax,
    /// Not a 64-bit integer.
    NotAnInteger,
    /// Not a double.
    NotADouble,
    /// A hash field is not a 64-bit integer.
    HashNotAnInteger,
    /// An increment would pass 64 bits.
    Overflow,
    /// A score would not be a number.
    ScoreNotANumber,
    /// A bound of a range of scores is not a double.
    NotARange,
    /// An expiry is not positive or too far away; the name of the command.
    ExpireTime(String),
    /// The command has too few or too many arguments; its name.
    Arity(String),
    /// No such command; its name.
    Unknown(String),
    /// The hash names no known script.
    NoScript,
    /// A text that is not one of the scripts of the supported packages; its SHA1 in hexadecimal.
    UnknownScript(String),
    /// A script was given a value that it cannot calculate with.
    Script(&'static str),
    /// Keys of one command or transaction live in different objects.
    CrossShard,
    /// The token's role does not reach; the name of the command.
    NoPermission(String),
    /// The object of these keys holds as much as it may.
    OutOfMemory,
    /// A sentence that has no parts; begins with its error word.
    Plain(&'static str),
    /// An error that another object answered; begins with its error word.
    Relayed(String),
}

impl fmt::Display for RedisError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = |parts: [&str; 3]| parts.iter().try_for_each(|part| out.write_str(part));
        match self {
            Self::ExpireTime(name) => parts(["ERR invalid expire time in '", name, "' command"]),
            Self::Arity(name) => parts(["ERR wrong number of arguments for '", name, "' command"]),
            Self::Unknown(name) => parts(["ERR unknown command '", name, "': Tollgate has strings, hashes, sets, sorted sets and the scripts of the rate limiting SDKs; no lists, streams, pub/sub, JSON or functions"]),
            Self::UnknownScript(sha1) => parts(["ERR unknown Lua script ", sha1, ": Tollgate runs the scripts of @upstash/ratelimit 0.1.3 to 2.2.0, @upstash/core-analytics 0.0.8 to 0.0.10 and upstash-ratelimit (Python) 0.2.0 to 1.2.0, no others"]),
            Self::NoPermission(name) => parts(["NOPERM this token's role has no permission to run the '", name, "' command"]),
            Self::Script(what) => parts(["ERR user_script: ", what, ""]),
            Self::Relayed(text) => out.write_str(text),
            Self::Plain(text) => out.write_str(text),
            fixed => out.write_str(fixed.sentence()),
        }
    }
}

impl RedisError {
    /// The sentences that never vary.
    fn sentence(&self) -> &'static str {
        match self {
            Self::WrongType => "WRONGTYPE Operation against a key holding the wrong kind of value",
            Self::NotAnInteger => "ERR value is not an integer or out of range",
            Self::NotADouble => "ERR value is not a valid float",
            Self::HashNotAnInteger => "ERR hash value is not an integer",
            Self::Overflow => "ERR increment or decrement would overflow",
            Self::ScoreNotANumber => "ERR resulting score is not a number (NaN)",
            Self::NotARange => "ERR min or max is not a float",
            Self::NoScript => "NOSCRIPT No matching script. Please use EVAL.",
            Self::CrossShard => "CROSSSLOT Keys in request don't hash to the same slot",
            Self::OutOfMemory => "OOM command not allowed when used memory > 'maxmemory'.",
            _ => "ERR syntax error",
        }
    }
}
