//! Names of the objects that hold keys. Permanent: data is stored under them.

use percent_encoding::{percent_encode, AsciiSet, NON_ALPHANUMERIC};

use crate::reply::Reply;
use crate::sha1::{hex, sha1};

/// Every byte that `encodeURIComponent` escapes.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// The longest name that spells its shard out.
const MAX_SPELLED: usize = 1_024;

/// The name of the object of a shard, behind what all names of the namespace begin with. The shard
/// is encoded as `encodeURIComponent` does; a very long one appears as its SHA1 behind a colon,
/// which no encoded one contains.
pub(crate) fn object_name(prefix: &str, shard: &[u8]) -> String {
    let mut name = prefix.to_owned();
    name.extend(percent_encode(shard, ESCAPED));
    if name.len() > prefix.len() + MAX_SPELLED {
        name.truncate(prefix.len());
        name.push(':');
        name.push_str(&hex(&sha1(shard)));
    }
    name
}

/// The cursor of `SCAN` behind this name: a whole number, as clients expect one, with three digits
/// for each byte.
pub(crate) fn cursor_behind(name: &str) -> Reply {
    let mut digits = vec![b'1'];
    for byte in name.bytes() {
        digits.extend([byte / 100, byte / 10 % 10, byte % 10].map(|digit| b'0' + digit));
    }
    Reply::bulk(digits)
}

/// The name that a cursor stands behind: empty for 0; `None` for one that was never given.
pub(crate) fn name_of_cursor(cursor: &[u8]) -> Option<String> {
    let digits = match cursor {
        b"0" => b"",
        [b'1', digits @ ..] => digits,
        _ => return None,
    };
    if !digits.len().is_multiple_of(3) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let byte = |digits: &[u8]| {
        digits
            .iter()
            .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'))
    };
    let letters = digits
        .chunks_exact(3)
        .map(|digits| char::from_u32(byte(digits)).filter(char::is_ascii));
    letters.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_pinned_and_no_two_shards_share_one() {
        for (shard, name) in [
            (&b"p:user"[..], "shop/keyspace:p%3Auser"),
            (
                b"@upstash/ratelimit:1.2.3.4",
                "shop/keyspace:%40upstash%2Fratelimit%3A1.2.3.4",
            ),
            (b"\xff\0 %", "shop/keyspace:%FF%00%20%25"),
            (b"", "shop/keyspace:"),
        ] {
            assert_eq!(object_name("shop/keyspace:", shard), name);
        }
        let long = object_name("keyspace:", &[b'a'; 1025]);
        assert_eq!(
            long,
            "keyspace::4d3bc08de6a53f7bb7ad1e0f6bbeba5f8e4e4ee7".replace(
                "4d3bc08de6a53f7bb7ad1e0f6bbeba5f8e4e4ee7",
                &hex(&sha1(&[b'a'; 1025]))
            )
        );
        assert_eq!(object_name("keyspace:", &[b'a'; 1024]).len(), 9 + 1024);
    }

    #[test]
    fn a_cursor_is_a_whole_number_and_leads_back() {
        let Reply::Bulk(cursor) = cursor_behind("keyspace:a%3A1") else {
            panic!()
        };
        assert!(cursor.iter().all(u8::is_ascii_digit));
        assert_eq!(name_of_cursor(&cursor).as_deref(), Some("keyspace:a%3A1"));
        assert_eq!(name_of_cursor(b"0").as_deref(), Some(""));
        for bad in [&b""[..], b"2", b"17", b"1999", b"1200", b"x", b"-1"] {
            assert_eq!(name_of_cursor(bad), None);
        }
    }
}
