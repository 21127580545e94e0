//! JSON as the REST protocol needs it: bytes in, bytes out, every number kept as the text that was sent.
//!
//! A reader of its own because a command's arguments are byte strings that may be no UTF-8, because a number is passed on to
//! Redis as written, and because a general one would cost more than the rest of this package.

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

/// Reads one JSON value that fills `text`, itself and those in it `most` values: each takes many times its bytes in memory.
pub fn parse(text: &[u8], most: usize) -> Result<Json, Unread> {
    let mut reader = Reader {
        text,
        at: 0,
        left: most.saturating_add(1),
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

    fn word(&mut self, word: &[u8], value: Json) -> Option<Json> {
        let found = self.text[self.at..].starts_with(word);
        self.at += word.len();
        found.then_some(value)
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
            b't' => self.word(b"true", Json::Bool(true)),
            b'f' => self.word(b"false", Json::Bool(false)),
            b'n' => self.word(b"null", Json::Null),
            _ => self.number(),
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

    fn number(&mut self) -> Option<Json> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let whole = self.digits()?;
        if whole > 1 && self.text[self.at - whole] == b'0' {
            return None;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(Json::Number(self.text[start..self.at].to_vec()))
    }

    fn digits(&mut self) -> Option<usize> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(self.at - start)
    }

    fn string(&mut self) -> Option<Vec<u8>> {
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            let start = self.at;
            while !matches!(self.peek()?, b'"' | b'\\' | 0..=0x1f) {
                self.at += 1;
            }
            bytes.extend_from_slice(&self.text[start..self.at]);
            match self.next()? {
                b'"' => return Some(bytes),
                b'\\' => self.escape(&mut bytes)?,
                _ => return None,
            }
        }
    }

    fn escape(&mut self, bytes: &mut Vec<u8>) -> Option<()> {
        bytes.push(match self.next()? {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 8,
            b'f' => 12,
            byte @ (b'"' | b'\\' | b'/') => byte,
            b'u' => {
                let letter = self.unicode()?;
                bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                return Some(());
            }
            _ => return None,
        });
        Some(())
    }

    /// The character of a `\u` escape; a surrogate takes its other half along.
    fn unicode(&mut self) -> Option<char> {
        let unit = self.hexadecimal()?;
        if (0xd800..0xdc00).contains(&unit) && self.text[self.at..].starts_with(b"\\u") {
            let behind = self.at;
            self.at += 2;
            let second = self.hexadecimal()?;
            if (0xdc00..0xe000).contains(&second) {
                return char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (second - 0xdc00));
            }
            self.at = behind;
        }
        Some(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hexadecimal(&mut self) -> Option<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit * 16 + char::from(self.next()?).to_digit(16)?;
        }
        Some(unit)
    }
}

/// Appends `bytes` as a JSON string; what is no UTF-8 becomes U+FFFD.
pub fn write_string(out: &mut String, bytes: &[u8]) {
    out.push('"');
    let mut rest = bytes;
    while !rest.is_empty() {
        let (text, broken) = match std::str::from_utf8(rest) {
            Ok(text) => (text, 0),
            Err(error) => {
                let good = error.valid_up_to();
                (
                    std::str::from_utf8(&rest[..good]).unwrap_or_default(),
                    error.error_len().unwrap_or(rest.len() - good),
                )
            }
        };
        write_text(out, text);
        if broken > 0 {
            out.push(char::REPLACEMENT_CHARACTER);
        }
        rest = &rest[text.len() + broken..];
    }
    out.push('"');
}

fn write_text(out: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => {
                out.push_str("\\u00");
                out.push_str(&crate::sha1::hex(&[control as u8]));
            }
            _ => out.push(letter),
        }
    }
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
