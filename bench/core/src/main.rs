//! Nanoseconds per decision: tollgate-core beside the `governor` crate. Prints one line of JSON.
//! `bench-core [ROUNDS] [STEPS]`: how often each is timed (default 11), over how many decisions (default 5,000,000).

mod harness;
mod others;

fn main() {
    let mut words = std::env::args().skip(1).map(|word| word.parse::<u64>());
    let rounds = words.next().and_then(Result::ok).unwrap_or(11).max(1);
    let steps = words
        .next()
        .and_then(Result::ok)
        .unwrap_or(5_000_000)
        .max(10);
    println!(
        "{}",
        harness::report(others::subjects(), rounds as usize, steps)
    );
}
