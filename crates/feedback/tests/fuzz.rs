//! A hundred thousand random answers: none panics, and whatever is read of one is sound and does
//! not depend on the order of its headers. `TOLLGATE_INPUTS=1000000` reads so many.
//!
//! Answers are real ones, two together now and then, with a few wounds (bytes changed, pieces cut,
//! doubled, put in from elsewhere, values swapped), and sometimes plain noise. The generator is
//! seeded, so a failure repeats; the failing answer is printed.

mod common;

use std::panic::{catch_unwind, AssertUnwindSafe};

use common::answers::ANSWERS;
use common::sound::assert_sound;
use common::{headers, Random, ANSWERED};
use tollgate_core::Timestamp;
use tollgate_feedback::{read, MAX_BYTES, MAX_HEADERS};

const INPUTS: u32 = 100_000;

/// What is put into an answer: what parsers stumble over.
const PIECES: &[&str] = &[
    "",
    " ",
    "\t",
    "-",
    "--1",
    "+1",
    ".",
    "1.",
    ".5",
    "0.0000000001",
    "1e9",
    "0x10",
    "NaN",
    "Infinity",
    "00",
    "9007199254740992",
    "9007199254740993",
    "18446744073709551616",
    "999999999999999",
    "31622400",
    "31622401",
    "1798761600",
    "1798761600000",
    "1798761600000000",
    ",",
    ", ,",
    ";",
    ";;",
    "=",
    ";w=",
    ";w=0",
    ";w=60",
    ";w=-1",
    ";w=1.5",
    ";r=1",
    ";t=2",
    ";q=3",
    "\"",
    "\"a\"",
    "\"\\",
    "\"\\\"\"",
    "(",
    "()",
    "(1 2);w=3",
    ":",
    "::",
    ":YQ==:",
    "?1",
    "@1",
    "%\"a%c3\"",
    "limit=",
    "limit=(1 2)",
    "remaining=?0",
    "*",
    "a/b",
    "/",
    "1/0",
    "/40",
    "40/",
    "Fri, ",
    "Fri",
    " GMT",
    "Fri, 01 Jan 2027 00:02:00 GMT",
    "Friday, 29-Feb-00 23:59:60 GMT",
    "Thu Feb 30 00:00:00 2028",
    "2027-01-01T00:00:00Z",
    "2027-13-01T24:00:00+99:99",
    "0000-00-00T00:00:00z",
    "9999-12-31T23:59:59.9999999-23:59",
    "h",
    "1h",
    "1h1h",
    "6m0s",
    "12ms",
    "1µs",
    "999999999h",
    "00:00:03",
    "99:99:99",
    "é",
    "\u{a0}",
    "\u{0}",
    "\r\n",
    "١",
    "true",
    "global",
    "total=",
    "resets=1",
    "api-usage=1/2",
    "(appName=a;b=1/2)",
    "X-RateLimit-",
    "-remaining",
    "-reset",
    "limit-limit",
    "x-ratelimit-limit-",
    "ratelimit",
    "Retry-After",
];
/// Instants of answers: the tests' own, the first of all and the last.
const INSTANTS: [Timestamp; 3] = [ANSWERED, Timestamp::ZERO, Timestamp::MAX];
const STATUSES: [u16; 8] = [200, 202, 301, 403, 429, 503, 0, 65_535];

fn inputs() -> u32 {
    let text = std::env::var("TOLLGATE_INPUTS").unwrap_or_default();
    text.parse().unwrap_or(INPUTS)
}

/// The headers of an answer, wounded.
fn answer(random: &mut Random) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for _ in 0..=random.below(2) {
        let answer = random.pick(ANSWERS);
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        all.extend(headers(answer.headers).into_iter().map(owned));
    }
    for _ in 0..random.below(6) {
        let (one, other) = (random.below(all.len()), random.below(all.len()));
        match random.below(12) {
            0 => wound(&mut all[one].0, random),
            1 => all[one].1 = all[other].1.clone(),
            2 => all[one].0 = all[other].0.clone(),
            3 => all.push(all[one].clone()),
            4 => all[one].1 = format!("{}, {}", all[one].1, all[other].1),
            5 if all[one].1.len() < 100 => all[one].1 = all[one].1.repeat(1 + random.below(300)),
            6 if all.len() < 100 && random.below(50) == 0 => {
                let many = all[one].clone();
                all.extend(std::iter::repeat_n(many, random.below(200)));
            }
            7 => all[one].1 = noise(random),
            _ => wound(&mut all[one].1, random),
        }
    }
    all
}

/// Changes a text somewhere.
fn wound(text: &mut String, random: &mut Random) {
    let mut chars: Vec<char> = text.chars().collect();
    let (at, end) = (random.below(chars.len() + 1), random.below(chars.len() + 1));
    let piece = random.pick(PIECES).chars();
    match random.below(5) {
        0 => drop(chars.drain(at.min(end)..at.max(end))),
        1 => drop(chars.splice(at.min(end)..at.max(end), piece)),
        2 => chars.extend_from_within(at.min(end)..at.max(end)),
        3 if at < chars.len() => chars[at] = char::from(32 + random.below(95) as u8),
        _ => drop(chars.splice(at..at, piece)),
    }
    *text = chars.into_iter().collect();
}

fn noise(random: &mut Random) -> String {
    let count = random.below(40);
    (0..count)
        .map(|_| char::from_u32(random.below(0x250) as u32).unwrap_or('?'))
        .collect()
}

fn check(headers: &[(&str, &str)], status: u16, answered: Timestamp) {
    let feedback = read(status, headers.iter().copied(), answered);
    assert_sound(&feedback, status, headers, answered);
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if headers.len() <= MAX_HEADERS && bytes <= MAX_BYTES {
        let reversed = read(status, headers.iter().rev().copied(), answered);
        assert_eq!(feedback, reversed);
    }
}

#[test]
fn whatever_an_answer_says_is_read_within_bounds_or_named() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for number in 0..inputs() {
        let all = answer(&mut random);
        let headers: Vec<_> = all
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        let (status, answered) = (*random.pick(&STATUSES), *random.pick(&INSTANTS));
        let checked = catch_unwind(AssertUnwindSafe(|| check(&headers, status, answered)));
        assert!(checked.is_ok(), "input {number}, {status}: {headers:#?}");
    }
}
