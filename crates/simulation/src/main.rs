//! `simulate`: runs scenarios with one seed after the other until enough events have happened, and
//! prints what came of it. A violation ends it with 1, and with the command that repeats it.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use tollgate_simulation::{named, run, table, thousands, Scenario, Tally, ALL, TEN_MILLION};

/// Simulates isolates, objects, clocks and a network that go wrong, around the core's own machines.
#[derive(Debug, Parser)]
#[command(name = "simulate")]
struct Options {
    /// How many events there are at least; each run comes to its end.
    #[arg(long, default_value_t = 1_000_000_000)]
    events: u64,
    /// The first seed; without one, another each time.
    #[arg(long)]
    seed: Option<u64>,
    /// One scenario alone, by its name.
    #[arg(long, value_parser = scenario)]
    scenario: Option<Scenario>,
}

fn scenario(name: &str) -> Result<Scenario, String> {
    named(name).ok_or_else(|| {
        let all = ALL.iter().chain([&TEN_MILLION]);
        let names: Vec<&str> = all.map(|scenario| scenario.name).collect();
        format!("the scenarios are {}", names.join(", "))
    })
}

#[allow(
    clippy::disallowed_methods,
    reason = "the time that a run takes is real; nothing that is simulated reads it"
)]
fn main() -> ExitCode {
    let options = Options::parse();
    let first = options.seed.unwrap_or_else(|| fastrand::u64(..1 << 32));
    let scenarios = options.scenario.map_or(ALL.to_vec(), |it| vec![it]);
    let mut rows: Vec<(&str, Tally)> = scenarios
        .iter()
        .map(|it| (it.name, Tally::default()))
        .collect();
    let began = Instant::now();
    let mut all = Tally::default();
    for seed in first.. {
        for (scenario, row) in scenarios.iter().zip(&mut rows) {
            if all.events >= options.events {
                break;
            }
            match run(*scenario, seed) {
                Ok(tally) => {
                    row.1 += tally;
                    all += tally;
                }
                Err(wrong) => {
                    eprintln!("\n{}, seed {seed}: {wrong}", scenario.name);
                    let name = scenario.name;
                    eprintln!("npm run simulate -- --scenario {name} --seed {seed} --events 1");
                    return ExitCode::FAILURE;
                }
            }
            let speed = all.events as f64 / began.elapsed().as_secs_f64() / 1e6;
            eprint!(
                "\r{} events, {speed:.2} million a second, seed {seed} ",
                thousands(all.events)
            );
            let _ = std::io::stderr().flush(); // progress that cannot be shown is none
        }
        if all.events >= options.events {
            break;
        }
    }
    eprintln!();
    println!(
        "{}",
        table(rows.iter().copied().filter(|(_, it)| it.events > 0))
    );
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{} events in {seconds:.1} s, {:.2} million a second; seeds from {first}",
        thousands(all.events),
        all.events as f64 / seconds / 1e6
    );
    println!(
        "{} waits were exact; {} crashes, {} times everything killed, {} sleeps, {} steps of clocks, {} deployments; at most {} subjects kept of {}, {} awake{}",
        thousands(all.waits),
        thousands(all.crashes),
        thousands(all.kills),
        thousands(all.sleeps),
        thousands(all.steps),
        thousands(all.deploys),
        thousands(all.most_kept),
        thousands(all.subjects),
        thousands(all.most_awake),
        memory(),
    );
    ExitCode::SUCCESS
}

/// The most memory that the process had, where the system tells it.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.map_or(String::new(), |peak| {
        format!("; at most{}", peak.replace('\t', " "))
    })
}
