//! One measured interval: warm up, read the counters, wait, read them again. Requests and the
//! server's processor time are read at the same two instants, so that one divides by the other.

use crate::cpu;
use crate::http::{Answer, Connection};
use crate::options::Options;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// What the connections share.
struct Run<'a> {
    options: &'a Options,
    requests: Vec<Vec<u8>>,
    /// Right answers of each connection.
    answered: Vec<Counter>,
    measuring: AtomicBool,
    stop: AtomicBool,
    /// The first thing that went wrong; it ends the run.
    failure: Mutex<Option<String>>,
}

/// A counter with a cache line to itself, so that connections do not slow each other.
#[repr(align(128))]
#[derive(Default)]
struct Counter(AtomicU64);

/// Requests and processor time up to one instant.
struct Reading {
    at: Instant,
    answered: u64,
    server: Duration,
    driver: Duration,
}

/// Drives the load and gives the report as JSON.
pub(crate) fn run(options: &Options) -> Result<String, String> {
    let run = Run {
        options,
        requests: (0..options.keys).map(|key| options.request(key)).collect(),
        answered: (0..options.connections)
            .map(|_| Counter::default())
            .collect(),
        measuring: AtomicBool::new(false),
        stop: AtomicBool::new(false),
        failure: Mutex::new(None),
    };
    let (readings, mut latencies) = thread::scope(|scope| {
        let connections: Vec<_> = (0..options.connections)
            .map(|index| {
                let run = &run;
                scope.spawn(move || run.connection(index))
            })
            .collect();
        let readings = run.measure();
        run.stop.store(true, Relaxed);
        let latencies: Vec<u32> = connections
            .into_iter()
            .flat_map(|connection| connection.join().unwrap_or_default())
            .collect();
        (readings, latencies)
    });
    if let Some(why) = run
        .failure
        .lock()
        .map_err(|_| "a connection panicked")?
        .take()
    {
        return Err(why);
    }
    let (start, end) = readings?;
    latencies.sort_unstable();
    report(&start, &end, &latencies)
}

impl Run<'_> {
    /// Waits through the warm-up and the measured interval and reads the counters at its two ends.
    fn measure(&self) -> Result<(Reading, Reading), String> {
        self.wait(self.options.warm_up);
        self.measuring.store(true, Relaxed);
        let start = self.read()?;
        self.wait(self.options.measured);
        Ok((start, self.read()?))
    }

    /// Sleeps, but not on after a failure.
    fn wait(&self, time: Duration) {
        let end = Instant::now() + time;
        while !self.stop.load(Relaxed) && Instant::now() < end {
            thread::sleep(Duration::from_millis(50).min(end - Instant::now()));
        }
    }

    fn read(&self) -> Result<Reading, String> {
        Ok(Reading {
            at: Instant::now(),
            answered: self
                .answered
                .iter()
                .map(|counter| counter.0.load(Relaxed))
                .sum(),
            server: cpu::used(self.options.pid)?,
            driver: cpu::used(std::process::id())?,
        })
    }

    /// One connection until the run stops; gives the measured latencies in microseconds.
    fn connection(&self, index: usize) -> Vec<u32> {
        let mut latencies = Vec::new();
        if let Err(why) = self.ask_until_stopped(index, &mut latencies) {
            self.stop.store(true, Relaxed);
            if let Ok(mut failure) = self.failure.lock() {
                failure.get_or_insert(why);
            }
        }
        latencies
    }

    fn ask_until_stopped(&self, index: usize, latencies: &mut Vec<u32>) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("{}: {error}", self.options.address);
        let mut connection = Connection::open(&self.options.address).map_err(failed)?;
        let mut random = Random::new(index as u64);
        while !self.stop.load(Relaxed) {
            let request = &self.requests[random.below(self.requests.len())];
            let measured = self.measuring.load(Relaxed);
            let sent = Instant::now();
            let answer = connection.ask(request).map_err(failed)?;
            if !self.right(&answer, measured) {
                return Err(format!("a wrong answer: {}", answer.describe()));
            }
            if measured {
                latencies.push(sent.elapsed().as_micros() as u32);
            }
            self.answered[index].0.fetch_add(1, Relaxed);
        }
        Ok(())
    }

    /// Whether an answer is as it should be. While warming up, a limit may still be on its way to
    /// being used up.
    fn right(&self, answer: &Answer, measured: bool) -> bool {
        answer.is(&self.options.expected)
            || (!measured && answer.status == self.options.warm_up_status)
    }
}

/// A small generator of random numbers (xorshift): the choice of keys has to be even, not secret.
struct Random(u64);

impl Random {
    /// Each connection gets its own sequence; the multiplier spreads the small seeds.
    fn new(seed: u64) -> Random {
        Random((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

fn report(start: &Reading, end: &Reading, latencies: &[u32]) -> Result<String, String> {
    let requests = end.answered - start.answered;
    if requests == 0 || latencies.is_empty() {
        return Err("no request was answered in the measured interval".to_owned());
    }
    let seconds = (end.at - start.at).as_secs_f64();
    let quantile = |q: f64| latencies[((latencies.len() - 1) as f64 * q) as usize];
    Ok(format!(
        "{{\"requests\":{requests},\"seconds\":{seconds:.6},\"serverCpuSeconds\":{:.3},\"driverCpuSeconds\":{:.3},\"p50Us\":{},\"p99Us\":{}}}",
        (end.server - start.server).as_secs_f64(),
        (end.driver - start.driver).as_secs_f64(),
        quantile(0.5),
        quantile(0.99),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_chosen_evenly() {
        let mut counts = [0u32; 10];
        for seed in 0..64 {
            let mut random = Random::new(seed);
            (0..1_000).for_each(|_| counts[random.below(10)] += 1);
        }
        // 6,400 expected each; 5 standard deviations are 380.
        assert!(
            counts.iter().all(|count| count.abs_diff(6_400) < 380),
            "{counts:?}"
        );
    }
}
