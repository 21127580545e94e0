//! The members of a sorted set in their order: by score, lowest first, and equal scores by their
//! bytes.
//!
//! A sorted list cut into short runs: adding, removing and counting take the time of one run and of
//! a look at the runs' ends, wherever in a hundred thousand members.

use std::cmp::Ordering;

use crate::values::bytes::Bytes;

/// Members of one run at most: a run that grows beyond is cut in two. About as many runs as members
/// in a run, at 100,000.
const MAX_RUN: usize = 512;

/// A member with its score.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    /// The score; never NaN.
    pub score: f64,
    /// The member.
    pub member: Bytes,
}

impl Ranked {
    /// Never unordered: no score is stored that is not a number. And -0 equals 0, which `total_cmp`
    /// would tell apart.
    fn is_before(&self, score: f64, member: &[u8]) -> bool {
        let scores = self.score.partial_cmp(&score).unwrap_or(Ordering::Equal);
        scores.then_with(|| (*self.member).cmp(member)) == Ordering::Less
    }
}

/// Members in order. No run is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Order {
    runs: Vec<Vec<Ranked>>,
    len: usize,
}

impl Order {
    /// Sorts members.
    pub(crate) fn of(members: Vec<Ranked>) -> Order {
        let len = members.len();
        let sorted = merge_sort(members);
        let runs = sorted.chunks(MAX_RUN / 2).map(<[Ranked]>::to_vec).collect();
        Order { runs, len }
    }

    /// How many members.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The run, and the place in it, of the first member for which `before` does not hold, where it
    /// holds for all lower ones and for none above.
    fn place(&self, before: impl Fn(&Ranked) -> bool) -> (usize, usize) {
        let run = self
            .runs
            .partition_point(|run| run.last().is_some_and(&before));
        let at = self
            .runs
            .get(run)
            .map_or(0, |run| run.partition_point(before));
        (run, at)
    }

    /// How many members `before` holds for: the lowest ones.
    pub fn count_below(&self, before: impl Fn(&Ranked) -> bool) -> usize {
        let (run, at) = self.place(before);
        self.runs[..run].iter().map(Vec::len).sum::<usize>() + at
    }

    /// How many members stand before this one.
    pub fn rank(&self, score: f64, member: &[u8]) -> usize {
        self.count_below(|ranked| ranked.is_before(score, member))
    }

    /// The members from one rank to before another, lowest first.
    pub fn range(&self, from: usize, to: usize) -> impl DoubleEndedIterator<Item = &Ranked> {
        let mut start = 0;
        let parts = self.runs.iter().filter_map(move |run| {
            let (first, behind) = (start, start + run.len());
            start = behind;
            let part = from.max(first)..to.min(behind);
            (part.start < part.end).then(|| &run[part.start - first..part.end - first])
        });
        // A few slices: so that they can be read from both ends.
        parts.collect::<Vec<_>>().into_iter().flatten()
    }

    pub(crate) fn insert(&mut self, score: f64, member: Bytes) {
        self.len += 1;
        let (run, at) = self.place(|ranked| ranked.is_before(score, &member));
        let ranked = Ranked { score, member };
        let Some(last) = self.runs.len().checked_sub(1) else {
            self.runs.push(vec![ranked]);
            return;
        };
        // Behind all others: at the end of the last run.
        let (number, at) = match self.runs.get(run) {
            Some(_) => (run, at),
            None => (last, self.runs[last].len()),
        };
        let run = &mut self.runs[number];
        run.insert(at, ranked);
        if run.len() > MAX_RUN {
            let upper = run.split_off(MAX_RUN / 2);
            self.runs.insert(number + 1, upper);
        }
    }

    pub(crate) fn remove(&mut self, score: f64, member: &[u8]) {
        let (number, at) = self.place(|ranked| ranked.is_before(score, member));
        let Some(run) = self.runs.get_mut(number) else {
            return;
        };
        if run.get(at).is_some_and(|ranked| *ranked.member == *member) {
            run.remove(at);
            self.len -= 1;
            if run.is_empty() {
                self.runs.remove(number);
            }
        }
    }
}

