//! RESP, the protocol of Redis: how commands and replies travel between the Worker and the object
//! that owns the keys.
//!
//! Used there because it is binary-safe, small, and says what everything is; and so the
//! differential test can put the same bytes to a real Redis server.

use crate::reply::Reply;
use crate::values::bytes::Bytes;
use crate::values::number::{integer_text, parse_integer};

/// Nesting beyond this is refused: no reply of ours comes near, and the reader recurses.
const MAX_DEPTH: usize = 16;

/// Appends a command: an array of byte strings.
pub fn write_command(out: &mut Vec<u8>, command: &[Vec<u8>]) {
    write_header(out, b'*', command.len() as i64);
    for argument in command {
        write_bulk(out, argument);
    }
}

/// Appends a reply.
pub fn write_reply(out: &mut Vec<u8>, reply: &Reply) {
    match reply {
        Reply::Nil => out.extend_from_slice(b"$-1\r\n"),
        Reply::Integer(value) => write_header(out, b':', *value),
        Reply::Bulk(bytes) => write_bulk(out, bytes),
        Reply::Status(word) => write_line(out, b'+', word),
        Reply::Error(text) => write_line(out, b'-', text.as_bytes()),
        Reply::Array(items) => {
            write_header(out, b'*', items.len() as i64);
            for item in items {
                write_reply(out, item);
            }
        }
    }
}

fn write_header(out: &mut Vec<u8>, kind: u8, value: i64) {
    write_line(out, kind, &integer_text(value));
}

fn write_bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    write_header(out, b'$', bytes.len() as i64);
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

fn write_line(out: &mut Vec<u8>, kind: u8, text: &[u8]) {
    out.push(kind);
    // A line ends at the first line break, so one inside becomes a space, as in Redis.
    out.extend(text.iter().map(|&byte| {
        if byte == b'\r' || byte == b'\n' {
            b' '
        } else {
            byte
        }
    }));
    out.extend_from_slice(b"\r\n");
}

/// Takes the next reply off the front of `input`; `None` when it is cut short or malformed.
pub fn read_reply(input: &mut &[u8]) -> Option<Reply> {
    read(input, 0)
}

/// Takes the next command off the front of `input`; `None` when it is cut short or no array of byte
/// strings.
pub fn read_command(input: &mut &[u8]) -> Option<Vec<Vec<u8>>> {
    let Reply::Array(items) = read(input, 0)? else {
        return None;
    };
    items
        .into_iter()
        .map(|item| match item {
            Reply::Bulk(bytes) => Some(bytes.to_vec()),
            _ => None,
        })
        .collect()
}

fn read(input: &mut &[u8], depth: usize) -> Option<Reply> {
    let end = input.windows(2).position(|pair| pair == b"\r\n")?;
    let (line, rest) = (&input[..end], &input[end + 2..]);
    let (&kind, text) = line.split_first()?;
    *input = rest;
    Some(match kind {
        b':' => Reply::Integer(parse_integer(text)?),
        b'+' => Reply::Status(text.into()),
        b'-' => Reply::Error(text.iter().map(|&byte| char::from(byte)).collect()),
        b'$' => match parse_integer(text)? {
            -1 => Reply::Nil,
            length => Reply::Bulk(read_bulk(input, usize::try_from(length).ok()?)?),
        },
        b'*' => match parse_integer(text)? {
            -1 => Reply::Nil,
            _ if depth == MAX_DEPTH => return None,
            count => {
                let count = usize::try_from(count).ok()?;
                // The count is not believed before the items are there.
                let mut items = Vec::with_capacity(count.min(input.len()));
                for _ in 0..count {
                    items.push(read(input, depth + 1)?);
                }
                Reply::Array(items)
            }
        },
        _ => return None,
    })
}

fn read_bulk(input: &mut &[u8], length: usize) -> Option<Bytes> {
    let bytes = input.get(..length)?.into();
    let rest = input.get(length..length.checked_add(2)?)?;
    if rest != b"\r\n" {
        return None;
    }
    *input = &input[length + 2..];
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reply_survives_the_way_there_and_back() {
        let reply = Reply::Array(vec![
            Reply::Nil,
            Reply::Integer(i64::MIN),
            Reply::bulk(&b"\r\n\0\xff"[..]),
            Reply::bulk(vec![]),
            Reply::ok(),
            Reply::Error("ERR no".to_owned()),
            Reply::Array(vec![]),
        ]);
        let mut bytes = Vec::new();
        write_reply(&mut bytes, &reply);
        write_reply(&mut bytes, &Reply::Integer(7));
        let mut input = &bytes[..];
        assert_eq!(read_reply(&mut input), Some(reply));
        assert_eq!(read_reply(&mut input), Some(Reply::Integer(7)));
        assert!(input.is_empty());
    }

    #[test]
    fn commands_are_pinned_byte_for_byte() {
        let mut bytes = Vec::new();
        write_command(&mut bytes, &[b"GET".to_vec(), b"a b".to_vec()]);
        assert_eq!(bytes, b"*2\r\n$3\r\nGET\r\n$3\r\na b\r\n");
        assert_eq!(
            read_command(&mut &bytes[..]),
            Some(vec![b"GET".to_vec(), b"a b".to_vec()])
        );
    }

    #[test]
    fn anything_cut_short_or_malformed_is_refused() {
        let whole = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n";
        for end in 0..whole.len() {
            assert_eq!(read_reply(&mut &whole[..end]), None, "{end}");
        }
        for bad in [
            &b"*9999999999\r\n"[..],
            b"$5\r\nab\r\n",
            b"$-2\r\n",
            b"?x\r\n",
            b"\r\n",
            b"$1\r\nabc",
            b":x\r\n",
        ] {
            assert_eq!(read_reply(&mut &bad[..]), None);
        }
        assert_eq!(read_reply(&mut "*1\r\n".repeat(1000).as_bytes()), None);
    }

    #[test]
    fn a_line_break_in_an_error_cannot_forge_a_reply() {
        let mut bytes = Vec::new();
        write_reply(&mut bytes, &Reply::Error("ERR a\r\n+OK".to_owned()));
        assert_eq!(bytes, b"-ERR a  +OK\r\n");
    }
}
