//! The rules of reading: how a reset is told apart, what counts where an answer says a thing twice,
//! what is bounded, and why what is not understood is not.

#![allow(clippy::unwrap_used)]

mod common;

use common::sound::assert_sound;
use common::{headers, shown, ANSWERED};
use proptest::prelude::*;
use tollgate_core::number::MAX_SAFE;
use tollgate_core::{Duration, Timestamp};
use tollgate_feedback::{
    read, Ignored, When, Why, FURTHEST, MAX_BYTES, MAX_HEADERS, MAX_IGNORED, MAX_LIMITS, MAX_NAME,
};

fn lines(status: u16, text: &str) -> Vec<String> {
    let feedback = read(status, headers(text), ANSWERED);
    shown(&feedback).lines().map(str::to_owned).collect()
}

fn reset_of(value: &str, answered: Timestamp) -> Result<When, Why> {
    let feedback = read(200, [("X-RateLimit-Reset", value)], answered);
    match feedback.limits.as_slice() {
        [told] => Ok(told.reset.unwrap()),
        _ => Err(feedback.ignored[0].why),
    }
}

fn wait_of(status: u16, value: &str) -> Result<When, Why> {
    let feedback = read(status, [("Retry-After", value)], ANSWERED);
    feedback.wait.ok_or_else(|| feedback.ignored[0].why)
}

fn after(millis: u64) -> Result<When, Why> {
    Ok(When::After(Duration::from_millis(millis)))
}

fn at(millis: u64) -> Result<When, Why> {
    Ok(When::At(Timestamp::from_millis(millis)))
}

#[test]
fn a_reset_is_told_apart_by_its_size_and_the_time_of_the_answer() {
    const NOW: u64 = 1_798_761_600_000;
    const DAY: u64 = 86_400_000;
    const YEAR: u64 = 366 * DAY;
    let table = [
        // Seconds from the answer on, up to a leap year of them.
        ("0", after(0)),
        ("1", after(1_000)),
        ("0.001", after(1)),
        ("0.0000001", after(1)),
        ("59.7", after(59_700)),
        ("31622400", after(YEAR)),
        // Neither, up to the first instant that is near.
        ("31622400.001", Err(Why::Implausible)),
        ("100000000", Err(Why::Implausible)),
        ("1798675199.999", Err(Why::Implausible)),
        // Unix seconds, from a day before the answer to a leap year after it.
        ("1798675200", at(NOW - DAY)),
        ("1798761600", at(NOW)),
        ("1798761600.5", at(NOW + 500)),
        ("1830384000", at(NOW + YEAR)),
        ("1830384000.001", Err(Why::Implausible)),
        // Unix milliseconds, likewise.
        ("1798675199999", Err(Why::Implausible)),
        ("1798675200000", at(NOW - DAY)),
        ("1798761600000", at(NOW)),
        ("1798761600000.5", at(NOW + 1)),
        ("1830384000000", at(NOW + YEAR)),
        ("1830384000001", Err(Why::Implausible)),
        ("9007199254740992", Err(Why::Implausible)),
        ("9007199254740993", Err(Why::TooLarge)),
        ("99999999999999999999999999", Err(Why::TooLarge)),
        // Dates and durations say what they are, however far away, up to a leap year.
        ("2027-01-01T00:00:00.0001Z", at(NOW + 1)),
        ("2027-01-01 01:00:00.5+01:00", at(NOW + 500)),
        ("2000-01-01T00:00:00Z", at(946_684_800_000)),
        ("1969-12-31T23:59:59Z", at(0)),
        ("9999-12-31T23:59:59Z", at(NOW + YEAR)),
        ("Sat, 01 Jan 2028 00:00:00 GMT", at(1_830_297_600_000)),
        ("1h2m3.5s", after(3_723_500)),
        ("1.5µs", after(1)),
        ("9000h", after(YEAR)),
        ("-1", Err(Why::Negative)),
    ];
    for (value, expected) in table {
        assert_eq!(reset_of(value, ANSWERED), expected, "{value}");
    }
}

