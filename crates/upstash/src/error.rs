//! The refusals, in the words of Redis where Redis has the case.

use crate::sha1::{hex, sha1};

/// Why a command was refused. A plain value: what the sentence needs to know is in the command
/// itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // `template` says what each means, in the very words of the answer
pub enum RedisError {
    WrongType,
    Syntax,
    Arity,
    Unknown,
    NoPermission,
    EmptyCommand,
    BadArgument,
    BadBody,
    BadPipeline,
    LongPipeline,
    ManyArguments,
    ManyKeys,
    ManyScriptKeys,
    LongKey,
    LongPattern,
    LongLimit,
    LargeReply,
    ManyMembers,
    MuchHeld,
    ManyObjects,
    Undone,
    NotAnInteger,
    NotADouble,
    HashNotAnInteger,
    HashNotAFloat,
    NotFinite,
    InfiniteIncrement,
    NotPositive,
    LongString,
    Overflow,
    DecrementOverflow,
    OutOfRange,
    ScoreNotANumber,
    NotARange,
    NoRangesByLex,
    LimitNeedsScores,
    ExpireTime,
    ScriptExpireTime,
    ScriptSetExpireTime,
    UnsupportedOption,
    ExpireNxAlone,
    ExpireGtOrLt,
    AddNxOrXx,
    AddGtOrLt,
    IncrementOnePair,
    InvalidCursor,
    ScriptSubcommand,
    NoScript,
    UnknownScript,
    TooManyKeys,
    NegativeKeys,
    ReadOnlyScript,
    ScriptArithmetic,
    ScriptArgument,
    ScriptArity,
    ScriptEvent,
    ScriptIndex,
    ScriptUnion,
    CrossShard,
    OutOfMemory,
    UnknownForm,
    Unreadable,
    Unreachable,
}

impl RedisError {
    /// The sentence; `%` stands for the name of the command, `$` for the SHA1 of its first
    /// argument.
    fn template(self) -> &'static str {
        match self {
            Self::WrongType => "WRONGTYPE Operation against a key holding the wrong kind of value",
            Self::Syntax => "ERR syntax error",
            Self::Arity => "ERR wrong number of arguments for '%' command",
            Self::Unknown => {
                "ERR unknown command '%': Tollgate has strings, hashes, sets, sorted sets and the scripts of rate limiters; no lists, streams, pub/sub, JSON or functions"
            }
            Self::NoPermission => "NOPERM this token's role has no permission to run the '%' command",
            Self::EmptyCommand => "ERR empty command",
            Self::BadArgument => "ERR arguments are strings, numbers and booleans: send anything else as JSON in a string",
            Self::BadBody => "ERR failed to parse the body: send a command as a JSON array, such as [\"GET\",\"key\"]",
            Self::BadPipeline => "ERR failed to parse the body: send a JSON array of commands, such as [[\"GET\",\"key\"]]",
            Self::LongPipeline => "ERR a pipeline has at most 1000 commands",
            Self::ManyArguments => "ERR a request has at most 100000 arguments",
            Self::ManyKeys => "ERR a request has at most 1000 keys",
            Self::ManyScriptKeys => "ERR a script has at most 16 keys",
            Self::LongKey => "ERR a key has at most 8192 bytes",
            Self::LongPattern => "ERR a pattern has at most 1024 bytes",
            Self::LongLimit => "ERR a dynamic limit has at most 64 bytes",
            Self::LargeReply => "ERR the replies to a request have at most 8388608 bytes together: ask for less at once",
            Self::ManyMembers => {
                "ERR a request looks at 4000000 members at most, 64 bytes of a large one or 16 steps of a pattern counting as one: ask for less at once"
            }
            Self::MuchHeld => {
                "ERR a request holds 16777216 bytes of the keys of an object at most, each member counting 64 more: delete what is larger"
            }
            Self::ManyObjects => {
                "ERR a request asks at most 2000 objects about all keys: send FLUSHDB again until it answers OK, or read with SCAN"
            }
            Self::Undone => {
                "ERR another command of this request passed a bound when it had begun to write to the same object: none of those was executed"
            }
            Self::NotAnInteger => "ERR value is not an integer or out of range",
            Self::NotADouble => "ERR value is not a valid float",
            Self::HashNotAnInteger => "ERR hash value is not an integer",
            Self::HashNotAFloat => "ERR hash value is not a float",
            Self::NotFinite => "ERR increment would produce NaN or Infinity",
            Self::InfiniteIncrement => "ERR value is NaN or Infinity",
            Self::NotPositive => "ERR value is out of range, must be positive",
            Self::LongString => "ERR string exceeds maximum allowed size: APPEND makes at most 1048576 bytes",
            Self::Overflow => "ERR increment or decrement would overflow",
            Self::DecrementOverflow => "ERR decrement would overflow",
            Self::OutOfRange => "ERR value is out of range",
            Self::ScoreNotANumber => "ERR resulting score is not a number (NaN)",
            Self::NotARange => "ERR min or max is not a float",
            Self::NoRangesByLex => "ERR ranges BYLEX are not supported by Tollgate",
            Self::LimitNeedsScores => {
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"
            }
            Self::ExpireTime => "ERR invalid expire time in '%' command",
            Self::ScriptExpireTime => "ERR invalid expire time in 'pexpire' command",
            Self::ScriptSetExpireTime => "ERR invalid expire time in 'set' command",
            Self::UnsupportedOption => "ERR Unsupported option",
            Self::ExpireNxAlone => "ERR NX and XX, GT or LT options at the same time are not compatible",
            Self::ExpireGtOrLt => "ERR GT and LT options at the same time are not compatible",
            Self::AddNxOrXx => "ERR XX and NX options at the same time are not compatible",
            Self::AddGtOrLt => "ERR GT, LT, and/or NX options at the same time are not compatible",
            Self::IncrementOnePair => "ERR INCR option supports a single increment-element pair",
            Self::InvalidCursor => "ERR invalid cursor",
            Self::ScriptSubcommand => "ERR unknown subcommand or wrong number of arguments for 'script': there are LOAD, EXISTS and FLUSH",
            Self::NoScript => "NOSCRIPT No matching script. Please use EVAL.",
            Self::UnknownScript => {
                "ERR unknown Lua script $: Tollgate runs those of @upstash/ratelimit 0.1.3 to 2.2.0, @upstash/core-analytics 0.0.8 to 0.0.10, upstash-ratelimit (Python) 0.2.0 to 1.2.0, rate-limit-redis 4 to 6, hono-rate-limiter 0.5 and @fastify/rate-limit 10.3 to 11, no others"
            }
            Self::TooManyKeys => "ERR Number of keys can't be greater than number of args",
            Self::NegativeKeys => "ERR Number of keys can't be negative",
            Self::ReadOnlyScript => "ERR Write commands are not allowed from read-only scripts.",
            Self::ScriptArithmetic => "ERR user_script: attempt to perform arithmetic on a value that is not a number",
            Self::ScriptArgument => "ERR user_script: Lua redis lib command arguments must be strings or integers",
            Self::ScriptArity => "ERR Wrong number of args calling Redis command from script",
            Self::ScriptEvent => "ERR user_script: an event is not a JSON object",
            Self::ScriptIndex => "ERR user_script: table index is nil",
            Self::ScriptUnion => "ERR at least 1 input key is needed for 'zunion' command, and at most 7999",
            Self::CrossShard => "CROSSSLOT Keys in request don't hash to the same slot",
            Self::OutOfMemory => {
                "ERR OOM command not allowed when used memory > 'maxmemory': the keys of an object take at most 16777216 bytes within a request"
            }
            Self::UnknownForm => "ERR stored data has a form that this version of Tollgate does not know; nothing was changed",
            Self::Unreadable => "ERR the stored keys cannot be read now; nothing was changed",
            Self::Unreachable => {
                "ERR the keys could not be reached in time. Nothing says whether the command was executed; try again shortly"
            }
        }
    }

    /// What is answered to this command.
    pub fn text(self, command: &[Vec<u8>]) -> String {
        let mut text = String::new();
        for letter in self.template().chars() {
            match letter {
                '%' => text.push_str(
                    &command
                        .first()
                        .map_or_else(String::new, |name| display_name(name)),
                ),
                '$' => text.push_str(&hex(&sha1(script_of(command)))),
                _ => text.push(letter),
            }
        }
        text
    }
}