/// Sorts runs of 1, 2, 4 … members together: a tenth of the code of the library's sort, which would
/// be another instance of it.
fn merge_sort(mut members: Vec<Ranked>) -> Vec<Ranked> {
    let mut width = 1;
    while width < members.len() {
        let mut sorted = Vec::with_capacity(members.len());
        for run in members.chunks(width * 2) {
            let (mut left, mut right) = run.split_at(width.min(run.len()));
            while let (Some(a), Some(b)) = (left.first(), right.first()) {
                let side = if b.is_before(a.score, &a.member) {
                    &mut right
                } else {
                    &mut left
                };
                sorted.push(side[0].clone());
                *side = &side[1..];
            }
            sorted.extend_from_slice(left);
            sorted.extend_from_slice(right);
        }
        members = sorted;
        width *= 2;
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranked(score: f64, member: &str) -> Ranked {
        Ranked {
            score,
            member: member.as_bytes().into(),
        }
    }

    fn members(order: &Order) -> Vec<String> {
        let text = |ranked: &Ranked| String::from_utf8(ranked.member.to_vec()).unwrap();
        order.range(0, order.len()).map(text).collect()
    }

    #[test]
    fn members_are_ordered_by_score_then_bytes_and_minus_zero_is_zero() {
        let given = [
            ranked(1.0, "d"),
            ranked(0.0, "b"),
            ranked(-0.0, "a"),
            ranked(-0.0, "c"),
            ranked(f64::NEG_INFINITY, "e"),
        ];
        assert_eq!(
            members(&Order::of(given.to_vec())),
            ["e", "a", "b", "c", "d"]
        );
        let mut order = Order::default();
        for Ranked { score, member } in given {
            order.insert(score, member);
        }
        assert_eq!(members(&order), ["e", "a", "b", "c", "d"]);
    }

    #[test]
    fn whatever_is_added_and_removed_it_is_the_sorted_list() {
        let mut state = 7u64;
        let mut next = move |bound: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % bound
        };
        for (kinds, rounds) in [(5, 200), (40, 4_000), (3_000, 9_000)] {
            let mut plain: Vec<(i64, String)> = Vec::new();
            let mut order = Order::default();
            for round in 0..rounds {
                let member = format!("m{}", next(kinds));
                let known = plain.iter().position(|(_, known)| *known == member);
                if let Some(at) = known {
                    let (score, _) = plain.remove(at);
                    order.remove(score as f64, member.as_bytes());
                }
                if known.is_none() || next(3) > 0 {
                    let score = next(50) as i64;
                    plain.push((score, member.clone()));
                    order.insert(score as f64, member.as_bytes().into());
                }
                assert_eq!(order.len(), plain.len());
                if round % 97 == 0 {
                    plain.sort();
                    let expected: Vec<&String> = plain.iter().map(|(_, member)| member).collect();
                    assert_eq!(members(&order).iter().collect::<Vec<_>>(), expected);
                    let (from, to) = (plain.len() / 3, plain.len() / 2);
                    let part = order
                        .range(from, to)
                        .rev()
                        .map(|ranked| ranked.score as i64);
                    let wanted = plain[from..to].iter().rev().map(|(score, _)| *score);
                    assert!(part.eq(wanted));
                    let below = order.count_below(|ranked| ranked.score < 25.0);
                    assert_eq!(below, plain.iter().filter(|(score, _)| *score < 25).count());
                    if let Some((score, member)) = plain.get(from) {
                        assert_eq!(order.rank(*score as f64, member.as_bytes()), from);
                    }
                }
            }
            assert!(order
                .runs
                .iter()
                .all(|run| (1..=MAX_RUN).contains(&run.len())));
        }
    }

    #[test]
    fn any_number_of_members_is_sorted() {
        for count in [0usize, 1, 2, 3, 7, 8, 9, 1000] {
            let given = (0..count).map(|number| ranked((number * 7919 % count) as f64, "m"));
            let order = Order::of(given.collect());
            let scores: Vec<f64> = order.range(0, count).map(|ranked| ranked.score).collect();
            assert!(scores.is_sorted() && scores.len() == count, "{count}");
        }
    }
}