#[test]
fn what_is_no_time_is_none() {
    let table = [
        "",
        "-",
        ".",
        "1.",
        ".5",
        "+1",
        "1e3",
        "0x1",
        "1 2",
        "1_000",
        "١",
        "soon",
        "NaN",
        "1d",
        "1h2",
        "h",
        "1.2.3s",
        "s1",
        "1 s",
        "1s1s1s1s1s1s1s1s",
        "\"5\"",
        // No date, or one that nobody knows the instant of.
        "2027-01-01",
        "2027-01-01T00:00:00",
        "2027-01-01 00:00:37",
        "2027-02-29T00:00:00Z",
        "2027-00-01T00:00:00Z",
        "2027-13-01T00:00:00Z",
        "2027-01-00T00:00:00Z",
        "2027-01-32T00:00:00Z",
        "2027-01-01T24:00:00Z",
        "2027-01-01T00:60:00Z",
        "2027-01-01T00Z",
        "2027-01-01T00:0Z",
        "2027-01-01T00:00:0Z",
        "2027-01-01T00:00.5Z",
        "2027-01-01T00:00:61Z",
        "2027-01-01T00:00:00.Z",
        "2027-01-01T00:00:00.5xZ",
        "2027-01-01T00:00:00+24:00",
        "2027-01-01T00:00:00+01:60",
        "2027-01-01T00:00:00Zx",
        "27-01-01T00:00:00Z",
        "2027-1-1T00:00:00Z",
        "2027-01-01T0:00:00Z",
        "Fri, 01 Jan 2027 00:00:00",
        "Fri, 01 Jan 2027 00:00:00 CET",
        "Fri, 1 Jan 2027 00:00:00 GMT",
        "Fry, 01 Jan 2027 00:00:00 GMT",
        "Fri 01 Jan 2027 00:00:00 GMT",
        "Fri, 32 Jan 2027 00:00:00 GMT",
        "Fri, 01 jan 2027 00:00:00 GMT",
        "Fri, 01 Jan 27 00:00:00 GMT",
        "Friday, 01-Jan-2027 00:00:00 GMT",
        "Friday, 01-Jan-27 00:00 GMT",
        "Fri Jan 01 2027 00:00:00",
        "Fri Jan 1 00:00:00 2027 GMT",
        "Tue Feb 16 2027 09:02:42 GMT+0100 (Central European Standard Time)",
    ];
    for value in table {
        assert_eq!(reset_of(value, ANSWERED), Err(Why::Malformed), "{value}");
        assert_eq!(wait_of(429, value), Err(Why::Malformed), "{value}");
    }
}

#[test]
fn who_asks_to_wait_long_is_waited_for_a_year() {
    let year = after(FURTHEST.as_millis());
    assert_eq!(wait_of(429, "31536000"), after(31_536_000_000));
    assert_eq!(wait_of(429, "100000000"), year);
    assert_eq!(wait_of(429, "9007199254740992"), year);
    assert_eq!(wait_of(429, "9007199254740993"), Err(Why::TooLarge));
    assert_eq!(wait_of(429, "1798761660"), at(1_798_761_660_000));
    let last = at(ANSWERED.plus(FURTHEST).as_millis());
    assert_eq!(wait_of(429, "Fri, 31 Dec 9999 23:59:59 GMT"), last);
    // It has passed: nothing is cut from that.
    assert_eq!(
        wait_of(429, "Sun, 06 Nov 1994 08:49:37 GMT"),
        at(784_111_777_000)
    );
    let feedback = read(429, [("x-ms-retry-after-ms", "9007199254740992")], ANSWERED);
    assert_eq!(feedback.wait, Some(When::After(FURTHEST)));
}

