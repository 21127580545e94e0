//! Answers of real upstreams are read as their documents mean them.

mod common;

use common::answers::ANSWERS;
use common::{headers, shown, ANSWERED};
use tollgate_feedback::read;

#[test]
fn answers_are_read_as_their_upstreams_mean_them() {
    for answer in ANSWERS {
        let feedback = read(answer.status, headers(answer.headers), ANSWERED);
        let expected: Vec<&str> = answer.read.lines().map(str::trim).collect();
        let shown = shown(&feedback);
        let read: Vec<&str> = shown.lines().collect();
        assert_eq!(read, expected, "{}", answer.source);
    }
}
