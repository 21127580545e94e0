//! What is written in a dialect is read back, whatever its numbers; and order, case and white space
//! of headers change nothing.

#![allow(clippy::unwrap_used)]

mod common;

use common::answers::ANSWERS;
use common::{headers, shown, ANSWERED};
use proptest::prelude::*;
use proptest::sample::subsequence;
use tollgate_core::number::MAX_SAFE;
use tollgate_core::{Duration, Timestamp};
use tollgate_feedback::{read, Told, When, FURTHEST};

/// What a limit may be.
#[derive(Debug, Clone)]
struct Numbers {
    limit: u64,
    remaining: u64,
    /// Seconds until it comes back.
    reset: u64,
    /// Seconds.
    window: u64,
}

/// Structured fields have integers of 15 digits.
const FIFTEEN_DIGITS: u64 = 999_999_999_999_999;

fn numbers(highest: u64) -> impl Strategy<Value = Numbers> {
    let limit = prop_oneof![0..=100u64, 0..=highest];
    (
        limit,
        0.0..=1.0f64,
        0..=FURTHEST.as_millis() / 1000,
        1..=366 * 86_400u64,
    )
        .prop_map(|(limit, part, reset, window)| Numbers {
            limit,
            remaining: ((limit as f64 * part) as u64).min(limit),
            reset,
            window,
        })
}

impl Numbers {
    fn told(&self) -> Told {
        Told {
            limit: Some(self.limit),
            remaining: Some(self.remaining),
            ..Told::default()
        }
    }

    fn after(&self) -> When {
        When::After(Duration::from_secs(self.reset))
    }

    fn instant(&self) -> Timestamp {
        ANSWERED.plus(Duration::from_secs(self.reset))
    }

    /// Only as dates, or where they are further away than a number is taken for a wait.
    fn at(&self) -> When {
        When::At(self.instant())
    }
}

fn limits(headers: &[(&str, String)]) -> Vec<Told> {
    let all = headers.iter().map(|(name, value)| (*name, value.as_str()));
    let feedback = read(200, all, ANSWERED);
    assert_eq!(feedback.ignored, [], "{headers:?}");
    feedback.limits
}

/// The three headers of a family.
fn three(family: &str, it: &Numbers, reset: String) -> Vec<Told> {
    let names = ["limit", "remaining", "reset"].map(|field| format!("{family}{field}"));
    let values = [it.limit.to_string(), it.remaining.to_string(), reset];
    let all: Vec<_> = names.iter().map(String::as_str).zip(values).collect();
    limits(&all)
}

/// As Go prints a duration.
fn go(seconds: u64) -> String {
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, second) => format!("{second}s"),
        (0, minute, second) => format!("{minute}m{second}s"),
        (hour, minute, second) => format!("{hour}h{minute}m{second}s"),
    }
}

/// A date in the form of `strftime`.
fn dated(instant: Timestamp, form: &str) -> String {
    let millis = i64::try_from(instant.as_millis()).unwrap();
    jiff::Timestamp::from_millisecond(millis)
        .unwrap()
        .strftime(form)
        .to_string()
}

const IMF: &str = "%a, %d %b %Y %H:%M:%S GMT";
const RFC_850: &str = "%A, %d-%b-%y %H:%M:%S GMT";
const ASCTIME: &str = "%a %b %e %H:%M:%S %Y";
const RFC_3339: &str = "%Y-%m-%dT%H:%M:%SZ";

/// Seconds from 1970 to 9999.
const UNTIL_9999: std::ops::RangeInclusive<u64> = 0..=253_402_300_799;

/// Short words that are no name of a limit, or tell its window.
const NO_NAMES: [&str; 12] = [
    "at", "date", "day", "epoch", "hour", "in", "limit", "max", "ms", "time", "used", "utc",
];

