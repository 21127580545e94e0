//! Which script a text or a hash is.

use super::known;
use super::published::Script;
use crate::error::RedisError;
use crate::sha1::{hex, sha1};

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

/// The first 64 bits of a SHA1, which tell the known scripts apart from each other and from
/// everything met by chance.
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
}
