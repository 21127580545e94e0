//! What holds of whatever is read of whatever answer.

use std::collections::HashSet;

use tollgate_core::number::MAX_SAFE;
use tollgate_core::{Duration, Timestamp};
use tollgate_feedback::{Feedback, Told, When, FURTHEST, MAX_IGNORED, MAX_LIMITS, MAX_NAME};

/// Fails unless everything that was read keeps its bounds, and fits together.
pub(crate) fn assert_sound(
    feedback: &Feedback,
    status: u16,
    headers: &[(&str, &str)],
    answered: Timestamp,
) {
    assert!(feedback.limits.len() <= MAX_LIMITS);
    assert!(feedback.limits.is_sorted());
    for told in &feedback.limits {
        assert_limit(told, answered);
    }
    if let Some(wait) = feedback.wait {
        assert!(status >= 400);
        assert_time(wait, answered);
    }
    assert!(status == 429 || status == 403 || !feedback.refused);
    assert_ignored(feedback, headers);
}

fn assert_limit(told: &Told, answered: Timestamp) {
    let numbers = [told.limit, told.remaining, told.used];
    assert!(numbers.iter().flatten().all(|it| *it <= MAX_SAFE));
    let said = numbers.iter().any(Option::is_some) || told.reset.is_some();
    assert!(said || told.window.is_some() || told.unit.is_some());
    if let (Some(limit), Some(remaining)) = (told.limit, told.remaining) {
        assert!(remaining <= limit);
        assert!(told
            .used
            .is_none_or(|used| remaining <= limit.saturating_sub(used)));
    }
    for name in [&told.name, &told.unit].into_iter().flatten() {
        assert!((1..=MAX_NAME).contains(&name.len()));
        assert!(name.bytes().all(|it| (b' '..=b'~').contains(&it)));
    }
    if let Some(reset) = told.reset {
        assert_time(reset, answered);
    }
    let window = told.window.unwrap_or(Duration::from_millis(1));
    assert!((1..=MAX_SAFE).contains(&window.as_millis()));
}

fn assert_time(when: When, answered: Timestamp) {
    assert!(when.instant(answered) <= answered.plus(FURTHEST));
}

/// Only headers that are there are named, each once for each reason.
fn assert_ignored(feedback: &Feedback, headers: &[(&str, &str)]) {
    assert!(feedback.ignored.len() <= MAX_IGNORED);
    let unique: HashSet<_> = feedback
        .ignored
        .iter()
        .map(|it| (&it.header, it.why))
        .collect();
    assert_eq!(unique.len(), feedback.ignored.len());
    let names: Vec<_> = headers
        .iter()
        .map(|(name, _)| name.to_ascii_lowercase())
        .collect();
    for ignored in &feedback.ignored {
        assert!(ignored.header.len() <= MAX_NAME);
        let is_it = |name: &String| name.trim_matches([' ', '\t']).starts_with(&ignored.header);
        assert!(names.iter().any(is_it), "{}", ignored.header);
    }
}
