//! Who asks most, in little memory: a Space-Saving sketch (Metwally, Agrawal, El Abbadi, 2005).
//!
//! It has a fixed number of counters. A newcomer takes the place of the smallest counter and its
//! count, so a count is never too low, and too high by at most that of the smallest. Whoever asks
//! more than 1/n of all has one of the n counters.

/// At most so many counters.
#[derive(Debug, Clone)]
pub struct Sketch {
    counters: Vec<(u64, u64)>,
    size: usize,
}

impl Sketch {
    /// With at most `size` counters, at least one.
    pub fn new(size: usize) -> Sketch {
        Sketch {
            counters: Vec::new(),
            size: size.max(1),
        }
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.counters.is_empty()
    }

    /// Counts `count` more for the subject of this hash.
    pub fn add(&mut self, hash: u64, count: u64) {
        if let Some((_, known)) = self.counters.iter_mut().find(|(it, _)| *it == hash) {
            *known += count;
            return;
        }
        if self.counters.len() < self.size {
            self.counters.push((hash, count));
            return;
        }
        let smallest = self.counters.iter_mut().min_by_key(|(_, count)| *count);
        if let Some(counter) = smallest {
            *counter = (hash, counter.1 + count);
        }
    }

    /// The subjects with their counts, the busiest first.
    pub fn busiest(&self) -> Vec<(u64, u64)> {
        let key = |&(hash, count): &(u64, u64)| (u64::MAX - count, hash, 0_usize);
        let mut keys: Vec<_> = self.counters.iter().map(key).collect();
        keys.sort_unstable();
        keys.into_iter()
            .map(|(rest, hash, _)| (hash, u64::MAX - rest))
            .collect()
    }

    /// Counts what is past for half as much, and forgets what comes to nothing.
    pub fn halve(&mut self) {
        self.counters.iter_mut().for_each(|(_, count)| *count /= 2);
        self.counters.retain(|(_, count)| *count > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_more_than_a_counters_part_is_found_among_ever_so_many() {
        let mut sketch = Sketch::new(100);
        for i in 0..100_000u64 {
            // 1 of 50 is asked by subject 7, the others by a new one each.
            sketch.add(if i % 50 == 0 { 7 } else { 1_000 + i }, 1);
        }
        let (hash, count) = sketch.busiest()[0];
        assert_eq!(hash, 7);
        assert!((2_000..=3_000).contains(&count), "{count}");
        assert_eq!(sketch.busiest().len(), 100);
    }

    #[test]
    fn what_is_past_fades() {
        let mut sketch = Sketch::new(4);
        sketch.add(1, 5);
        sketch.add(2, 1);
        sketch.halve();
        assert_eq!(sketch.busiest(), [(1, 2)]);
    }
}
