//! Percent-encoding as `encodeURIComponent` does it, and its reverse.
//!
//! Object names are made of encoded parts, so that no part can contain the characters that join
//! them. Query strings are decoded by the same rules, where `+` stands for a space.

use percent_encoding::{percent_decode_str, utf8_percent_encode, AsciiSet, NON_ALPHANUMERIC};

/// The ASCII characters that are encoded: all but `A-Z a-z 0-9 - _ . ! ~ * ' ( )`.
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

/// Appends `text`, encoded: `A-Z a-z 0-9 - _ . ! ~ * ' ( )` stay, every other byte of its UTF-8
/// becomes `%XX` in upper case.
pub fn encode_component(text: &str, out: &mut String) {
    out.extend(utf8_percent_encode(text, ESCAPED));
}

/// Decodes what [`encode_component`] wrote, and nothing else: `None` for any other spelling, so
/// that no two texts decode alike.
pub fn decode_component(text: &str) -> Option<String> {
    let decoded = percent_decode_str(text).decode_utf8().ok()?;
    let mut encoded = utf8_percent_encode(&decoded, ESCAPED);
    let rest = encoded.try_fold(text, |rest, piece| rest.strip_prefix(piece))?;
    rest.is_empty().then(|| decoded.into_owned())
}

/// Decodes one name or value of a query string: `%xx` in either case, `+` as a space, anything else
/// as it stands. `None` when a `%` is not followed by two hex digits, or the bytes are not UTF-8.
pub fn decode_query(text: &str) -> Option<String> {
    // The library lets broken escapes stand as they are.
    let mut escapes = text.split('%').skip(1);
    let is_sound = |after: &str| {
        let digits = after.as_bytes().first_chunk::<2>();
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !escapes.all(is_sound) {
        return None;
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What stays as it is, by the standard's own list.
    fn stays(byte: u8) -> bool {
        byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte)
    }

    /// The meaning of encoding: byte for byte.
    fn spelled(text: &str) -> String {
        let byte = |byte| match stays(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        };
        text.bytes().map(byte).collect()
    }

    /// The meaning of decoding: byte for byte, and each escape as a number of two digits.
    fn meant(text: &str, plus: u8) -> Option<String> {
        let (mut rest, mut bytes) = (text.as_bytes(), Vec::new());
        while let Some((&first, after)) = rest.split_first() {
            rest = after;
            bytes.push(match first {
                b'%' => {
                    let (digits, after) = after.split_at_checked(2)?;
                    rest = after;
                    let digit = |digit: u8| char::from(digit).to_digit(16);
                    u8::try_from(digit(digits[0])? * 16 + digit(digits[1])?).unwrap()
                }
                b'+' => plus,
                other => other,
            });
        }
        String::from_utf8(bytes).ok()
    }

    /// Texts that are full of escapes, sound and broken.
    fn escaped() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            3 => "%[0-9A-Fa-f]{2}",
            1 => "%[0-9A-Ga-g+%]{0,2}",
            1 => "%C3%[89AB][0-9A-F]",
            2 => "[ -~]",
            1 => any::<char>().prop_map(String::from),
        ];
        prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    fn encoded(text: &str) -> String {
        let mut out = String::new();
        encode_component(text, &mut out);
        out
    }

    #[test]
    fn encodes_as_encode_uri_component_does() {
        // The right-hand sides are what JavaScript's encodeURIComponent answers.
        let table = [
            ("", ""),
            ("AZaz09-_.!~*'()", "AZaz09-_.!~*'()"),
            (" \"#$%&+,/", "%20%22%23%24%25%26%2B%2C%2F"),
            (
                ":;<=>?@[\\]^`{|}",
                "%3A%3B%3C%3D%3E%3F%40%5B%5C%5D%5E%60%7B%7C%7D",
            ),
            ("\0\u{1}\n\u{7f}", "%00%01%0A%7F"),
            ("ä", "%C3%A4"),
            ("€", "%E2%82%AC"),
            ("𝄞", "%F0%9D%84%9E"),
            ("user:123@acme/x", "user%3A123%40acme%2Fx"),
        ];
        for (text, expected) in table {
            assert_eq!(encoded(text), expected);
        }
    }

    #[test]
    fn a_component_has_one_spelling() {
        for other in [
            "%3a", "%41", "%2D", " ", "+", ":", "%", "%4", "%zz", "%FF", "%C3", "%+1", "ä",
        ] {
            assert_eq!(decode_component(other), None, "{other}");
        }
    }

    #[test]
    fn a_query_value_may_be_spelled_in_any_way() {
        let table = [
            ("a+b", Some("a b")),
            ("a%20b", Some("a b")),
            ("a%2Bb", Some("a+b")),
            ("%3a%3A", Some("::")),
            ("%41", Some("A")),
            ("ä%C3%A4", Some("ää")),
            ("", Some("")),
            ("%", None),
            ("%4", None),
            ("%zz", None),
            ("%+1", None),
            ("%FF", None),
            ("%C3", None),
        ];
        for (text, expected) in table {
            assert_eq!(decode_query(text).as_deref(), expected, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn encoding_and_decoding_mean_what_they_say(text in escaped()) {
            prop_assert_eq!(encoded(&text), spelled(&text));
            prop_assert_eq!(decode_query(&text), meant(&text, b' '));
            let decoded = meant(&text, b'+').filter(|decoded| spelled(decoded) == text);
            prop_assert_eq!(decode_component(&text), decoded);
        }

        #[test]
        fn what_is_encoded_is_decoded_by_its_meaning(text in any::<String>()) {
            prop_assert_eq!(decode_component(&spelled(&text)), Some(text));
        }

        #[test]
        fn every_text_comes_back(text in any::<String>()) {
            let there = encoded(&text);
            prop_assert!(there.bytes().all(|b| stays(b) || b == b'%'));
            prop_assert_eq!(decode_component(&there), Some(text.clone()));
            prop_assert_eq!(decode_query(&there), Some(text));
        }

        #[test]
        fn what_decodes_is_the_spelling_of_its_text(text in "[%0-9A-Fa-f.:+]{0,12}") {
            if let Some(decoded) = decode_component(&text) {
                prop_assert_eq!(encoded(&decoded), text);
            }
        }
    }
}
