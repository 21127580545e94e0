//! Percent-encoding as `encodeURIComponent` does it, and its reverse.
//!
//! Object names are made of encoded parts, so that no part can contain the characters that join them. Query strings are decoded
//! by the same code, where `+` stands for a space.

/// Appends `text`, encoded: `A-Z a-z 0-9 - _ . ! ~ * ' ( )` stay, every other byte of its UTF-8 becomes `%XX` in upper case.
pub fn encode_component(text: &str, out: &mut String) {
    const HEX: [u8; 16] = *b"0123456789ABCDEF";
    for byte in text.bytes() {
        if stays(byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// Decodes what [`encode_component`] wrote, and nothing else: `None` for any other spelling, so that no two texts decode alike.
pub fn decode_component(text: &str) -> Option<String> {
    let decoded = decode(text, Plus::IsPlus)?;
    let mut again = String::with_capacity(text.len());
    encode_component(&decoded, &mut again);
    (again == text).then_some(decoded)
}

/// Decodes one name or value of a query string: `%xx` in either case, `+` as a space, anything else as it stands. `None` when a
/// `%` is not followed by two hex digits, or the bytes are not UTF-8.
pub fn decode_query(text: &str) -> Option<String> {
    decode(text, Plus::IsSpace)
}

#[derive(Clone, Copy, PartialEq)]
enum Plus {
    IsPlus,
    IsSpace,
}

fn decode(text: &str, plus: Plus) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?,
            b'+' if plus == Plus::IsSpace => b' ',
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex_digit(byte: u8) -> Option<u8> {
    // A hex digit is below 16.
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

const fn stays(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
