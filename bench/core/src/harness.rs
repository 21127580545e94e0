//! Timing in turn: every subject runs once per round, so that what disturbs the machine disturbs
//! all of them.

use std::time::Instant;

/// One thing to time: a name, and a function that does it `count` times.
pub(crate) struct Subject {
    /// What is timed, as it stands in the report.
    pub(crate) name: String,
    /// Does it that many times. It must keep its result from being optimised away.
    pub(crate) run: Box<dyn FnMut(u64)>,
    /// One step of it is made for so many of others, because it takes so long.
    fewer: u64,
}

impl Subject {
    /// A subject from one step; the loop around it is compiled together with it. The step is told
    /// its number.
    pub(crate) fn new<T>(
        name: impl Into<String>,
        mut step: impl FnMut(u64) -> T + 'static,
    ) -> Subject {
        let run = Box::new(move |count| {
            for index in 0..count {
                // By reference: a copy of a large answer would be timed as well.
                std::hint::black_box(&step(std::hint::black_box(index)));
            }
        });
        Subject {
            name: name.into(),
            run,
            fewer: 1,
        }
    }

    /// The same with one step for so many of others.
    pub(crate) fn fewer(self, fewer: u64) -> Subject {
        Subject { fewer, ..self }
    }

    /// Takes its share of so many steps: how many.
    fn steps(&mut self, count: u64) -> u64 {
        let count = (count / self.fewer).max(1);
        (self.run)(count);
        count
    }
}

/// Times every subject `rounds` times over `count` steps and gives one line of JSON: nanoseconds
/// per step by round.
pub(crate) fn report(mut subjects: Vec<Subject>, rounds: usize, count: u64) -> String {
    let mut times = vec![Vec::with_capacity(rounds); subjects.len()];
    for subject in &mut subjects {
        subject.steps(count / 10); // caches and branch predictors warm up
    }
    for round in 0..rounds {
        for turn in 0..subjects.len() {
            let index = (turn + round) % subjects.len();
            let start = Instant::now();
            let steps = subjects[index].steps(count);
            times[index].push(start.elapsed().as_secs_f64() * 1e9 / steps as f64);
        }
    }
    let lines: Vec<String> = subjects
        .iter()
        .zip(&times)
        .map(|(subject, times)| {
            let times: Vec<String> = times.iter().map(|time| format!("{time:.3}")).collect();
            format!(
                "{{\"name\":\"{}\",\"ns\":[{}]}}",
                subject.name,
                times.join(",")
            )
        })
        .collect();
    format!("[{}]", lines.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;

    #[test]
    fn every_subject_runs_its_warm_up_and_every_round_and_is_reported() {
        let steps = Rc::new(Cell::new(0));
        let seen = Rc::clone(&steps);
        let subject = Subject::new("count", move |_| seen.set(seen.get() + 1));
        let report = report(vec![subject], 3, 100);
        assert_eq!(steps.get(), 310);
        assert!(report.starts_with("[{\"name\":\"count\",\"ns\":["));
        assert_eq!(report.split(',').count(), 4);
    }
}
