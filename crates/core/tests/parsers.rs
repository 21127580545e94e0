//! A million random inputs through each parser: none panics, none overflows, every refusal is short
//! and every success sound.
//!
//! Inputs are valid ones with a few wounds (bytes changed, pieces cut, doubled, swapped, put in
//! from elsewhere) and, now and then, plain noise. The generator is seeded, so a failure repeats;
//! the failing input is printed.

use std::panic::{catch_unwind, AssertUnwindSafe};

use tollgate_core::api::request::{LimitRequest, Rule};
use tollgate_core::api::{acquire, block, multi, permit, query, request, stage, BadRequest};
use tollgate_core::number::{integer, Decimal, MAX_SAFE};
use tollgate_core::permit::Permit;
use tollgate_core::subject::{Namespace, Subject};
use tollgate_core::{percent, Duration};

const INPUTS: u32 = 1_000_000;

/// xorshift64*: small, quick and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 33) as usize % bound.max(1)
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

/// What is put into an input, one piece a line: what parsers stumble over.
const PIECES: &str = r#"{
}
[
]
"
:
,
\
null
true
false
0
-1
1e3
1.0
0.11
1e-10
-0
1e999999
9007199254740992
9007199254740993
18446744073709551616
01
1.
\ud800
\u0000
\n
ä
😀
""
{}
[]
"1m"
"15 m"
"0s"
"367d"
"identifier":"x",
"policy":"p",
"limit":1,
"window":"1h",
"cost":-5,
"limits":[
"wait":1,
"maxDelay":5,
"hold":"1s",
"algorithm":"quota",
"algorithm":"tokenBucket",
"capacity":5,
"refillRate":0.5,
"x":
%
%4
%FF
%C3%A4
+
&
=
/
rate-limit:
 
ms"#;

/// One input: a valid one, wounded one to four times; one in sixteen is noise.
fn input(random: &mut Random, valid: &[&str], pieces: &[&str]) -> String {
    let mut bytes = random.pick(valid).as_bytes().to_vec();
    if random.below(16) == 0 {
        bytes = (0..random.below(64)).map(|_| random.next() as u8).collect();
    }
    for _ in 0..=random.below(4) {
        wound(random, &mut bytes, valid, pieces);
    }
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn wound(random: &mut Random, bytes: &mut Vec<u8>, valid: &[&str], pieces: &[&str]) {
    let at = random.below(bytes.len() + 1);
    let end = (at + random.below(12)).min(bytes.len());
    match random.below(6) {
        0 if at < bytes.len() => bytes[at] = random.next() as u8,
        1 => drop(bytes.drain(at..end)),
        2 => {
            let piece = bytes[at..end].to_vec();
            bytes.splice(at..at, piece);
        }
        3 => {
            let other = random.pick(valid).as_bytes();
            let from = random.below(other.len() + 1);
            bytes.splice(at.., other[from..].iter().copied());
        }
        _ => {
            let piece = random.pick(pieces);
            bytes.splice(at..end, piece.bytes());
        }
    }
}

/// Runs `parse` on a million inputs made from `valid`, none of which it may refuse; answers how
/// many of the million it took.
fn survive(seed: u64, valid: &[&str], parse: impl Fn(&str) -> bool) {
    for text in valid {
        assert!(parse(text), "refused: {text}");
    }
    let pieces: Vec<&str> = PIECES.split('\n').collect();
    let mut random = Random(seed);
    let mut taken = 0;
    for _ in 0..INPUTS {
        let text = input(&mut random, valid, &pieces);
        match catch_unwind(AssertUnwindSafe(|| parse(&text))) {
            Ok(sound) => taken += u32::from(sound),
            Err(_) => panic!("on input {text:?}"),
        }
    }
    // Both ways of answering are exercised, or the inputs are not worth much.
    assert!(
        (INPUTS / 1_000..INPUTS / 10 * 9).contains(&taken),
        "{taken} taken"
    );
}

/// Whether it was taken; a refusal must be short enough to send.
fn short<T>(result: Result<T, BadRequest>, sound: impl Fn(&T) -> bool) -> bool {
    match result {
        Ok(value) => {
            assert!(sound(&value));
            true
        }
        Err(error) => {
            assert!(error.field.len() < 200, "{}", error.field);
            assert!((10..400).contains(&error.to_string().len()), "{error}");
            false
        }
    }
}

fn sound(request: &LimitRequest) -> bool {
    let subject = request.subject.clone().in_namespace(Namespace::default());
    let limits = match &request.rule {
        Rule::Inline(policy) => policy.limits().len(),
        Rule::Named(_) => 1,
    };
    request.check.cost.unsigned_abs() <= MAX_SAFE
        && (1..=8).contains(&limits)
        && !subject.object_name().is_empty()
}

const CHECKS: [&str; 12] = [
    r#"{"identifier":"octocat","policy":"github.rest","cost":1}"#,
    r#"{"identifier":"u1","limit":100,"window":"15m","peek":true,"failMode":"share","writeAhead":3}"#,
    r#"{"provider":"salesforce","scope":"org","identifier":"abc123","algorithm":"tokenBucket","capacity":100,"refill":{"amount":100,"interval":"15m"}}"#,
    r#"{"identifier":"u1","limits":[{"algorithm":"fixedWindow","limit":20,"window":"1h"},{"name":"d","algorithm":"slidingLog","limit":80,"window":86400000}]}"#,
    r#"{"identifier":"u1","algorithm":"tokenBucket","maxTokens":100,"refillRate":0.11,"refillInterval":1000,"initial":5}"#,
    r#"{"identifier":"u1","algorithm":"tokenBucket","capacity":9,"refillRate":1,"burstCredits":{"cap":5,"expiry":"1h"},"forgetAfter":"2d"}"#,
    r#"{"identifier":"u1","algorithm":"leakyBucket","capacity":50,"leak":{"amount":10,"interval":"1s"},"maxDelay":"2s"}"#,
    r#"{"identifier":"u1","algorithm":"quota","limit":5,"period":"month","timeZone":"Europe/Berlin","anchor":{"time":"06:30","day":15}}"#,
    r#"{"identifier":"u1","algorithm":"concurrency","limit":5,"ttl":"30s","hold":"10s","cost":2}"#,
    r#"{"identifier":"u1","strategy":"leaky-bucket","capacity":50,"leakRate":1.6666666666666667,"leakInterval":1e3}"#,
    r#"{"identifier":"u1","strategy":"token-bucket","capacity":50,"refillRate":1e-7,"initialTokens":0}"#,
    r#"{"identifier":"a\u00e4\ud83d\ude00","limit":10,"window":60000,"cost":-5,"refunds":true,"consistency":"strong"}"#,
];

#[test]
fn limit_bodies_never_panic() {
    survive(1, &CHECKS, |text| short(request::parse(text), sound));
}

#[test]
fn multi_bodies_never_panic() {
    let valid = [
        r#"{"limits":[{"identifier":"a","policy":"p"},{"identifier":"b","limit":1,"window":"1m"}]}"#,
        r#"{"limit":10,"window":"1m","cost":2,"limits":[{"identifier":"a"},{"identifier":"b","cost":3},{"identifier":"a","policy":"p"}]}"#,
        r#"{"provider":"x","algorithm":"tokenBucket","capacity":5,"refillRate":1,"limits":[{"identifier":"a","maxTokens":7},{"identifier":"b","limits":[{"limit":1,"window":"1s"}]}]}"#,
    ];
    survive(2, &valid, |text| {
        short(multi::parse(text), |multi::Checks { limits, .. }| {
            (1..=32).contains(&limits.len()) && limits.iter().all(sound)
        })
    });
}

#[test]
fn block_bodies_never_panic() {
    let valid = [
        r#"{"identifier":"u1","duration":"1h","reason":"abuse"}"#,
        r#"{"provider":"p","scope":"s","identifier":"u1","policy":"x","duration":0}"#,
    ];
    survive(3, &valid, |text| {
        short(block::parse(text), |block| {
            block.duration.as_millis() <= MAX_SAFE
        })
    });
}

#[test]
fn stage_bodies_never_panic() {
    let valid = [
        r#"{"start":1798848000000,"paused":true,"reason":"abuse"}"#,
        r#"{"paused":false,"policy":"x"}"#,
    ];
    survive(13, &valid, |text| {
        short(stage::parse(text), |stage| {
            stage.set.start.is_some() || stage.set.paused.is_some()
        })
    });
}

#[test]
fn permit_bodies_never_panic() {
    let valid = [r#"{"permit":"p1.00000000000000000000000000000001.AQBhYg"}"#];
    survive(4, &valid, |text| {
        short(permit::parse_release(text), |release| {
            !release.permit.is_empty()
        })
    });
    let valid = [
        valid[0],
        r#"{"permit":"x","hold":"30s"}"#,
        r#"{"permit":"x","hold":1}"#,
    ];
    survive(5, &valid, |text| {
        short(permit::parse_renew(text), |renew| {
            renew.hold != Some(Duration::ZERO)
        })
    });
}

#[test]
fn acquire_bodies_never_panic() {
    let valid = [
        r#"{"identifier":"grok","maxTokens":60,"refillRate":1.67}"#,
        r#"{"identifier":"grok","cost":3,"maxTokens":1e2,"refillRate":0.5,"refillInterval":600}"#,
    ];
    survive(6, &valid, |text| short(acquire::parse(text), sound));
}

#[test]
fn queries_never_panic() {
    let valid = [
        "provider=sales+force&scope=org&identifier=a%26b&policy=github.rest",
        "identifier=u1&",
        "scope=&identifier=%F0%9F%98%80",
    ];
    survive(7, &valid, |text| {
        short(query::parse(text), |query| {
            !query.subject.identifier().is_empty()
        })
    });
}

#[test]
fn durations_never_panic() {
    let valid = [
        "500ms",
        "10s",
        "15m",
        "1 h",
        "1d",
        "1w",
        "0s",
        "9007199254740992ms",
    ];
    survive(8, &valid, |text| match text.parse::<Duration>() {
        Ok(length) => {
            assert_eq!(length.to_string().parse(), Ok(length));
            length.as_millis() <= MAX_SAFE
        }
        Err(_) => false,
    });
}

#[test]
fn numbers_never_panic() {
    let valid = [
        "0",
        "-7",
        "1.0",
        "1e3",
        "1.5e1",
        "9007199254740992",
        "-0.00e-5",
        "1200e-2",
    ];
    survive(9, &valid, |text| {
        integer(text).is_ok_and(|value| value.unsigned_abs() <= MAX_SAFE)
    });
    let valid = [
        "0.11",
        "1.67",
        "100",
        "1e-9",
        "2.50E-1",
        "9007199254740992",
        "123456789.123456789",
        "1.6666666666666667",
        "99999999999.123456789",
    ];
    survive(10, &valid, |text| match Decimal::parse(text) {
        Ok(decimal) => Decimal::parse(&decimal.to_string()) == Ok(decimal),
        Err(_) => false,
    });
}

#[test]
fn object_names_never_panic() {
    let valid = [
        "rate-limit:salesforce:org:abc123",
        "rate-limit:global:etl-pipeline",
        "acme/rate-limit:a%3Ab:%C3%A4",
    ];
    survive(11, &valid, |text| match Subject::from_object_name(text) {
        Some(subject) => {
            assert_eq!(subject.object_name(), text);
            true
        }
        None => false,
    });
}

#[test]
fn permits_never_panic() {
    let valid = [
        "p1.00000000000000000000000000000001.AQBhYg",
        "p1.0123456789abcdef0123456789abcdef.BgNnaXRodWJvcmdvY3RvY2F0",
    ];
    survive(12, &valid, |text| {
        match Permit::parse(Namespace::default(), text) {
            Some(permit) => {
                assert_eq!(permit.to_text(), text);
                true
            }
            None => false,
        }
    });
}

#[test]
fn encodings_never_panic() {
    survive(
        13,
        &["a%20b", "%C3%A4x", "plain", "%3A%2F"],
        |text| match percent::decode_component(text) {
            Some(decoded) => percent::decode_query(text) == Some(decoded),
            None => percent::decode_query(text).is_some_and(|decoded| decoded.is_empty()),
        },
    );
    survive(14, &["AQBhYg", "AQBhYmM", "AQBhYmNk", "AQBh77-_"], |text| {
        match Subject::from_permit_part(Namespace::default(), text) {
            Some(subject) => {
                assert_eq!(subject.to_permit_part(), text);
                true
            }
            None => false,
        }
    });
}
