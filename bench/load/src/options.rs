//! The driver's command line: `--name value` pairs, and for `cold` the server's command after `--`.

use crate::http::Expectation;
use std::time::Duration;

/// What to send, where, for how long, and which answers are right.
pub(crate) struct Options {
    /// The server, `127.0.0.1:PORT`.
    pub(crate) address: String,
    /// The server's process, whose processor time is read; 0 reads none.
    pub(crate) pid: u32,
    /// Connections, each with one request in flight.
    pub(crate) connections: usize,
    /// Unmeasured time before the measured interval.
    pub(crate) warm_up: Duration,
    /// The measured interval.
    pub(crate) measured: Duration,
    /// How many keys take turns, at random with equal chance.
    pub(crate) keys: usize,
    /// The request's path; `$KEY` stands for the key.
    pub(crate) path: String,
    /// Further header lines, each ended by CRLF; `$KEY` stands for the key.
    pub(crate) headers: String,
    /// The request's body; `$KEY` stands for the key.
    pub(crate) body: String,
    /// What keys begin with; their number follows.
    pub(crate) prefix: String,
    /// What an answer has to be.
    pub(crate) expected: Expectation,
    /// A status that is right as well until the measured interval begins (while a limit is used
    /// up); 0 is none.
    pub(crate) warm_up_status: u16,
    /// The command that starts the server, for `cold`.
    pub(crate) command: Vec<String>,
}

impl Options {
    /// Reads the words after the verb.
    pub(crate) fn parse(words: &[String]) -> Result<Options, String> {
        let mut options = Options {
            address: String::new(),
            pid: 0,
            connections: 64,
            warm_up: Duration::from_secs(1),
            measured: Duration::from_secs(10),
            keys: 1,
            path: "/".to_owned(),
            headers: String::new(),
            body: String::new(),
            prefix: "key-".to_owned(),
            expected: Expectation {
                status: 200,
                contains: String::new(),
            },
            warm_up_status: 0,
            command: Vec::new(),
        };
        let mut rest = words.iter();
        while let Some(name) = rest.next() {
            if name == "--" {
                options.command = rest.by_ref().cloned().collect();
                break;
            }
            let value = rest.next().ok_or_else(|| format!("{name} needs a value"))?;
            options.set(name, value)?;
        }
        if options.address.is_empty() || options.connections == 0 || options.keys == 0 {
            return Err("--address is needed; --connections and --keys are at least 1".to_owned());
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "--address" => self.address = value.to_owned(),
            "--pid" => self.pid = number(name, value)?,
            "--connections" => self.connections = number(name, value)?,
            "--warm-up-ms" => self.warm_up = Duration::from_millis(number(name, value)?),
            "--measured-ms" => self.measured = Duration::from_millis(number(name, value)?),
            "--keys" => self.keys = number(name, value)?,
            "--path" => self.path = value.to_owned(),
            "--header" => self.headers += &format!("{value}\r\n"),
            "--body" => self.body = value.to_owned(),
            "--prefix" => self.prefix = value.to_owned(),
            "--status" => self.expected.status = number(name, value)?,
            "--contains" => self.expected.contains = value.to_owned(),
            "--warm-up-status" => self.warm_up_status = number(name, value)?,
            _ => return Err(format!("unknown option {name}")),
        }
        Ok(())
    }

    /// The request for one key, ready to be written.
    pub(crate) fn request(&self, key: usize) -> Vec<u8> {
        let key = format!("{}{key}", self.prefix);
        let body = self.body.replace("$KEY", &key);
        let headers = self.headers.replace("$KEY", &key);
        format!(
            "POST {} HTTP/1.1\r\nhost: {}\r\n{headers}content-length: {}\r\n\r\n{body}",
            self.path.replace("$KEY", &key),
            self.address,
            body.len()
        )
        .into_bytes()
    }
}

fn number<N: std::str::FromStr>(name: &str, value: &str) -> Result<N, String> {
    value
        .parse()
        .map_err(|_| format!("{name}: {value} is not a number it takes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_request_carries_its_key_in_headers_and_body_and_the_length_of_that_body() {
        let mut options = Options::parse(&words("--address h:1 --path /limit --prefix u")).unwrap();
        options.set("--header", "x-key: $KEY").unwrap();
        options.set("--body", "{\"identifier\":\"$KEY\"}").unwrap();
        assert_eq!(
            String::from_utf8(options.request(12)).unwrap(),
            "POST /limit HTTP/1.1\r\nhost: h:1\r\nx-key: u12\r\ncontent-length: 20\r\n\r\n{\"identifier\":\"u12\"}"
        );
    }

    #[test]
    fn everything_after_two_dashes_is_the_servers_command() {
        let options = Options::parse(&words("--address h:1 -- workerd serve --verbose")).unwrap();
        assert_eq!(options.command, ["workerd", "serve", "--verbose"]);
    }

    #[test]
    fn an_unknown_option_or_a_missing_value_is_refused() {
        assert!(Options::parse(&words("--address h:1 --colour red")).is_err());
        assert!(Options::parse(&words("--address h:1 --keys")).is_err());
        assert!(Options::parse(&words("--address h:1 --keys many")).is_err());
    }
}
