//! Texts of others on a terminal. A policy, an author or an error may hold what a terminal acts
//! upon, such as the start of an escape sequence, or what turns around the text that follows: here
//! it becomes an escape, and can be seen.

/// Whether a character is one that a terminal acts upon, or that shows as nothing.
pub fn is_active(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
}

/// The text on one line, each such character as JSON writes it (`\u001b`). JSON stays the same
/// JSON.
///
/// ```
/// use tollgate_cli::terminal::shown;
///
/// assert_eq!(shown("red: \u{1b}[31m, é"), "red: \\u001b[31m, é");
/// ```
pub fn shown(text: &str) -> String {
    escaped(text, is_active)
}

/// The same of a message that has several lines.
pub fn shown_lines(text: &str) -> String {
    escaped(text, |c| c != '\n' && is_active(c))
}

/// The text with those characters as JSON writes them, which are of the basic plane.
pub fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match is_escaped(c) {
            true => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Tree;

    #[test]
    fn nothing_reaches_a_terminal_that_it_acts_upon() {
        let all = (0..=0xffff).filter_map(char::from_u32);
        let text: String = all.collect();
        assert!(!shown(&text).chars().any(is_active));
        assert_eq!(
            shown_lines(&text).matches(is_active).collect::<String>(),
            "\n"
        );
        for c in [
            '\u{1b}', '\u{9b}', '\r', '\u{8}', '\u{7f}', '\u{202e}', '\u{2066}',
        ] {
            assert!(is_active(c), "{c:?}");
        }
        for text in ["é ß 漢 🙂", "a\u{301}", "\\u001b", "policy.name_1"] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn json_stays_the_same_json() {
        let tree = Tree::Text("\u{9b}31m\u{202e}\u{7f}\u{1b}\n\"".to_owned());
        let text = shown(&tree.to_string());
        assert!(text.is_ascii());
        assert_eq!(Tree::from_json(&text), Ok(tree));
    }
}