#[test]
fn a_wait_counts_with_a_status_from_400_on() {
    for status in [100, 200, 202, 301, 304, 399] {
        assert_eq!(wait_of(status, "5"), Err(Why::NotRefused), "{status}");
    }
    for status in [400, 403, 429, 500, 503, 599] {
        assert_eq!(wait_of(status, "5"), after(5_000), "{status}");
    }
}

#[test]
fn refused_for_a_limit_is_429_or_403_that_tells_of_one() {
    let refused = |status, text: &str| read(status, headers(text), ANSWERED).refused;
    assert!(refused(429, ""));
    assert!(refused(403, "Retry-After: 1"));
    assert!(refused(403, "X-RateLimit-Remaining: 0"));
    assert!(!refused(403, "X-RateLimit-Remaining: 1"));
    assert!(!refused(403, ""));
    assert!(!refused(503, "Retry-After: 1"));
    assert!(!refused(200, "X-RateLimit-Remaining: 0"));
}

#[test]
fn where_an_answer_says_a_thing_twice_the_stricter_counts() {
    let table = [
        // The same header twice, or made one.
        (
            "X-RateLimit-Limit: 5000
            X-RateLimit-Limit: 60
            X-RateLimit-Remaining: 4999, 7
            X-RateLimit-Used: 3,1
            X-RateLimit-Reset: 30, 2",
            "- limit=60 remaining=7 used=3 reset=+30000",
        ),
        // A time from the answer on needs no clock to be right.
        (
            "X-RateLimit-Remaining: 0
            X-RateLimit-Reset: 1798765200
            X-RateLimit-Reset-After: 1.5",
            "- remaining=0 reset=+1500",
        ),
        (
            "X-RateLimit-Reset: 1798761660
            X-RateLimit-Reset: 2027-01-01T00:00:59Z",
            "- reset=@1798761660000",
        ),
        // More remains than there is, or than is not used.
        (
            "X-RateLimit-Limit: 10\nX-RateLimit-Remaining: 11",
            "- limit=10 remaining=10",
        ),
        (
            "X-RateLimit-Limit: 10\nX-RateLimit-Remaining: 9\nX-RateLimit-Used: 4",
            "- limit=10 remaining=6 used=4",
        ),
        (
            "X-Shopify-Shop-Api-Call-Limit: 41/40",
            "- limit=40 remaining=0 used=41",
        ),
        // A limit that tells its own window, and policies.
        ("RateLimit-Limit: 100;w=60", "- limit=100 window=1m"),
        (
            "RateLimit-Limit: 10;w=1 , 50;w=60,\nRateLimit-Remaining: 9,, 8 ,",
            "- limit=10 remaining=8 window=1s\n- limit=50 window=1m",
        ),
        // Two families that tell the same limit tell one; two that do not, do not.
        (
            "X-RateLimit-Limit: 10\nX-RateLimit-Remaining: 5
            RateLimit: limit=10, remaining=4, reset=7",
            "- limit=10 remaining=4 reset=+7000",
        ),
        (
            "X-RateLimit-Limit: 5000\nX-RateLimit-Remaining: 4999
            RateLimit: limit=10, remaining=4, reset=7",
            "- limit=10 remaining=4 reset=+7000\n- limit=5000 remaining=4999",
        ),
        (
            "X-RateLimit-Remaining: 4999\nRateLimit-Remaining: 4",
            "- remaining=4\n- remaining=4999",
        ),
        // Structured fields: the same name twice, the same key twice.
        (
            "RateLimit: \"a\";r=5;t=9, \"a\";r=7;t=3",
            "a remaining=5 reset=+9000",
        ),
        ("RateLimit: \"a\";r=5;r=7", "a remaining=7"),
        (
            "RateLimit: limit=10, remaining=5, reset=1, limit=100, remaining=50, reset=9",
            "- limit=10 remaining=5 reset=+9000",
        ),
        (
            "RateLimit-Policy: \"a\";q=10;w=1\nRateLimit-Policy: \"a\";q=20;w=60",
            "a limit=10 window=1m",
        ),
        // Of two names the first.
        (
            "X-RateLimit-Remaining: 1\nX-RateLimit-Resource: search\nX-RateLimit-Resource: core",
            "core remaining=1",
        ),
    ];
    for (text, expected) in table {
        let expected: Vec<&str> = expected.lines().collect();
        assert_eq!(lines(200, text), expected, "{text}");
    }
    assert_eq!(
        lines(429, "Retry-After: 5, 60\nRetry-After: 7"),
        ["refused", "wait +60000"]
    );
    let dates = "Retry-After: Fri, 01 Jan 2027 00:02:00 GMT, 60, Friday, 01-Jan-27 00:01:00 GMT";
    assert_eq!(lines(503, dates), ["wait @1798761720000"]);
    let scopes = "X-RateLimit-Scope: user\nX-RateLimit-Global: true\nX-RateLimit-Scope: shared";
    assert_eq!(lines(400, scopes), ["scope Everything"]);
}

