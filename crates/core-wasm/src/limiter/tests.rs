use super::*;
use tollgate_core::calendar::UtcOnly;

const START: u64 = 1_767_225_600_000;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(START + millis)
}

fn limiter(max_subjects: usize) -> Limiter {
    Limiter::new(max_subjects, "seed", Box::new(UtcOnly))
}

fn ask(limiter: &mut Limiter, identifier: &str, now: Timestamp) -> Result<String, Failure> {
    let body = format!(
        r#"{{"identifier":"{identifier}","algorithm":"fixedWindow","limit":1,"window":"1m"}}"#
    );
    limiter.limit(&body, now)
}

#[test]
fn a_question_and_its_answer_are_the_json_of_the_api() {
    let mut limiter = limiter(10);
    assert_eq!(
        ask(&mut limiter, "a", at(0)).as_deref(),
        Ok(r#"{"success":true,"limit":1,"remaining":0,"reset":1767225660000,"source":"object"}"#)
    );
    let failure = limiter.limit(r#"{"identifier":"a"}"#, at(0)).unwrap_err();
    assert_eq!(
        (failure.code.as_str(), failure.field.as_deref()),
        ("invalidField", Some("policy"))
    );
}

#[test]
fn an_alarm_forgets_what_is_idle_and_no_more() {
    let mut limiter = limiter(10);
    ask(&mut limiter, "a", at(0)).unwrap();
    ask(&mut limiter, "b", at(59_999)).unwrap();
    assert_eq!(limiter.pass(at(59_999)), 2);
    // The window of both is over, and an alarm is a minute after what set it, or later.
    assert_eq!(limiter.pass(at(60_000)), 1);
    assert_eq!(limiter.pass(at(119_999)), 0);
}

#[test]
fn what_is_refused_leaves_nothing_for_long() {
    let mut limiter = limiter(10);
    let body = r#"{"identifier":"a","limit":1,"window":"1m","cost":2}"#;
    assert!(limiter
        .limit(body, at(0))
        .unwrap()
        .contains("costExceedsCapacity"));
    assert_eq!(limiter.pass(at(59_999)), 1); // it is shown among the newest refusals
    assert_eq!(limiter.pass(at(60_000)), 0);
}

#[test]
fn who_is_only_looked_at_takes_no_room() {
    let mut limiter = limiter(1);
    let peek = r#"{"identifier":"a","limit":1,"window":"1m","peek":true}"#;
    limiter.limit(peek, at(0)).unwrap();
    limiter.status(r#"{"identifier": "b"}"#, at(0)).unwrap();
    assert_eq!(limiter.pass(at(0)), 0);
}

#[test]
fn all_are_looked_through_for_room_at_most_once_a_second() {
    let mut limiter = limiter(2);
    let short = r#"{"identifier":"short","algorithm":"fixedWindow","limit":1,"window":"1s"}"#;
    limiter.limit(short, at(1)).unwrap();
    ask(&mut limiter, "a", at(1)).unwrap();
    let code = |answer: Result<String, Failure>| answer.err().map(|it| it.code);
    let full = Some("tooManySubjects".to_owned());
    assert_eq!(code(ask(&mut limiter, "b", at(500))), full);
    // By now one is idle, and nobody has looked again.
    assert_eq!(code(ask(&mut limiter, "b", at(1_499))), full);
    assert_eq!(code(ask(&mut limiter, "b", at(1_500))), None);
    // The use of the others is not forgotten for it.
    let refused = ask(&mut limiter, "a", at(1_500)).unwrap();
    assert!(refused.starts_with(r#"{"success":false"#), "{refused}");
}

#[test]
fn a_clock_that_steps_back_stops_nobody_from_looking_for_room() {
    let mut limiter = limiter(1);
    ask(&mut limiter, "a", at(100_000)).unwrap();
    assert!(ask(&mut limiter, "b", at(100_000)).is_err());
    assert!(ask(&mut limiter, "b", at(0)).is_err());
    assert!(ask(&mut limiter, "b", at(200_000)).is_ok());
}

#[test]
fn what_is_idle_goes_though_the_start_of_its_stages_is_kept_for_long() {
    const HOUR: u64 = 3_600_000;
    let mut limiter = limiter(10);
    let warm = r#"{"name":"warm","algorithm":"fixedWindow","window":"1m","stages":[{"for":"1d","limit":5},{"limit":9}]}"#;
    limiter.put_policy("warm", warm, at(0)).unwrap();
    let question = r#"{"identifier":"a","policy":"warm"}"#;
    limiter.limit(question, at(0)).unwrap();
    assert_eq!(limiter.pass(at(HOUR)), 1);
    ask(&mut limiter, "a", at(2 * HOUR)).unwrap();
    limiter.pass(at(2 * HOUR + 120_000));
    let status = limiter.status(r#"{"identifier": "a"}"#, at(2 * HOUR + 120_000));
    assert!(status.unwrap().contains(r#""limits":[]"#));
    let answer = limiter.limit(question, at(25 * HOUR)).unwrap();
    assert!(answer.contains(r#""limit":9"#), "{answer}");
    assert_eq!(limiter.pass(at(500 * 24 * HOUR)), 0);
}
