//! YAML, read strictly and written.

mod read;
mod write;

pub use read::{documents, Document};
pub use write::written;

/// Whether YAML readers of one age or another take a plain scalar for something other than text.
fn is_doubtful(text: &str) -> bool {
    const WORDS: [&str; 14] = [
        "y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", "", ".nan", ".inf",
        "-.inf",
    ];
    let lower = text.to_ascii_lowercase();
    let is_numeric = |b: u8| b.is_ascii_digit() || b"+-._:e".contains(&b);
    let has_digit = lower.bytes().any(|b| b.is_ascii_digit());
    let is_number = has_digit && lower.bytes().all(is_numeric);
    let digits = lower.trim_start_matches(['+', '-']);
    let is_based = ["0x", "0o", "0b"]
        .iter()
        .any(|base| digits.starts_with(base));
    WORDS.contains(&lower.as_str()) || is_number || is_based
}

/// Whether a text is a number as JSON writes it.
fn is_json_number(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    starts && serde_json::from_str::<serde_json::Number>(text).is_ok()
}

#[cfg(test)]
mod tests;
