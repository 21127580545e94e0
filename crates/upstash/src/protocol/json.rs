//! JSON as the REST protocol needs it: bytes in, bytes out, every number kept as the text that was
//! sent.
//!
//! `serde_json` reads each string, number and word. Arrays and objects are walked here, because
//! their depth and the number of their values are bounded before any of them is kept, because a
//! number is passed on to Redis as written, and because a command's arguments are byte strings that
//! may be no UTF-8.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, Visitor};

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as written.
    Number(Vec<u8>),
    /// A string, unescaped; an unpaired surrogate becomes U+FFFD.
    String(Vec<u8>),
    /// An array.
    Array(Vec<Json>),
    /// An object's members in order, duplicates included.
    Object(Vec<(Vec<u8>, Json)>),
}

/// Why a text was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is no JSON.
    NotJson,
    /// It has more values than wanted.
    TooMany,
}

/// Deeper nesting is refused: commands need two levels, and the reader recurses.
const MAX_DEPTH: usize = 64;

/// Reads one JSON value that fills `text`, itself and those in it at most `max` values: each takes
/// many times its bytes in memory.
pub fn parse(text: &[u8], max: usize) -> Result<Json, Unread> {
    let mut reader = Reader {
        text,
        at: 0,
        left: max.saturating_add(1),
    };
    let value = reader.value(0).filter(|_| {
        reader.space();
        reader.at == text.len()
    });
    value.ok_or(match reader.left {
        0 => Unread::TooMany,
        _ => Unread::NotJson,
    })
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    /// How many values may still come, and one.
    left: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        self.left -= 1;
        if self.left == 0 {
            return None;
        }
        self.space();
        match self.peek()? {
            b'"' => self.string().map(Json::String),
            b'[' if depth < MAX_DEPTH => self.array(depth),
            b'{' if depth < MAX_DEPTH => self.object(depth),
            b'[' | b'{' => None,
            _ => self.word_or_number(),
        }
    }

    fn array(&mut self, depth: usize) -> Option<Json> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek()? == b']' {
            self.at += 1;
            return Some(Json::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            match self.next()? {
                b',' => {}
                b']' => return Some(Json::Array(items)),
                _ => return None,
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<Json> {
        self.at += 1;
        let mut members = Vec::new();
        self.space();
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(Json::Object(members));
        }
        loop {
            self.space();
            if self.peek()? != b'"' {
                return None;
            }
            let name = self.string()?;
            self.space();
            if self.next()? != b':' {
                return None;
            }
            members.push((name, self.value(depth + 1)?));
            self.space();
            match self.next()? {
                b',' => {}
                b'}' => return Some(Json::Object(members)),
                _ => return None,
            }
        }
    }

    /// The text of one value that is no array and no object.
    fn scalar(&mut self) -> Option<&[u8]> {
        let rest = &self.text[self.at..];
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<IgnoredAny>();
        values.next()?.ok()?;
        let length = values.byte_offset();
        self.at += length;
        Some(&rest[..length])
    }

    fn word_or_number(&mut self) -> Option<Json> {
        Some(match self.scalar()? {
            b"null" => Json::Null,
            b"true" => Json::Bool(true),
            b"false" => Json::Bool(false),
            number => Json::Number(number.to_vec()),
        })
    }

    fn string(&mut self) -> Option<Vec<u8>> {
        let quoted = self.scalar()?;
        let text = quoted.get(1..quoted.len() - 1)?;
        if !text.contains(&b'\\') {
            return Some(text.to_vec());
        }
        let mut bytes = Vec::with_capacity(text.len());
        for chunk in text.utf8_chunks() {
            let quoted = ["\"", chunk.valid(), "\""].concat();
            let Unescaped(valid) = serde_json::from_str(&quoted).ok()?;
            bytes.extend(valid);
            bytes.extend_from_slice(chunk.invalid());
        }
        Some(bytes)
    }
}

/// The bytes of a JSON string.
struct Unescaped(Vec<u8>);

impl<'de> Deserialize<'de> for Unescaped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(Unescape)
    }
}

struct Unescape;

