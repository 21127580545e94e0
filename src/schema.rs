//! The JSON schema of a named policy, for editors.

/// `schemas/policy.json`, without the white space between its tokens (`build.rs`).
pub const POLICY: &str = include_str!(concat!(env!("OUT_DIR"), "/policy.json"));

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: &str = include_str!("../schemas/policy.json");

    #[test]
    fn nothing_but_white_space_between_tokens_is_left_out() {
        let dense = |text: &str| text.split_ascii_whitespace().collect::<String>();
        assert_eq!(dense(POLICY), dense(WRITTEN));
        let texts = |json: &'static str| json.split('"').skip(1).step_by(2);
        assert!(
            texts(POLICY).eq(texts(WRITTEN)),
            "no text has an escaped quote"
        );
        let between = POLICY.split('"').step_by(2).collect::<String>();
        assert!(!between.contains(|c: char| c.is_ascii_whitespace()));
    }
}
