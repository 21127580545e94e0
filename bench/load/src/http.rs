//! As much HTTP/1.1 as a load driver needs: one keep-alive connection, one request in flight, and
//! the whole answer read and framed by its length or its chunks, so that the next answer starts
//! where this one ends.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long an answer may take before the run is given up. A busy disk has been seen to take 20 s
/// over a thousand new databases.
const PATIENCE: Duration = Duration::from_secs(120);

/// What an answer has to be.
pub(crate) struct Expectation {
    /// The HTTP status.
    pub(crate) status: u16,
    /// A text that the body has to contain; empty asks for nothing.
    pub(crate) contains: String,
}

/// One answer: its status and where its body lies in the connection's buffer.
pub(crate) struct Answer<'a> {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The body as it came, with the lines of its chunks when it was chunked.
    pub(crate) body: &'a [u8],
}

impl Answer<'_> {
    /// Whether status and body are as expected.
    pub(crate) fn is(&self, expected: &Expectation) -> bool {
        self.status == expected.status && contains(self.body, expected.contains.as_bytes())
    }

    /// The answer as text, for an error message.
    pub(crate) fn describe(&self) -> String {
        format!("{} {}", self.status, String::from_utf8_lossy(self.body))
    }
}

/// A keep-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    /// The end of the answer last given out, which the next call drops.
    given: usize,
}

impl Connection {
    /// Connects, without delay for small packets.
    pub(crate) fn open(address: &str) -> std::io::Result<Connection> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Connection {
            stream,
            buffer: vec![0; 16 * 1024],
            filled: 0,
            given: 0,
        })
    }

    /// Sends one request and reads its whole answer.
    pub(crate) fn ask(&mut self, request: &[u8]) -> std::io::Result<Answer<'_>> {
        self.buffer.copy_within(self.given..self.filled, 0);
        self.filled -= self.given;
        self.given = 0;
        self.stream.write_all(request)?;
        loop {
            if let Some(frame) = frame(&self.buffer[..self.filled]).map_err(invalid)? {
                self.given = frame.end;
                let body = &self.buffer[frame.body..frame.end];
                return Ok(Answer {
                    status: frame.status,
                    body,
                });
            }
            if self.filled == self.buffer.len() {
                self.buffer.resize(self.filled * 2, 0);
            }
            match self.stream.read(&mut self.buffer[self.filled..])? {
                0 => return Err(invalid("the server closed the connection")),
                n => self.filled += n,
            }
        }
    }
}

fn invalid(why: &'static str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, why)
}

/// Where a complete answer's parts lie.
#[derive(Debug, PartialEq)]
struct Frame {
    status: u16,
    body: usize,
    end: usize,
}

/// The answer at the start of `bytes`, or `None` when more has to come.
fn frame(bytes: &[u8]) -> Result<Option<Frame>, &'static str> {
    let Some(head) = find(bytes, b"\r\n\r\n") else {
        return Ok(None);
    };
    let body = head + 4;
    let head = std::str::from_utf8(&bytes[..head]).map_err(|_| "the head is not text")?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 "))
        .and_then(|line| line.get(..3)?.parse().ok())
        .ok_or("the answer has no HTTP/1.1 status line")?;
    let end = end(lines, bytes, body)?;
    Ok(end.map(|end| Frame { status, body, end }))
}

/// Where the body that starts at `body` ends, as the header lines tell, or `None` when more has to
/// come.
fn end<'a>(
    lines: impl Iterator<Item = &'a str>,
    bytes: &[u8],
    body: usize,
) -> Result<Option<usize>, &'static str> {
    for line in lines {
        let (name, value) = line.split_once(':').ok_or("a header line has no colon")?;
        if name.eq_ignore_ascii_case("content-length") {
            let length: usize = value
                .trim()
                .parse()
                .map_err(|_| "content-length is no number")?;
            return Ok(body.checked_add(length).filter(|&end| end <= bytes.len()));
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return chunks(bytes, body);
        }
    }
    Err("the answer has neither a length nor chunks")
}

/// The end of the chunks that start at `at`, or `None` when more has to come.
fn chunks(bytes: &[u8], mut at: usize) -> Result<Option<usize>, &'static str> {
    loop {
        let Some(line) = find(&bytes[at..], b"\r\n") else {
            return Ok(None);
        };
        let size = std::str::from_utf8(&bytes[at..at + line]).map_err(|_| "a chunk has no size")?;
        let size = usize::from_str_radix(size.trim(), 16).map_err(|_| "a chunk has no size")?;
        at += line + 2 + size + 2;
        if at > bytes.len() {
            return Ok(None);
        }
        if size == 0 {
            return Ok(Some(at));
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|part| part == wanted)
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || find(bytes, wanted).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &[u8] =
        b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 3\r\nx: y\r\n\r\nabcHTTP";
    const CHUNKED: &[u8] =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\nHTTP";

    #[test]
    fn an_answer_ends_where_its_length_or_its_last_chunk_says() {
        let head = PLAIN.len() - "abcHTTP".len();
        let plain = Frame {
            status: 429,
            body: head,
            end: head + 3,
        };
        assert_eq!(frame(PLAIN), Ok(Some(plain)));
        let head = find(CHUNKED, b"\r\n\r\n").unwrap() + 4;
        let chunked = Frame {
            status: 200,
            body: head,
            end: CHUNKED.len() - 4,
        };
        assert_eq!(frame(CHUNKED), Ok(Some(chunked)));
    }

    #[test]
    fn every_cut_before_the_end_waits_for_more() {
        for (bytes, end) in [(PLAIN, PLAIN.len() - 4), (CHUNKED, CHUNKED.len() - 4)] {
            for cut in 0..end {
                assert_eq!(frame(&bytes[..cut]), Ok(None), "cut at {cut}");
            }
        }
    }

    #[test]
    fn what_is_not_an_answer_is_an_error_and_not_a_wait() {
        for bad in [
            &b"HTTP/1.0 200 OK\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        ] {
            assert!(frame(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn an_answer_is_right_only_with_the_expected_status_and_text() {
        let expected = Expectation {
            status: 200,
            contains: "\"success\":true".to_owned(),
        };
        let answer = |status, body| Answer { status, body }.is(&expected);
        assert!(answer(200, b"{\"success\":true}"));
        assert!(!answer(429, b"{\"success\":true}"));
        assert!(!answer(200, b"{\"success\":false}"));
    }
}
