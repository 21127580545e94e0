//! The homes of a command's first key. For two forms of a key they depend on the command.
//!
//! A token bucket lives under `<prefix>:<id>`. Where the id is a number, the key looks just as that
//! of a window; cutting the number off would put every numeric user into one object. Bucket
//! scripts, and hash commands that name a bucket's fields, therefore take the key as it is, and
//! commands that do not tell which of the two is meant ask both homes. The same holds for a bucket
//! whose prefix or identifier has a hash tag: its scripts take the key as it is.

use crate::command::{Access, Command, Place};
use crate::key::{last_colon, placing, shard, stem, Placing};

/// The fields of the token buckets of all releases of the SDKs.
const BUCKET_FIELDS: [&[u8]; 5] = [
    b"refilledAt",
    b"refilled_at",
    b"updatedAt",
    b"updated_at",
    b"tokens",
];

/// Where a command finds its first key: one object, or either of two.
pub(super) fn homes(command: &Command, arguments: &[Vec<u8>]) -> (Vec<u8>, Option<Vec<u8>>) {
    let key = &arguments[1];
    let usual = shard(key);
    let any_type = matches!(command.place, Place::AnyType | Place::Sum);
    let names_bucket = is_word_of_bucket(command, arguments);
    let numeric = stem(key).is_some();
    if numeric && names_bucket && !any_type {
        return (key.clone(), None);
    }
    let tagged = matches!(placing(key), Placing::Tag(_)) && last_colon(key).is_some();
    // A program of one's own may keep `tokens` under a tag, and then means the tag's object. An
    // SDK's bucket is written by its scripts only.
    let reads_bucket = names_bucket && command.access == Access::Read;
    let either = any_type && (numeric || tagged) || reads_bucket && tagged;
    let other = either.then(|| key.clone()).filter(|other| *other != usual);
    (usual, other)
}

fn is_word_of_bucket(command: &Command, arguments: &[Vec<u8>]) -> bool {
    let field = arguments.get(2).map_or(&[][..], |field| field);
    command.name.starts_with('H') && BUCKET_FIELDS.contains(&field)
}

#[cfg(test)]
mod tests {
    use crate::commands::find;
    use crate::tests::words;

    fn homes(text: &str) -> (Vec<u8>, Option<Vec<u8>>) {
        let arguments = words(text);
        super::homes(find(&arguments[0]).unwrap(), &arguments)
    }

    #[test]
    fn a_numeric_bucket_has_an_object_of_its_own_and_doubtful_commands_ask_both() {
        let one = |home: &str| (home.as_bytes().to_vec(), None);
        let both = (b"p".to_vec(), Some(b"p:42".to_vec()));
        assert_eq!(homes("HMGET p:42 refilled_at tokens"), one("p:42"));
        assert_eq!(homes("HGET p:42 updatedAt"), one("p:42"));
        assert_eq!(homes("HSET p:42 name x"), one("p"));
        assert_eq!(homes("GET p:42"), one("p"));
        assert_eq!(homes("TTL p:42"), both);
        assert_eq!(homes("DEL p:42"), both);
        assert_eq!(homes("TTL p:x"), one("p:x"));
    }

    #[test]
    fn a_tagged_key_lives_with_its_tag_and_may_be_a_bucket_of_its_own() {
        let one = |home: &str| (home.as_bytes().to_vec(), None);
        let both = (b"{p}".to_vec(), Some(b"{p}:u".to_vec()));
        for command in [
            "GET {p}:u",
            "INCR {p}:u",
            "SADD {p}:u x",
            "HSET {p}:u tokens 5",
        ] {
            assert_eq!(homes(command), one("{p}"), "{command}");
        }
        for command in [
            "TTL {p}:u",
            "DEL {p}:u",
            "HGETALL {p}:u",
            "HMGET {p}:u tokens x",
        ] {
            assert_eq!(homes(command), both, "{command}");
        }
        // A bucket's key has a colon, and nothing is asked twice.
        assert_eq!(homes("TTL {p}u"), one("{p}"));
        assert_eq!(homes("TTL {p:u}"), one("{p:u}"));
        assert_eq!(homes("HGET {p}:7 tokens"), one("{p}:7"));
    }
}