#[test]
fn what_is_not_understood_is_named_with_the_reason_and_the_rest_is_read() {
    let table = [
        (
            "X-RateLimit-Limit: many",
            "ignored x-ratelimit-limit malformed",
        ),
        ("X-RateLimit-Limit:", "ignored x-ratelimit-limit malformed"),
        (
            "X-RateLimit-Limit: , ,",
            "ignored x-ratelimit-limit malformed",
        ),
        ("X-RateLimit-Limit: 10,", "- limit=10"),
        // One number or two: nobody knows.
        (
            "X-RateLimit-Limit: 1,000",
            "ignored x-ratelimit-limit malformed",
        ),
        (
            "X-RateLimit-Limit: 10,000,000",
            "ignored x-ratelimit-limit malformed",
        ),
        ("X-RateLimit-Limit: 1,00", "- limit=0"),
        ("X-RateLimit-Limit: 5000,100", "- limit=100"),
        (
            "X-RateLimit-Limit: 10, many",
            "- limit=10\nignored x-ratelimit-limit malformed",
        ),
        (
            "X-RateLimit-Limit: 10, 10;w=0",
            "- limit=10\nignored x-ratelimit-limit malformed",
        ),
        ("X-RateLimit-Limit: 10, 10;burst=5", "- limit=10"),
        (
            "X-RateLimit-Remaining: -3",
            "ignored x-ratelimit-remaining negative",
        ),
        (
            "X-RateLimit-Remaining: -x",
            "ignored x-ratelimit-remaining malformed",
        ),
        (
            "X-RateLimit-Limit: 9007199254740993",
            "ignored x-ratelimit-limit tooLarge",
        ),
        (
            "X-RateLimit-Precision: second",
            "ignored x-ratelimit-precision unknown",
        ),
        (
            "X-RateLimit-Reset-Ms: 60000",
            "ignored x-ratelimit-reset-ms unknown",
        ),
        (
            "X-RateLimit-Limit-Remaining: 1",
            "ignored x-ratelimit-limit-remaining unknown",
        ),
        (
            "X-RateLimit-Scope: galaxy",
            "ignored x-ratelimit-scope malformed",
        ),
        (
            "X-RateLimit-Global: maybe",
            "ignored x-ratelimit-global malformed",
        ),
        ("X-RateLimit-Global: false", ""),
        (
            "X-RateLimit-Bucket: caf\u{e9}",
            "ignored x-ratelimit-bucket malformed",
        ),
        (
            "X-RateLimit-Interval-Milliseconds: 0",
            "ignored x-ratelimit-interval-milliseconds malformed",
        ),
        (
            "Stripe-Rate-Limited-Reason: mood",
            "ignored stripe-rate-limited-reason malformed",
        ),
        (
            "Sforce-Limit-Info: api-usage=18",
            "ignored sforce-limit-info malformed",
        ),
        (
            "Sforce-Limit-Info: api-usage=18/-1",
            "ignored sforce-limit-info negative",
        ),
        (
            "X-Shopify-Shop-Api-Call-Limit: 32",
            "ignored x-shopify-shop-api-call-limit malformed",
        ),
        (
            "X-Shopify-Shop-Api-Call-Limit: 3.5/40",
            "ignored x-shopify-shop-api-call-limit malformed",
        ),
        (
            "Zendesk-RateLimit-x: total=9; left=3",
            "x limit=9\nignored zendesk-ratelimit-x unknown",
        ),
        (
            "x-ms-user-quota-resets-after: 3",
            "ignored x-ms-user-quota-resets-after malformed",
        ),
        (
            "x-ms-ratelimit-remaining-resource: 3",
            "ignored x-ms-ratelimit-remaining-resource malformed",
        ),
        // Malformed fields are ignored as a whole, as the drafts want it.
        (
            "RateLimit: \"a\";r=1, \"b\"",
            "a remaining=1\nignored ratelimit malformed",
        ),
        ("RateLimit: \"a\";r=1,", "ignored ratelimit malformed"),
        ("RateLimit: \"a\";r=-1", "ignored ratelimit negative"),
        ("RateLimit: \"a\";r=1.5", "ignored ratelimit malformed"),
        ("RateLimit: (\"a\");r=1", "ignored ratelimit malformed"),
        (
            "RateLimit: \"a\";r=1;t=31622401",
            "ignored ratelimit implausible",
        ),
        (
            "RateLimit: \"a\";r=1;t=1798761660",
            "a remaining=1 reset=@1798761660000",
        ),
        ("RateLimit: \"\";r=1", "ignored ratelimit malformed"),
        ("RateLimit: limit=\"a\"", "ignored ratelimit malformed"),
        ("RateLimit: limit=1;x, window=(1 2)", "- limit=1"),
        ("RateLimit:", "ignored ratelimit malformed"),
        ("RateLimit: token;r=1", "token remaining=1"),
        (
            "RateLimit-Policy: \"a\";w=1",
            "ignored ratelimit-policy malformed",
        ),
        (
            "RateLimit-Policy: \"a\";q=1;w=0",
            "ignored ratelimit-policy malformed",
        ),
        (
            "RateLimit-Policy: \"a\";q=1;qu=5",
            "ignored ratelimit-policy malformed",
        ),
        (
            "RateLimit-Policy: \"a\";q=1;w=999999999999999",
            "ignored ratelimit-policy tooLarge",
        ),
        ("RateLimit-Policy: 10", ""),
        // None of a dialect, or no name of a header.
        (
            "x-ratelimit-limi\u{e9}: 1\nx-ratelimit-limit x: 1\nx-ratelimit-\u{7}: 1",
            "",
        ),
        ("X-RateLimitLimit: 10\nX-Limit: 5\nRate: 7\nRetry: 5", ""),
    ];
    for (text, expected) in table {
        let expected: Vec<&str> = expected.lines().collect();
        assert_eq!(lines(200, text), expected, "{text}");
    }
}

