//! The benchmark's load driver. `drive` sends one request after another over keep-alive connections
//! and reports how many were answered and what processor time the server took for them; `cold`
//! starts a server and times its first answer. Every answer is checked; the report is one line of
//! JSON.
//!
//! Plain threads with blocking sockets: the server under test handles all requests on one thread,
//! so 64 waiting threads cost the driver far less than that thread can do, and the driver needs no
//! dependency.

mod cold;
mod cpu;
mod drive;
mod http;
mod options;

use options::Options;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let report = match words.split_first() {
        Some((verb, rest)) if verb == "drive" => {
            Options::parse(rest).and_then(|options| drive::run(&options))
        }
        Some((verb, rest)) if verb == "cold" => {
            Options::parse(rest).and_then(|options| cold::run(&options))
        }
        _ => Err("usage: bench-load drive|cold --address 127.0.0.1:PORT …".to_owned()),
    };
    match report {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("bench-load: {why}");
            ExitCode::FAILURE
        }
    }
}
