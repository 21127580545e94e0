//! What the tests of the modules share.

/// The words of a command.
pub(crate) fn words(text: &str) -> Vec<Vec<u8>> {
    text.split(' ')
        .map(|word| word.as_bytes().to_vec())
        .collect()
}
