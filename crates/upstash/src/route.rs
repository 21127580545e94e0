//! Which object holds a key: a function of the key (and, for one shape, of the command), so that all keys of one script meet.
//!
//! The SDKs count a window under `<prefix>:<id>:<number of the window>` and read the window before along with it, so a number
//! at the end is cut off. A token bucket lives under `<prefix>:<id>`, where a numeric id looks just the same; cutting it off
//! would put every numeric user into one object. Bucket scripts, and hash commands that name a bucket's fields, therefore take
//! the key as it is, and commands that do not tell which of the two is meant ask both homes.

use crate::command::{Command, Place};

/// The fields of the token buckets of all releases of the SDKs.
const BUCKET_FIELDS: [&[u8]; 5] = [
    b"refilledAt",
    b"refilled_at",
    b"updatedAt",
    b"updated_at",
    b"tokens",
];

/// The name of the object that holds a key.
pub fn shard(key: &[u8]) -> Vec<u8> {
    let cut = stem(key).unwrap_or(key);
    if let Some(prefix) = cut.strip_suffix(b":ipDenyListStatus") {
        return [prefix, b":denyList"].concat();
    }
    match last_colon(cut) {
        Some(colon) if cut[..colon].ends_with(b":denyList") => cut[..colon].to_vec(),
        _ => cut.to_vec(),
    }
}

/// Where a command finds its first key: one object, or either of two.
pub fn homes(command: &Command, arguments: &[Vec<u8>]) -> (Vec<u8>, Option<Vec<u8>>) {
    let key = &arguments[1];
    let usual = shard(key);
    if stem(key).is_none() {
        return (usual, None);
    }
    let names_bucket = is_word_of_bucket(command, arguments);
    match command.place {
        Place::AnyType | Place::Sum => (usual, Some(key.clone())),
        _ if names_bucket => (key.clone(), None),
        _ => (usual, None),
    }
}

fn is_word_of_bucket(command: &Command, arguments: &[Vec<u8>]) -> bool {
    let field = arguments.get(2).map_or(&[][..], |field| field);
    command.name.starts_with('H') && BUCKET_FIELDS.contains(&field)
}

/// Whether the key is an hourly bucket of the SDK's analytics.
pub fn is_analytics_bucket(key: &[u8]) -> bool {
    // Times in ms have had 12 digits or more since 1973; an identifier "events" counts windows with fewer.
    stem(key).is_some_and(|stem| stem.ends_with(b":events") && key.len() - stem.len() > 12)
}

/// The key without the number at its end; `None` when there is none.
fn stem(key: &[u8]) -> Option<&[u8]> {
    let colon = last_colon(key)?;
    let end = &key[colon + 1..];
    // Before 1.0 the Python SDK computes the number of the window before wrongly, and it is below zero.
    let digits = end.strip_prefix(b"-").unwrap_or(end);
    let number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    (number && colon > 0).then(|| &key[..colon])
}

fn last_colon(key: &[u8]) -> Option<usize> {
    key.iter().rposition(|&byte| byte == b':')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::find;

    #[test]
    fn keys_that_a_script_or_transaction_uses_together_share_an_object() {
        for (keys, home) in [
            (
                &["p:user:29878713", "p:user:29878712", "p:user"][..],
                "p:user",
            ),
            (
                &[
                    "p:x:denyList:all",
                    "p:x:denyList:ip",
                    "p:x:ipDenyListStatus",
                    "p:x:denyList:country",
                ],
                "p:x:denyList",
            ),
            (
                &[
                    "p:events:1795222800000",
                    "p:events:1795219200000",
                    "p:events",
                ],
                "p:events",
            ),
            (&["p:user:20778", "p:user:-86379222"], "p:user"),
            (&["p:user:-"], "p:user:-"),
            (&["p:dynamic:global"], "p:dynamic:global"),
            (&["p:10.0.0.1"], "p:10.0.0.1"),
            (&["12"], "12"),
            (&[":12"], ":12"),
            (&["a:"], "a:"),
            (&[""], ""),
        ] {
            for key in keys {
                assert_eq!(
                    String::from_utf8(shard(key.as_bytes())).unwrap(),
                    home,
                    "{key}"
                );
            }
        }
    }

    #[test]
    fn a_numeric_bucket_has_an_object_of_its_own_and_doubtful_commands_ask_both() {
        let homes = |words: &str| {
            let arguments: Vec<Vec<u8>> = words.split(' ').map(|word| word.into()).collect();
            homes(find(&arguments[0]).unwrap(), &arguments)
        };
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
    fn analytics_buckets_are_told_from_windows() {
        assert!(is_analytics_bucket(
            b"@upstash/ratelimit:events:1795222800000"
        ));
        assert!(!is_analytics_bucket(b"@upstash/ratelimit:events:29878713"));
        assert!(!is_analytics_bucket(b"p:event:1795222800000"));
    }
}
