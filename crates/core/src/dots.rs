//! `.` and `..`: two names that no path of a URL can hold.
//!
//! Whoever reads a URL takes them for folders, percent-encoded or not, and folds the path: what is
//! sent to `/overrides/subject:p/../all/deny` arrives at `/overrides/all/deny`. So nothing that
//! stands in a path by its name may be called so: no part of a subject, no policy, no limit.
//! Every other text has its place in a path, encoded as `encodeURIComponent` does. What an older
//! build stored under such a name stays readable.

/// What a name must be, in words, where it is one of the two.
pub const NO_DOTS: &str = "something other than `.` and `..`, which no path can hold";

/// Whether a text is one of the two.
///
/// ```
/// use tollgate_core::dots::is_dots;
///
/// assert!(is_dots(".") && is_dots(".."));
/// assert!(!is_dots("...") && !is_dots("../x") && !is_dots("%2e"));
/// ```
pub fn is_dots(text: &str) -> bool {
    matches!(text, "." | "..")
}
