//! Nanoseconds per decision: tollgate-core beside the `governor` crate; and rows written per
//! admission, which are counted. `bench-core [ROUNDS] [STEPS]`: how often each is timed (default
//! 15), over how many decisions (default 5,000,000). Prints one line of JSON.

mod harness;
mod others;
mod shared;
mod tollgate;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1).map(|word| word.parse::<u64>());
    let rounds = words.next().and_then(Result::ok).unwrap_or(15).max(1);
    let steps = words
        .next()
        .and_then(Result::ok)
        .unwrap_or(5_000_000)
        .max(10);
    let mut subjects = tollgate::subjects()?;
    subjects.extend(shared::subjects()?);
    subjects.extend(others::subjects());
    let timed = harness::report(subjects, rounds as usize, steps);
    let counted = tollgate::written()?.map(|written| {
        format!(
            "{{\"rows\":{},\"alarms\":{}}}",
            written.rows, written.alarms
        )
    });
    let [admitted, refused] = counted;
    println!(
        "{{\"subjects\":{timed},\"written\":{{\"admitted\":{admitted},\"refused\":{refused}}}}}"
    );
    Ok(())
}