/// A name as it appears in an error: printable, lower case, not endless.
fn display_name(name: &[u8]) -> String {
    let shown = |byte: &u8| {
        char::from(if byte.is_ascii_graphic() {
            byte.to_ascii_lowercase()
        } else {
            b'?'
        })
    };
    name.iter().take(64).map(shown).collect()
}

/// The Lua of `EVAL <script> …` and of `SCRIPT LOAD <script>`.
fn script_of(command: &[Vec<u8>]) -> &[u8] {
    match command {
        [name, _, script, ..] if name.eq_ignore_ascii_case(b"SCRIPT") => script,
        [_, script, ..] => script,
        _ => b"",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_named_by_its_number() {
        use crate::bounds::*;
        for (error, bounds) in [
            (RedisError::LongPipeline, &[MAX_COMMANDS][..]),
            (RedisError::ManyArguments, &[MAX_ARGUMENTS]),
            (RedisError::ManyKeys, &[MAX_KEYS]),
            (RedisError::ManyScriptKeys, &[MAX_SCRIPT_KEYS]),
            (RedisError::LongKey, &[MAX_KEY]),
            (RedisError::LongPattern, &[MAX_PATTERN]),
            (RedisError::LongString, &[MAX_STRING]),
            (RedisError::LongLimit, &[MAX_DYNAMIC_LIMIT]),
            (RedisError::LargeReply, &[MAX_REPLY]),
            (
                RedisError::ManyMembers,
                &[MAX_LOOKS, LOOK_BYTES, LOOK_STEPS],
            ),
            (RedisError::MuchHeld, &[MAX_HELD, MEMBER_OVERHEAD]),
            (RedisError::OutOfMemory, &[MAX_HELD]),
            (RedisError::ManyObjects, &[MAX_OBJECTS]),
        ] {
            let text = error.text(&[]);
            let words: Vec<&str> = text.split([' ', ':']).collect();
            for bound in bounds {
                assert!(words.contains(&&*bound.to_string()), "{text} {bound}");
            }
            assert!(text.starts_with("ERR "));
        }
    }

    #[test]
    fn a_sentence_names_the_command_and_never_all_of_it() {
        let command = [b"LPush\n".to_vec(), b"return 1".to_vec()];
        assert_eq!(
            RedisError::Arity.text(&command),
            "ERR wrong number of arguments for 'lpush?' command"
        );
        let load = [b"script".to_vec(), b"load".to_vec(), b"return 1".to_vec()];
        for command in [&command[..], &load] {
            assert!(RedisError::UnknownScript
                .text(command)
                .starts_with("ERR unknown Lua script e0e1f9fabfc9d4800c877a703b823ac0578ff8db: "));
        }
        assert!(RedisError::Unknown.text(&[vec![b'x'; 100_000]]).len() < 300);
        assert_eq!(RedisError::Syntax.text(&[]), "ERR syntax error");
    }
}
