//! The REST protocol: HTTP bodies and paths to commands, replies to JSON. Which path means which
//! form the Worker's table of routes says.
//!
//! Statuses are part of it: one command that fails is 400, a pipeline answers 200 whatever
//! the outcome of its commands.

pub mod json;
pub mod resp;

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use percent_encoding::percent_decode_str;

use json::{write_string, Json, Unread};

use crate::bounds::{MAX_ARGUMENTS, MAX_COMMANDS};
use crate::error::RedisError;
use crate::reply::Reply;
use crate::values::number::integer_text;

/// A command with its name first, or why it is none.
pub type Sent = Result<Vec<Vec<u8>>, RedisError>;

/// What a request of this protocol is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form<'a> {
    /// One command in the body.
    Single,
    /// Commands in the body.
    Pipeline,
    /// Commands in the body, as one transaction.
    Transaction,
    /// One command as a path.
    Path(&'a str),
    /// Another method is needed: one of these.
    WrongMethod(&'static str),
}

/// The body of `POST /`: one command.
pub fn single(body: &[u8]) -> Sent {
    match read(body, RedisError::BadBody)? {
        Json::Array(words) => arguments(words),
        _ => Err(RedisError::BadBody),
    }
}

/// The JSON of a body; `form` says how it should look.
fn read(body: &[u8], form: RedisError) -> Result<Json, RedisError> {
    // The arrays count as well.
    json::parse(body, MAX_ARGUMENTS + MAX_COMMANDS + 1).map_err(|unread| match unread {
        Unread::NotJson => form,
        Unread::TooMany => RedisError::ManyArguments,
    })
}

/// The body of `POST /pipeline` and `POST /multi-exec`: commands. What is wrong with one of them is
/// told of that one.
pub fn several(body: &[u8]) -> Result<Vec<Sent>, RedisError> {
    const FORM: RedisError = RedisError::BadPipeline;
    let Json::Array(commands) = read(body, FORM)? else {
        return Err(FORM);
    };
    if commands.len() > MAX_COMMANDS {
        return Err(RedisError::LongPipeline);
    }
    let command = |command: Json| match command {
        Json::Array(words) => Ok(arguments(words)),
        _ => Err(FORM),
    };
    commands.into_iter().map(command).collect()
}

fn arguments(words: Vec<Json>) -> Sent {
    if words.is_empty() {
        return Err(RedisError::EmptyCommand);
    }
    let word = |word: Json| match word {
        Json::String(text) | Json::Number(text) => Ok(text),
        Json::Bool(value) => Ok(if value {
            b"true".to_vec()
        } else {
            b"false".to_vec()
        }),
        Json::Null => Ok(b"null".to_vec()),
        Json::Array(_) | Json::Object(_) => Err(RedisError::BadArgument),
    };
    words.into_iter().map(word).collect()
}

/// A command written as a path, `/set/key/value?EX=100`: the segments, then the body if there is
/// one, then the query's names and values. `_token` is not part of the command.
pub fn path(path: &str, query: &str, body: &[u8]) -> Sent {
    let mut words: Vec<Vec<u8>> = path
        .split('/')
        .skip_while(|part| part.is_empty())
        .map(|part| decode(part, false))
        .collect();
    if words.is_empty() {
        return Err(RedisError::EmptyCommand);
    }
    if !body.is_empty() {
        words.push(body.to_vec());
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair
            .split_once('=')
            .map_or((pair, None), |(name, value)| (name, Some(value)));
        if name == "_token" {
            continue;
        }
        words.push(decode(name, true));
        words.extend(
            value
                .filter(|value| !value.is_empty())
                .map(|value| decode(value, true)),
        );
    }
    Ok(words)
}

/// The value of `_token` in a query.
pub fn token(query: &str) -> Option<String> {
    let value = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("_token="))?;
    String::from_utf8(decode(value, true)).ok()
}

/// Percent-decodes; what is no valid escape stays as it is. In a query, `+` is a space.
fn decode(text: &str, query: bool) -> Vec<u8> {
    if query {
        percent_decode_str(&text.replace('+', " ")).collect()
    } else {
        percent_decode_str(text).collect()
    }
}

/// The answer to one command: status and body.
pub fn answer_single(reply: &Reply, base64: bool) -> (u16, String) {
    let mut body = String::new();
    write_element(&mut body, reply, base64);
    (
        if matches!(reply, Reply::Error(_)) {
            400
        } else {
            200
        },
        body,
    )
}

/// The body of the answer to several commands. Its status is 200 whatever their outcomes.
pub fn answer_several(replies: &[Reply], base64: bool) -> String {
    let mut body = String::from("[");
    for (at, reply) in replies.iter().enumerate() {
        if at > 0 {
            body.push(',');
        }
        write_element(&mut body, reply, base64);
    }
    body.push(']');
    body
}

/// The body for an error of the request as a whole.
pub fn error(text: &str) -> String {
    let mut body = String::new();
    write_element(&mut body, &Reply::Error(text.to_owned()), false);
    body
}

fn write_element(out: &mut String, reply: &Reply, base64: bool) {
    match reply {
        Reply::Error(text) => {
            out.push_str("{\"error\":");
            write_string(out, text.as_bytes());
        }
        // The one string that is never encoded: the SDKs look for it first.
        Reply::Status(word) if **word == *b"OK" => out.push_str("{\"result\":\"OK\""),
        _ => {
            out.push_str("{\"result\":");
            write_value(out, reply, base64);
        }
    }
    out.push('}');
}

