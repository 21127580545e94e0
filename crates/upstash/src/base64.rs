//! Base64 with padding, as the SDKs ask for every string of an answer.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends `bytes` in base64.
pub fn write(out: &mut String, bytes: &[u8]) {
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(*chunk.get(at).unwrap_or(&0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let letter = ALPHABET[(group >> (18 - 6 * at) & 63) as usize];
            out.push(if at > chunk.len() {
                '='
            } else {
                char::from(letter)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_published_examples() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg=="),
            (b"fo", "Zm8="),
            (b"foo", "Zm9v"),
            (b"OK", "T0s="),
            (b"\xff\xfe\xfd\xfc", "//79/A=="),
        ] {
            let mut out = String::new();
            write(&mut out, bytes);
            assert_eq!(out, text);
        }
    }
}
