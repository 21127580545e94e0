//! Redis's patterns for keys: `*`, `?`, `[a-z]`, `[^a]`, and `\` before a character that is meant
//! literally.

use crate::meter::Meter;

/// So many steps are done before they are counted.
const STEPS_AT_ONCE: usize = 1_024;

/// Whether the whole of `text` fits the pattern. Each byte of the pattern that is looked at is a
/// step that `meter` counts; when it may not go on, nothing fits.
pub fn matches(pattern: &[u8], text: &[u8], meter: &Meter) -> bool {
    // Where to go on when a later part does not fit: behind the last star, one character further.
    let mut retry: Option<(usize, usize)> = None;
    let (mut at, mut read) = (0, 0);
    let mut steps = 0;
    loop {
        steps += 1;
        if steps >= STEPS_AT_ONCE && !meter.step(std::mem::take(&mut steps)) {
            return false;
        }
        if at < pattern.len() && pattern[at] == b'*' {
            retry = Some((at + 1, read + 1));
            at += 1;
            continue;
        }
        if at == pattern.len() && read == text.len() {
            return meter.step(steps);
        }
        if let Some(&byte) = text.get(read) {
            let (length, fits) = one(&pattern[at..], byte);
            steps += length;
            if fits {
                at += length;
                read += 1;
                continue;
            }
        }
        match retry {
            Some((star, from)) if from <= text.len() => {
                at = star;
                read = from;
                retry = Some((star, from + 1));
            }
            _ => {
                meter.step(steps);
                return false;
            }
        }
    }
}

/// How much of the pattern stands for one character, and whether it is this one.
fn one(pattern: &[u8], byte: u8) -> (usize, bool) {
    match pattern {
        [] => (0, false),
        [b'?', ..] => (1, true),
        [b'[', rest @ ..] => {
            let (length, fits) = class(rest, byte);
            (length + 1, fits)
        }
        [b'\\', literal, ..] => (2, *literal == byte),
        [literal, ..] => (1, *literal == byte),
    }
}

/// The same for what stands behind a `[`; one that is never closed ends with the pattern.
fn class(pattern: &[u8], byte: u8) -> (usize, bool) {
    let negated = pattern.first() == Some(&b'^');
    let mut at = usize::from(negated);
    let mut found = false;
    loop {
        match pattern[at..] {
            [] => break,
            [b']', ..] => {
                at += 1;
                break;
            }
            [b'\\', literal, ..] => {
                found |= literal == byte;
                at += 2;
            }
            [from, b'-', to, ..] => {
                found |= (from.min(to)..=from.max(to)).contains(&byte);
                at += 3;
            }
            [literal, ..] => {
                found |= literal == byte;
                at += 1;
            }
        }
    }
    (at, found != negated)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bounds::LOOK_STEPS;
    use crate::error::RedisError;

    #[test]
    fn patterns_mean_what_they_mean_in_redis() {
        let meter = Meter::default();
        for (pattern, fits, not) in [
            ("*", &["", "abc"][..], &[][..]),
            ("a*c", &["ac", "abc", "abcc"], &["ab", "bac", "a"]),
            ("a*b*c", &["abc", "aXbYc", "abbc"], &["acb"]),
            ("h?llo", &["hello"], &["hllo", "heello"]),
            ("h[ae]llo", &["hallo", "hello"], &["hillo"]),
            ("h[^e]llo", &["hallo"], &["hello"]),
            ("h[a-c]", &["ha", "hc"], &["hd", "h"]),
            ("h[c-a]", &["hb"], &["hd"]),
            ("a\\*", &["a*"], &["ab", "a"]),
            ("[a", &["a"], &["b", ""]),
            ("a\\", &["a\\"], &["a"]),
            ("", &[""], &["a"]),
            ("*:events:*", &["p:events:1"], &["p:event:1"]),
        ] {
            for text in fits {
                assert!(
                    matches(pattern.as_bytes(), text.as_bytes(), &meter),
                    "{pattern} {text}"
                );
            }
            for text in not {
                assert!(
                    !matches(pattern.as_bytes(), text.as_bytes(), &meter),
                    "{pattern} {text}"
                );
            }
        }
    }

    #[test]
    fn a_pattern_that_takes_too_long_ends_soon() {
        let classes = format!("*[{}]*[{}]x", "b-z".repeat(150), "^a".repeat(200));
        for pattern in [&*("a*".repeat(50) + "b"), "*aaaaaaaaaaaaab", &classes] {
            let text = "a".repeat(8_000);
            let meter = Meter::default();
            let whole = meter.left();
            assert!(!matches(pattern.as_bytes(), text.as_bytes(), &meter));
            let looks = whole - meter.left();
            assert!(looks >= 8_000 / LOOK_STEPS, "{pattern} {looks}");
            meter.begin(looks / 2);
            assert!(!matches(pattern.as_bytes(), text.as_bytes(), &meter));
            assert_eq!(meter.passed(), Some(RedisError::ManyMembers));
        }
    }
}