impl Visitor<'_> for Unescape {
    type Value = Unescaped;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Unescaped, E> {
        let mut bytes = bytes.to_vec();
        replace_surrogates(&mut bytes);
        Ok(Unescaped(bytes))
    }
}

/// Puts U+FFFD in the place of each unpaired surrogate, which stands there in three bytes as well.
fn replace_surrogates(bytes: &mut [u8]) {
    let mut at = 0;
    while at + 2 < bytes.len() {
        if bytes[at] == 0xed && bytes[at + 1] >= 0xa0 {
            bytes[at..at + 3].copy_from_slice("\u{fffd}".as_bytes());
        }
        at += 1;
    }
}

/// Appends `bytes` as a JSON string; what is no UTF-8 becomes U+FFFD.
pub fn write_string(out: &mut String, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    // A text always has a form in JSON.
    out.push_str(&serde_json::to_string(&text).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &str) -> Json {
        Json::String(text.as_bytes().to_vec())
    }

    #[test]
    fn a_command_is_read_with_numbers_as_they_were_written() {
        let text = br#" [ "SET" , "k\u00e9\ud83d\ude00\n\/", 1.50, -2e+3, true, null ] "#;
        assert_eq!(
            parse(text, 99),
            Ok(Json::Array(vec![
                string("SET"),
                string("ké😀\n/"),
                Json::Number(b"1.50".to_vec()),
                Json::Number(b"-2e+3".to_vec()),
                Json::Bool(true),
                Json::Null,
            ]))
        );
        assert_eq!(
            parse(br#"{"a":{"b":[]},"c":{}}"#, 99),
            Ok(Json::Object(vec![
                (
                    b"a".to_vec(),
                    Json::Object(vec![(b"b".to_vec(), Json::Array(vec![]))])
                ),
                (b"c".to_vec(), Json::Object(vec![])),
            ]))
        );
    }

    #[test]
    fn bytes_that_are_no_utf8_pass_unchanged_and_lone_surrogates_do_not() {
        assert_eq!(
            parse(b"\"\xff\xfe\"", 1),
            Ok(Json::String(b"\xff\xfe".to_vec()))
        );
        assert_eq!(
            parse(br#""\ud800x\ude00\ud800\u0041""#, 1),
            Ok(string("\u{fffd}x\u{fffd}\u{fffd}A"))
        );
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in [
            "",
            " ",
            "[",
            "[1,]",
            "[1 2]",
            "{\"a\"}",
            "{1:2}",
            "01",
            "1.",
            "-",
            "1e",
            "+1",
            "tru",
            "\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\n\"",
            "[] []",
            "nul",
            "'a'",
            "[1]x",
            "NaN",
        ] {
            let read = parse(text.as_bytes(), 99);
            assert_eq!(read, Err(Unread::NotJson), "{text}");
        }
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(parse(nested(MAX_DEPTH).as_bytes(), 99).is_ok());
        let deeper = parse(nested(MAX_DEPTH + 1).as_bytes(), 99);
        assert_eq!(deeper, Err(Unread::NotJson));
        let deep = "[".repeat(100_000);
        assert_eq!(parse(deep.as_bytes(), 99), Err(Unread::NotJson));
    }

    #[test]
    fn no_more_values_are_read_than_wanted() {
        let text = br#"[1,{"a":[2]},3]"#;
        assert!(parse(text, 6).is_ok());
        assert_eq!(parse(text, 5), Err(Unread::TooMany));
        let many = format!("[{}", "1,".repeat(100_000));
        assert_eq!(parse(many.as_bytes(), 1_000), Err(Unread::TooMany));
    }

    #[test]
    fn strings_are_written_so_that_any_reader_takes_them() {
        let mut out = String::new();
        write_string(&mut out, "a\"\\\n\r\t\u{1}\u{1f}é\u{2028}".as_bytes());
        write_string(&mut out, b"\xff");
        assert_eq!(
            out,
            "\"a\\\"\\\\\\n\\r\\t\\u0001\\u001fé\u{2028}\"\"\u{fffd}\""
        );
    }
}
