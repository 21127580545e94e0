//! In which order the due subjects of several namespaces are synchronised.

use crate::isolate::bounded::{in_order, Key};

/// Round robin over namespaces; within a namespace in descending order of the part used.
pub(super) fn in_turn(due: &[(Key, u64)]) -> impl Iterator<Item = Key> + '_ {
    let most_used_first = |part: u64| u64::MAX - part;
    let by_namespace = due
        .iter()
        .map(|(key, part)| (key.room(), most_used_first(*part)));
    let by_namespace = in_order(by_namespace);
    let mut turns = vec![0; due.len()];
    for pair in by_namespace.windows(2) {
        let [before, it] = [pair[0], pair[1]];
        if due[before].0.room() == due[it].0.room() {
            turns[it] = turns[before] + 1;
        }
    }
    let by_turn = due
        .iter()
        .zip(turns)
        .map(|((_, part), turn)| (turn, most_used_first(*part)));
    in_order(by_turn).into_iter().map(|place| due[place].0)
}
