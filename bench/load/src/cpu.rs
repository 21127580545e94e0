//! Processor time of a process, as the kernel counts it.

use std::time::Duration;

/// The unit of `/proc/<pid>/stat`: `USER_HZ`, 100 per second on every Linux architecture.
const TICK: Duration = Duration::from_millis(10);

/// User and system time that a process with all its threads has had; zero for process 0.
pub(crate) fn used(pid: u32) -> Result<Duration, String> {
    if pid == 0 {
        return Ok(Duration::ZERO);
    }
    let path = format!("/proc/{pid}/stat");
    let stat = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    parse(&stat).ok_or_else(|| format!("{path} has an unknown form"))
}

/// Fields 14 and 15 of the line, counted behind the command's name, which may hold anything.
fn parse(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_ascii_whitespace().skip(11);
    let user: u32 = times.next()?.parse().ok()?;
    let system: u32 = times.next()?.parse().ok()?;
    Some(TICK * user.checked_add(system)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time_are_added_whatever_the_command_is_called() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194304 100 0 0 0 250 31 0 0 20 0 9 0 1000";
        assert_eq!(parse(stat), Some(Duration::from_millis(2_810)));
    }

    #[test]
    fn this_process_has_a_readable_time_and_process_0_has_none() {
        assert!(used(std::process::id()).is_ok());
        assert_eq!(used(0), Ok(Duration::ZERO));
    }
}