fn write_value(out: &mut String, reply: &Reply, base64: bool) {
    match reply {
        Reply::Nil => out.push_str("null"),
        Reply::Integer(value) => out.extend(integer_text(*value).into_iter().map(char::from)),
        Reply::Bulk(bytes) | Reply::Status(bytes) if base64 => {
            out.push('"');
            STANDARD.encode_string(bytes, out);
            out.push('"');
        }
        Reply::Bulk(bytes) | Reply::Status(bytes) => write_string(out, bytes),
        Reply::Error(text) => write_string(out, text.as_bytes()),
        Reply::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_value(out, item, base64);
            }
            out.push(']');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::words;

    #[test]
    fn one_command_is_an_array_of_anything_but_arrays() {
        assert_eq!(
            single(br#"["SET","k",1.50,true,null]"#),
            Ok(words("SET k 1.50 true null"))
        );
        for body in [
            "",
            "{}",
            "[]",
            "null",
            r#""GET""#,
            r#"[["GET","k"]]"#,
            r#"["SET","k",{}]"#,
            "[\"GET\",\"k\"",
        ] {
            assert!(single(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_pipeline_is_refused_as_a_whole_only_when_it_is_none() {
        let commands = several(br#"[["GET","k"],[],["SET","k",[1]],["PING"]]"#).unwrap();
        let fine: Vec<bool> = commands.iter().map(Result::is_ok).collect();
        assert_eq!(fine, [true, false, false, true]);
        assert_eq!(several(b"[]"), Ok(vec![]));
        for body in [&b"{}"[..], b"[\"GET\",\"k\"]", b"[[\"GET\"],1]", b"x", b""] {
            assert!(several(body).is_err());
        }
        let many = format!("[{}]", vec!["[\"PING\"]"; 1001].join(","));
        assert!(several(many.as_bytes()).is_err());
    }

    #[test]
    fn a_request_of_too_many_arguments_is_refused_before_it_takes_their_memory() {
        let body = |count: usize| format!("[\"SADD\",\"k\"{}]", ",1".repeat(count));
        assert!(single(body(MAX_ARGUMENTS - 2).as_bytes()).is_ok());
        let many = body(MAX_ARGUMENTS + MAX_COMMANDS);
        assert_eq!(single(many.as_bytes()), Err(RedisError::ManyArguments));
        let many = format!("[{many}]");
        assert_eq!(several(many.as_bytes()), Err(RedisError::ManyArguments));
    }

    #[test]
    fn a_path_is_a_command_too() {
        let told = |path_text, query, body: &str| path(path_text, query, body.as_bytes());
        assert_eq!(
            told("/set/foo/bar", "EX=100&_token=s%3d", ""),
            Ok(words("set foo bar EX 100"))
        );
        assert_eq!(
            told("set/foo", "NX", "a value").map(|words| words.len()),
            Ok(4)
        );
        assert_eq!(told("/get/a%2Fb%zz+", "", ""), Ok(words("get a/b%zz+")));
        assert_eq!(told("/set/k/", "", ""), Ok(words("set k ")));
        assert!(told("/", "", "").is_err());
        assert_eq!(token("a=1&_token=to%2Bken"), Some("to+ken".to_owned()));
        assert_eq!(token("token=x"), None);
    }

    #[test]
    fn every_string_at_any_depth_is_encoded_except_a_bare_ok() {
        let nested = Reply::Array(vec![
            Reply::bulk(&b"OK"[..]),
            Reply::Array(vec![Reply::Integer(-5), Reply::Nil, Reply::status("OK")]),
        ]);
        for (reply, encoded, plain) in [
            (Reply::ok(), r#"{"result":"OK"}"#, r#"{"result":"OK"}"#),
            (
                Reply::bulk(&b"OK"[..]),
                r#"{"result":"T0s="}"#,
                r#"{"result":"OK"}"#,
            ),
            (
                Reply::status("PONG"),
                r#"{"result":"UE9ORw=="}"#,
                r#"{"result":"PONG"}"#,
            ),
            (Reply::Nil, r#"{"result":null}"#, r#"{"result":null}"#),
            (
                Reply::bulk(&b"\xff\""[..]),
                r#"{"result":"/yI="}"#,
                "{\"result\":\"\u{fffd}\\\"\"}",
            ),
            (
                nested,
                r#"{"result":["T0s=",[-5,null,"T0s="]]}"#,
                r#"{"result":["OK",[-5,null,"OK"]]}"#,
            ),
        ] {
            assert_eq!(answer_single(&reply, true), (200, encoded.to_owned()));
            assert_eq!(answer_single(&reply, false), (200, plain.to_owned()));
        }
    }

    #[test]
    fn an_error_is_400_alone_and_one_of_many_in_a_pipeline() {
        let wrong = Reply::Error("WRONGTYPE \"x\"".to_owned());
        assert_eq!(
            answer_single(&wrong, true),
            (400, r#"{"error":"WRONGTYPE \"x\""}"#.to_owned())
        );
        assert_eq!(
            answer_several(&[wrong, Reply::Integer(1)], true),
            r#"[{"error":"WRONGTYPE \"x\""},{"result":1}]"#
        );
    }
}