#[test]
fn of_many_headers_the_first_are_looked_at_and_others_do_not_count() {
    let names: Vec<String> = (0..200).map(|number| format!("X-Other-{number}")).collect();
    let long = "1".repeat(100);
    let others = names.iter().map(|name| (name.as_str(), long.as_str()));
    let many = std::iter::repeat_n(("X-RateLimit-Remaining", "5"), MAX_HEADERS - 1);
    let all: Vec<_> = others.chain(many).collect();
    let with = |more: &[(&'static str, &'static str)]| {
        read(
            429,
            all.iter().copied().chain(more.iter().copied()),
            ANSWERED,
        )
    };
    let fits = with(&[("Retry-After", "1")]);
    assert_eq!((fits.wait, fits.ignored), (after(1_000).ok(), vec![]));
    let beyond = with(&[("X-RateLimit-Limit", "9"), ("Retry-After", "1")]);
    assert_eq!(
        shown(&beyond),
        "refused\n- limit=9 remaining=5\nignored retry-after tooMuch\n"
    );
}

#[test]
fn of_long_headers_so_many_bytes_are_looked_at() {
    let name = "X-RateLimit-Limit";
    let value = format!("{:>1$}", "7", MAX_BYTES);
    // White space around a value is none of it.
    let feedback = read(200, [(name, value.as_str())], ANSWERED);
    assert_eq!(shown(&feedback), "- limit=7\n");
    // All of them together.
    let half = format!("{:0>1$}", "8", MAX_BYTES / 2 - name.len());
    let rest = format!("{:0>1$}", "9", MAX_BYTES / 2 - name.len() + 1);
    let feedback = read(
        200,
        [(name, half.as_str()), (name, rest.as_str())],
        ANSWERED,
    );
    let too_much = "ignored x-ratelimit-limit tooMuch\n";
    assert_eq!(shown(&feedback), format!("- limit=8\n{too_much}"));
    let feedback = read(200, [(name, half.as_str()), (name, &rest[1..])], ANSWERED);
    assert_eq!(shown(&feedback), "- limit=8\n");
    let room = MAX_BYTES - name.len();
    for (length, expected) in [(room, "- limit=0\n"), (room + 1, too_much)] {
        let value = "0".repeat(length);
        let feedback = read(200, [(name, value.as_str())], ANSWERED);
        assert_eq!(shown(&feedback), expected, "{length}");
    }
}

