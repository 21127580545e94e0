//! The Lua scripts of the published rate limiters, run natively.
//!
//! Every release of the packages sends one of 76 texts, by its SHA1 or in full. They come down to some fifty behaviours, and these
//! to a few functions with switches. A text that is new but differs from a known one only in comments or white space is taken for
//! it; any other is refused, as there is no Lua here. The texts themselves are not part of this repository: `known` holds their
//! hashes, which a test computes anew from the packages.

mod analytics;
mod behaviour;
mod buckets;
mod hits;
mod known;
mod lists;
mod lua;
mod regions;
mod windows;

use crate::command::integer;
use crate::error::RedisError;
use crate::keyspace::Keyspace;
use crate::reply::Reply;
use crate::route;
use crate::sha1::{hex, sha1};

/// A behaviour. Releases that only forgot an expiry share the name of those that set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // `behaviour` says what each does, `known` whose it is
pub enum Script {
    F1,
    F2,
    F3,
    FR1,
    FR2,
    S0,
    S0b,
    S1,
    S2,
    S3,
    S4,
    SR1,
    SR2,
    T0,
    T0b,
    T0p,
    T1,
    T1p,
    T2,
    T2p,
    T3,
    T4,
    T5,
    T5p,
    TR0,
    TR1,
    TR2,
    MF0,
    MF1,
    MFR,
    MS0,
    MS0b,
    MS1,
    MS2,
    MSR,
    R,
    D,
    A1,
    A2,
    A3a,
    A3b,
    A3c,
    H1,
    H2,
    H3,
    HR,
    HD,
    B1,
    BR,
}

/// The limit that a dynamic-limit key holds.
#[derive(Clone, Copy, Debug)]
pub enum Dynamic<'a> {
    /// To be read from the key, which lives here.
    Stored,
    /// Read elsewhere; `None` when the key is not there.
    Given(Option<&'a [u8]>),
}

/// One call of a script.
struct Call<'a> {
    keyspace: &'a mut Keyspace,
    keys: &'a [Vec<u8>],
    arguments: &'a [Vec<u8>],
    dynamic: Dynamic<'a>,
}

impl<'a> Call<'a> {
    fn key(&self, at: usize) -> Result<&'a [u8], RedisError> {
        lua::text(self.keys, at)
    }

    /// The dynamic limit, if its key is used and holds one, else the limit of the arguments; `None` when that is no number.
    fn limit(&mut self, key: usize, argument: usize) -> Result<Option<f64>, RedisError> {
        let given = self
            .arguments
            .get(argument)
            .and_then(|text| lua::to_number(text));
        let Some(key) = self.keys.get(key).filter(|key| !key.is_empty()) else {
            return Ok(given);
        };
        let stored = match self.dynamic {
            Dynamic::Stored => self.keyspace.string(key)?.map(|value| &**value),
            Dynamic::Given(value) => value,
        };
        Ok(stored.map_or(given, lua::to_number))
    }
}

/// The script of this SHA1, written in hexadecimal in any case.
pub fn by_sha1(sha1: &[u8]) -> Option<Script> {
    if sha1.len() != 40 {
        return None;
    }
    let (start, rest) = sha1.split_at(16);
    parse_hex(rest)?;
    known::exact(parse_hex(start)?)
}

/// The last 64 bits of a hexadecimal number in any case.
fn parse_hex(digits: &[u8]) -> Option<u64> {
    let mut number = 0;
    for &digit in digits {
        number = number << 4 | u64::from(char::from(digit).to_digit(16)?);
    }
    Some(number)
}

impl Script {
    /// Its name between the Worker and an object.
    pub fn wire_name(self) -> String {
        hex(&known::name_of(self).unwrap_or(0).to_be_bytes())
    }

    /// The script of such a name; `None` when this version does not know it.
    pub fn from_wire_name(name: &[u8]) -> Option<Script> {
        known::exact(parse_hex(name)?)
    }
}

/// The script that this text is; else the error that names it.
pub fn by_text(text: &[u8]) -> Result<Script, RedisError> {
    let digest = sha1(text);
    let found = known::exact(start_of(digest))
        .or_else(|| known::normalized(start_of(sha1(&normalize(text)))));
    found.ok_or(RedisError::UnknownScript)
}

/// The first 64 bits of a SHA1, which tell the known scripts apart from each other and from everything met by chance.
fn start_of(digest: [u8; 20]) -> u64 {
    digest[..8]
        .iter()
        .fold(0, |bits, &byte| bits << 8 | u64::from(byte))
}

/// A text without its `#!` line, comments and white space.
pub fn normalize(text: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(text.len());
    for (number, line) in text.split(|&byte| byte == b'\n').enumerate() {
        if number == 0 && line.starts_with(b"#!") {
            continue;
        }
        let comment = line
            .windows(2)
            .position(|pair| pair == b"--")
            .unwrap_or(line.len());
        kept.extend(
            line[..comment]
                .iter()
                .filter(|byte| !byte.is_ascii_whitespace()),
        );
    }
    kept
}

/// The parts of `EVAL` and `EVALSHA`: which script, its keys, its arguments.
pub struct Parts<'a> {
    /// The script.
    pub script: Script,
    /// `KEYS`.
    pub keys: &'a [Vec<u8>],
    /// `ARGV`.
    pub arguments: &'a [Vec<u8>],
}

