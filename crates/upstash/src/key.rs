//! The forms of a key: which object holds it, so that all keys of one script meet.
//!
//! A hash tag, `{…}`, places keys together as Redis Cluster does, unless the key has the form that
//! an SDK gives its own keys.
//!
//! The SDKs count a window under `<prefix>:<id>:<number of the window>` and read the window before
//! along with it, so a number at the end is cut off.

/// The name of the object that holds a key. Permanent for the forms of the SDKs: their state is
/// stored there.
pub fn shard(key: &[u8]) -> Vec<u8> {
    match placing(key) {
        Placing::List(prefix) => [prefix, b":denyList"].concat(),
        Placing::Window(home) | Placing::Tag(home) => home.to_vec(),
        Placing::Whole => key.to_vec(),
    }
}

/// What of a key decides where it lives.
pub(crate) enum Placing<'a> {
    /// A prefix's deny lists and their status live together.
    List(&'a [u8]),
    /// A number at the end is cut off.
    Window(&'a [u8]),
    /// The hash tag with its braces, so that `{a}` and `{a}:7` live with `{a}:b`.
    Tag(&'a [u8]),
    /// The key itself.
    Whole,
}

/// What decides where a key lives.
pub(crate) fn placing(key: &[u8]) -> Placing<'_> {
    let stem = stem(key);
    let cut = stem.unwrap_or(key);
    if let Some(prefix) = cut.strip_suffix(b":ipDenyListStatus") {
        return Placing::List(prefix);
    }
    let prefix = last_colon(cut).and_then(|colon| cut[..colon].strip_suffix(b":denyList"));
    if let Some(prefix) = prefix {
        return Placing::List(prefix);
    }
    match (stem, hash_tag(key)) {
        (Some(stem), _) => Placing::Window(stem),
        (None, Some(tag)) if !key.ends_with(b":dynamic:global") => Placing::Tag(tag),
        _ => Placing::Whole,
    }
}

/// The hash tag of a key, braces included: the first `{`, up to the first `}` behind it, if
/// anything stands between.
pub fn hash_tag(key: &[u8]) -> Option<&[u8]> {
    let open = key.iter().position(|&byte| byte == b'{')?;
    let length = key[open..].iter().position(|&byte| byte == b'}')?;
    (length > 1).then(|| &key[open..=open + length])
}

/// Whether the key is an hourly bucket of the SDK's analytics.
pub fn is_analytics_bucket(key: &[u8]) -> bool {
    // Times in ms have had 12 digits or more since 1973; an identifier "events" counts windows with
    // fewer.
    stem(key).is_some_and(|stem| stem.ends_with(b":events") && key.len() - stem.len() > 12)
}

/// The key without the number at its end; `None` when there is none.
pub(crate) fn stem(key: &[u8]) -> Option<&[u8]> {
    let colon = last_colon(key)?;
    let end = &key[colon + 1..];
    // Before 1.0 the Python SDK computes the number of the window before wrongly, and it is below
    // zero.
    let digits = end.strip_prefix(b"-").unwrap_or(end);
    let number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    (number && colon > 0).then(|| &key[..colon])
}

/// Where the last colon of a key stands.
pub(crate) fn last_colon(key: &[u8]) -> Option<usize> {
    key.iter().rposition(|&byte| byte == b':')
}

#[cfg(test)]
mod tests {
    use super::*;

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
            // A hash tag changes nothing about a key in an SDK's form.
            (&["{p}:user:29878713", "{p}:user:29878712"], "{p}:user"),
            (&["{p}:u:-86379222", "{p}:u:20778"], "{p}:u"),
            (&["p:{user}:29878713"], "p:{user}"),
            (
                &["{p}:denyList:all", "{p}:ipDenyListStatus"],
                "{p}:denyList",
            ),
            (&["{p}:dynamic:global"], "{p}:dynamic:global"),
            (&["{p}:events:1795222800000"], "{p}:events"),
            // Any other is placed by it.
            (
                &[
                    "{u1}:minute",
                    "{u1}:hour",
                    "rl:{u1}",
                    "a{u1}{b}",
                    "{u1}",
                    "{u1}:7",
                ],
                "{u1}",
            ),
            (&["a{{b}c}"], "{{b}"),
            (&["a{}{b}"], "a{}{b}"),
            (&["}a{b"], "}a{b"),
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
    fn only_keys_with_a_hash_tag_and_not_in_the_form_of_an_sdk_live_elsewhere_than_before_there_were_tags(
    ) {
        // As it was written then: data is stored there.
        fn before(key: &[u8]) -> Vec<u8> {
            let cut = stem(key).unwrap_or(key);
            if let Some(prefix) = cut.strip_suffix(b":ipDenyListStatus") {
                return [prefix, b":denyList"].concat();
            }
            match last_colon(cut) {
                Some(colon) if cut[..colon].ends_with(b":denyList") => cut[..colon].to_vec(),
                _ => cut.to_vec(),
            }
        }
        let parts = [
            "{",
            "}",
            "{a}",
            ":",
            ":",
            "a",
            "7",
            ":7",
            ":-7",
            ":denyList:all",
            ":ipDenyListStatus",
            ":dynamic:global",
            ":events:1795222800000",
        ];
        let mut state = 1u64;
        let mut next = |bound: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as usize % bound
        };
        let mut moved = 0;
        for _ in 0..50_000 {
            let key: String = (0..next(7)).map(|_| parts[next(parts.len())]).collect();
            let (start, end) = key.rsplit_once(':').unwrap_or(("", ""));
            let number = end.trim_start_matches('-');
            let of_sdk = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
                || start.ends_with(":denyList")
                || key.ends_with(":ipDenyListStatus")
                || key.ends_with(":dynamic:global");
            let tag = hash_tag(key.as_bytes());
            let (then, now) = (before(key.as_bytes()), shard(key.as_bytes()));
            match tag {
                Some(tag) if then != now => {
                    assert_eq!(now, tag, "{key}");
                    assert!(!of_sdk, "{key}");
                    moved += 1;
                }
                Some(_) if !of_sdk => assert_eq!(Some(&now[..]), tag, "{key}"),
                _ => assert_eq!(now, then, "{key}"),
            }
        }
        assert!(moved > 5_000, "{moved}");
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
