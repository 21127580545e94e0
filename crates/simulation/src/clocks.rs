//! The clocks of machines: each is off by an amount of its own, and steps in both directions.

use fastrand::Rng;
use tollgate_core::Timestamp;

/// Where simulated time begins: a Monday in 2027, and a multiple of every window used.
pub(crate) const START: u64 = 1_798_848_000_000;

/// What time machines believe it is.
#[derive(Debug)]
pub(crate) struct Clocks {
    /// How far each is ahead of true time, in ms.
    ahead: Vec<i64>,
    /// The most by which one is off, in ms.
    most: u64,
}

impl Clocks {
    /// Clocks of so many machines, off by at most `most` ms.
    pub(crate) fn new(machines: usize, most: u64, random: &mut Rng) -> Clocks {
        let ahead = (0..machines).map(|_| off_by(most, random)).collect();
        Clocks { ahead, most }
    }

    /// The most by which any clock is off, in ms.
    pub(crate) const fn most(&self) -> u64 {
        self.most
    }

    /// A random machine.
    pub(crate) fn pick(&self, random: &mut Rng) -> u32 {
        random.u32(0..self.ahead.len() as u32)
    }

    /// What a machine's clock shows at `now`, in µs of true time.
    pub(crate) fn read(&self, machine: u32, now: u64) -> Timestamp {
        let ahead = self.ahead[machine as usize % self.ahead.len()];
        Timestamp::from_millis((START + now / 1_000).saturating_add_signed(ahead))
    }

    /// One clock is set anew: it steps ahead or back.
    pub(crate) fn step(&mut self, random: &mut Rng) {
        let machine = self.pick(random) as usize;
        self.ahead[machine] = off_by(self.most, random);
    }
}

fn off_by(most: u64, random: &mut Rng) -> i64 {
    let most = most as i64;
    random.i64(-most..=most)
}

/// True time in the unit of clocks.
pub(crate) const fn true_time(now: u64) -> Timestamp {
    Timestamp::from_millis(START + now / 1_000)
}
