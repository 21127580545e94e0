//! A permit as callers hold it: opaque to them, unforgeable by its random bits, and bound to the
//! subject whose object knows it.
//!
//! `p1.<32 hexadecimal digits>.<subject>`: the subject tells the Worker which object to ask, its
//! namespace comes from the token.

use crate::subject::{Namespace, Subject};

const PREFIX: &str = "p1.";
const DIGITS: usize = 32;

/// A permit, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    /// Whose slot it holds.
    pub subject: Subject,
    /// 128 random bits, never zero.
    pub bits: u128,
}

impl Permit {
    /// The permit as text.
    ///
    /// ```
    /// use tollgate_core::permit::Permit;
    /// use tollgate_core::subject::{Namespace, SubjectParts};
    ///
    /// let subject = SubjectParts::new("octocat")?.in_namespace(Namespace::default());
    /// let permit = Permit { subject, bits: 0xfeed };
    /// assert_eq!(Permit::parse(Namespace::default(), &permit.to_text()), Some(permit));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_text(&self) -> String {
        format!(
            "{PREFIX}{:0width$x}.{}",
            self.bits,
            self.subject.to_permit_part(),
            width = DIGITS
        )
    }

    /// The permit of `namespace` that [`Permit::to_text`] wrote; `None` for any other text.
    pub fn parse(namespace: Namespace, text: &str) -> Option<Permit> {
        let (digits, part) = text.strip_prefix(PREFIX)?.split_once('.')?;
        let canonical = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if digits.len() != DIGITS || !digits.bytes().all(canonical) {
            return None;
        }
        let bits = u128::from_str_radix(digits, 16)
            .ok()
            .filter(|&bits| bits != 0)?;
        Some(Permit {
            subject: Subject::from_permit_part(namespace, part)?,
            bits,
        })
    }
}