#[test]
fn what_repeats_as_often_as_there_is_room_is_read() {
    let pieces = [
        "-",
        "0",
        "1.",
        "1s",
        ",",
        ";",
        "=",
        "\"",
        "(",
        "a;",
        "a,",
        "Fri,",
        "1;w=1,",
        "\"a\";r=1,",
        "a=1,",
        "T",
        ":",
        "1/1,",
        "limit-",
    ];
    let headers = [
        "Retry-After",
        "RateLimit",
        "RateLimit-Policy",
        "X-RateLimit-Limit",
        "X-RateLimit-Reset",
        "Sforce-Limit-Info",
        "Zendesk-RateLimit-x",
        "X-Shopify-Shop-Api-Call-Limit",
        "x-ms-ratelimit-remaining-resource",
        "X-RateLimit-Bucket",
    ];
    for (header, piece) in headers
        .iter()
        .flat_map(|it| pieces.map(|piece| (*it, piece)))
    {
        let value = piece.repeat((MAX_BYTES - 64) / piece.len());
        let feedback = read(429, [(header, value.as_str())], ANSWERED);
        assert_sound(&feedback, 429, &[(header, &value)], ANSWERED);
    }
    let name = "limit-".repeat(MAX_NAME);
    let name = format!("x-ratelimit-{}", &name[..MAX_NAME - 13]);
    let feedback = read(200, [(name.as_str(), "1")], ANSWERED);
    assert_eq!(feedback.ignored[0].why, Why::Unknown);
}