/// All headers of the table, a few of them together.
fn some_headers() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    let all: Vec<_> = ANSWERS.iter().flat_map(|it| headers(it.headers)).collect();
    subsequence(all, 1..=24).prop_shuffle()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn three_headers_are_read_back(it in numbers(MAX_SAFE), family in 0..4usize) {
        let family = [
            "X-RateLimit-", "x-rate-limit-", "RateLimit-", "X-SIB-RateLimit-",
        ][family];
        let told = Told { reset: Some(it.after()), ..it.told() };
        prop_assert_eq!(three(family, &it, it.reset.to_string()), [told.clone()]);
        prop_assert_eq!(three(family, &it, go(it.reset)), [told]);
    }

    #[test]
    fn resets_as_instants_are_read_back(it in numbers(MAX_SAFE)) {
        let told = [Told { reset: Some(it.at()), ..it.told() }];
        let millis = it.instant().as_millis();
        for reset in [
            format!("{}", millis / 1000),
            format!("{}.000", millis / 1000),
            format!("{millis}"),
            dated(it.instant(), RFC_3339),
            dated(it.instant(), IMF),
        ] {
            prop_assert_eq!(three("X-RateLimit-", &it, reset), told.clone());
        }
        let named = Told { name: Some("requests".to_owned()), ..told[0].clone() };
        let reset = dated(it.instant(), RFC_3339);
        prop_assert_eq!(three("anthropic-ratelimit-requests-", &it, reset), [named]);
    }

    #[test]
    fn limits_by_name_are_read_back(it in numbers(MAX_SAFE), name in "[a-z]{1,8}(_[a-z]{1,8})?") {
        prop_assume!(!NO_NAMES.contains(&name.as_str()));
        let limit = format!("x-ratelimit-limit-{name}");
        let remaining = format!("X-RateLimit-{name}-Remaining");
        let reset = format!("x-ratelimit-reset-{name}");
        let told = Told { name: Some(name), reset: Some(it.after()), ..it.told() };
        let read = limits(&[
            (&limit, it.limit.to_string()),
            (&remaining, it.remaining.to_string()),
            (&reset, go(it.reset)),
        ]);
        prop_assert_eq!(read, [told]);
    }

    #[test]
    fn all_drafts_of_the_ietf_are_read_back(it in numbers(FIFTEEN_DIGITS), name in "[ -~]{1,20}") {
        let Numbers { limit, remaining, reset, window } = it;
        let told = Told {
            reset: Some(it.after()),
            window: Some(Duration::from_secs(window)),
            ..it.told()
        };
        let policy = ("RateLimit-Policy", format!("{limit};w={window}"));
        let draft_2 = limits(&[
            ("RateLimit-Limit", format!("{limit}, {limit};w={window}")),
            ("RateLimit-Remaining", remaining.to_string()),
            ("RateLimit-Reset", reset.to_string()),
        ]);
        prop_assert_eq!(draft_2, [told.clone()]);
        let draft_6 = limits(&[
            ("RateLimit-Limit", limit.to_string()),
            policy.clone(),
            ("RateLimit-Remaining", remaining.to_string()),
            ("RateLimit-Reset", reset.to_string()),
        ]);
        prop_assert_eq!(draft_6, [told.clone()]);
        let fields = format!("limit={limit}, remaining={remaining}, reset={reset}");
        prop_assert_eq!(limits(&[policy, ("RateLimit", fields)]), [told.clone()]);

        let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
        let draft_8 = limits(&[
            ("RateLimit-Policy", format!("\"{quoted}\";q={limit};w={window};qu=\"requests\"")),
            ("RateLimit", format!("\"{quoted}\";r={remaining};t={reset};pk=:YQ==:")),
        ]);
        let unit = Some("requests".to_owned());
        prop_assert_eq!(draft_8, [Told { name: Some(name), unit, ..told }]);
    }

    #[test]
    fn usage_of_a_limit_is_read_back(it in numbers(MAX_SAFE)) {
        let used = it.limit - it.remaining;
        let told = Told { used: Some(used), ..it.told() };
        let usage = format!("{used}/{}", it.limit);
        let shopify = limits(&[("X-Shopify-Shop-Api-Call-Limit", usage.clone())]);
        prop_assert_eq!(shopify, [told.clone()]);
        let salesforce = limits(&[("Sforce-Limit-Info", format!("api-usage={usage}"))]);
        let name = Some("api-usage".to_owned());
        prop_assert_eq!(salesforce, [Told { name, ..told }]);
    }

    #[test]
    fn limits_of_endpoints_are_read_back(it in numbers(MAX_SAFE)) {
        let Numbers { limit, remaining, reset, .. } = it;
        let value = format!("total={limit}; remaining={remaining}; resets={reset}");
        let zendesk = limits(&[("Zendesk-RateLimit-search-index", value)]);
        let name = Some("search-index".to_owned());
        prop_assert_eq!(zendesk, [Told { name, reset: Some(it.after()), ..it.told() }]);
    }

    #[test]
    fn hubspots_windows_are_read_back(it in numbers(MAX_SAFE)) {
        let told = Told { window: Some(Duration::from_secs(it.window)), ..it.told() };
        let hubspot = limits(&[
            ("X-HubSpot-RateLimit-Interval-Milliseconds", (it.window * 1000).to_string()),
            ("X-HubSpot-RateLimit-Max", it.limit.to_string()),
            ("X-HubSpot-RateLimit-Remaining", it.remaining.to_string()),
        ]);
        prop_assert_eq!(hubspot, [told]);
    }

    #[test]
    fn waits_are_read_back(it in numbers(MAX_SAFE), form in 0..7usize) {
        let (value, wait) = match form {
            0 => (it.reset.to_string(), it.after()),
            1 => (format!("{}.0", it.reset), it.after()),
            2 => (dated(it.instant(), IMF), it.at()),
            3 => (dated(it.instant(), RFC_850), it.at()),
            4 => (dated(it.instant(), ASCTIME), it.at()),
            5 => (dated(it.instant(), RFC_3339), it.at()),
            _ => (go(it.reset), it.after()),
        };
        let feedback = read(429, [("Retry-After", value.as_str())], ANSWERED);
        prop_assert_eq!(feedback.wait, Some(wait), "{}", value);
        let millis = (it.reset * 1000).to_string();
        let feedback = read(429, [("Retry-After-Ms", millis.as_str())], ANSWERED);
        prop_assert_eq!(feedback.wait, Some(it.after()));
    }

    #[test]
    fn dates_are_those_of_the_calendar(second in UNTIL_9999, form in 0..3usize) {
        let instant = Timestamp::from_millis(second * 1000);
        let value = dated(instant, [IMF, ASCTIME, RFC_3339][form]);
        let feedback = read(503, [("Retry-After", value.as_str())], instant);
        prop_assert_eq!(feedback.wait, Some(When::At(instant)), "{}", value);
    }

    #[test]
    fn a_year_of_two_digits_is_the_one_that_is_near(
        answered in 2_600_000_000..=250_000_000_000u64,
        away in -49 * 366 * 86_400i64..=366 * 86_400,
    ) {
        let instant = Timestamp::from_millis(answered.checked_add_signed(away).unwrap() * 1000);
        let value = dated(instant, RFC_850);
        let answered = Timestamp::from_millis(answered * 1000);
        let feedback = read(503, [("Retry-After", value.as_str())], answered);
        prop_assert_eq!(feedback.wait, Some(When::At(instant)), "{}", value);
    }

    #[test]
    fn offsets_of_dates_are_heeded(second in 0..=4_000_000_000u64, minutes in -1_439..=1_439i64) {
        let instant = Timestamp::from_millis(second * 1000);
        let local = Timestamp::from_millis((second * 1000).saturating_add_signed(minutes * 60_000));
        prop_assume!(second > 86_400);
        let sign = if minutes < 0 { '-' } else { '+' };
        let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
        for colon in [":", ""] {
            let date = dated(local, "%Y-%m-%dT%H:%M:%S");
            let value = format!("{date}{sign}{hours:02}{colon}{minutes:02}");
            let feedback = read(503, [("Retry-After", value.as_str())], instant);
            prop_assert_eq!(feedback.wait, Some(When::At(instant)), "{}", value);
        }
    }

    #[test]
    fn order_case_and_white_space_change_nothing(
        all in some_headers(),
        upper in any::<u64>(),
        spaces in any::<u64>(),
        reverse in any::<bool>(),
    ) {
        let status = 429;
        let plain = read(status, all.iter().copied(), ANSWERED);
        let mut dressed: Vec<(String, String)> = all
            .iter()
            .enumerate()
            .map(|(index, (name, value))| {
                let cased = name.chars().enumerate().map(|(at, letter)| {
                    let upper = upper >> ((index + at) % 64) & 1 == 1;
                    if upper { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
                });
                let space = [" ", "", "\t", " \t "][(spaces >> (index % 32 * 2) & 3) as usize];
                (cased.collect(), format!("{space}{}{space}", value.trim()))
            })
            .collect();
        dressed.sort();
        if reverse {
            dressed.reverse();
        }
        let dressed = dressed.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let read = read(status, dressed, ANSWERED);
        prop_assert_eq!(shown(&read), shown(&plain));
        prop_assert_eq!(read, plain);
    }
}
