//! When checks come, and of whom.

use fastrand::Rng;

use crate::scenario::{Phase, Scenario, Subjects};

/// The checks of a scenario.
#[derive(Debug)]
pub(crate) struct Arrivals {
    phases: &'static [Phase],
    /// How long all phases take, in µs.
    round: f64,
    subjects: Subjects,
    /// Of each subject of a skewed choice: how likely it is itself, and who else.
    aliases: Vec<(f64, u32)>,
    come: u64,
}

impl Arrivals {
    pub(crate) fn new(scenario: &Scenario) -> Arrivals {
        let round = scenario
            .phases
            .iter()
            .map(|phase| phase.seconds)
            .sum::<f64>()
            * 1e6;
        let aliases = match scenario.subjects {
            Subjects::Zipf { count, skew } if skew > 0.0 => aliases(count, skew),
            _ => Vec::new(),
        };
        Arrivals {
            phases: scenario.phases,
            round,
            subjects: scenario.subjects,
            aliases,
            come: 0,
        }
    }

    /// When the check after one at `now` comes, in µs.
    pub(crate) fn next(&self, now: u64, random: &mut Rng) -> u64 {
        let mut at = now as f64;
        loop {
            let mut left = at % self.round;
            let mut here = &self.phases[0];
            for phase in self.phases {
                here = phase;
                if left < phase.seconds * 1e6 {
                    break;
                }
                left -= phase.seconds * 1e6;
            }
            let gap = exponential(random) * 1e6 / here.rate;
            let ends_in = here.seconds * 1e6 - left;
            if gap < ends_in {
                return (at + gap).ceil() as u64;
            }
            at += ends_in.max(1.0); // random instants know no past: it begins anew
        }
    }

    /// Of whom the next check is.
    pub(crate) fn subject(&mut self, random: &mut Rng) -> u64 {
        self.come += 1;
        match self.subjects {
            Subjects::One => 0,
            Subjects::Fresh { asks } => self.come / u64::from(asks),
            Subjects::Zipf { count, .. } => {
                let subject = random.u32(0..count);
                match self.aliases.get(subject as usize) {
                    Some(&(own, other)) if random.f64() >= own => other.into(),
                    _ => subject.into(),
                }
            }
        }
    }
}

/// With the mean 1.
pub(crate) fn exponential(random: &mut Rng) -> f64 {
    -(1.0 - random.f64()).ln()
}

/// Walker's alias table, in Vose's way.
fn aliases(count: u32, skew: f64) -> Vec<(f64, u32)> {
    let weights = (1..=count).map(|n| f64::from(n).powf(-skew));
    let sum: f64 = weights.clone().sum();
    let mut parts: Vec<f64> = weights.map(|it| it / sum * f64::from(count)).collect();
    let mut table = vec![(1.0, 0); count as usize];
    let (mut small, mut large): (Vec<u32>, Vec<u32>) =
        (0..count).partition(|&n| parts[n as usize] < 1.0);
    while let (Some(&less), Some(&more)) = (small.last(), large.last()) {
        small.pop();
        table[less as usize] = (parts[less as usize], more);
        parts[more as usize] -= 1.0 - parts[less as usize];
        if parts[more as usize] < 1.0 {
            large.pop();
            small.push(more);
        }
    }
    table
}
