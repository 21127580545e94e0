//! Why a verb ends early, and its exit code.

use core::fmt;

/// Nothing was to be done, or all of it is done.
pub const DONE: u8 = 0;
/// `diff`: server and files differ.
pub const DIFFERENT: u8 = 1;

/// Why a verb ends early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The command line or the files are wrong; nothing was sent.
    Wrong(String),
    /// The server refused, or cannot be reached.
    Server(String),
    /// Somebody else's change stands in the way; nothing was changed.
    Held(String),
}

impl Failure {
    /// The exit code: 2 for wrong use or files, 3 for the server, 4 for somebody else's change.
    pub const fn code(&self) -> u8 {
        match self {
            Failure::Wrong(_) => 2,
            Failure::Server(_) => 3,
            Failure::Held(_) => 4,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Failure::Wrong(text) | Failure::Server(text) | Failure::Held(text)) = self;
        f.write_str(text)
    }
}
