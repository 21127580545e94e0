//! A real Redis server for the time of a test: a child process on a Unix socket, in memory only.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tollgate_upstash::protocol::resp;
use tollgate_upstash::reply::Reply;

pub(crate) struct Redis {
    child: Child,
    folder: PathBuf,
    stream: UnixStream,
    unread: Vec<u8>,
}

impl Redis {
    /// Starts a server; `None` where there is no redis-server.
    pub(crate) fn start(name: &str) -> Option<Redis> {
        Redis::start_with(name, &[])
    }

    /// The same with further options.
    pub(crate) fn start_with(name: &str, options: &[&str]) -> Option<Redis> {
        let folder =
            std::env::temp_dir().join(format!("tollgate-redis-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let socket = folder.join("socket");
        let mut child = Command::new("redis-server")
            .args([
                "--port",
                "0",
                "--save",
                "",
                "--appendonly",
                "no",
                "--unixsocket",
            ])
            .arg(&socket)
            .args(options)
            .current_dir(&folder)
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        let stream = loop {
            match UnixStream::connect(&socket) {
                Ok(stream) => break stream,
                Err(_) => assert!(child.try_wait().unwrap().is_none(), "redis-server stopped"),
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        Some(Redis {
            child,
            folder,
            stream,
            unread: Vec::new(),
        })
    }

    /// Sends commands at once; their answers in order.
    pub(crate) fn run(&mut self, commands: &[Vec<Vec<u8>>]) -> Vec<Reply> {
        let mut bytes = Vec::new();
        for command in commands {
            resp::write_command(&mut bytes, command);
        }
        self.stream.write_all(&bytes).unwrap();
        commands.iter().map(|_| self.reply()).collect()
    }

    fn reply(&mut self) -> Reply {
        loop {
            let mut input = &self.unread[..];
            if let Some(reply) = resp::read_reply(&mut input) {
                self.unread = input.to_vec();
                return reply;
            }
            let mut buffer = [0; 1 << 16];
            let count = self.stream.read(&mut buffer).unwrap();
            assert!(count > 0, "redis-server closed the connection");
            self.unread.extend_from_slice(&buffer[..count]);
        }
    }

    /// The first two numbers of the server's version.
    pub(crate) fn version(&mut self) -> (u32, u32) {
        let replies = self.run(&[vec![b"INFO".to_vec(), b"server".to_vec()]]);
        let Reply::Bulk(text) = &replies[0] else {
            panic!("{replies:?}")
        };
        let text = String::from_utf8_lossy(text);
        let (_, version) = text.split_once("redis_version:").unwrap();
        let mut numbers = version.split('.').map(|number| number.parse().unwrap());
        (numbers.next().unwrap(), numbers.next().unwrap())
    }

    /// The server's time, Unix ms.
    pub(crate) fn now(&mut self) -> i64 {
        let replies = self.run(&[vec![b"TIME".to_vec()]]);
        let Reply::Array(parts) = &replies[0] else {
            panic!("{replies:?}")
        };
        let part = |at: usize| match &parts[at] {
            Reply::Bulk(text) => String::from_utf8_lossy(text).parse::<i64>().unwrap(),
            other => panic!("{other:?}"),
        };
        part(0) * 1000 + part(1) / 1000
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