#[test]
fn limits_and_names_and_what_is_ignored_are_bounded() {
    let policies: Vec<String> = (0..MAX_LIMITS + 1)
        .map(|it| format!("\"{it}\";q={it}"))
        .collect();
    let all = policies.join(", ");
    let feedback = read(200, [("RateLimit-Policy", all.as_str())], ANSWERED);
    assert_eq!(feedback.limits.len(), MAX_LIMITS);
    let too_much = |header: &str| Ignored {
        header: header.to_owned(),
        why: Why::TooMuch,
    };
    assert_eq!(feedback.ignored, [too_much("ratelimit-policy")]);
    // Windows that stand apart are limits as well.
    let policies: Vec<String> = (0..MAX_LIMITS + 1).map(|it| format!("{it};w=1")).collect();
    let all = policies.join(", ");
    let feedback = read(200, [("RateLimit-Policy", all.as_str())], ANSWERED);
    assert_eq!(feedback.limits.len(), MAX_LIMITS);
    assert_eq!(feedback.ignored, [too_much("ratelimit-policy")]);

    for (length, fits) in [(MAX_NAME, true), (MAX_NAME + 1, false)] {
        let value = format!("\"{}\";r=1", "n".repeat(length));
        let feedback = read(200, [("RateLimit", value.as_str())], ANSWERED);
        assert_eq!(feedback.limits.len(), usize::from(fits));
        let unit = format!("\"a\";q=1;qu=\"{}\"", "u".repeat(length));
        let feedback = read(200, [("RateLimit-Policy", unit.as_str())], ANSWERED);
        assert_eq!(feedback.limits.len(), usize::from(fits));
        let start = "x-ratelimit-limit-";
        let name = format!("{start}{}", "h".repeat(length - start.len()));
        let feedback = read(200, [(name.as_str(), "1")], ANSWERED);
        let cut = Ignored {
            header: name[..MAX_NAME].to_owned(),
            ..too_much("")
        };
        assert_eq!(feedback.ignored, if fits { vec![] } else { vec![cut] });
    }
    let names: Vec<String> = (0..200).map(|it| format!("x-ratelimit-{it}")).collect();
    let feedback = read(200, names.iter().map(|it| (it.as_str(), "1")), ANSWERED);
    assert_eq!(feedback.ignored.len(), MAX_IGNORED);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn a_number_of_seconds_up_to_a_year_is_a_wait_at_any_time(
        millis in 0..=366 * 86_400_000u64,
        answered in 0..=MAX_SAFE,
    ) {
        let value = format!("{}.{:03}", millis / 1000, millis % 1000);
        prop_assert_eq!(reset_of(&value, Timestamp::from_millis(answered)), after(millis));
    }

    #[test]
    fn a_number_is_an_instant_only_near_the_answer(
        number in 31_622_401..=MAX_SAFE / 1000,
        answered in 63_244_800_000..=8_000_000_000_000u64,
    ) {
        let near = |millis: u64| {
            millis + 86_400_000 >= answered && millis <= answered + FURTHEST.as_millis()
        };
        let expected = match number {
            _ if near(number * 1000) => at(number * 1000),
            _ if near(number) => at(number),
            _ => Err(Why::Implausible),
        };
        prop_assert_eq!(reset_of(&number.to_string(), Timestamp::from_millis(answered)), expected);
        // Of the instants near it, each is read.
        let instant = answered + number % FURTHEST.as_millis();
        let millis = instant.to_string();
        prop_assert_eq!(reset_of(&millis, Timestamp::from_millis(answered)), at(instant));
        let seconds = format!("{}.{:03}", instant / 1000, instant % 1000);
        prop_assert_eq!(reset_of(&seconds, Timestamp::from_millis(answered)), at(instant));
    }

    #[test]
    fn of_two_tellings_each_thing_is_the_stricter(
        one in (0..100u64, 0..100u64, 0..100u64),
        other in (0..100u64, 0..100u64, 0..100u64),
        joined in any::<bool>(),
    ) {
        let pairs = [
            ("X-RateLimit-Limit", one.0, other.0),
            ("X-RateLimit-Remaining", one.1, other.1),
            ("X-RateLimit-Reset", one.2, other.2),
        ];
        let text: Vec<String> = pairs.iter().map(|(name, one, other)| match joined {
            true => format!("{name}: {one}, {other}"),
            false => format!("{name}: {one}\n{name}: {other}"),
        }).collect();
        let feedback = read(200, headers(&text.join("\n")), ANSWERED);
        let told = &feedback.limits[0];
        let limit = one.0.min(other.0);
        prop_assert_eq!(told.limit, Some(limit));
        prop_assert_eq!(told.remaining, Some(one.1.min(other.1).min(limit)));
        let seconds = one.2.max(other.2);
        prop_assert_eq!(told.reset, Some(When::After(Duration::from_secs(seconds))));
    }
}
