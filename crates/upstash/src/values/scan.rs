//! The parts of a number's text as C's `strtod` finds them: sign, words, digits, exponent.

/// Whether there is a minus, and the length of the sign.
pub(super) fn sign(text: &[u8]) -> (bool, usize) {
    let signed = matches!(text.first(), Some(b'-' | b'+'));
    (text.first() == Some(&b'-'), usize::from(signed))
}

/// `inf`, `infinity` or `nan` at the start, and its length.
pub(super) fn word(text: &[u8]) -> Option<(f64, usize)> {
    let starts =
        |word: &[u8]| text.len() >= word.len() && text[..word.len()].eq_ignore_ascii_case(word);
    if starts(b"infinity") {
        Some((f64::INFINITY, 8))
    } else if starts(b"inf") {
        Some((f64::INFINITY, 3))
    } else if starts(b"nan") {
        Some((f64::NAN, 3))
    } else {
        None
    }
}

/// The length of the decimal number without a sign at the start.
pub(super) fn decimal_length(text: &[u8]) -> Option<usize> {
    let length = digits(text, 10, |_, _| {})?;
    let exponent = exponent(&text[length..], b'e');
    Some(length + exponent.map_or(0, |(_, length)| length))
}

/// Hands on digits, and whether each stands behind the point; answers their length. `None` when
/// there is none.
pub(super) fn digits(text: &[u8], radix: u32, mut push: impl FnMut(u8, bool)) -> Option<usize> {
    let (mut any, mut point) = (false, false);
    for (at, &byte) in text.iter().enumerate() {
        match char::from(byte).to_digit(radix) {
            Some(digit) => {
                push(digit as u8, point);
                any = true;
            }
            None if byte == b'.' && !point => point = true,
            None => return any.then_some(at),
        }
    }
    any.then_some(text.len())
}

/// `e` (or `p`), a sign, digits; nothing when no digit follows, as then the letter is not part of
/// the number.
pub(super) fn exponent(text: &[u8], letter: u8) -> Option<(i32, usize)> {
    let (first, rest) = text.split_first()?;
    if !first.eq_ignore_ascii_case(&letter) {
        return None;
    }
    let (negative, signed) = sign(rest);
    let digits = rest[signed..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if digits == 0 {
        return None;
    }
    let mut exponent: i32 = 0;
    for &digit in &rest[signed..signed + digits] {
        // Far outside of what a double holds, so that a longer exponent changes nothing.
        exponent = (exponent * 10 + i32::from(digit - b'0')).min(99_999);
    }
    Some((
        if negative { -exponent } else { exponent },
        1 + signed + digits,
    ))
}