/// Takes `EVAL` or `EVALSHA` apart; `by_sha1` knows the scripts by hash.
pub(crate) fn parts(
    command: &[Vec<u8>],
    by_sha1: impl Fn(&[u8]) -> Option<Script>,
) -> Result<Parts<'_>, RedisError> {
    let by_name = command[0].len() >= 7 && command[0][4..7].eq_ignore_ascii_case(b"SHA");
    let count = integer(&command[2])?;
    let rest = &command[3..];
    if count > rest.len() as i64 {
        return Err(RedisError::TooManyKeys);
    }
    let count = usize::try_from(count).map_err(|_| RedisError::NegativeKeys)?;
    let script = match by_name {
        true => by_sha1(&command[1]).ok_or(RedisError::NoScript)?,
        false => by_text(&command[1])?,
    };
    let parts = Parts {
        script,
        keys: &rest[..count],
        arguments: &rest[count..],
    };
    let read_only = command[0]
        .last()
        .is_some_and(|letter| letter.eq_ignore_ascii_case(&b'O'));
    if read_only && !script.reads_only() {
        return Err(RedisError::ReadOnlyScript);
    }
    Ok(parts)
}

/// `EVAL` and `EVAL_RO`, with a dynamic limit read here.
pub(crate) fn eval(keyspace: &mut Keyspace, command: &[Vec<u8>]) -> Result<Reply, RedisError> {
    run(keyspace, &parts(command, by_sha1)?, Dynamic::Stored)
}

/// Runs a script. When it fails, it has changed nothing.
pub fn run(
    keyspace: &mut Keyspace,
    parts: &Parts<'_>,
    dynamic: Dynamic<'_>,
) -> Result<Reply, RedisError> {
    let call = &mut Call {
        keyspace,
        keys: parts.keys,
        arguments: parts.arguments,
        dynamic,
    };
    behaviour::run(parts.script, call)
}

impl Script {
    /// Whether it changes nothing.
    pub fn reads_only(self) -> bool {
        use Script::*;
        matches!(
            self,
            FR1 | FR2
                | SR1
                | SR2
                | TR0
                | TR1
                | TR2
                | MFR
                | MSR
                | A1
                | A2
                | A3a
                | A3b
                | A3c
                | HR
                | BR
        )
    }

    /// Where among its keys the dynamic limit's stands, for the releases that have one.
    pub fn dynamic_key(self) -> Option<usize> {
        use Script::*;
        match self {
            F3 | FR2 | T4 | T5 | TR2 => Some(1),
            S4 | SR2 => Some(2),
            _ => None,
        }
    }

    /// The name of the object that holds its keys.
    pub fn shard(self, keys: &[Vec<u8>]) -> Result<Vec<u8>, RedisError> {
        use Script::*;
        let first = lua::text(keys, 0)?;
        match self {
            T0 | T0b | T0p | T1 | T1p | T2 | T2p | T3 | T4 | T5 | T5p | TR0 | TR1 | TR2 | A2
            | A3a | A3b | A3c => Ok(first.to_vec()),
            R => Ok(first.strip_suffix(b":*").unwrap_or(first).to_vec()),
            _ => {
                let shard = route::shard(first);
                let others = keys
                    .iter()
                    .enumerate()
                    .skip(1)
                    .filter(|(at, _)| Some(*at) != self.dynamic_key());
                for (_, key) in others {
                    if route::shard(key) != shard {
                        return Err(RedisError::CrossShard);
                    }
                }
                Ok(shard)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lua_ignores_is_normalized_away() {
        assert_eq!(
            normalize(b"#!lua flags=x\n local a = 1 -- one\n\treturn a"),
            b"locala=1returna"
        );
        assert_eq!(normalize(b"return '#!'"), b"return'#!'");
        assert_ne!(normalize(b"return 1"), normalize(b"return 2"));
    }

    #[test]
    fn an_unknown_script_is_named_and_an_unknown_hash_asks_for_its_text() {
        assert_eq!(by_text(b"return 1"), Err(RedisError::UnknownScript));
        assert_eq!(by_sha1(b"e0e1f9fabfc9d4800c877a703b823ac0578ff8db"), None);
        assert_eq!(
            by_sha1(b"B2EFC02798c8e9b471a10f9b1d5745db89923ff3"),
            Some(Script::F3)
        );
        assert_eq!(by_sha1(b"b2efc02798c8e9b4"), None);
    }

    #[test]
    fn scripts_find_their_object_by_their_keys() {
        let shard = |script: Script, keys: &[&str]| {
            let keys: Vec<Vec<u8>> = keys.iter().map(|key| key.as_bytes().to_vec()).collect();
            script
                .shard(&keys)
                .map(|shard| String::from_utf8(shard).unwrap())
        };
        for (script, keys, home) in [
            (Script::F3, &["p:7:29878713", "p:dynamic:global"][..], "p:7"),
            (Script::S4, &["p:7:29878713", "p:7:29878712", ""], "p:7"),
            (Script::T5, &["p:7", "p:dynamic:global"], "p:7"),
            (Script::R, &["p:7:*"], "p:7"),
            (Script::R, &["p:7"], "p:7"),
            (
                Script::D,
                &["p:denyList:all", "p:ipDenyListStatus"],
                "p:denyList",
            ),
            (Script::A1, &["p:events:1795222800000"], "p:events"),
            (Script::A2, &["p:events"], "p:events"),
        ] {
            assert_eq!(shard(script, keys).as_deref(), Ok(home), "{script:?}");
        }
        assert_eq!(
            shard(Script::S1, &["a:1", "b:1"]),
            Err(RedisError::CrossShard)
        );
        assert!(shard(Script::F1, &[]).is_err());
    }
}
