//! A cold start: the time from starting the server's process to its first right answer.

use crate::http::Connection;
use crate::options::Options;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Between two attempts to connect: short against the tens of milliseconds that a start takes.
const PAUSE: Duration = Duration::from_micros(200);
/// When a start has failed for good.
const PATIENCE: Duration = Duration::from_secs(20);

/// Starts the server, asks once, ends it, and reports the milliseconds in between as JSON.
pub(crate) fn run(options: &Options) -> Result<String, String> {
    let (program, arguments) = options
        .command
        .split_first()
        .ok_or("cold needs -- COMMAND")?;
    let request = options.request(0);
    let start = Instant::now();
    let mut server = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    let answered = first_answer(options, &request, &mut server, start);
    // Ended whatever happened; a server that has ended by itself is no error here.
    let _ = server.kill();
    let _ = server.wait();
    answered.map(|time| format!("{{\"milliseconds\":{:.3}}}", time.as_secs_f64() * 1e3))
}

fn first_answer(
    options: &Options,
    request: &[u8],
    server: &mut Child,
    start: Instant,
) -> Result<Duration, String> {
    let mut connection = loop {
        match Connection::open(&options.address) {
            Ok(connection) => break connection,
            Err(error) if start.elapsed() > PATIENCE => return Err(error.to_string()),
            Err(_) => std::thread::sleep(PAUSE),
        }
        if let Ok(Some(status)) = server.try_wait() {
            return Err(format!(
                "the server ended before its first answer: {status}"
            ));
        }
    };
    let answer = connection.ask(request).map_err(|error| error.to_string())?;
    let time = start.elapsed();
    if answer.is(&options.expected) {
        Ok(time)
    } else {
        Err(format!("a wrong first answer: {}", answer.describe()))
    }
}
