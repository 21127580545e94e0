//! Redis's patterns for keys: `*`, `?`, `[a-z]`, `[^a]`, and `\` before a character that is meant literally.

/// Whether the whole of `text` fits the pattern.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    // Where to go on when a later part does not fit: behind the last star, one character further.
    let mut retry: Option<(usize, usize)> = None;
    let (mut at, mut read) = (0, 0);
    loop {
        if at < pattern.len() && pattern[at] == b'*' {
            retry = Some((at + 1, read + 1));
            at += 1;
            continue;
        }
        if at == pattern.len() && read == text.len() {
            return true;
        }
        if let Some(next) = text.get(read).and_then(|&byte| one(&pattern[at..], byte)) {
            at += next;
            read += 1;
            continue;
        }
        match retry {
            Some((star, from)) if from <= text.len() => {
                at = star;
                read = from;
                retry = Some((star, from + 1));
            }
            _ => return false,
        }
    }
}

/// How much of the pattern stands for this one character; `None` when it does not fit.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'[', rest @ ..] => class(rest, byte).map(|length| length + 1),
        [b'\\', literal, ..] => (*literal == byte).then_some(2),
        [literal, ..] => (*literal == byte).then_some(1),
    }
}

/// The same for what stands behind a `[`; one that is never closed ends with the pattern.
fn class(pattern: &[u8], byte: u8) -> Option<usize> {
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
    (found != negated).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_in_redis() {
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
                    matches(pattern.as_bytes(), text.as_bytes()),
                    "{pattern} {text}"
                );
            }
            for text in not {
                assert!(
                    !matches(pattern.as_bytes(), text.as_bytes()),
                    "{pattern} {text}"
                );
            }
        }
    }

    #[test]
    fn a_malicious_pattern_ends_soon() {
        let text = "a".repeat(20_000);
        let pattern = "a*".repeat(50) + "b";
        assert!(!matches(pattern.as_bytes(), text.as_bytes()));
    }
}
